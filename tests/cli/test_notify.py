"""`train --notify`: what a run is told to call, and what a resume keeps of it."""

import json
import sys

import pytest

from selffit.eventlog.liveness import here
from selffit.run.folder.run_dir import RunDir
from selffit.supervisor import main
from selffit_tui.commands.train import calls_for


@pytest.fixture
def run(tmp_path):
    return RunDir.create(tmp_path, "r", {"config": {}, "notify": "true"})


def test_a_resume_in_the_same_folder_keeps_the_command_and_says_so(run, capsys):
    run.claim_attempt(here())
    assert calls_for(run, None) == "true"
    assert "--notify true is kept from before" in capsys.readouterr().err
    assert calls_for(run, "") == "" and calls_for(run, "false") == "false"


def test_a_folder_from_elsewhere_makes_nobody_run_anything(run, capsys):
    assert calls_for(run, None) == ""  # nobody knows where it was begun
    attempt = run.claim_attempt(here())
    file = run.path / "attempts" / f"{attempt:06d}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "folder": "another"}))
    assert calls_for(run, None) == ""
    assert "given in another folder" in capsys.readouterr().err


def test_a_program_that_is_gone_keeps_nobody_from_training(run, capsys):
    run.remember("notify", "nosuch-program")
    run.claim_attempt(here())
    assert calls_for(run, None) == ""
    assert "the training goes on without it" in capsys.readouterr().err


def test_the_supervisor_runs_the_command_of_run_json_only_where_it_is_told_to(tmp_path):
    got = tmp_path / "got"
    code = f"import sys; open({str(got)!r}, 'a').write(sys.stdin.read())"
    command = f'{sys.executable} -c "{code}"'
    for arguments, events in ((["--notify"], ["end"]), ([], [])):
        name = f"r{len(arguments)}"
        run = RunDir.create(tmp_path, name, {"config": {"data": 3}, "notify": command})
        assert main([str(run.path), *arguments]) == 2  # its trainer refuses that configuration
        told = [json.loads(line) for line in got.read_text().splitlines()] if got.exists() else []
        assert [one["event"] for one in told if one["run"] == name] == events

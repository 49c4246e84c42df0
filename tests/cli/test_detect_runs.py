"""`selffit detect RUN`: a recorded run judged again, in words and as data."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir

EXAMPLES = Path(__file__).parents[2] / "runs"
COLLAPSE = EXAMPLES / "example-patterns-fgsm"


def detect(*args, cwd):
    done = subprocess.run(
        [sys.executable, "-m", "selffit_tui", "detect", *map(str, args)],
        cwd=cwd,
        env={**os.environ, "SELFFIT_RUNS": str(cwd / "runs")},
        capture_output=True,
        text=True,
    )
    done.stdout = done.stdout.replace("\u00a0", " ")  # between thousands
    return done


def test_an_older_log_gets_todays_verdict_with_its_signs(tmp_path):
    done = detect(COLLAPSE, cwd=tmp_path)
    first, *lines = done.stdout.splitlines()
    assert done.returncode == 0 and done.stderr == ""
    assert "onset at step 1 032; self-fitting, as of step 1 178 by self gap" in first
    assert any("onset, catastrophic overfitting began" in line for line in lines)
    assert any("until each sign was clear: self gap 332" in line for line in lines)


def test_tables_and_runs_are_judged_in_one_go_and_as_json(tmp_path):
    shutil.copytree(COLLAPSE, tmp_path / "runs" / "mine")
    rows = "".join(f"{epoch},0.8,0.5,0.4\n" for epoch in range(8))
    (tmp_path / "t.csv").write_text("epoch,clean_acc,fgsm_acc,pgd_acc\n" + rows)
    done = detect("t.csv", "mine", "--json", cwd=tmp_path)
    table, run = map(json.loads, done.stdout.splitlines())
    assert (table["trace"], table["verdict"]) == ("t", "no onset")
    assert (run["run"], run["verdict"]) == ("mine", "onset")
    assert run["diagnoses"][-1]["disease"] == "self-fitting"
    assert {"gap", "carrier"} <= set(run["diagnoses"][-1]["leads"])
    assert [alert["level"] for alert in run["logged"]] == ["suspect", "onset"]


def test_a_file_that_is_no_table_is_named_and_the_others_are_judged(tmp_path):
    rows = "".join(f"{epoch},0.8,0.5,0.4\n" for epoch in range(8))
    (tmp_path / "a.csv").write_text("epoch,clean_acc,fgsm_acc,pgd_acc\n" + rows)
    (tmp_path / "b.csv").write_text("no table at all\n")
    done = detect("b.csv", "a.csv", cwd=tmp_path)
    assert done.returncode == 2
    assert "no onset" in done.stdout and "b.csv" in done.stderr
    assert "Traceback" not in done.stderr
    alone = detect("b.csv", cwd=tmp_path)
    assert alone.returncode == 2 and alone.stdout == ""


def test_another_threshold_can_change_the_answer_and_the_log_is_quoted(tmp_path):
    done = detect(COLLAPSE, "--set", "fallen=0.01", cwd=tmp_path)
    assert "example-patterns-fgsm  onset at step 1 488; self-fitting" in done.stdout
    assert "the log itself has: onset at step 1 032" in done.stdout


def test_a_log_without_probes_cannot_tell(tmp_path):
    run = RunDir.create(tmp_path / "runs", "empty", {})
    with EventWriter(run.place, "trainer", 1, opening={"run": "empty"}) as log:
        log.put("end", {"how": "stopped"}, step=0, critical=True)
    done = detect("empty", cwd=tmp_path)
    assert done.returncode == 3
    assert "cannot tell: its log has no multi-step probe; selffit diagnose measures" in done.stdout


def test_a_suspicion_that_no_probe_looked_into_cannot_tell_either(tmp_path):
    run = RunDir.create(tmp_path / "runs", "suspected", {})
    with EventWriter(run.place, "trainer", 1, opening={"run": "suspected"}) as log:
        for step in (60, 120):
            look = {"n": 128, "eps": 0.2, "fgsm": 0.7, "pgd": 0.02}
            log.put("probe.ahead", look, step=step, branch="main")
        log.put("end", {"how": "finished"}, step=120, critical=True)
    done = detect("suspected", cwd=tmp_path)
    assert done.returncode == 3
    assert "cannot tell: its log has no multi-step probe; selffit diagnose measures" in done.stdout
    assert "step 60: suspect" in done.stdout


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nosuch"], "there is no run 'nosuch'"),
        ([COLLAPSE, "--set", "falen=1"], "there is no threshold 'falen'; the rule has level"),
        ([COLLAPSE, "--set", "fallen=x"], "--set fallen needs a number, not 'x'"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(args, words, tmp_path):
    done = detect(*args, cwd=tmp_path)
    assert done.returncode == 2 and done.stdout == ""
    assert words in done.stderr and len(done.stderr.splitlines()) == 1

"""The one command for a card: what its parts find is kept, however they end; all run on a CPU."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks import on_card
from benchmarks.card import plan, start
from benchmarks.card.__main__ import main, speed, take
from benchmarks.card.bits import bits
from benchmarks.card.plan import Part
from benchmarks.card.report import Report
from benchmarks.loops import Bench

FOUND = """print('@ {"found": {"part": "x", "what": "bits", "value": "1", "holds": true}}')\n"""
SCRIPTS = {
    "fine": FOUND + "print('a line for people')",
    "crashes": "print('before', flush=True); import os; os.abort()",
    "hangs": "print('and hangs', flush=True); import time; time.sleep(60)",
    "wrong": FOUND.replace("true", "false") + "import sys; sys.exit(1)",
}


def started(part: Part, left: float, limit: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPTS[part.name]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def results(tmp_path: Path) -> on_card.Results:
    return on_card.Results(tmp_path / "on_card.json")


def gone(results: on_card.Results, *names: str, seconds: float = 60.0) -> dict:
    parts = [Part(name, 1.0) for name in names]
    on_card.go(parts, results, started, time.monotonic() + seconds)
    return json.loads(results.path.read_text())


def test_a_part_that_crashes_leaves_the_others_what_they_found(results, capsys):
    told = gone(results, "fine", "crashes", "fine")
    states = {name: about["state"] for name, about in told["parts"].items()}
    assert states == {"fine": "done", "crashes": f"ended with exit code {-signal.SIGABRT}"}
    assert told["parts"]["crashes"]["lines"] == ["before"]
    assert [one["what"] for one in told["found"]] == ["bits", "bits"]
    assert told["good"] is False
    out = capsys.readouterr().out
    assert "a line for people\n" in out and "@ " not in out


def test_a_part_that_hangs_is_ended_at_its_limit_and_the_next_one_begins(results, monkeypatch):
    monkeypatch.setattr(Part, "limit", lambda part, left: 1.0 if part.name == "hangs" else 60.0)
    began = time.monotonic()
    told = gone(results, "hangs", "fine")
    assert time.monotonic() - began < 30
    assert told["parts"]["hangs"]["state"] == "broken off after 1 s"
    assert told["parts"]["hangs"]["lines"] == ["and hangs"]
    assert told["parts"]["fine"]["state"] == "done" and told["good"] is False


def test_what_does_not_hold_and_what_there_is_no_time_for_is_said(results):
    assert gone(results, "fine")["good"] is True
    told = gone(results, "wrong")
    assert told["good"] is False
    assert told["parts"]["wrong"]["state"] == "something does not hold"
    assert gone(results, "fine", seconds=0.0)["skipped"] == ["fine: no time left"]


def test_an_end_from_outside_ends_the_part_and_leaves_what_it_said(tmp_path):
    """What a time limit does to the command."""
    script = (
        "import sys, signal, time\n"
        f"sys.path[:0] = [{str(on_card.ROOT)!r}, {str(on_card.ROOT / 'tests' / 'benchmarks')!r}]\n"
        "from benchmarks import on_card\n"
        "import test_on_card as here\n"
        "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))\n"
        f"results = on_card.Results(on_card.Path({str(tmp_path / 'it.json')!r}))\n"
        "here.gone(results, 'fine', 'hangs')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "hangs" in line:
                process.send_signal(signal.SIGTERM)
                break
        assert process.wait(30) == 128 + signal.SIGTERM
    told = json.loads((tmp_path / "it.json").read_text())
    assert told["found"][0]["holds"] is True
    assert told["parts"]["hangs"] == {"state": "running", "seconds": 0.0, "lines": ["and hangs"]}


def test_the_longest_a_part_may_take_fits_into_the_time_that_is_lent():
    """600 seconds a command: the last part that may still begin, and whatever it then takes."""
    latest = max(450 - left + part.limit(left) for part in plan.PARTS for left in (part.needs, 450))
    assert latest < 600
    assert sum(part.needs for part in plan.PARTS) < 400


def test_parts_find_the_project_wherever_it_is():
    made = on_card.environment({"PYTHONPATH": "/elsewhere", "HOME": "/root"})
    assert made["PYTHONPATH"] == f"{on_card.ROOT}{os.pathsep}/elsewhere" and made["HOME"] == "/root"


# ---- the parts, on a CPU -------------------------------------------------------------------------
@pytest.fixture
def bench() -> Bench:
    return Bench(torch.device("cpu"), small=True, until=float("inf"))


def test_steps_with_changes_on_the_way_are_compared_bit_for_bit(bench, capsys):
    bits(bench, Report("bits"), 4, (("fgsm", "sgd", 3),))
    assert "fgsm, sgd, then others: graph and eager" in capsys.readouterr().out
    assert not torch.backends.cudnn.deterministic


def test_what_needs_a_gpu_says_so(bench, tmp_path, capsys):
    report = Report("failure")
    take("failure", bench, report, 4, tmp_path)
    assert "need a GPU" in capsys.readouterr().out and report.good


def test_a_part_that_breaks_off_says_why_and_ends_with_1(monkeypatch, capsys):
    def broken(*args: object) -> None:
        raise RuntimeError("CUDA error: an illegal memory access\nand more")

    monkeypatch.setattr("benchmarks.card.__main__.take", broken)
    monkeypatch.setattr(sys, "argv", ["card", "bits", "--device", "cpu", "--small"])
    threads = torch.get_num_threads()
    try:
        # the captured stream has no line buffering to set
        monkeypatch.setattr(sys.stdout, "reconfigure", lambda **_: None, raising=False)
        assert main() == 1
    finally:
        torch.set_num_threads(threads)
    out = capsys.readouterr().out
    assert '"broke off", "value": "CUDA error: an illegal memory access", "holds": false' in out
    assert "Traceback" in out and '"hardware": ' in out


def test_a_table_that_there_is_no_time_for_says_nothing_of_losses(capsys):
    late = Bench(torch.device("cpu"), small=True, until=0.0)
    speed(late, Report("larger"), 4, [96], None)  # type: ignore[arg-type]
    assert late.skipped[0] == "batch 96: no time left"
    assert "losses" not in capsys.readouterr().out


def test_the_beginning_of_a_run_and_its_epochs_by_its_log(capsys):
    records = [
        {"k": "phase", "t": 101.0, "s": 0, "d": {"name": "data"}},
        {"k": "steps", "t": 109.0, "s": 20, "d": {"sec": 1.0}},
        {"k": "steps", "t": 108.0, "s": 0, "d": {"sec": 2.5}},
        {"k": "probe.robust", "t": 110.0, "s": 40, "d": {"sec": 0.25}},
        {"k": "probe.self", "t": 110.5, "s": 40, "d": {"sec": 0.5}},
        {"k": "probe.robust", "t": 112.5, "s": 80, "d": {"sec": 0.25}},
    ]
    assert start.beginning(records, 100.0) == (5.5, "data 1.0")
    report = Report("start")
    start.lasted(report, records, real=True)
    out = capsys.readouterr().out
    assert "2.50  WRONG" in out and "ms: 750, 250" in out and not report.good


def test_a_run_that_outlives_its_command_is_ended(tmp_path, monkeypatch):
    """Its trainer has a session of its own and would go on, on the card that others measure."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as trainer:
        (tmp_path / "first" / "attempts").mkdir(parents=True)
        attempt = tmp_path / "first" / "attempts" / "000001.json"
        attempt.write_text(json.dumps({"pid": trainer.pid}))

        def late(command, **options):
            raise subprocess.TimeoutExpired(command, options["timeout"])

        monkeypatch.setattr(subprocess, "run", late)
        with pytest.raises(subprocess.TimeoutExpired):
            start.run_of(tmp_path, "first", [], 1.0)
        assert trainer.wait(30) == -signal.SIGKILL

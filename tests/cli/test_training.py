"""From the first command to the last, with a real trainer.

Start, stop, resume, and what is left behind.
"""

import json
import os
import signal
import subprocess
import sys

import pytest
import typer

from selffit.errors import UserError
from selffit.eventlog.liveness import here
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir
from selffit_tui.plain.follow import wait_for_life

SETTINGS = {
    "train-images": 256,
    "batch-size": 64,
    "block-steps": 2,
    "holdout": 32,
    "probe-images": 32,
    "probe-steps": 2,
    "channel-images": 16,
    "threads": 1,
}
TINY = [word for name, value in SETTINGS.items() for word in (f"--{name}", str(value))]


@pytest.fixture
def selffit(tmp_path):
    """Run the command in a process of its own, without a terminal; (exit code, stdout, stderr)."""

    def run(*args):
        command = [sys.executable, "-m", "selffit_tui", *args]
        env = {**os.environ, "SELFFIT_RUNS": str(tmp_path / "runs")}
        done = subprocess.run(
            command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=240
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_run_is_started_stopped_from_elsewhere_and_resumed_to_its_end(selffit):
    code, out, err = selffit("train", *TINY, "--name", "tiny", "--epochs", "3000", "--detach")
    assert (code, out) == (0, "tiny\n"), err
    assert "selffit watch" in err
    assert "is training" in selffit("train", "--resume", "tiny")[2]
    assert selffit("ctl", "tiny", "set", "stop_epoch=2900")[0] == 0
    code, out, err = selffit("ctl", "tiny", "stop")
    assert code == 0, err
    code, out, err = selffit("watch", "tiny", "--plain")
    assert code == 0 and "run tiny: stopped" in out
    assert selffit("ctl", "tiny", "pause")[0] == 3
    code, out, err = selffit("train", "--resume", "tiny", "--detach")
    assert (code, out) == (0, "tiny\n"), err
    assert selffit("ctl", "tiny", "stop", "--now")[0] == 0
    out = selffit("watch", "tiny", "--plain")[1]
    assert "resumed" in out
    assert "run tiny: stopped" in out
    assert '"attempt": 2' in selffit("status", "tiny", "--json")[1]


def test_a_run_that_the_trainer_refuses_leaves_nothing_behind(selffit, tmp_path):
    folder = tmp_path / "there" / "cifar-100-python"
    folder.mkdir(parents=True)
    (folder / "train").write_bytes(b"half a download")
    code, _, err = selffit("train", *TINY, "--data", "cifar100", "--data-dir", "there", "--plain")
    assert (code, err.count("\n"), "Traceback" in err) == (2, 1, False)
    assert "is damaged" in err and "--download" in err
    assert not list((tmp_path / "runs").glob("*"))


def test_a_job_with_one_command_line_starts_a_run_and_is_content_when_it_has_finished(selffit):
    code, out, err = selffit(
        "train", *TINY, "--name", "tiny", "--epochs", "1", "--resume-or-start", "--plain"
    )
    assert code == 0 and "run tiny: finished" in out, err
    # queued again after its end: nothing is left to do, and that is no failure
    code, out, err = selffit("train", *TINY, "--name", "tiny", "--epochs", "1", "--resume-or-start")
    assert code == 0 and "has finished" in err
    code, _, err = selffit("train", "--name", "tiny", "--eps", "0.3", "--resume-or-start")
    assert code == 2 and "was started with --eps" in err
    assert selffit("train", "--take-over")[0] == selffit("train", "--resume-or-start")[0] == 2


def test_who_was_refused_an_attempt_does_not_watch_somebody_elses(tmp_path, monkeypatch):
    run = RunDir.create(tmp_path, "tiny", {"config": {}})
    with EventWriter(run.path, "trainer", run.claim_attempt(here())):
        refused = [sys.executable, "-m", "selffit.supervisor", str(run.path), "--after", "0"]
        with open(run.raw / "supervisor.err", "wb") as err:
            process = subprocess.Popen(refused, stderr=err)
        with pytest.raises(UserError, match="somebody else has just started attempt 1"):
            wait_for_life(run, process, 1)


@pytest.mark.parametrize("crash", ["raise SystemExit(1)", "os.kill(os.getpid(), 9)"])
def test_a_detached_run_says_how_it_ended_where_it_did_not_come_up(
    tmp_path, monkeypatch, capsys, crash
):
    """The supervisor is a real one, its trainer a stand-in."""
    from selffit import supervisor
    from selffit_tui.commands.train import train

    program = (
        "import sys, os; from selffit import supervisor; from pathlib import Path; "
        f"supervisor.trainer_command = lambda *_: [sys.executable, '-c', \"import os; {crash}\"]; "
        "sys.exit(supervisor.main(sys.argv[1:]))"
    )

    def spawn(path, after=None, *, notify=False):
        return subprocess.Popen([sys.executable, "-c", program, str(path), "--after", str(after)])

    monkeypatch.setattr(supervisor, "spawn", spawn)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(typer.Exit) as left:
        train(name="tiny", runs=tmp_path / "runs", detach=True)
    said = capsys.readouterr()
    assert (left.value.exit_code, said.out) == (1, "tiny\n")
    assert "goes on" not in said.err and ("crashed" in said.err or "killed" in said.err)


def test_an_interrupt_before_the_first_event_says_how_to_come_back(tmp_path, monkeypatch, capsys):
    from selffit import supervisor
    from selffit_tui.commands.train import train
    from selffit_tui.plain import follow

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    spawned = []

    def spawn(path, after=None, *, notify=False):
        spawned.append(subprocess.Popen(sleeper))
        os.kill(os.getpid(), signal.SIGINT)  # even here the process must not be forgotten
        return spawned[-1]

    monkeypatch.setattr(supervisor, "spawn", spawn)
    monkeypatch.setattr(follow, "wait_for_life", interrupted)
    monkeypatch.chdir(tmp_path)
    try:
        with pytest.raises(typer.Exit) as left:
            train(name="tiny", runs=tmp_path / "runs", detach=True)
        assert left.value.exit_code == 130 and spawned[0].poll() is None
        assert "training goes on. Come back with: selffit watch tiny" in capsys.readouterr().err
        monkeypatch.setattr(supervisor, "spawn", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(name="other", runs=tmp_path / "runs", detach=True)
        assert not (tmp_path / "runs" / "other").exists()
    finally:
        spawned[0].kill()
        spawned[0].wait()


@pytest.mark.slow
def test_a_job_without_a_screen_hands_on_what_its_scheduler_sends(selffit, tmp_path):
    command = [sys.executable, "-m", "selffit_tui", "train", *TINY, "--name", "tiny", "--plain"]
    env = {**os.environ, "SELFFIT_RUNS": str(tmp_path / "runs"), "SLURM_JOB_ID": "7"}
    words = [*command, "--epochs", "3000", "--resume-or-start"]
    ends = [(signal.SIGUSR1, 75, "preempted"), (signal.SIGTERM, 0, "stopped")]
    # queued again with the same command line
    for attempt, (number, code, word) in enumerate(ends, start=1):
        job = subprocess.Popen(words, env=env, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert job.stdout is not None
        trains = attempt == 1  # what is printed first is the story of the first one
        for line in job.stdout:
            trains = trains or " resumed " in line
            if trains and "img/s" in line:
                break
        job.send_signal(number)
        rest = job.communicate(timeout=240)[0]
        assert job.returncode == code and f"run tiny: {word}, stopped by {number.name}" in rest
        status = json.loads(selffit("status", "tiny", "--json")[1])
        assert (status["state"], status["attempt"]) == (word, attempt)
        assert status["checkpoints"]["saved"] >= attempt

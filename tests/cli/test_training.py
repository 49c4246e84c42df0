"""From the first command to the last, with a real trainer.

Start, stop, resume, and what is left behind.
"""

import os
import subprocess
import sys

import pytest

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

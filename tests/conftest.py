"""What all tests share: deterministic property tests, and where real data sets lie."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# As in the trainer: threads that spin at barriers make a busy machine ten times slower. Read when
# torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

os.environ.pop("UV_RUN_RECURSION_DEPTH", None)  # texts are the same however the tests were started

# What viewers remember of logs is not left in the home of whoever runs the tests.
_CACHE = tempfile.TemporaryDirectory(prefix="selffit-cache-")
os.environ["XDG_CACHE_HOME"] = _CACHE.name

# Shared, noisy machines: no deadlines; the same examples every time, so that a failure can be run
# again.
settings.register_profile(
    "suite",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)  # the tests do without it, one after another
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many processes share the tests: one a core for all of them, none for a file or a few.

    Each process has torch to load, which costs more than a few tests take.
    """
    named = [argument for argument in config.args if "::" in argument or argument.endswith(".py")]
    return 0 if named else min(4, len(os.sched_getaffinity(0)))


@pytest.fixture
def selffit(monkeypatch, capsys):
    """Runs `selffit ARGS…` in this process; (exit code, stdout, stderr)."""
    from selffit_tui import cli

    def run(*args: object) -> tuple[int | str, str, str]:
        monkeypatch.setattr(sys, "argv", ["selffit", *map(str, args)])
        code: int | str = 0
        try:
            cli.main()
        except SystemExit as exit:
            code = exit.code or 0
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets and recorded traces.

    Skips where SELFFIT_DATA does not name one.
    """
    folder = Path(os.environ.get("SELFFIT_DATA", ""))
    if not os.environ.get("SELFFIT_DATA") or not folder.is_dir():
        pytest.skip("SELFFIT_DATA does not name a folder with the real data sets")
    return folder


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A short training of two epochs, ended, with the checkpoints main-5 and main-10.

    Never to be changed: copy it.
    """
    from selffit.config import resolve
    from selffit.eventlog import kinds
    from selffit.eventlog.liveness import here
    from selffit.eventlog.writer import EventWriter
    from selffit.run.folder.run_dir import RunDir
    from selffit.train.begin import begin
    from selffit.train.scores import empty_summary
    from selffit.train.stopping import StopSwitch

    small: dict[str, Any] = {
        "train_images": 160,
        "batch_size": 32,
        "holdout": 32,
        "probe_images": 32,
        "probe_steps": 2,
    }
    small |= {
        "channel_images": 16,
        "self_images": 16,
        "causal_images": 0,
        "threads": 1,
        "device": "cpu",
    }
    config = resolve("patterns", {**small, "epochs": 2, "eps_ramp": 0, "keep": 5})
    run = RunDir.create(tmp_path_factory.mktemp("runs"), "tiny", {"config": config.as_dict()})
    # a trainer does not wait for ever for its log; whoever copies the run has to: on a busy machine
    # the files that lie beside a sealed one would come, and be renamed, while they are copied
    slow = 600.0
    with EventWriter(run.path, "trainer", run.claim_attempt(here()), critical_timeout=slow) as log:
        loop = begin(run, 1, log, config, StopSwitch(), empty_summary())
        loop.run()
        loop.checkpoints.close()
        log.emit(kinds.End(how="finished"), step=10)
    assert log.close("closed"), "all of it is on the disk"
    return run

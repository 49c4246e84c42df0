"""From a run directory to a training loop that stands at the step where this attempt has to go on."""

from collections.abc import Callable
from typing import Any

from selffit.config import RunConfig
from selffit.control.policy import parse_policy
from selffit.eventlog.writer import EventWriter
from selffit.run.run_dir import RunDir
from selffit.train.checkpoints import Checkpoints
from selffit.train.commander import Commander
from selffit.train.loop import Loop
from selffit.train.monitor import Monitor
from selffit.train.resume import check_resumable, read_ledger, resume
from selffit.train.setup import prepare
from selffit.train.stopping import StopSwitch
from selffit.train.trainlog import TrainLog


def begin(
    run: RunDir,
    attempt: int,
    writer: EventWriter,
    config: RunConfig,
    stop: StopSwitch,
    summary: dict[str, Any],
    announce: Callable[[str], None] = lambda phase: None,
) -> Loop:
    """Load and build everything, write `run.start`, and resume where an earlier attempt has
    trained.

    `summary` is what the `end` record will say, kept up to date. Raises UserError for what is not
    to be had here, and for a run that has finished.
    """
    policy = parse_policy(config.on_co, config.on_suspect, config.max_rollbacks)
    ledger, last = read_ledger(run)
    check_resumable(ledger, run.name)
    setup = prepare(config, announce)
    log = TrainLog(writer, ledger)
    checkpoints = Checkpoints(run, attempt, log)
    commander = Commander(run, log, checkpoints, policy)
    monitor = Monitor(setup, log, summary, commander.react, commander.somebody_waits)
    loop = Loop(setup, monitor, log, stop, checkpoints, commander)
    log.emit("run.start", setup.describe(), critical=True)
    if last is not None:
        resume(loop, log, checkpoints, last)
    log.emit("phase", {"name": "training"}, step=loop.done)
    return loop

"""From a run directory to a training loop that stands where this attempt has to go on."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from selffit.config import RunConfig
from selffit.control.policy import policy_of
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir
from selffit.train.checkpoints import Checkpoints
from selffit.train.commander import Commander
from selffit.train.loop import Loop
from selffit.train.monitor import Monitor
from selffit.train.requests import Requests
from selffit.train.resume import check_resumable, dead, read_past, resume, wait_for_predecessors
from selffit.train.session import Session
from selffit.train.setup import prepare
from selffit.train.stopping import StopSwitch
from selffit.train.trainlog import TrainLog

if TYPE_CHECKING:
    from selffit.data import Arrays


def begin(
    run: RunDir,
    attempt: int,
    writer: EventWriter,
    config: RunConfig,
    stop: StopSwitch,
    summary: dict[str, Any],
    announce: Callable[[str], None] = lambda phase: None,
    reading: "Future[Arrays | None] | None" = None,
) -> Loop:
    """Load and build everything, write `run.start`, and resume where earlier attempts have trained.

    `summary` is what the `end` record will say, kept up to date. reading: the images, where they
    are being read already. Raises UserError for what is not to be had here, and for a run that has
    finished.
    """
    run = run.held()
    policy = policy_of(config)
    wait_for_predecessors(run)
    past = read_past(run)
    check_resumable(past.ledger, run.name)
    setup = prepare(config, announce, reading)
    log = TrainLog(writer, past.ledger)
    requests = Requests(run, log, policy, attempt)
    monitor = Monitor(setup, log, summary, requests.react, requests.somebody_waits)
    session = Session(setup, monitor, log, stop)
    checkpoints = Checkpoints(run, attempt, session)
    checkpoints.store.sweep(dead(past))
    log.emit(setup.describe())
    if past.start is not None:
        resume(session, checkpoints, past.step)
    log.phase("training", session.done)
    return Loop(session, checkpoints, Commander(session, checkpoints, requests))

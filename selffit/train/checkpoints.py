"""When a training is saved, which checkpoints are kept, and reading one back."""

import math
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from msgspec.structs import replace

from selffit.checkpoint.errors import SaveFailed
from selffit.checkpoint.manifest import STATE, Manifest
from selffit.checkpoint.state import CheckpointState
from selffit.checkpoint.store import CheckpointStore
from selffit.control.settings import live_settings
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.former import settings_today
from selffit.run.run_dir import RunDir
from selffit.train.session import Saved, Session


@dataclass(frozen=True)
class _Save:
    """A save under way in the other thread; `about`: what the log will say of it, but the cost."""

    about: kinds.CheckpointSaved
    began: float
    result: "Future[Manifest]"
    keep: int
    pinned: list[str]


@dataclass(frozen=True)
class _Prune:
    """A removal of old ones under way in the other thread; what the log will say it belongs to."""

    about: kinds.CheckpointSaved
    result: "Future[list[str]]"


class Checkpoints:
    """Training only waits for a copy in memory; hashing, writing and syncing happen in a thread.

    Old ones are removed only after the log knows the new one: a resumed run goes on from what the
    log knows, so at any moment there is such a one.
    """

    def __init__(self, run: RunDir, attempt: int, session: Session) -> None:
        self.store = CheckpointStore(run.place, attempt)
        self._attempt = attempt
        self._session = session
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._saving: _Save | None = None
        self._pruning: _Prune | None = None

    def due(self, probed: bool) -> bool:
        """Whether to save at this step: every checkpoint_every steps, or with interval probes."""
        config = self._session.setup.config
        if config.keep == 0:
            return False
        if config.checkpoint_every:
            return self._session.done % config.checkpoint_every == 0
        return probed

    def save(self, *, wait: bool = False) -> None:
        """Save the training as it is between two steps.

        A failure is logged, and training goes on.
        """
        self.collect(wait=True)
        session, ledger = self._session, self._session.log.ledger
        id = f"{session.log.branch}-{session.done}"
        if id in ledger.checkpoints:
            return  # a step has one state, and it is saved already
        content = session.snapshot(self._attempt)
        about = self._about(id)
        base = ledger.branches[session.log.branch].ckpt or None
        keep, pinned = max(1, session.setup.config.keep), [id, *self._pinned()]

        began = time.perf_counter()
        result = self._thread.submit(self.store.write, id, content, base=base)
        self._saving = _Save(about, began, result, keep, pinned)
        if wait:
            self.collect(wait=True)

    def collect(self, *, wait: bool = False) -> None:
        """Log a save and a removal that have ended; with `wait`, wait for those under way."""
        self._collect_save(wait)
        pruning, log = self._pruning, self._session.log
        if pruning is None or not (wait or pruning.result.done()):
            return
        self._pruning = None
        # what cannot be listed now is removed with the next save
        with suppress(OSError, UserError):
            for old in pruning.result.result():
                log.emit(kinds.CheckpointPruned(id=old), step=pruning.about.of_step)

    def _collect_save(self, wait: bool) -> None:
        saving, log = self._saving, self._session.log
        if saving is None or not (wait or saving.result.done()):
            return
        self._saving = None
        about = saving.about
        try:
            manifest = saving.result.result()
        except (SaveFailed, MemoryError) as failure:
            reason = str(failure) or "there is not enough memory for its files"
            failed = kinds.CheckpointFailed(id=about.id, reason=reason)
            log.emit(failed, step=about.of_step)
            return
        seconds = round(time.perf_counter() - saving.began, 4)
        log.emit(replace(about, bytes=manifest.size, sec=seconds), step=about.of_step)
        removed = self._thread.submit(self.store.prune, saving.keep, saving.pinned)
        self._pruning = _Prune(about, removed)

    def read(self, id: str) -> Saved:
        """A verified checkpoint. Raises Damaged, and UserError for one of a newer selffit."""
        self.collect(wait=True)
        manifest, files = self.store.read(id)
        state = CheckpointState.decode(files[STATE], manifest.id)
        # A checkpoint may be older than a setting: then it was saved under the default.
        settings = {
            **live_settings(self._session.log.ledger.config),
            **settings_today(state.settings),
        }
        return Saved(id, replace(state, settings=settings), files)

    def newest_healthy(self, at_most: int | None) -> str | None:
        """The newest healthy one of the active branch, no later than a step; None without any."""
        ledger = self._session.log.ledger
        known = [c for c in ledger.checkpoints.values() if c.healthy and c.branch == ledger.branch]
        known = [c for c in known if at_most is None or c.step <= at_most]
        return max(known, key=lambda c: c.step).id if known else None

    def close(self) -> None:
        """Wait for the last save and log it."""
        self.collect(wait=True)
        self._thread.shutdown()

    def _about(self, id: str) -> kinds.CheckpointSaved:
        """What the log says of a checkpoint that is taken now, but for what it cost."""
        session = self._session
        pgd = session.monitor.pgd.value
        return kinds.CheckpointSaved(
            id=id,
            of_step=session.done,
            of_branch=session.log.branch,
            pgd=math.nan if pgd is None else pgd,
            healthy=session.monitor.healthy,
        )

    def _pinned(self) -> Iterable[str]:
        """The newest healthy checkpoint from before a fall, and the base of every branch."""
        branches = self._session.log.ledger.branches.values()
        yield from (branch.ckpt for branch in branches if branch.ckpt)
        for at_most in (self._session.monitor.detector.healthy_step, None):
            known = self.newest_healthy(at_most)
            if known:
                yield known

"""When a training is saved, which checkpoints are kept, and reading one back.

A checkpoint is something to go on from. So one whose weights or optimiser are not finite is not
saved, and the log says why: nothing newer then stands in the way of the last finite one, which
stays, for only a save removes older ones. One that an older version saved is set aside when it is
read.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Event

from msgspec.structs import replace

from selffit.checkpoint.errors import Damaged, NotFinite, SaveFailed
from selffit.checkpoint.manifest import STATE, Manifest
from selffit.checkpoint.state import CheckpointState
from selffit.checkpoint.store import CheckpointStore, Content
from selffit.checkpoint.tensors import TensorFile, not_finite, saved_not_finite
from selffit.control.ledger import Checkpoint
from selffit.control.settings import live_settings
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.former import settings_today
from selffit.run.folder.run_dir import RunDir
from selffit.train.session import Saved, Session
from selffit.train.stopping import superseded

_LOG_SECONDS = 30.0  # that the removal of old checkpoints waits for a log on a slow disk


@dataclass(frozen=True)
class _Save:
    """A save under way in the other thread; `about`: what the log will say of it, but the cost."""

    about: kinds.CheckpointSaved
    began: float
    result: "Future[Manifest]"


class Checkpoints:
    """Training only waits for a copy in memory; hashing, writing and syncing happen in a thread.

    That it was saved is logged without waiting for the disk either: nothing that training does
    depends on it, and only the removal of older ones has to come after it. A resumed run goes on
    from what the log knows, so at any moment there is such a one.
    """

    def __init__(self, run: RunDir, attempt: int, session: Session) -> None:
        self.store = CheckpointStore(run.place, attempt)
        self._attempt = attempt
        self._session = session
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._saving: _Save | None = None
        self._pruning: list[Future[list[str]]] = []
        self._run = run
        self.failure = ""  # why the last save failed, "" where it did not

    def due(self, *, probed: bool, last: bool) -> bool:
        """Whether to save at this step: every checkpoint_every steps, or with interval probes.

        At the last one in any case: it is the network that the run is told by.
        """
        config = self._session.setup.config
        if config.keep == 0:
            return False
        if config.checkpoint_every:
            return last or self._session.done % config.checkpoint_every == 0
        return probed

    def save(self, *, wait: bool = False) -> None:
        """Save the training as it is between two steps.

        A failure is logged, and training goes on. Raises Stop where a later attempt has taken over:
        its checkpoints are not to be mixed with ours.
        """
        if (taken := superseded(self._run, self._attempt)) is not None:
            raise taken
        self._collect_save(wait=True)
        session, ledger = self._session, self._session.log.ledger
        id = f"{session.log.branch}-{session.done}"
        if id in ledger.checkpoints:
            return  # a step has one state, and it is saved already
        content = session.snapshot(self._attempt)
        about = self._about(id)
        base = ledger.branches[session.log.branch].ckpt or None

        def work() -> Manifest:
            _check_finite(content)
            return self.store.write(id, content, base=base)

        self._saving = _Save(about, time.perf_counter(), self._thread.submit(work))
        if wait:
            self.collect(wait=True)

    def collect(self, *, wait: bool = False) -> None:
        """Log a save that has ended, and what was removed; `wait` for what is under way."""
        self._collect_save(wait=wait)
        while self._pruning and (wait or self._pruning[0].done()):
            for old in self._pruning.pop(0).result():
                self._session.log.emit(kinds.CheckpointPruned(id=old), step=self._session.done)

    def _collect_save(self, *, wait: bool) -> None:
        saving, log = self._saving, self._session.log
        if saving is None or not (wait or saving.result.done()):
            return
        self._saving = None
        about = saving.about
        try:
            manifest = saving.result.result()
        except (SaveFailed, MemoryError) as failure:
            self.failure = str(failure) or "there is not enough memory for its files"
            log.post(kinds.CheckpointFailed(id=about.id, reason=self.failure), step=about.of_step)
            return
        self.failure = ""
        seconds = round(time.perf_counter() - saving.began, 4)
        saved = replace(about, bytes=manifest.size, sec=seconds)
        known = log.post(saved, step=about.of_step)
        self._prune(about.id, known)

    def _prune(self, id: str, known: Event) -> None:
        """Remove old checkpoints, in the thread, once the log on the disk knows of the new one."""
        keep, pinned = max(1, self._session.setup.config.keep), [id, *self._pinned()]

        def work() -> list[str]:
            # Without that, or where they cannot be listed, they are pruned with the next save.
            if not known.wait(_LOG_SECONDS):
                return []
            with suppress(OSError, UserError):
                return self.store.prune(keep, pinned)
            return []

        self._pruning.append(self._thread.submit(work))

    def read(self, id: str) -> Saved:
        """A verified checkpoint. Raises Damaged, and UserError for one of a newer selffit.

        One that is not finite counts as damaged.
        """
        self.collect(wait=True)
        manifest, files = self.store.read(id)
        if bad := saved_not_finite(files):
            self.store.set_aside(id)
            raise Damaged(id, f"'{bad}' is not finite")
        state = CheckpointState.decode(files[STATE], manifest.id)
        # A checkpoint may be older than a setting: then it was saved under the default.
        settings = {
            **live_settings(self._session.log.ledger.config),
            **settings_today(state.settings),
        }
        return Saved(id, replace(state, settings=settings), files)

    def newest_healthy(self, at_most: int | None) -> str | None:
        """The newest healthy one of the active branch, no later than a step; None without any."""
        return self._newest(lambda c: c.healthy and (at_most is None or c.step <= at_most))

    def _newest(self, wanted: Callable[[Checkpoint], bool]) -> str | None:
        """The newest one of the active branch that is wanted."""
        ledger = self._session.log.ledger
        mine = (c for c in ledger.checkpoints.values() if c.branch == ledger.branch)
        newest = max(filter(wanted, mine), key=lambda c: c.step, default=None)
        return None if newest is None else newest.id

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
            diverged=session.monitor.divergence.open,
        )

    def _pinned(self) -> Iterable[str]:
        """The newest healthy checkpoint from before a fall, and the base of every branch.

        While training has diverged, or may have, the newest from before that too.
        """
        branches = self._session.log.ledger.branches.values()
        yield from (branch.ckpt for branch in branches if branch.ckpt)
        for at_most in (self._session.monitor.detector.healthy_step, None):
            known = self.newest_healthy(at_most)
            if known:
                yield known
        sound_until = self._session.monitor.divergence.sound_until
        if sound_until is not None:
            before = self._newest(lambda c: c.sound and c.step <= sound_until)
            yield from () if before is None else (before,)


def _check_finite(content: Mapping[str, Content]) -> None:
    """Raises NotFinite for tensors that nobody should go on from."""
    for part in content.values():
        if isinstance(part, TensorFile) and (bad := not_finite(part.tensors)):
            raise NotFinite(f"'{bad}' is not finite, so there is nothing in it to go on from")

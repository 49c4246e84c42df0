"""Saving and restoring a whole training: what belongs into a checkpoint, when, and which ones are
kept.
"""

import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from selffit.checkpoint.errors import Damaged, SaveFailed
from selffit.checkpoint.manifest import MODEL, STATE, Manifest
from selffit.checkpoint.state import CheckpointState
from selffit.checkpoint.store import CheckpointStore
from selffit.checkpoint.tensors import restore, state_to_files
from selffit.control.former import settings_today
from selffit.control.settings import live_settings
from selffit.errors import UserError
from selffit.run.run_dir import RunDir
from selffit.train.trainlog import TrainLog

if TYPE_CHECKING:
    from selffit.train.loop import Loop


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read and verified."""

    id: str
    state: CheckpointState
    files: dict[str, bytes]


@dataclass(frozen=True)
class _Save:
    """A save under way in the other thread; `about` is what the log will say of it."""

    about: dict[str, Any]
    began: float
    result: "Future[tuple[Manifest, list[str]]]"


class Checkpoints:
    """Training only waits for a copy in memory; hashing, writing and syncing happen in a thread."""

    def __init__(self, run: RunDir, attempt: int, log: TrainLog) -> None:
        self.store, self._attempt, self._log = CheckpointStore(run.path, attempt), attempt, log
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._saving: _Save | None = None

    def due(self, loop: "Loop", probed: bool) -> bool:
        """Whether a checkpoint is to be saved at this step: every checkpoint_every steps, or with
        interval probes.
        """
        config = loop.setup.config
        if config.keep == 0:
            return False
        return loop.done % config.checkpoint_every == 0 if config.checkpoint_every else probed

    def save(self, loop: "Loop", *, wait: bool = False) -> None:
        """Save the training as it is between two steps; a failure is logged and training goes on."""
        self.collect(wait=True)
        log, setup, monitor = self._log, loop.setup, loop.monitor
        id = f"{log.branch}-{loop.done}"
        if id in log.ledger.checkpoints:
            return  # a step has one state, and it is saved already
        files, structure = state_to_files(setup.model.state_dict(), setup.step.optimizer)
        state = CheckpointState(
            step=loop.done,
            branch=log.branch,
            attempt=self._attempt,
            settings=loop.settings,
            version=log.ledger.version,
            detector=monitor.detector.state(),
            optimizer=structure,
            unknown={
                "summary": monitor.summary,
                "pgd": monitor.pgd,
                "explainer": monitor.explainer.state(),
            },
        )
        about = {
            "id": id,
            "step": loop.done,
            "branch": log.branch,
            "pgd": monitor.pgd,
            "healthy": monitor.healthy,
        }
        base = log.ledger.branches[log.branch].ckpt or None
        content = {**files, STATE: state.encode()}
        keep, pinned = max(1, setup.config.keep), [id, *self._pinned(loop)]

        def work() -> tuple[Manifest, list[str]]:
            manifest = self.store.write(id, content, base=base)
            with suppress(OSError):  # what cannot be listed now is pruned with the next save
                return manifest, self.store.prune(keep, pinned)
            return manifest, []

        self._saving = _Save(about, time.perf_counter(), self._thread.submit(work))
        if wait:
            self.collect(wait=True)

    def _pinned(self, loop: "Loop") -> Iterable[str]:
        """The newest healthy checkpoint from before a fall, and the base of every branch."""
        yield from (branch.ckpt for branch in self._log.ledger.branches.values() if branch.ckpt)
        for at_most in (loop.monitor.detector.healthy_step, None):
            known = self._healthy(at_most)
            if known:
                yield known

    def _healthy(self, at_most: int | None) -> str | None:
        """The newest healthy checkpoint of the active branch that is no later than a step, None
        where there is none.
        """
        ledger = self._log.ledger
        known = [c for c in ledger.checkpoints.values() if c.healthy and c.branch == ledger.branch]
        known = [c for c in known if at_most is None or c.step <= at_most]
        return max(known, key=lambda c: c.step).id if known else None

    def find_reference(self, loop: "Loop") -> None:
        """After a resume: the newest healthy checkpoint from before a fall is the network that
        probes compare with.
        """
        id = self._healthy(loop.monitor.detector.healthy_step)
        if id is None or not loop.setup.config.self_images:
            return
        with suppress(Damaged, UserError):  # then the next healthy probe brings one
            saved = self.read(id)
            loop.monitor.explainer.adopt(saved.files[MODEL], saved.state.step, saved.state.branch)

    def collect(self, *, wait: bool = False) -> None:
        """Log a save that has ended; with `wait`, wait for one that is under way."""
        saving = self._saving
        if saving is None or not (wait or saving.result.done()):
            return
        self._saving = None
        id, step = saving.about["id"], saving.about["step"]
        try:
            manifest, removed = saving.result.result()
        except SaveFailed as failure:
            self._log.emit(
                "ckpt.failed", {"id": id, "reason": str(failure)}, step=step, critical=True
            )
            return
        size = sum(entry.size for entry in manifest.files.values())
        seconds = round(time.perf_counter() - saving.began, 4)
        self._log.emit(
            "ckpt.saved", {**saving.about, "bytes": size, "sec": seconds}, step=step, critical=True
        )
        for old in removed:
            self._log.emit("ckpt.pruned", {"id": old}, step=step)

    def read(self, id: str) -> Saved:
        """A verified checkpoint. Raises Damaged, and UserError for one of a newer selffit."""
        self.collect(wait=True)
        manifest, files = self.store.read(id)
        state = CheckpointState.decode(files[STATE], manifest.id)
        # A checkpoint may be older than a setting: then it was saved under the default.
        settings = live_settings(self._log.ledger.config) | settings_today(state.settings)
        return Saved(id, msgspec.structs.replace(state, settings=settings), files)

    def restore(self, saved: Saved, loop: "Loop") -> None:
        """Put the training back to where it was. Raises UserError, with nothing changed, where it
        does not fit.
        """
        setup, state = loop.setup, saved.state
        restore(saved.files, state.optimizer, setup.model.state_dict(), setup.step.optimizer)
        loop.monitor.detector.restore(state.detector)
        loop.monitor.summary.update(state.unknown.get("summary", {}))
        loop.monitor.pgd = state.unknown.get("pgd")
        loop.monitor.explainer.restore(state.unknown.get("explainer", {}))
        loop.done = state.step

    def close(self) -> None:
        """Wait for the last save and log it."""
        self.collect(wait=True)
        self._thread.shutdown()

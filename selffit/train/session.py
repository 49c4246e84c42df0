"""A training between two steps: all that a checkpoint keeps, and what may be done to it there.

What is saved and restored is decided in this file and nowhere else: the tensors of network and
optimiser; step, branch and live settings; and the parts that remember something of their own, each
under its name in state.json.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from selffit.checkpoint.manifest import STATE
from selffit.checkpoint.state import CheckpointState
from selffit.checkpoint.store import Content
from selffit.checkpoint.tensors import restore, state_to_files
from selffit.config import LIVE
from selffit.control.refusal import Refusal
from selffit.control.settings import SEED, ZEROED, live_settings
from selffit.train.aftermath import PAUSE
from selffit.train.blocks import Blocks
from selffit.train.monitor import Monitor
from selffit.train.setup import Setup
from selffit.train.stopping import StopSwitch
from selffit.train.trainlog import TrainLog


class Part(Protocol):
    """Something beside the tensors that outlives a process: its state is plain JSON values."""

    def state(self) -> Any:
        """All that its later answers depend on."""

    def restore(self, state: Any) -> None:
        """Go on where `state()` was taken."""


@dataclass(frozen=True)
class Saved:
    """A checkpoint that was read and verified."""

    id: str
    state: CheckpointState
    files: Mapping[str, bytes]


class Session:
    """The training of one attempt: after `done` steps, with these live `settings`.

    The loop takes steps. Between two of them the commander may change the settings or put
    everything back to a checkpoint, and checkpoints are taken of it.
    """

    def __init__(self, setup: Setup, monitor: Monitor, log: TrainLog, stop: StopSwitch) -> None:
        """At the first step, with the settings of the configuration."""
        self.setup = setup
        self.monitor = monitor
        self.log = log
        self.stop = stop
        self.blocks = Blocks(setup, monitor, log)
        self.done = 0
        self.settings = live_settings(setup.config.as_dict())
        self._parts: Mapping[str, Part] = {
            "detector": monitor.detector,
            "divergence": monitor.divergence,
            "explainer": monitor.explainer,
            "summary": monitor.summary,
            "pgd": monitor.pgd,
        }
        self._beginning = {name: part.state() for name, part in self._parts.items()}

    # ---- what a checkpoint keeps -----------------------------------------------------------------
    def snapshot(self, attempt: int) -> dict[str, Content]:
        """The files of a checkpoint by `attempt`: a copy of everything as it is now.

        Training may go on while they are written.
        """
        tensors, structure = state_to_files(
            self.setup.model.state_dict(), self.setup.step.optimizer
        )
        state = CheckpointState(
            step=self.done,
            branch=self.log.branch,
            attempt=attempt,
            settings=self.settings,
            version=self.log.ledger.version,
            optimizer=structure,
            parts={name: part.state() for name, part in self._parts.items()},
        )
        return {**tensors, STATE: state.encode()}

    def restore(self, saved: Saved) -> None:
        """Put everything back to where it was saved; parts that are newer than it begin anew.

        Raises UserError, with nothing changed, where network or optimiser do not fit.
        """
        model, optimizer = self.setup.model, self.setup.step.optimizer
        restore(saved.files, saved.state.optimizer, model.state_dict(), optimizer)
        kept = {**self._beginning, **saved.state.parts}
        for name, part in self._parts.items():
            part.restore(kept[name])
        self.done = saved.state.step
        self.adopt(saved.state.settings)

    # ---- settings --------------------------------------------------------------------------------
    def adopt(self, settings: Mapping[str, Any]) -> None:
        """Train with these live settings (all of them) from the next step on."""
        config = replace(self.setup.config, **{name: settings[name] for name in (*LIVE, SEED)})
        self.setup.adopt(config, settings[ZEROED])
        self.settings = dict(settings)

    def change(self, new: Mapping[str, Any]) -> None:
        """Train with these live settings instead of the present ones from the next step on."""
        self.adopt({**self.settings, **new})

    def check_settings(self, new: Mapping[str, Any]) -> None:
        """Raises Refusal for live settings that only the session knows to be impossible."""
        stop = new.get("stop_epoch")
        if stop and stop * self.setup.batches.steps_per_epoch < self.done:
            epoch = self.setup.schedule.epoch(self.done)
            raise Refusal(
                "out-of-range",
                f"epoch {stop:g} has passed, it is epoch {epoch:.2f}; use stop instead",
            )

    # ---- measuring -------------------------------------------------------------------------------
    def close_block(self, *, everything: bool = True) -> None:
        """End the present block of steps, and log it; see `Blocks.close`."""
        self.blocks.close(self.done, everything=everything)

    def look(self) -> None:
        """Look for an early warning here; the time it takes is no block's."""
        began = time.perf_counter()
        self.monitor.look(self.done)
        self.blocks.leave_out(time.perf_counter() - began)

    def probe(self, why: str) -> None:
        """Probe here; the time it takes is no block's. A signal breaks it off by raising Stop."""
        if why == "end":
            self.log.phase("finishing", self.done)
        with self.stop.interruptible():
            self.monitor.probe(self.done, why)
        self.blocks.restart_clock()

    def measure_later(self, seconds: float = PAUSE) -> None:
        """Go on with what is still to be measured of an onset; its time is no block's.

        To be used where a block has ended.
        """
        if self.monitor.aftermaths:
            with self.stop.interruptible():
                self.monitor.measure_later(seconds)
            self.blocks.restart_clock()

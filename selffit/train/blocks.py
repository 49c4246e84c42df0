"""Steps as blocks: measured on the device, logged as `steps` records, and shown to the detector."""

import time
from collections.abc import Mapping, Sequence

from torch import Tensor

from selffit.eventlog import kinds
from selffit.eventlog.fields import Columns
from selffit.methods import Attack
from selffit.train.monitor import Monitor
from selffit.train.setup import Setup
from selffit.train.signals import SignalBuffer, TrainedOn
from selffit.train.trainlog import TrainLog


class Blocks:
    """The block of steps under way, and those whose signals are on their way to the host."""

    def __init__(self, setup: Setup, monitor: Monitor, log: TrainLog) -> None:
        config = setup.config
        self._setup = setup
        self._monitor = monitor
        self._log = log
        # about a block: its first step, its images, and the seconds that it took
        self._signals: SignalBuffer[tuple[int, int, float]] = SignalBuffer(
            config.block_steps, config.batch_size, setup.images.shape, setup.device
        )
        self._began = time.perf_counter()

    @property
    def full(self) -> bool:
        """Whether the block has to be closed before another step."""
        return self._signals.count == self._setup.config.block_steps

    def add(self, x: Tensor, y: Tensor, attack: Attack, trained: TrainedOn) -> None:
        """Take in one step: its batch x [B,C,H,W], y [B], and what became of it."""
        self._signals.add(x, y, attack, trained)

    def close(self, done: int, *, everything: bool) -> None:
        """End the block after `done` steps, and log the blocks that have reached the host.

        With `everything` that is this one too; it waits for the device. Without a step since the
        last block there is none to end.
        """
        if self._signals.count:
            now = time.perf_counter()
            first, images = done - self._signals.count, self._signals.images
            self._signals.close_block((first, images, now - self._began))
            self._began = now
        for (first, images, seconds), measured in self._signals.ready_blocks(everything=everything):
            columns = self._columns(first, measured)
            self._log.emit(self._event(first, images, seconds, columns), step=first)
            self._monitor.signals(first, columns)

    def restart_clock(self) -> None:
        """Leave out of the block's time what has passed since it began."""
        self._began = time.perf_counter()

    def _columns(self, first: int, measured: Mapping[str, list[float]]) -> dict[str, list[float]]:
        """What was measured and what was set, a value for each step from `first` on."""
        schedule = self._setup.schedule
        steps = range(first, first + len(measured["loss_adv"]))
        return {
            **measured,
            "lr": [schedule.lr(step) for step in steps],
            "eps": [schedule.eps(step) for step in steps],
            "alpha": [schedule.alpha(step) for step in steps],
        }

    def _event(
        self, first: int, images: int, seconds: float, columns: Mapping[str, Sequence[float]]
    ) -> kinds.Steps:
        """The block as the log has it."""
        n = len(columns["loss_adv"])
        return kinds.Steps(
            n=n,
            cols=Columns({name: six_digits(values) for name, values in columns.items()}),
            img_s=round(images / seconds, 1),
            sec=round(seconds, 6),
            epoch=self._setup.schedule.epoch(first + n),
        )


def six_digits(values: Sequence[float]) -> list[float]:
    """Floats with six significant digits: what float32 means carry, at half the bytes."""
    return [float(f"{value:.6g}") for value in values]

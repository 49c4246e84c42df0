"""Steps as blocks: measured on the device, logged as `steps` records, and shown to the detector."""

import time
from collections.abc import Mapping, Sequence

from torch import Tensor

from selffit.eventlog import kinds
from selffit.eventlog.fields import Columns
from selffit.train.monitor import Monitor
from selffit.train.setup import Setup
from selffit.train.signals import SignalBuffer
from selffit.train.trainlog import TrainLog

SEND_SECONDS = 1.0  # a block that takes longer is logged in pieces


class Blocks:
    """The block of steps under way, and those whose signals are on their way to the host.

    A block has `block_steps` steps, fewer before a probe or a command. Where steps are slow it is
    logged in pieces, so that little is lost at a kill and viewers see it grow; the detector sees
    whole blocks only, so what it finds does not depend on how fast a machine is.
    """

    def __init__(self, setup: Setup, monitor: Monitor, log: TrainLog) -> None:
        config = setup.config
        self._setup = setup
        self._monitor = monitor
        self._log = log
        # about a piece: its first step, its images, and the seconds that it took
        self._signals: SignalBuffer[tuple[int, int, float]] = SignalBuffer(
            config.block_steps, config.batch_size, setup.images.shape, setup.device
        )
        self._began = time.perf_counter()
        self._count = 0  # steps since the last block ended
        self._ends: list[int] = []  # of whole blocks that the detector has yet to see
        self._unseen: list[tuple[int, Mapping[str, list[float]]]] = []  # pieces of them
        self._expecting = False  # a piece is on its way that nobody else asks for

    @property
    def full(self) -> bool:
        """Whether the block has to be closed before another step."""
        return self._count == self._setup.config.block_steps

    def add(self, values: Tensor) -> None:
        """Take in one step: the values [7,B] of its images, see `signals.image_values`."""
        self._signals.add(values)
        self._count += 1

    def send(self, done: int) -> None:
        """Log the steps of a block that lasts, `done` steps after the first one.

        For nothing but what has reached the host; it never waits for the device.
        """
        if self._signals.count and time.perf_counter() - self._began >= SEND_SECONDS:
            self._end_piece(done)
            self._expecting = True
        if self._expecting:
            for about, measured in self._signals.arrived_blocks():
                self._write(*about, measured)
            self._expecting = self._signals.waiting

    def close(self, done: int, *, everything: bool) -> None:
        """End the block after `done` steps, and log the blocks that have reached the host.

        With `everything` that is this one too; it waits for the device. Without a step since the
        last block there is none to end.
        """
        if self._count:
            self._end_piece(done)
            self._ends.append(done)
            self._count = 0
        for about, measured in self._signals.ready_blocks(everything=everything):
            self._write(*about, measured)
        # the newest may still be computed: on a device that works on its own it is never seen here,
        # not even where it came early
        late = 0 if everything else self._signals.late
        self._show([self._ends.pop(0) for _ in range(len(self._ends) - late)])

    def restart_clock(self) -> None:
        """Leave out of the block's time what has passed since it began."""
        self._began = time.perf_counter()

    def leave_out(self, seconds: float) -> None:
        """Leave so many seconds that have just passed out of the block's time."""
        self._began += seconds

    def _end_piece(self, done: int) -> None:
        """Start the signals of the steps since the last piece on their way to the host."""
        if not self._signals.count:
            return
        now = time.perf_counter()
        first, images = done - self._signals.count, self._signals.images
        self._signals.close_block((first, images, now - self._began))
        self._began = now

    def _write(
        self, first: int, images: int, seconds: float, measured: Mapping[str, list[float]]
    ) -> None:
        """Log a piece."""
        columns = self._columns(first, measured)
        self._log.emit(self._event(first, images, seconds, columns), step=first)
        self._unseen.append((first, columns))

    def _show(self, ends: Sequence[int]) -> None:
        """Let the detector see whole blocks, given by where they end."""
        for end in ends:
            pieces = [piece for piece in self._unseen if piece[0] < end]
            self._unseen = self._unseen[len(pieces) :]
            if pieces:
                names = pieces[0][1]
                whole = {name: [v for _, cols in pieces for v in cols[name]] for name in names}
                self._monitor.signals(pieces[0][0], whole)

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

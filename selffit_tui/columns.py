"""The numbers of a run as arrays that charts can draw; extended block by block, never rebuilt while a run goes on."""

from collections.abc import Sequence

import numpy as np

from selffit.eventlog.entries import ChannelProbe, Probe, StepBlock
from selffit.eventlog.records import num
from selffit.eventlog.state import RunState
from selffit_tui.raster import Floats

SIGNALS = ("abnormal", "pertalign", "loss_adv", "acc_adv")  # those of the log's per-step signals that are drawn
PROBES = ("clean", "fgsm", "pgd", "final_pgd", "gap")
CONCENTRATION = ("gini", "top10", "pr")


class Table:
    """A growing table of rows with rising steps; a row at or before the newest step replaces what it repeats."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.length = 0
        self._data = np.empty((len(self.names) + 1, 1024), dtype=np.float64)

    def add(self, steps: Floats, values: Floats) -> None:
        """Adds rows: `steps` of shape [n], rising, `values` of shape [columns, n]."""
        if not len(steps):
            return
        if self.length and steps[0] <= self._data[0, self.length - 1]:  # a resumed attempt does these steps again
            self.length = int(np.searchsorted(self._data[0, : self.length], steps[0]))
        end = self.length + len(steps)
        if end > self._data.shape[1]:
            grown = np.empty((self._data.shape[0], max(end, 2 * self._data.shape[1])), dtype=np.float64)
            grown[:, : self.length] = self._data[:, : self.length]
            self._data = grown
        self._data[0, self.length : end] = steps
        self._data[1:, self.length : end] = values
        self.length = end

    def add_row(self, step: int, *values: float) -> None:
        """Adds one row."""
        self.add(np.array([step], dtype=np.float64), np.array(values, dtype=np.float64)[:, None])

    @property
    def steps(self) -> Floats:
        """The steps, shape [n]."""
        return self._data[0, : self.length]

    def column(self, name: str) -> Floats:
        """The values of one column, shape [n]; NaN where nothing was measured."""
        return self._data[self.names.index(name) + 1, : self.length]

    def at(self, name: str, step: float) -> float:
        """The value measured last at or before a step, NaN when there is none."""
        index = int(np.searchsorted(self.steps, step, side="right")) - 1
        return float(self.column(name)[index]) if index >= 0 else float("nan")


class Columns:
    """Signals and probes of the state that was taken last."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.signals = Table(SIGNALS)
        self.probes = Table(PROBES)
        self.concentration: dict[str, Table] = {}  # by layer
        self._blocks = self._probes = self._channels = 0
        self._last_block: StepBlock | None = None
        self._last_probe: Probe | None = None
        self._last_channels: ChannelProbe | None = None

    def take(self, state: RunState) -> None:
        """Brings the arrays up to `state`; starts over when it does not continue the one before."""
        if not self._continues(state):
            self._reset()
        blocks = state.steps[self._blocks :]
        if blocks:
            self._add_blocks(blocks)
            self._blocks, self._last_block = len(state.steps), blocks[-1]
        for probe in state.probes[self._probes :]:
            gap = probe.fgsm - probe.pgd
            self.probes.add_row(probe.step, probe.clean, probe.fgsm, probe.pgd, probe.final_pgd, gap)
            self._last_probe = probe
        self._probes = len(state.probes)
        for channels in state.channels[self._channels :]:
            for layer in channels.layers:
                table = self.concentration.setdefault(layer.name, Table(CONCENTRATION))
                table.add_row(channels.step, layer.gini, layer.top10, layer.pr)
            self._last_channels = channels
        self._channels = len(state.channels)

    def _continues(self, state: RunState) -> bool:
        return (
            _is_item(state.steps, self._blocks - 1, self._last_block)
            and _is_item(state.probes, self._probes - 1, self._last_probe)
            and _is_item(state.channels, self._channels - 1, self._last_channels)
        )

    def _add_blocks(self, blocks: Sequence[StepBlock]) -> None:
        """Adds blocks; a row of blocks that simply follow each other goes in as one."""
        run: list[StepBlock] = []
        following = 0
        for block in blocks:
            if run and block.step < following:
                self.signals.add(*_rows(run))
                run = []
            run.append(block)
            following = block.step + _length(block)
        self.signals.add(*_rows(run))


def _is_item(history: Sequence[object], index: int, item: object) -> bool:
    return index < 0 or (index < len(history) and history[index] is item)


def _length(block: StepBlock) -> int:
    """The steps that a block really has values for."""
    return min(block.n, max((len(block.cols.get(name, ())) for name in SIGNALS), default=0))


def _rows(blocks: Sequence[StepBlock]) -> tuple[Floats, Floats]:
    """Steps, shape [n], and values, shape [signals, n], of blocks with rising steps."""
    steps: list[int] = []
    values: list[list[object]] = [[] for _ in SIGNALS]
    for block in blocks:
        n = _length(block)
        steps.extend(range(block.step, block.step + n))
        for column, name in zip(values, SIGNALS, strict=True):
            raw = block.cols.get(name, ())
            column.extend(raw[:n])
            column.extend([None] * (n - len(raw)))
    return np.array(steps, dtype=np.float64), np.array([_numbers(column) for column in values])


def _numbers(raw: list[object]) -> Floats:
    """The values as numbers; what is missing or none is NaN."""
    try:
        values = np.array(raw, dtype=np.float64)  # also takes None, "NaN" and "Infinity"
        if values.ndim == 1:
            return values
    except (ValueError, TypeError, OverflowError):
        pass  # something that is no number is among them: look at each
    return np.array([num(value) for value in raw], dtype=np.float64)


def smooth(values: Floats, span: int) -> Floats:
    """The mean of the last `span` values at each point, gaps left out; shape as given."""
    finite = np.isfinite(values)
    total = np.cumsum(np.where(finite, values, 0.0))
    number = np.cumsum(finite)
    if span < len(values):
        total[span:] -= total[:-span].copy()
        number[span:] -= number[:-span].copy()
    return np.where(finite, total / np.maximum(number, 1), np.nan)

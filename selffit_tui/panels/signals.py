"""The CO-signal panel: one small chart a signal over the same steps.

With the value at the cursor, or the newest one.
"""

from dataclasses import KW_ONLY, dataclass

import numpy as np

from selffit.numbers import count, known, share
from selffit.vocabulary import ACCURACY, STEP, Measure
from selffit_tui.draw.raster import Floats, Trace, first_at, rasterise
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.model.scene import Scene
from selffit_tui.model.series import Signals, Table, smooth
from selffit_tui.panels.panel import HIGH, Panel
from selffit_tui.panels.parts.charting import LEFT, Plot, axis_rows, plot, plot_row
from selffit_tui.panels.parts.empty import why_empty

BESIDE_ROWS = 3  # lines beside the rows: border and axis
FEWEST_CHART = 8  # lines that the chart above them needs
LOG_FLOOR = 1e-3  # what a logarithmic axis draws for smaller values


@dataclass(frozen=True)
class Signal:
    """One row: what it measures, its range (None: its own), and if a log axis makes sense."""

    measure: Measure
    _: KW_ONLY
    low: float | None
    high: float | None
    log: bool = False
    probed: bool = False  # comes with the probes, not with every step


SIGNALS = (
    Signal(STEP["abnormal"], low=0.0, high=1.0, log=True),
    Signal(STEP["pertalign"], low=0.0, high=1.0),
    Signal(ACCURACY["gap"], low=0.0, high=1.0, probed=True),
    Signal(STEP["loss_adv"], low=0.0, high=None, log=True),
    Signal(STEP["acc_adv"], low=0.0, high=1.0),
)


class SignalPanel(Panel):
    """What comes free with every training step, and the gap of the probes."""

    name = "signals"
    title = "signals of catastrophic overfitting"
    help = "CO signals alone"
    keys = ("2", "f3")

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """A line a signal, two or three where there is much room; none below the narrow chart."""
        if narrow:
            lines = min(len(SIGNALS) + BESIDE_ROWS, room - FEWEST_CHART)
            return lines if lines >= len(SIGNALS) + 2 else 0
        return rows_of_signals(room) * len(SIGNALS) + BESIDE_ROWS

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The rows in their border."""
        return signal_lines(scene, width, height)


def rows_of_signals(room: int) -> int:
    """The lines of each signal in an overview whose side is `room` lines high."""
    if room >= 52:
        return 3
    return 2 if room >= HIGH else 1


def signal_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The rows in their border."""
    note = _note(scene)
    name = "CO signals" if note else SignalPanel.title
    title: list[Span] = [(name, "title"), ("  every step", "dim")]
    steps = scene.columns.signals.steps
    if not len(steps):
        body = why_empty(scene, width - 2, "training step")
        return framed(body, width, height, scene.glyphs, title)
    place = plot(scene, width - 2)
    inner = height - 2
    axis = 1 if inner > len(SIGNALS) else 0
    rows = max(1, (inner - axis) // len(SIGNALS))
    body = []
    drawn = 0
    for signal in SIGNALS:
        lines, columns = _signal_rows(signal, scene, place, rows)
        body += lines
        drawn = max(drawn, columns)
    if axis:
        body += axis_rows(place, scene)[: max(1, inner - rows * len(SIGNALS))]
    points = first_at(steps, place.window.end) - first_at(steps, place.window.start)
    foot: list[Span] = [(f"{count(points)} steps, {count(drawn)} drawn (min-max)", "faint")]
    return framed(body, width, height, scene.glyphs, title, note, foot)


def _note(scene: Scene) -> list[Span]:
    words = [
        word
        for word, on in (("smoothed", scene.view.smooth), ("log axis", scene.view.log_axis))
        if on
    ]
    if scene.view.cursor is not None:
        words.append(f"at step {count(scene.view.cursor)}")
    return [("  ".join(words), "cursor")] if words else []


def _signal_rows(signal: Signal, scene: Scene, place: Plot, rows: int) -> tuple[list[Line], int]:
    table: Table | Signals = scene.columns.probes if signal.probed else scene.columns.signals
    traces, low, high = _traces(signal, scene, table, place)
    past = _past(signal, scene, traces[0])
    styles = ("past",) * len(past) + (("signal",) if len(traces) == 1 else ("raw", "strong"))
    raster = rasterise([*past, *traces], place.window, rows, scene.glyphs)
    value = _value(signal, scene, table)
    lines: list[Line] = []
    for row in range(rows):
        label = _label(signal.measure) if row == 0 else ""
        if row == 1 and _is_log(signal, scene):
            label = "log"
        lines.append(
            [
                (f"{label:<{LEFT - 1}}", "text" if row == 0 else "faint"),
                (scene.glyphs.upright, "frame"),
                *plot_row(raster, row, styles, place, scene),
                *_right(row, rows, value, low, high),
            ]
        )
    return lines, raster.drawn


def _label(measure: Measure) -> str:
    return measure.label if len(measure.label) < LEFT else measure.short


def _is_log(signal: Signal, scene: Scene) -> bool:
    return signal.log and scene.view.log_axis


def _right(row: int, rows: int, value: float, low: float, high: float) -> list[Span]:
    """The value beside the first row, the range of the axis beside the last one."""
    if row == 0:
        span: list[Span] = [(f" {share(value):>6}", "strong")]
        return span if rows > 1 else [*span, (f" {_limits(low, high)}", "faint")]
    return [(f" {_limits(low, high):>6}", "faint")] if row == rows - 1 else []


def _limits(low: float, high: float) -> str:
    return f"{low:g}-{high:.2g}"


def _value(signal: Signal, scene: Scene, table: Table | Signals) -> float:
    if scene.view.cursor is not None:
        return table.at(signal.measure.name, scene.view.cursor)
    column = table.column(signal.measure.name)
    return float(column[-1]) if len(column) else float("nan")


def _traces(
    signal: Signal, scene: Scene, table: Table | Signals, place: Plot
) -> tuple[list[Trace], float, float]:
    """The raw line and, when smoothing is on, the smooth one over it; the limits of the axis."""
    x, y = table.steps, table.column(signal.measure.name)
    begin, end = first_at(x, place.window.start), first_at(x, place.window.end)
    low, high = signal.low, signal.high
    if low is None or high is None:
        top = _top(y[begin:end])
        low, high = 0.0 if low is None else low, high if high is not None else _round_up(top)
    columns = [y]
    if scene.view.smooth and not signal.probed:
        columns.append(smooth(y, max(5, int(end - begin) // 40)))
    if _is_log(signal, scene):
        floor = LOG_FLOOR
        traces = [
            Trace(
                x,
                _log(column, floor),
                low=np.log10(floor),
                high=np.log10(max(high, 10 * floor)),
            )
            for column in columns
        ]
        return traces, floor, high
    return [Trace(x, column, low=low, high=high) for column in columns], low, high


def _top(values: Floats) -> float:
    """The largest finite value, 1 where there is none."""
    top = float(np.fmax.reduce(values)) if len(values) else np.nan
    if np.isinf(top):
        finite = values[np.isfinite(values)]
        top = float(finite.max()) if len(finite) else np.nan
    return 1.0 if np.isnan(top) else top


def _past(signal: Signal, scene: Scene, like: Trace) -> list[Trace]:
    """What was left behind, on the axis of `like`."""
    tables: list[Table | Signals] = [
        track.probes if signal.probed else track.signals for track in scene.columns.abandoned
    ]
    columns = [(table.steps, table.column(signal.measure.name)) for table in tables]
    log = _is_log(signal, scene)
    return [
        Trace(x, _log(y, LOG_FLOOR) if log else y, low=like.low, high=like.high, dotted=True)
        for x, y in columns
    ]


def _log(values: Floats, floor: float) -> Floats:
    result: Floats = np.log10(np.maximum(values, floor))
    return result


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10 … so that the axis does not move with every step."""
    if not known(value) or value <= 0:
        return 1.0
    scale = 10.0 ** np.floor(np.log10(value))
    return float(next((m * scale for m in (1, 2, 5, 10) if m * scale >= value), 10 * scale))

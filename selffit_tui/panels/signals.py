"""The CO-signal panel: one small chart a signal over the same steps, with what is usual of it.

With the value at the cursor, or the newest one, and "!!" where it is beyond the band that the
detector watches.
"""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass

import numpy as np

from selffit.numbers import count, known, narrow, share
from selffit.vocabulary import ACCURACY, HEALTHY, STEP, Measure
from selffit_tui.draw.raster import Floats, Raster, Trace, first_at, rasterise
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.model.scene import Scene
from selffit_tui.model.series import Signals, Table, smooth
from selffit_tui.model.usual import WATCHED
from selffit_tui.panels.panel import Panel, band
from selffit_tui.panels.parts.charting import LEFT, Plot, axis_rows, plot, plot_row
from selffit_tui.panels.parts.empty import why_empty
from selffit_tui.panels.parts.inside import dashes

LOG_FLOOR = 1e-3  # what a logarithmic axis draws for smaller values
FEWEST_CHART = 9  # lines that the chart above them needs in a narrow terminal
AXIS_FROM = 3  # lines of a signal from which there is room for the steps below
MEAN_OF = 10  # newest steps: what is held against a band, as the detector does


@dataclass(frozen=True)
class Signal:
    """One row: what it measures, its range (None: its own), and if a log axis makes sense."""

    measure: Measure
    _: KW_ONLY
    low: float | None
    high: float | None
    log: bool = False
    probed: bool = False  # comes with the probes, not with every step


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a signal is held against: where, in words, and whether it is beyond that."""

    edge: float
    words: str
    out: bool = False


SIGNALS = (  # where not all fit, the last ones are left out
    Signal(STEP["abnormal"], low=0.0, high=1.0, log=True),
    Signal(STEP["pertalign"], low=0.0, high=1.0),
    Signal(ACCURACY["gap"], low=0.0, high=1.0, probed=True),
    Signal(STEP["loss_adv"], low=0.0, high=None, log=True),
    Signal(STEP["acc_adv"], low=0.0, high=1.0),
)
FEW = 4  # of them, where there is little room


class SignalPanel(Panel):
    """What comes free with every training step, and the gap of the probes."""

    name = "signals"
    title = "signals, every step"
    help = "CO signals alone, with what is usual of each"
    keys = ("2", "f3")

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """The middle band; a line each below the narrow chart, two where there is room."""
        if not narrow:
            return band(room, 1)
        for lines in (2 * FEW + 2, FEW + 2):
            if room - lines >= FEWEST_CHART + (4 if lines > FEW + 2 else 0):
                return lines
        return 0

    @staticmethod
    def terms(scene: Scene) -> Sequence[tuple[str, str]]:
        """The signals, and what is usual."""
        return (
            *((_label(one.measure), one.measure.meaning) for one in SIGNALS),
            (
                "usual",
                "the edge of the band that the detector watches, before anything stood",
            ),
        )

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The rows in their border."""
        return signal_lines(scene, width, height)


def signal_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The rows in their border."""
    note = _note(scene)
    title: list[Span] = [(SignalPanel.title, "title")]
    steps = scene.columns.signals.steps
    if not len(steps):
        body = why_empty(scene, width - 2, "training step")
        return framed(body, width, height, scene.glyphs, title)
    place = plot(scene, width - 2)
    inner = height - 2
    shown, rows = _fitting(inner)
    body = []
    drawn = 0
    for signal in shown:
        lines, columns = _signal_rows(signal, scene, place, rows)
        body += lines
        drawn = max(drawn, columns)
    body += axis_rows(place, scene)[: max(0, inner - len(body))]
    points = first_at(steps, place.window.end) - first_at(steps, place.window.start)
    foot: list[Span] = [(f"{count(points)} steps, {count(drawn)} drawn (min-max)", "faint")]
    return framed(body, width, height, scene.glyphs, title, note, foot)


def _fitting(room: int) -> tuple[Sequence[Signal], int]:
    """The signals that there is room for, and the lines of each: two, if that leaves four."""
    for shown in (SIGNALS, SIGNALS[:FEW]):
        if room >= 2 * len(shown):
            rows = room // len(shown)
            if rows >= AXIS_FROM and room - rows * len(shown) < 2:
                rows = (room - 2) // len(shown)
            return shown, max(2, rows)
    return (SIGNALS if room > len(SIGNALS) else SIGNALS[:FEW]), 1


def _note(scene: Scene) -> list[Span]:
    words = [
        word
        for word, on in (("smoothed", scene.view.smooth), ("log axis", scene.view.log_axis))
        if on
    ]
    if scene.view.cursor is not None:
        words.append(f"at step {count(scene.view.cursor)}")
    return [("  ".join(words), "cursor")] if words else [("dashed: usual, alarm", "dim")]


def _signal_rows(signal: Signal, scene: Scene, place: Plot, rows: int) -> tuple[list[Line], int]:
    table: Table | Signals = scene.columns.probes if signal.probed else scene.columns.signals
    traces, low, high = _traces(signal, scene, table, place)
    past = _past(signal, scene, traces[0])
    styles = ("past",) * len(past) + (("signal",) if len(traces) == 1 else ("raw", "strong"))
    raster = rasterise([*past, *traces], place.window, rows, scene.glyphs)
    value = _value(signal, scene, table)
    held = _held(signal, scene, table)
    if held is not None:
        _draw_edge(raster, held, signal, scene, low, high, len(styles))
        styles += ("alarm" if held.out else "usual",)
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
                *_right(row, rows, value, held, _limits(low, high)),
            ]
        )
    return lines, raster.drawn


# ---- what is usual ---------------------------------------------------------------------
def _held(signal: Signal, scene: Scene, table: Table | Signals) -> Held | None:
    """What a signal is held against: its usual band, or the alarm limit of a gap."""
    if signal.probed:
        return _alarm_of_gap(scene, table)
    name = signal.measure.name
    usual = scene.usual.get(name)
    if usual is None:
        return None
    sign = "<" if usual.direction > 0 else ">"
    mean = _newest_mean(scene, table, name)
    out = name in WATCHED and usual.out(mean)
    return Held(edge=usual.edge, words=f"usual {sign} {share(usual.edge)}", out=out)


def _newest_mean(scene: Scene, table: Table | Signals, name: str) -> float:
    """The mean of the steps before the cursor, or of the newest ones."""
    cursor = scene.view.cursor
    end = len(table.steps) if cursor is None else first_at(table.steps, cursor, after=True)
    values = table.column(name)[max(0, end - MEAN_OF) : end]
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _alarm_of_gap(scene: Scene, table: Table | Signals) -> Held | None:
    """The gap at the last healthy probe, had PGD accuracy been at its alarm limit there."""
    healthy = (limit for limit in reversed(scene.limits) if limit.state == HEALTHY.name)
    last = next((limit for limit in healthy if known(limit.alarm)), None)
    if last is None:
        return None
    edge = scene.columns.probes.at("fgsm", last.step) - last.alarm
    if not edge > 0:
        return None
    now = _at_cursor(scene, table, "gap")
    return Held(edge=edge, words=f"alarm > {share(edge)}", out=now > edge)


def _draw_edge(
    raster: Raster,
    held: Held,
    signal: Signal,
    scene: Scene,
    low: float,
    high: float,
    owner: int,
) -> None:
    """Dashes in the row of the edge, through the cells where no line goes."""
    rows = len(raster.rows)
    edge, bottom, top = held.edge, low, high
    if _is_log(signal, scene):
        edge, bottom, top = (math.log10(max(value, LOG_FLOOR)) for value in (edge, low, high))
    if rows < 2 or not top > bottom:
        return
    level = min(1.0, max(0.0, (top - edge) / (top - bottom)))
    dashes(raster, min(rows - 1, int(level * rows)), scene.glyphs.dash, owner)


def _label(measure: Measure) -> str:
    return measure.label if len(measure.label) < LEFT else measure.short


def _is_log(signal: Signal, scene: Scene) -> bool:
    return signal.log and scene.view.log_axis


def _right(row: int, rows: int, value: float, held: Held | None, limits: str) -> list[Span]:
    """The value beside the first row; below it, or beside it, what it is held against."""
    style = "alert" if held is not None and held.out else "strong"
    short = held.words.replace("usual ", "").replace("alarm ", "").replace(" ", "") if held else ""
    if row == 0:
        spans: list[Span] = [(f" {share(value):>4}", style)]
        if held is not None and held.out:
            spans.append((" !!", style))
        elif rows == 1:
            spans.append(("   ", "text"))
        return spans if rows > 1 or len(short) > 4 else [*spans, (f" {short}", "faint")]
    if row == 1:
        return [(f" {held.words if held is not None else limits}", "faint")]
    return [(f" {limits}", "faint")] if row == rows - 1 else []


def _limits(low: float, high: float) -> str:
    return f"{narrow(f'{low:g}')}-{high:.2g}"


def _value(signal: Signal, scene: Scene, table: Table | Signals) -> float:
    return _at_cursor(scene, table, signal.measure.name)


def _at_cursor(scene: Scene, table: Table | Signals, name: str) -> float:
    """The value at the cursor, or the newest one."""
    if scene.view.cursor is not None:
        return table.at(name, scene.view.cursor)
    column = table.column(name)
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

"""The accuracy chart: clean, FGSM and PGD accuracy on held-out images, and what they are held to.

Lines are named where they end. Below them, dashed, the best PGD accuracy that the detector expects
at the budget of each probe, and the limit below which a probe counts as fallen.
"""

import math
from collections.abc import Sequence

import numpy as np

from selffit.eventlog import kinds
from selffit.eventlog.records import num
from selffit.numbers import budget, count, known, share
from selffit.run.judged.ahead import final_budget, full_budget_at
from selffit.vocabulary import ACCURACY, STEP
from selffit_tui.draw.raster import Raster, Trace, rasterise
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.model.scene import Scene
from selffit_tui.panels.panel import REST, Panel
from selffit_tui.panels.parts.bars import levels_of
from selffit_tui.panels.parts.charting import LEFT, RIGHT, Plot, axis_rows, plot, plot_row
from selffit_tui.panels.parts.empty import why_empty
from selffit_tui.panels.parts.inside import place, put

TITLE = "accuracy on held-out images"
COMES = "the first one measures the untrained network, at step 0"
LIMITS = ("best", "alarm")
SERIES = ("final_pgd", "clean", "fgsm", "pgd")  # later ones are drawn on top
STYLES = ("final", "clean", "fgsm", "pgd")
PAST = ("clean", "fgsm", "pgd")  # of what was left behind
PAST_STYLES = ("past_clean", "past_fgsm", "past_pgd")
LETTERS = {"final_pgd": "f", "clean": "c", "fgsm": "F", "pgd": "P"}  # along lines without colours
DASH = 4  # columns of a dash of a limit
LETTER_EVERY = 15  # cells
ROOM_FOR_EPS = 11  # lines from which the budget has one
NAME = 6  # cells of a line's name at its end
BESIDE = 92  # cells from which the names stand beside the plot


class AccuracyPanel(Panel):
    """Robust accuracy through the steps of training."""

    name = "accuracy"
    title = "accuracy"
    help = "accuracy alone (narrow: first both charts)"
    keys = ("1", "f2")

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """What the charts below it leave."""
        return REST

    @staticmethod
    def terms(scene: Scene) -> Sequence[tuple[str, str]]:
        """The accuracies and the two limits."""
        return (
            *((one.label, one.meaning) for one in ACCURACY.values()),
            ("best", "PGD accuracy of a healthy network at the budget of the probe"),
            ("alarm", "PGD accuracy below which a probe counts as fallen, while FGSM stays up"),
            ("eps", STEP["eps"].meaning),
        )

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The chart in its border."""
        return accuracy_lines(scene, width, height, letters=self._inks["clean"].color is None)


def accuracy_lines(scene: Scene, width: int, height: int, letters: bool = False) -> list[Line]:
    """The chart in its border; `letters`: without colours, lines are told apart by letters."""
    state, table = scene.state, scene.columns.probes
    probe = state.current(kinds.RobustProbe)
    if probe is None:
        empty = why_empty(scene, width - 2, "probe", comes=(COMES,))
        return framed(empty, width, height, scene.glyphs, [(TITLE, "title")])
    inner_height = height - 2
    beside = width >= BESIDE or (not scene.narrow and width >= 60)
    where = plot(scene, width - 2, RIGHT if beside else 1)
    strip = _eps_strip(scene, where) if inner_height >= ROOM_FOR_EPS - 2 else []
    room = inner_height - 2 - len(strip)
    rows, parts = axis_parts(room)
    left_behind = [track.probes for track in scene.columns.abandoned]
    traces = [
        Trace(past.steps, past.column(name), dotted=True) for past in left_behind for name in PAST
    ]
    styles = [*PAST_STYLES * len(left_behind), *LIMITS, *STYLES]
    limits = len(traces)
    traces += _limit_traces(scene)
    first = len(traces)
    traces += [Trace(table.steps, table.column(name)) for name in SERIES]
    raster = rasterise(traces, where.window, rows, scene.glyphs)
    if letters:
        _letters(raster, scene, where, first)
    ends = _end_labels(scene, rows)
    if not beside:
        _ends_inside(raster, ends, styles, where)
        ends = {}
    _limit_labels(raster, scene, limits, where)
    body: list[Line] = [[] for _ in range(room - rows)]
    for row in range(rows):
        drawn = plot_row(raster, row, styles, where, scene)
        body.append([*_axis_label(row, rows, parts, scene), *drawn, *ends.get(row, [])])
    body += [*axis_rows(where, scene), *strip]
    return framed(
        body, width, height, scene.glyphs, *_edges(scene, where, probe, width), _said(where, scene)
    )


def _edges(
    scene: Scene, where: Plot, probe: kinds.RobustProbe, width: int
) -> tuple[list[Span], list[Span]]:
    """Title and note: what is measured, and the values at the cursor."""
    title = f"accuracy on {count(probe.n)} held-out images"
    if scene.view.cursor is not None:
        return [(AccuracyPanel.name, "title")], _readout(scene)
    if width < 60:
        return [(f"accuracy, n {count(probe.n)}", "title")], []
    steps: list[Span] = [(f"  PGD of {probe.pgd_steps} steps", "dim")] if probe.pgd_steps else []
    return [(title, "title"), *(steps if width >= 78 else [])], []


# ---- axis ------------------------------------------------------------------------------
def axis_parts(room: int) -> tuple[int, int]:
    """Rows of the plot and parts of its axis: every label lies exactly on a row.

    At most two rows are spared.
    """
    for several in ((10, 5, 4), (2,)):
        for rows in range(room, room - 3, -1):
            for parts in several:
                if (rows - 1) % parts == 0 and (rows - 1) // parts >= 2:
                    return rows, parts
    return max(1, room), 1


def _axis_label(row: int, rows: int, parts: int, scene: Scene) -> list[Span]:
    if row * parts % max(1, rows - 1):
        return [(" " * (LEFT - 1), "text"), (scene.glyphs.upright, "frame")]
    return [
        (share(1 - row / max(1, rows - 1)).rjust(LEFT - 2) + " ", "dim"),
        (scene.glyphs.axis, "frame"),
    ]


# ---- limits ----------------------------------------------------------------------------
def _limit_traces(scene: Scene) -> list[Trace]:
    """The best and the alarm limit at each probe, dashed: not like what was left behind."""
    found = scene.limits
    steps = np.array([limit.step for limit in found], dtype=np.float64)
    return [
        Trace(steps, np.array([getattr(one, name) for one in found]), dotted=True, dash=DASH)
        for name in LIMITS
    ]


def _limit_labels(raster: Raster, scene: Scene, first: int, where: Plot) -> None:
    """Names the two limits in the plot, beside their lines, where nothing is drawn."""
    if not scene.limits:
        return
    newest, rows = scene.limits[-1], len(raster.rows)
    free = {-1, first, first + 1}
    taken = [cell for cell, mark in where.marks.items() if mark.live]
    for offset, (words, value) in enumerate(
        (
            (f"best {share(newest.best)}", newest.best),
            (f"alarm below {share(newest.alarm)}", newest.alarm),
        )
    ):
        if not known(value):
            continue
        row = round((1 - value) * (rows - 1))
        for near in (row, row + 1, row - 1):
            start = place(raster, near, words, free, taken) if 0 <= near < rows else None
            if start is not None:
                put(raster, near, start, words, first + offset)
                break


# ---- names of lines --------------------------------------------------------------------
def _end_labels(scene: Scene, rows: int) -> dict[int, list[Span]]:
    """The names and newest values of the lines by row.

    They are moved apart where lines end close together.
    """
    probe = scene.state.current(kinds.RobustProbe)
    assert probe is not None
    named = [
        (ACCURACY["clean"].label, probe.clean, "clean"),
        (ACCURACY["fgsm"].label, probe.fgsm, "fgsm"),
        (ACCURACY["pgd"].label, probe.pgd, "pgd"),
    ]
    if known(probe.final_pgd) and probe.final_pgd != probe.pgd:
        named.append((f"@{budget(probe.final_eps)}", probe.final_pgd, "final"))
    shown = sorted((item for item in named if known(item[1])), key=lambda item: -item[1])
    wanted = [round((1 - min(1.0, max(0.0, value))) * (rows - 1)) for _, value, _ in shown]
    placed = spaced(wanted, rows)
    labels = zip(placed, shown, strict=False)
    return {
        row: [(f" {name[:8]:<{NAME}} ", style), (share(value).rjust(4), style)]
        for row, (name, value, style) in labels
    }


def _ends_inside(
    raster: Raster, ends: dict[int, list[Span]], styles: Sequence[str], where: Plot
) -> None:
    """Writes the names over the last cells of the plot."""
    for row, spans in ends.items():
        words = " ".join("".join(text for text, _ in spans).split())
        put(raster, row, max(0, where.cells - len(words) - 1), f" {words}", -1)
        start = max(0, where.cells - len(words))
        put(raster, row, start, words, list(styles).index(spans[0][1]))


def spaced(wanted: list[int], rows: int) -> list[int]:
    """Rows in rising order as close as possible to `wanted` (rising), no two the same.

    There are fewer where they do not fit.
    """
    placed: list[int] = []
    for row in wanted[:rows]:
        placed.append(max(row, placed[-1] + 1) if placed else row)
    limit = rows - 1
    for index in range(len(placed) - 1, -1, -1):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - 1
    return placed


def _letters(raster: Raster, scene: Scene, where: Plot, first: int) -> None:
    """Without colours: a letter on each line every so many cells, each line at its own."""
    table, rows = scene.columns.probes, len(raster.rows)
    for index, name in enumerate(SERIES):
        for cell in range(4 + 3 * index, where.cells, LETTER_EVERY):
            step = where.window.start + (cell + 0.5) * where.across * where.window.width
            value = table.at(name, step)
            if not known(value) or not rows:
                continue
            row = math.floor((1 - min(1.0, max(0.0, value))) * (rows - 1) + 0.5)
            near = [r for r in (row, row - 1, row + 1) if 0 <= r < rows]
            mine = next((r for r in near if raster.owners[r, cell] >= first), None)
            if mine is not None:
                put(raster, mine, cell, LETTERS[name], first + index)


# ---- the budget ------------------------------------------------------------------------
def _eps_strip(scene: Scene, where: Plot) -> list[Line]:
    """One line: how the training budget rises below the steps, and where it ends."""
    table, final = scene.columns.probes, final_budget(scene.state)
    if not known(final) or final <= 0 or not len(table.steps):
        return []
    levels = levels_of(scene.glyphs)
    drawn = []
    last = float(table.steps[-1])
    for cell in range(where.cells):
        step = where.window.start + (cell + 1) * where.across * where.window.width - 1
        if step - where.across * where.window.width > last:
            break
        value = table.at("eps", min(step, last)) / final
        if not known(value):
            drawn.append(" ")
            continue
        drawn.append(levels[min(len(levels) - 1, max(0, math.ceil(value * len(levels)) - 1))])
        if value >= 1 - 1e-6:
            break
    words = _eps_words(scene, final)
    strip = "".join(drawn)
    if len(set(strip.strip())) <= 1:
        strip = ""
    room = where.cells - len(strip) - 2
    told = next((form for form in words if len(form) <= room), "")
    return [
        [
            ("eps".rjust(LEFT - 2), "faint"),
            ("  ", "text"),
            (strip, "title"),
            (f"  {told}" if strip and told else told, "dim"),
        ]
    ]


def _eps_words(scene: Scene, final: float) -> tuple[str, ...]:
    """Where the budget goes, the longest words first."""
    state, at = scene.state, full_budget_at(scene.state)
    configured = num(state.config.get("eps"))
    changed = final != configured
    if at is None or changed:
        return (f"{budget(final)} at every step" if not changed else f"now {budget(final)}",)
    if state.step < at:
        words = f"rises to {budget(final)} by step {count(at)}"
        return (f"{words}, then stays", words, f"to {budget(final)} by {count(at)}")
    return (
        f"{budget(final)} since step {count(at)}",
        f"{budget(final)} since {count(at)}",
        budget(final),
    )


# ---- what is said below ----------------------------------------------------------------
def _readout(scene: Scene) -> list[Span]:
    """The values at the cursor."""
    cursor = scene.view.cursor
    if cursor is None:
        return []
    spans: list[Span] = [(f"at step {count(cursor)}", "cursor")]
    for name, style in (("clean", "clean"), ("fgsm", "fgsm"), ("pgd", "pgd")):
        spans += [
            (f"  {ACCURACY[name].label} ", "dim"),
            (share(scene.columns.probes.at(name, cursor)), style),
        ]
    return spans


def _said(where: Plot, scene: Scene) -> list[Span]:
    steps, columns = scene.columns.measured, where.window
    shown = steps[(steps >= columns.start) & (steps < columns.end)]
    drawn = len({columns.column(step) for step in shown.tolist()})
    zoom = f"zoom {2**scene.view.zoom}×  " if scene.view.zoom else ""
    probes = f"{count(len(steps))} probe{'s' if len(steps) != 1 else ''}"
    past = "dotted: left behind  " if scene.columns.abandoned else ""
    return [(f"{past}{zoom}{probes}, {drawn} drawn", "faint")]

"""The accuracy chart: clean, FGSM and PGD accuracy on held-out images.

Lines are labelled at their newest points.
"""

from selffit.eventlog import kinds
from selffit.numbers import budget, count, known, narrow, share
from selffit.vocabulary import ACCURACY
from selffit_tui.draw.raster import Trace, rasterise
from selffit_tui.draw.spans import Line, Span, framed
from selffit_tui.model.scene import Scene
from selffit_tui.panels.panel import REST, Panel
from selffit_tui.panels.parts.charting import LEFT, Plot, axis_rows, plot, plot_row
from selffit_tui.panels.parts.empty import why_empty
from selffit_tui.words.accuracy import pgd_label

COMES = "the first one measures the untrained network, at step 0"
SERIES = ("final_pgd", "clean", "fgsm", "pgd")  # later ones are drawn on top
STYLES = ("final", "clean", "fgsm", "pgd")
PAST = ("clean", "fgsm", "pgd")  # of what was left behind
PAST_STYLES = ("past_clean", "past_fgsm", "past_pgd")


class AccuracyPanel(Panel):
    """Robust accuracy through the steps of training."""

    name = "accuracy"
    title = "accuracy on held-out images"

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """What the charts below it leave."""
        return REST

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The chart in its border."""
        return accuracy_lines(scene, width, height)


def accuracy_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The chart in its border."""
    state, table = scene.state, scene.columns.probes
    probe = state.current(kinds.RobustProbe)
    title: list[Span] = [
        (AccuracyPanel.title if scene.view.cursor is None else AccuracyPanel.name, "title")
    ]
    if probe is None:
        body = why_empty(scene, width - 2, "probe", comes=(COMES,))
        return framed(body, width, height, scene.glyphs, title)
    title.append((f"  n {count(probe.n)}", "dim"))
    inner_width, inner_height = width - 2, height - 2
    place = plot(scene, inner_width)
    rows, parts = axis_parts(inner_height - 2)
    left_behind = [track.probes for track in scene.columns.abandoned]
    traces = [
        Trace(past.steps, past.column(name), dotted=True) for past in left_behind for name in PAST
    ]
    styles = PAST_STYLES * len(left_behind) + STYLES
    traces += [Trace(table.steps, table.column(name)) for name in SERIES]
    raster = rasterise(traces, place.window, rows, scene.glyphs)
    body = [[] for _ in range(inner_height - 2 - rows)]
    ends = _end_labels(scene, rows)
    for row in range(rows):
        drawn = plot_row(raster, row, styles, place, scene)
        body.append([*_axis_label(row, rows, parts, scene), *drawn, *ends.get(row, [])])
    body += axis_rows(place, scene)
    return framed(body, width, height, scene.glyphs, title, _readout(scene), _said(place, scene))


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
        (f"{1 - row / max(1, rows - 1):.2f}".rjust(LEFT - 2) + " ", "dim"),
        (scene.glyphs.axis, "frame"),
    ]


def _end_labels(scene: Scene, rows: int) -> dict[int, list[Span]]:
    """The names and newest values of the lines by row.

    They are moved apart where lines end close together.
    """
    probe = scene.state.current(kinds.RobustProbe)
    assert probe is not None
    named = [
        (ACCURACY["clean"].label, probe.clean, "clean"),
        (ACCURACY["fgsm"].label, probe.fgsm, "fgsm"),
        (pgd_label(probe.pgd_steps), probe.pgd, "pgd"),
    ]
    if known(probe.final_pgd) and probe.final_pgd != probe.pgd:
        named.append((f"@{narrow(budget(probe.final_eps))}", probe.final_pgd, "final"))
    shown = sorted((item for item in named if known(item[1])), key=lambda item: -item[1])
    wanted = [round((1 - min(1.0, max(0.0, value))) * (rows - 1)) for _, value, _ in shown]
    placed = spaced(wanted, rows)
    labels = zip(placed, shown, strict=False)
    return {
        row: [(f" {name[:7]:<6} ", style), (share(value), style)]
        for row, (name, value, style) in labels
    }


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


def _said(place: Plot, scene: Scene) -> list[Span]:
    steps, columns = scene.columns.measured, place.window
    shown = steps[(steps >= columns.start) & (steps < columns.end)]
    drawn = len({columns.column(step) for step in shown.tolist()})
    zoom = f"zoom {2**scene.view.zoom}×  " if scene.view.zoom else ""
    probes = f"{count(len(steps))} probe{'s' if len(steps) != 1 else ''}"
    past = "dotted: left behind  " if scene.columns.abandoned else ""
    return [(f"{past}{zoom}{probes}, {drawn} drawn", "faint")]

"""Self-information: how much the network reads of the image, and how much of itself.

All values are our operational definitions (see `selffit.probes.selfinfo`).
"""

import math
from collections.abc import Sequence

from selffit import vocabulary
from selffit.eventlog import kinds
from selffit.numbers import count, known, share
from selffit.run.folded.state import RunState
from selffit.run.judged.wording import cause_words
from selffit.vocabulary import COMPONENT, SELF, Measure
from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.spans import Line, Span, framed, width_of
from selffit_tui.model.scene import Scene
from selffit_tui.panels.panel import Panel, band
from selffit_tui.panels.parts.bars import history_rows, share_bar
from selffit_tui.panels.parts.charting import LEFT, RIGHT, Plot, axis_rows, plot
from selffit_tui.panels.parts.empty import why_empty
from selffit_tui.words.diagnosis import lead_words

FEWEST_HISTORY = 10  # cells in which a history says something
ALIGNED_HISTORY = 20  # cells from which it takes the place of the plots above it
NAME, NUMBER = 16, 6  # cells of a row beside its bar and its history
MEANING = 28  # cells of what a row measures, in a wide panel
NOTCHED = 10  # cells of a bar from which chance is marked in it


INDEX = SELF["index"]
LIGHT = tuple(
    SELF[name]
    for name in (
        *("clean", "signs", "own", "other", "carrier_grey"),
        *("conflict_self", "conflict_data", "abnormal", "swap"),
    )
)
KEPT = (  # first to last, where not all of them fit
    *("own", "carrier_grey", "abnormal", "clean", "conflict_self"),
    *("conflict_data", "other", "signs", "swap"),
)
FULL = tuple(  # the most telling first: where not all fit, the last ones are left out
    SELF[name]
    for name in (
        *("carrier_mean", "carrier_noise", "p_abnormal", "p_dominate"),
        *("shuffled", "control_mean", "control_noise", "control_swap", "control_conflict"),
    )
)
FEWEST_FULL = 3  # of them
COMES = "it is measured with every probe, once eps is above 0"


class SelfPanel(Panel):
    """What the network reads."""

    name = "self"
    title = "self-information"
    help = "self-information alone: what the network reads of itself"
    keys = ("6", "f7")
    side = "right"

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """The middle band on the right."""
        return 0 if narrow else band(room, 1)

    @staticmethod
    def terms(scene: Scene) -> Sequence[tuple[str, str]]:
        """What is measured of what the network reads."""
        return [(one.short, one.meaning) for one in (INDEX, *LIGHT, *FULL)]

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The rows in their border."""
        return self_lines(scene, width, height)


def self_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The rows in their border."""
    glyphs, state = scene.glyphs, scene.state
    title: list[Span] = [(SelfPanel.title, "title")]
    line = scene.on_line(state.all(kinds.SelfProbe))
    probes = scene.up_to_cursor(line)
    inner, room = width - 2, height - 2
    if not probes:
        body = why_empty(
            scene,
            inner,
            "self-information",
            comes=(COMES,),
            measured=len(state.all(kinds.SelfProbe)) > 0,
            probes="self_images",
        )
        return framed(body, width, height, glyphs, title)
    newest = probes[-1]
    title.append((f"  n {count(newest.n)}", "dim"))
    note: list[Span] = [(f"step {count(newest.step)}", "dim")]
    diagnosis = scene.newest_of(state.all(kinds.Diagnosis))
    table = _Table(line, probes, scene, inner)
    lead = "" if diagnosis is None else lead_words(diagnosis.lead)
    head = _head(newest, diagnosis, lead, scene, inner, room - len(LIGHT)) if room > 2 else []
    body = [*head, *table.lines(room - len(head))]
    said = wrap(diagnosis.text, inner - 2) if diagnosis is not None else []
    if said and len(body) + len(said) < room:
        body += [[], *([(f" {part}", "dim")] for part in said)]
    told = any(lead in text for line in head for text, _ in line)
    foot = _foot(newest, "" if told else lead, table, scene, inner)
    return framed(body, width, height, glyphs, title, note, foot)


# ---- index and diagnosis -----------------------------------------------------------------
def _head(
    probe: kinds.SelfProbe,
    diagnosis: kinds.Diagnosis | None,
    lead: str,
    scene: Scene,
    width: int,
    room: int,
) -> list[Line]:
    """Index and disease in one line.

    Where there is `room` for two also what the index is made of.
    """
    index: Line = [(f" {INDEX.label} ", "dim"), (share(probe.index), "strong")]
    disease = _disease(diagnosis, scene)
    parts: Line = [("  signs", "dim")]
    for part in COMPONENT.values():
        if known(value := probe.components.get(part.name, math.nan)):
            parts += [(f"  {part.label} ", "dim"), (share(value), "text")]
    moved: Line = [(f"  {lead}", "text")] if lead else []
    if room >= 2 and len(parts) > 1 and width_of([*index, *parts]) < width:
        return [[*index, *parts], [(" ", "text"), *disease, *moved]]
    line: Line = [*index, ("  ", "text"), *disease]
    return [[*line, *moved] if width_of([*line, *moved]) < width else line]


def _disease(diagnosis: kinds.Diagnosis | None, scene: Scene) -> Line:
    alerts = scene.on_line(scene.state.all(kinds.Alert))
    if diagnosis is None:
        cursor = math.inf if scene.view.cursor is None else scene.view.cursor
        if any(alert.level == "onset" and alert.about <= cursor for alert in alerts):
            return [("onset, not diagnosed yet", "alert")]
        return [
            (
                "no onset"
                if scene.state.ending is not None and cursor == math.inf
                else "no onset so far",
                "dim",
            )
        ]
    words = cause_words(diagnosis.disease)
    if any(
        alert.level == "recovered" and alert.step > diagnosis.step
        for alert in scene.up_to_cursor(alerts)
    ):
        return [
            (f"{scene.glyphs.symbols['recovered']} recovered", "good"),
            (f" from {words}", "dim"),
        ]
    disease = vocabulary.disease_of(diagnosis.disease)
    return [(f"{scene.glyphs.symbols[disease.symbol]} {words}", disease.style)]


def _foot(
    probe: kinds.SelfProbe, lead: str, table: "_Table", scene: Scene, width: int
) -> list[Span]:
    """The lead of the index, chance, the other network, whose definition it is: what fits."""
    glyphs = scene.glyphs
    if len(lead) > width - 4:
        lead = lead.removeprefix("index moved ")
    parts = [lead] if lead else []
    if table.notched:
        parts.append(f"{glyphs.mark} chance {share(table.chance)}")
    if probe.reference_step is not None:
        parts.append(f"other network: step {count(probe.reference_step)}")
    if scene.view.panel != "overview":
        parts.append("our operational definition")
    while parts and len("  ".join(parts)) > width - 4:
        parts.pop()
    return [("  ".join(parts), "faint")] if parts else []


# ---- the table ---------------------------------------------------------------------------
class _Table:
    """The rows of a panel, `width` cells inside its border: name, meaning, history, bar, number.

    Histories are those of the whole `line`, numbers those of the newest of `probes`. In an overview
    the histories lie below the plots of the other charts, step by step.
    """

    def __init__(
        self,
        line: Sequence[kinds.SelfProbe],
        probes: Sequence[kinds.SelfProbe],
        scene: Scene,
        width: int,
    ) -> None:
        self.newest = probes[-1]
        self.scene = scene
        self.glyphs = scene.glyphs
        self.width = width
        self.full = next((probe for probe in reversed(probes) if probe.full), None)
        self.aligned = scene.view.panel == "overview" and width - LEFT - RIGHT >= ALIGNED_HISTORY
        self.meaning = MEANING if width >= 96 and not self.aligned else 0
        self.name = LEFT if self.aligned else NAME
        rest = max(0, width - self.name - self.meaning - NUMBER - 1)
        history = width - LEFT - RIGHT if self.aligned else rest * 3 // 5
        self.history = history if history >= FEWEST_HISTORY else 0
        self.bar = max(0, rest - self.history - (2 if self.history else 0))
        self.place = plot(scene, self.history + LEFT + RIGHT)
        self.cells = _in_cells(line, self.place) if self.history else {}
        self.full_cells = {
            cell: full
            for cell, probes in self.cells.items()
            if (full := [probe for probe in probes if probe.full])
        }
        self.chance = _chance(scene.state)
        self.notched = known(self.chance) and self.bar >= NOTCHED

    def lines(self, room: int) -> list[Line]:
        """What fits into `room` lines: light set, newest full set, the steps below histories."""
        if room <= 0:
            return []
        light = [row for row in LIGHT if row.name in KEPT[:room]]
        axis = self._axis()[: room - len(light)]
        room -= len(light) + len(axis)
        values = self.full.values if self.full is not None else {}
        full = [row for row in FULL if row.name in values][: max(0, room - 1)]
        if self.full is None or len(full) < FEWEST_FULL:
            full = []
        section = 1 + len(full) if full else 0
        if self.history and room > section:
            light = [INDEX, *light]
            room -= 1
        high = 2 if self.history and room - section >= len(light) else 1
        lines = [drawn for row in light for drawn in self._row(row, self.newest, self.cells, high)]
        if self.full is not None and full:
            words = f" full set of step {count(self.full.step)} "
            lines.append(
                [(words, "dim"), (self.glyphs.rule * max(0, self.width - len(words)), "frame")]
            )
            lines += [
                drawn for row in full for drawn in self._row(row, self.full, self.full_cells, 1)
            ]
        return lines + axis

    def _row(
        self,
        row: Measure,
        newest: kinds.SelfProbe,
        cells: dict[int, list[kinds.SelfProbe]],
        high: int,
    ) -> list[Line]:
        """Name, history, bar and number of one value.

        A history of more than one line grows above them.
        """
        value = _value(row.name, newest)
        left: Line = [
            (fit(f" {row.label}", self.name, ""), "text"),
            (fit(row.brief, self.meaning, ""), "dim"),
        ]
        if self.aligned:
            left = [(fit(row.short, LEFT - 1, ""), "text"), (self.glyphs.upright, "frame")]
        chance = self.chance if row.chance and self.notched else math.nan
        right = share_bar(value, self.bar, _style(row), self.glyphs, chance)
        if row.name == "other" and not known(value):
            right = [(fit("no healthy one" if self.bar >= 14 else "none", self.bar, ""), "faint")]
        right.append((f"{share(value):>{NUMBER}}", _style(row) if known(value) else "faint"))
        if not self.history:
            return [[*left, *right]]
        drawn = history_rows(
            _by_cell(row.name, cells, self.place), high, _style(row), self.place, self.glyphs
        )
        blank: Line = [(" " * (self.name + self.meaning), "text")]
        above = [[*blank, *spans] for spans in drawn[:-1]]
        return [*above, [*left, *drawn[-1], ("  ", "text"), *right]]

    def _axis(self) -> list[Line]:
        """The steps below the histories: the rule with its marks, and the numbers."""
        if not self.history:
            return []
        left = self.name + self.meaning
        # their first two spans are the margin of a chart
        rule, numbers = axis_rows(self.place, self.scene)
        word: Span = ("step".rjust(left - 2) + "  ", "faint")
        return [[(" " * left, "text"), *rule[2:]], [word, *numbers[2:]]]


def _chance(state: RunState) -> float:
    """What a guess reaches, NaN where the log does not tell the number of classes."""
    classes = state.start.classes if state.start is not None else 0
    return 1.0 / classes if classes > 1 else math.nan


def _style(row: Measure) -> str:
    """The ink of what speaks of the image, or of the network; the index stands above both."""
    if row is INDEX:
        return "strong"
    return "self" if row.of == "self" else "data"


def _value(name: str, probe: kinds.SelfProbe) -> float:
    return probe.index if name == INDEX.name else probe.values.get(name, math.nan)


def _in_cells(probes: Sequence[kinds.SelfProbe], place: Plot) -> dict[int, list[kinds.SelfProbe]]:
    """The probes of each cell of a history, in order; -1 and `cells` are outside the window.

    Found once for all rows: a long run has thousands of probes.
    """
    groups: dict[int, list[kinds.SelfProbe]] = {}
    for probe in probes:
        cell = min(max(-1, place.cell(probe.step)), place.cells)
        groups.setdefault(cell, []).append(probe)
    return groups


def _by_cell(name: str, groups: dict[int, list[kinds.SelfProbe]], place: Plot) -> list[float]:
    """A value for each cell of a history: it lasts until the next probe.

    NaN before the first and after the last.

    Where several probes share a cell the one that differs most from the cell before, so that what
    lasts only one probe is seen.
    """
    cells = [math.nan] * (place.cells + 1)
    before, end = math.nan, 0
    for cell, probes in groups.items():
        if cell >= 0:
            cells[end:cell] = [before] * (cell - end)
            cells[cell] = _farthest([_value(name, probe) for probe in probes], before)
        before, end = _value(name, probes[-1]), cell + 1
    return cells[: place.cells]


def _farthest(values: Sequence[float], before: float) -> float:
    seen = [value for value in values if known(value)]
    if not seen or not known(before):
        return seen[-1] if seen else math.nan
    return max(seen, key=lambda value: abs(value - before))

"""The columns of the list of runs: the one table of them, and which a width has room for."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from selffit.numbers import UNKNOWN, age, budget, known, share
from selffit.run.listing.row import Row
from selffit.vocabulary import ACCURACY, UNMEASURED, standing_of, state_of
from selffit_tui.draw.format import fit_middle
from selffit_tui.draw.spans import Line, Span
from selffit_tui.model.listing.letters import ink_of
from selffit_tui.model.listing.scene import ListScene
from selffit_tui.panels.parts.spark import spark
from selffit_tui.words.standing import standing_words

Cell = Callable[[Row, ListScene, int], Line]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    order: the name of what the list is sorted by where it is sorted by this. least, most: cells.
    rank: those of the highest are left out first where there is little room. right: its text is
    flush right. grows: it takes what is left, up to `most`, those of the lowest number first.
    """

    title: str
    cell: Cell
    least: int
    rank: int
    most: int = 0
    order: str = ""
    right: bool = False
    grows: int = 0
    meaning: str = ""


def _mark(row: Row, scene: ListScene, width: int) -> Line:
    letter = scene.view.marks.get(row.name, "")
    here = scene.row is not None and scene.row.name == row.name
    pointer = scene.glyphs.symbols["chosen"] if here else " "
    return [(pointer, "strong"), (letter, ink_of(letter))]


def _name(row: Row, scene: ListScene, width: int) -> Line:
    name = row.shown
    shown = fit_middle(name, width, scene.glyphs.ellipsis) if cell_len(name) > width else name
    return [(shown, "strong")]


def _symbol(row: Row, scene: ListScene, width: int) -> Line:
    if not row.read:
        return [(scene.glyphs.bullet, "faint")]
    state = state_of(row.state)
    return [(scene.glyphs.symbols[state.symbol], ink(state.style))]


def _state(row: Row, scene: ListScene, width: int) -> Line:
    if not row.read:
        return [(scene.glyphs.ellipsis, "faint")]
    return [(row.state, ink(state_of(row.state).style))]


def ink(style: str) -> str:
    """The ink of the style of a state: banners are for whole lines."""
    return {"ended": "alert", "paused": "warn", "onset": "alert"}.get(style, style)


def _age(row: Row, scene: ListScene, width: int) -> Line:
    return [(age(scene.now - row.created) if row.created else UNKNOWN, "dim")]


def _method(row: Row, scene: ListScene, width: int) -> Line:
    return [(str(row.settings.get("method") or UNKNOWN), "text")]


def _eps(row: Row, scene: ListScene, width: int) -> Line:
    eps = row.settings.get("eps")
    return [(budget(float(eps)) if isinstance(eps, int | float) else UNKNOWN, "text")]


def _epoch(row: Row, scene: ListScene, width: int) -> Line:
    if not known(row.epoch) or not row.steps:
        return [(UNKNOWN, "dim")]
    done = f"{math.floor(row.epoch + 1e-6)}"
    return [(f"{done}/{row.epochs:g}" if known(row.epochs) else done, "dim")]


def _score(name: str, of_best: bool, style: str) -> Cell:
    def cell(row: Row, scene: ListScene, width: int) -> Line:
        value = getattr(row.best if of_best else row.now, name)
        return [(share(value), style)]

    return cell


def _verdict(row: Row, scene: ListScene, width: int) -> Line:
    if row.why:
        return [(row.why, "warn")]
    if not row.verdict:
        return [("" if row.read else "not read yet", "faint")]
    stands = {"state": row.verdict, "cause": row.cause, "since": row.since}
    style = standing_of(row.verdict).style
    troubles = ", ".join(row.troubles)
    if not troubles:
        return [(standing_words(stands, width), style)]
    room = max(1, width - cell_len(troubles) - 2)
    wrong: Span = (troubles, "alert" if row.serious else "warn")
    if row.verdict == UNMEASURED.name:  # what is wrong is all that there is to tell
        return [wrong]
    return [(f"{standing_words(stands, room)}; ", style), wrong]


def _curve(row: Row, scene: ListScene, width: int) -> Line:
    return [(spark(row.curve, width, scene.glyphs), "pgd")]


def _tags(row: Row, scene: ListScene, width: int) -> Line:
    return [(" ".join(row.labels.tags), "title")]


COLUMNS = (
    Column(title="", cell=_mark, least=2, rank=0),
    Column(title="name", order="name", cell=_name, least=12, most=28, rank=0, grows=1),
    Column(title="", cell=_symbol, least=1, rank=0),
    Column(title="state", order="state", cell=_state, least=8, most=13, rank=5, grows=3),
    Column(
        title="age",
        order="age",
        cell=_age,
        least=6,
        rank=6,
        right=True,
        meaning="since the run was made",
    ),
    Column(title="method", order="method", cell=_method, least=7, most=14, rank=3, grows=4),
    Column(
        title="eps",
        order="eps",
        cell=_eps,
        least=6,
        rank=4,
        right=True,
        meaning="the budget that the run was configured with",
    ),
    Column(title="epoch", order="epoch", cell=_epoch, least=6, most=9, rank=9, right=True, grows=5),
    Column(
        title="clean",
        order="clean",
        cell=_score("clean", False, "clean"),
        least=5,
        rank=7,
        right=True,
        meaning=ACCURACY["clean"].meaning,
    ),
    Column(title="best", cell=_score("clean", True, "dim"), least=4, rank=11, right=True),
    Column(
        title="FGSM",
        order="fgsm",
        cell=_score("fgsm", False, "fgsm"),
        least=4,
        rank=7,
        right=True,
        meaning=ACCURACY["fgsm"].meaning,
    ),
    Column(title="best", cell=_score("fgsm", True, "dim"), least=4, rank=11, right=True),
    Column(
        title="PGD",
        order="pgd",
        cell=_score("pgd", False, "pgd"),
        least=4,
        rank=1,
        right=True,
        meaning=ACCURACY["pgd"].meaning,
    ),
    Column(
        title="best",
        order="best",
        cell=_score("pgd", True, "text"),
        least=4,
        rank=4,
        right=True,
        meaning="the highest at the budget of the newest probe",
    ),
    Column(
        title="verdict",
        order="verdict",
        cell=_verdict,
        least=18,
        most=34,
        rank=0,
        grows=2,
        meaning="what stands now",
    ),
    Column(
        title="PGD past",
        cell=_curve,
        least=8,
        most=24,
        rank=8,
        grows=6,
        meaning="through its probes, full height at its own highest",
    ),
    Column(title="tags", cell=_tags, least=8, most=16, rank=12, grows=7),
)


EXTRA = 8  # ranks of columns that are there only where these have so many cells, if they need them
VITAL = ((_name, 20), (_verdict, 26))


def fitting(width: int, rows: Sequence[Row], scene: ListScene) -> list[tuple[Column, int]]:
    """The columns that there is room for, with the cells of each.

    The two that say which run it is and how it stands are never left out.
    """
    kept = list(COLUMNS)
    vital = sum(
        max(0, min(enough, _wanted(column, rows, scene)) - column.least)
        for column in COLUMNS
        for cell, enough in VITAL
        if column.cell is cell
    )
    while (worst := max(column.rank for column in kept)) > 0:
        if _needed(kept) + (vital if worst >= EXTRA else 0) <= width:
            break
        kept = [column for column in kept if column.rank != worst]
    cells = {id(column): column.least for column in kept}
    left = width - _needed(kept)
    for column in sorted((c for c in kept if c.grows), key=lambda column: column.grows):
        wanted = _wanted(column, rows, scene)
        more = min(max(0, left), max(0, min(column.most, wanted) - column.least))
        cells[id(column)] += more
        left -= more
    return [(column, cells[id(column)]) for column in kept]


def _needed(columns: Sequence[Column]) -> int:
    return sum(column.least + 1 for column in columns) - 1


def _wanted(column: Column, rows: Sequence[Row], scene: ListScene) -> int:
    """The cells of its longest text."""
    if column.cell is _curve:
        return column.most
    return max(
        (sum(cell_len(t) for t, _ in column.cell(row, scene, column.most)) for row in rows),
        default=0,
    )


def meanings() -> Mapping[str, str]:
    """What the columns mean, where their titles do not say it: for the help."""
    found: dict[str, str] = {}
    for column in COLUMNS:
        if column.meaning:
            title = "best" if column.order == "best" else column.title
            found[title] = column.meaning
    return found

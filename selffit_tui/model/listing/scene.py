"""What a person has chosen to look at in a list of runs, and everything that draws it needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from selffit.run.listing.row import Row
from selffit_tui.draw.glyphs import BRAILLE, Glyphs
from selffit_tui.model.listing.order import Order, in_order
from selffit_tui.model.listing.query import Query


@dataclass(frozen=True, kw_only=True)
class ListView:
    """The choices of the person; changing one makes a new view.

    at: the name of the run under the cursor. marks: letters by name.
    """

    at: str = ""
    first: int = 0  # row that is shown at the top
    order: Order = field(default_factory=Order)
    query: Query = field(default_factory=Query)
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A line that is being typed, or a question; `text` has the cursor at `cursor`.

    what: before it. trouble: why it cannot be taken as it is.
    """

    what: str
    text: str = ""
    cursor: int = 0
    trouble: str = ""
    hint: str = ""
    question: bool = False


@dataclass(frozen=True, kw_only=True)
class ListScene:
    """One consistent picture of a list.

    rows: of the whole folder. shown: those that pass the filter, in order. unread: how many nobody
    has looked into yet. folder: where they are. notice: news, and its style. now: the wall clock.
    """

    rows: tuple[Row, ...] = ()
    shown: tuple[Row, ...] = ()
    view: ListView = field(default_factory=ListView)
    unread: int = 0
    looked: bool = True  # whether the folder was looked into
    folder: str = ""
    ask: Ask | None = None
    notice: str = ""
    trouble: bool = False
    now: float = 0.0
    glyphs: Glyphs = BRAILLE

    @property
    def at(self) -> int:
        """The place of the cursor among the rows that are shown, 0 where there is none."""
        return place_of(self.shown, self.view.at)

    @property
    def row(self) -> Row | None:
        """The run under the cursor."""
        return self.shown[self.at] if self.shown else None


def place_of(rows: tuple[Row, ...], name: str) -> int:
    """The place of the run of that name, 0 where it is not among them."""
    return next((index for index, row in enumerate(rows) if row.name == name), 0)


def chosen(rows: tuple[Row, ...], view: ListView, now: float) -> tuple[Row, ...]:
    """The rows that pass the filter, in order.

    One that was not read yet passes where nobody can tell.
    """
    passing = [row for row in rows if view.query.holds(row, now)]
    return tuple(in_order(passing, view.order, now))


def moved(view: ListView, shown: tuple[Row, ...], to: int, height: int) -> ListView:
    """The view with its cursor on another row, scrolled as far as it must be."""
    if not shown:
        return replace(view, first=0)
    to = min(max(0, to), len(shown) - 1)
    first = scrolled(view.first, to, len(shown), height)
    return replace(view, at=shown[to].name, first=first)


def scrolled(first: int, at: int, length: int, height: int) -> int:
    """The first row to show so that the cursor is in sight and no line stays empty for nothing."""
    height = max(1, height)
    first = min(max(first, at - height + 1), at)
    return min(first, max(0, length - height))

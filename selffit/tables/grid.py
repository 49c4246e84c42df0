"""A text as a table: its delimiter, its header, its rows, and what was left out of it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from selffit.errors import UserError
from selffit.numbers import plural
from selffit.tables.cells import bare, is_missing
from selffit.tables.text import read_text

BLANKS = " "  # runs of blanks
_DELIMITERS = {
    "\t": "tabs",
    ";": "semicolons",
    "|": "bars",
    ",": "commas",
    "  ": "runs of two blanks or more",
    BLANKS: "blanks",
}
_SAMPLE = 60  # lines that decide about the delimiter
_COMMENT = re.compile(r"\s*\"?(?:#|%|//)")
_RULER = re.compile(r"[\s|+:=─-]*[=─-]{3}[\s|+:=─-]*")
_SHOWN = 3  # line numbers named in a sentence


@dataclass(frozen=True)
class Row:
    """The cells of a row, as many as there are columns, and its line in the file (from 1)."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    columns: the names in the header, () where it has none. header_line: where they stand. assumed:
    what had to be guessed, in words. left_out: what was not read, in words.
    """

    path: Path
    columns: tuple[str, ...]
    header_line: int
    rows: tuple[Row, ...]
    assumed: tuple[str, ...]
    left_out: tuple[str, ...]

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.columns) if self.columns else len(self.rows[0].cells)

    def place(self, line: int) -> str:
        """A line of the file, as messages name it."""
        return f"{self.path}, line {line}"


def read_table(path: Path, message: Callable[[str], str] | None = None) -> Table:
    """Read the table in a file.

    message: what of a line belongs to the table, where a logger wrote it.

    Delimiters are tabs, semicolons, bars, commas or blanks, whichever gives most lines the same
    number of cells. Comment lines (#, %, //), rulers, titles above the header, repeated headers and
    an unfinished last line are left out, and that is said.

    Raises UserError, with the line, for what is no table.
    """
    text, assumed = read_text(path)
    lines = list(enumerate(re.split(r"\r\n|\n|\r", text), 1))
    if message is not None:
        lines = [(number, message(line)) for number, line in lines]
        assumed.append("what a logger wrote before each line is left out")
    return _Reading(path, assumed).table(lines, complete=text[-1] in "\r\n")


class _Reading:
    """The steps from lines to a table; `assumed` and `left_out` gather what is to be said."""

    def __init__(self, path: Path, assumed: list[str]) -> None:
        self.path = path
        self.assumed = assumed
        self.left_out: list[str] = []
        self.comments: list[tuple[int, str]] = []

    def table(self, lines: Sequence[tuple[int, str]], *, complete: bool) -> Table:
        body = self._body(lines)
        if not body:
            raise UserError(f"{self.path}: has only comments; expected a table with a header line")
        delimiter = self._delimiter([line for _, line in body[:_SAMPLE]])
        rows = list(self._cells(body, delimiter))
        width = _usual([len(row.cells) for row in rows])
        titles = _titles(rows, width)
        if titles:
            self._leave_out("titles above the header", [row.line for row in rows[:titles]])
        rows = rows[titles:]
        header = rows[0] if _is_header(rows[0].cells) else self._header_comment(delimiter, width)
        data = rows[1:] if header is rows[0] else rows
        if header is not None:
            data = self._without_units(self._without_headers(header, data))
        names = _names(header.cells) if header is not None else ()
        if header is not None:
            data = self._without_row_numbers(names, data)
        wanted = len(names) or width
        unfinished = not complete and data and len(_trim(data[-1].cells, wanted)) < wanted
        if unfinished and len(data) > 1:
            self._leave_out("an unfinished last line", [data[-1].line])
            data = data[:-1]
        return Table(
            path=self.path,
            columns=names,
            header_line=header.line if header is not None else 0,
            rows=tuple(self._checked(row, wanted) for row in data),
            assumed=tuple(self.assumed),
            left_out=tuple(self.left_out),
        )

    def _body(self, lines: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
        """The lines with cells."""
        body: list[tuple[int, str]] = []
        rulers: list[int] = []
        for number, line in lines:
            if not line.strip() or line.strip().casefold().startswith("sep="):
                continue
            if _COMMENT.match(line):
                self.comments.append((number, line))
            elif _RULER.fullmatch(line):
                rulers.append(number)
            else:
                body.append((number, line))
        if self.comments:
            self._leave_out("comment lines", [number for number, _ in self.comments])
        if body and all(line.strip().startswith("|") for _, line in body):
            body = [(number, line.strip().strip("|")) for number, line in body]
        return body

    def _delimiter(self, lines: Sequence[str]) -> str:
        """The delimiter that gives most lines as many cells as the header."""
        best, most = "", 0.0
        for delimiter in _DELIMITERS:
            if delimiter not in "".join(lines):
                continue
            widths = [len(_split(line, delimiter)) for line in lines]
            named = _usual([width for width in widths if width > 1] or [1])
            fit = sum(width == named for width in widths) / len(widths) if named > 1 else 0.0
            # blanks split prose as well
            if fit > most and not (delimiter == BLANKS and fit < 0.6 and best):
                best, most = delimiter, fit
        if not best:
            raise UserError(
                f"{self.path}, line 1: not a table: no tabs, commas, semicolons, bars or blanks "
                "between cells; export it as CSV"
            )
        if best != ",":
            self.assumed.append(f"cells between {_DELIMITERS[best]}")
        return best

    def _cells(self, body: Sequence[tuple[int, str]], delimiter: str) -> Iterator[Row]:
        if delimiter.isspace() and delimiter != "\t":
            for number, line in body:
                yield Row(number, tuple(_split(line, delimiter)))
            return
        at = 0

        def feed() -> Iterator[str]:
            nonlocal at
            for number, line in body:
                at = number
                yield re.sub(r"\"[ \t]+(?=[,;|]|$)", '"', line) + "\n"

        rows = csv.reader(feed(), delimiter=delimiter, strict=True, skipinitialspace=True)
        try:
            for cells in rows:
                yield Row(at, tuple(cell.strip() for cell in cells))
        except csv.Error as error:
            raise UserError(
                f"{self.path}, line {at}: not a CSV table ({error}); repair the quotes"
            ) from None

    def _header_comment(self, delimiter: str, width: int) -> Row | None:
        """The names that stand in a comment above the rows, as numpy.savetxt writes them."""
        for number, line in reversed(self.comments):
            cells = _split(_COMMENT.sub("", line, count=1).strip(), delimiter)
            if len(cells) == width and _is_header(cells):
                self.assumed.append(f"the comment in line {number} taken as the header")
                return Row(number, tuple(cells))
        return None

    def _without_headers(self, header: Row, rows: list[Row]) -> list[Row]:
        again = [row.line for row in rows if row.cells == header.cells]
        if again:
            self._leave_out("repeated headers", again)
        return [row for row in rows if row.cells != header.cells]

    def _without_units(self, rows: list[Row]) -> list[Row]:
        """A second line of the header holds units, and no digit."""
        if len(rows) < 2 or any(re.search(r"\d", cell) for cell in rows[0].cells):
            return rows
        if all(is_missing(cell) for cell in rows[0].cells):
            return rows
        self._leave_out("units under the header", [rows[0].line])
        return rows[1:]

    def _without_row_numbers(self, names: Sequence[str], rows: list[Row]) -> list[Row]:
        """R writes the number of a row before its first cell, and no name above it."""
        if not rows or any(
            len(row.cells) != len(names) + 1 or not row.cells[-1].strip() for row in rows
        ):
            return rows
        if not all(bare(row.cells[0]) == str(number) for number, row in enumerate(rows, 1)):
            return rows
        self.left_out.append("row numbers before the first column")
        return [Row(row.line, row.cells[1:]) for row in rows]

    def _checked(self, row: Row, width: int) -> Row:
        cells = _trim(row.cells, width)
        if len(cells) == width:
            return Row(row.line, cells)
        hint = "repair the row"
        if len(cells) > width and all(re.fullmatch(r"\d*", cell) for cell in cells):
            hint = "where commas are decimal points, export with another delimiter, such as ;"
        raise UserError(
            f"{self.path}, line {row.line}: {len(cells)} cells under {width} columns; {hint}"
        )

    def _leave_out(self, what: str, lines: Sequence[int]) -> None:
        shown = ", ".join(map(str, lines[:_SHOWN])) + (", …" if len(lines) > _SHOWN else "")
        many = f", {plural(len(lines), 'line')}" if len(lines) > _SHOWN else ""
        self.left_out.append(f"{what} (line{'' if len(lines) == 1 else 's'} {shown}{many})")


def _split(line: str, delimiter: str) -> list[str]:
    if delimiter == BLANKS:
        return line.split()
    if delimiter == 2 * BLANKS:
        return re.split(r" {2,}", line.strip())
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:  # a quote that goes on in the next line
        return line.split(delimiter)


def _usual(widths: Sequence[int]) -> int:
    return Counter(widths).most_common(1)[0][0]


def _titles(rows: Sequence[Row], width: int) -> int:
    """How many rows stand above the header; none where no other row looks like one."""
    for index, row in enumerate(rows[:_SAMPLE]):
        if len(_trim(row.cells, width)) == width:
            return index if index == 0 or _is_header(row.cells) else _single(rows, width)
    return _single(rows, width)


def _single(rows: Sequence[Row], width: int) -> int:
    """How many rows of a single cell come first."""
    many = 0
    while many + 1 < len(rows) and len(rows[many].cells) == 1 < width:
        many += 1
    return many


def _is_header(cells: Sequence[str]) -> bool:
    """Whether these are names: a letter in a cell, and none of them a number."""
    found = [cell for cell in cells if not is_missing(cell)]
    named = [cell for cell in found if re.search(r"[^\W\d_]", bare(cell))]
    return bool(named) and not any(re.fullmatch(r"[+-]?[\d.,]+%?", bare(cell)) for cell in found)


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    names = [bare(cell) for cell in cells]
    while names and not names[-1]:  # a delimiter at the end of the line
        names.pop()
    return tuple(names)


def _trim(cells: tuple[str, ...], width: int) -> tuple[str, ...]:
    """The cells without empty ones beyond the last column."""
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return cells

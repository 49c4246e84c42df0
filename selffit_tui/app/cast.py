"""A replay as a file that terminals and web pages play: asciinema's format, version 2.

The first line is a header, every other one `[seconds, "o", what a terminal is sent]`. Nothing waits
for the seconds: the clock of the view is moved on by hand, a picture is drawn, and of each picture
the rows that have changed are sent.
"""

import json
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from rich.cells import cell_len
from rich.color import ColorSystem
from rich.style import Style
from textual.pilot import Pilot
from textual.strip import Strip

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.named_file import check_place, write_whole
from selffit_tui.app.app import RunApp, Start
from selffit_tui.app.screenshot import loaded
from selffit_tui.draw.glyphs import BRAILLE
from selffit_tui.draw.picture import size_of

FRAME = 0.25  # seconds of the file between two pictures
LAST = 2.0  # seconds that the last picture stands
LONGEST = 20_000  # pictures: more than an hour
_BEGIN = "\x1b[?25l\x1b[2J"  # no cursor, an empty screen
_END = "\x1b[?25h"

Cell = tuple[str, Style | None]  # a character of the screen


class Reel:
    """The lines of the file, picture by picture."""

    def __init__(self, columns: int, rows: int, title: str) -> None:
        header = {"version": 2, "width": columns, "height": rows, "title": title}
        self._lines = [json.dumps({**header, "env": {"TERM": "xterm-256color"}})]
        self._rows: list[list[Cell]] = []
        self._last = 0.0

    def take(self, seconds: float, picture: Iterable[Strip]) -> None:
        """The picture after so many seconds, row by row."""
        rows = [cells(strip) for strip in picture]
        new = "" if self._rows else _BEGIN
        for number, row in enumerate(rows):
            before = self._rows[number] if number < len(self._rows) else []
            if row != before:
                first, behind = differing(row, before)
                column = sum(cell_len(text) for text, _ in row[:first])
                new += f"\x1b[{number + 1};{column + 1}H{sent(row[first:behind])}"
        if new:
            self._add(seconds, new)
        self._rows = rows

    def text(self) -> str:
        """The whole file; the last picture stands for a while."""
        self._add(self._last + LAST, _END)
        return "\n".join(self._lines) + "\n"

    def _add(self, seconds: float, sent: str) -> None:
        self._last = seconds
        self._lines.append(json.dumps([round(seconds, 3), "o", sent]))


def cells(strip: Strip) -> list[Cell]:
    """The characters of a row, each with its style."""
    return [
        (character, segment.style)
        for segment in strip
        if not segment.control
        for character in segment.text
    ]


def differing(row: list[Cell], before: list[Cell]) -> tuple[int, int]:
    """The first character of a row that differs from what stood there, and the one behind the last.

    A row that is of another length, or had characters of another width, differs to its end.
    """
    first = next(
        (i for i, (a, b) in enumerate(zip(row, before, strict=False)) if a != b),
        min(len(row), len(before)),
    )
    if len(row) != len(before) or any(cell_len(text) != 1 for text, _ in row + before):
        return first, len(row)
    behind = len(row)
    while row[behind - 1] == before[behind - 1]:
        behind -= 1
    return first, behind


def sent(row: Iterable[Cell]) -> str:
    """What a terminal is sent for characters of a row."""
    return "".join(
        text if style is None else style.render(text, color_system=ColorSystem.TRUECOLOR)
        for style, run in groupby(row, key=itemgetter(1))
        if (text := "".join(character for character, _ in run))
    )


def save_cast(run_dir: Path, target: Path, at: str, speed: float, size: str = "120x40") -> None:
    """Plays a run from a place to its end, and writes what a terminal would have shown.

    `speed`: recorded seconds a second of the file, idle gaps squeezed. Raises UserError for a place
    that there is not, an empty log, an impossible size, a file that cannot be written, and a replay
    that would take too long.
    """
    columns, rows = size_of(size)
    check_place(target, "--record")
    reel = Reel(columns, rows, f"selffit: {clean(run_dir.name)}")
    start = Start(at=at, speed=speed, playing=True)
    app = RunApp(run_dir, colours="256", glyphs=BRAILLE, readonly=True, start=start)
    screen = app.run_screen
    seconds = 0.0
    screen.ticks = lambda: seconds
    wrong: list[str] = []

    async def play(pilot: Pilot[object]) -> None:
        nonlocal seconds
        await loaded(app, pilot)
        if not screen.newest.position:
            wrong.append(f"the log of {clean(run_dir.name)} holds no event yet: nothing to replay")
            app.exit()
            return
        for _ in range(LONGEST):
            await pilot.pause()
            reel.take(seconds, screen._compositor.render_strips())
            if screen.player.clock.live:
                break
            seconds += FRAME
            screen.frame()
        else:
            wrong.append("the replay would take more than an hour: give a higher --speed")
        app.exit()

    app.run(headless=True, size=(columns, rows), auto_pilot=play)
    if app.outcome.refused or wrong:
        raise UserError(app.outcome.refused or wrong[0])
    write_whole(target, reel.text(), "--record")

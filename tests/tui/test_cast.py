"""A replay as a file that terminals play."""

import json
import re
from pathlib import Path

import pytest
from rich.style import Style
from textual.strip import Segment, Strip

from selffit.errors import UserError
from selffit.run.folder.run_dir import RunDir
from selffit_tui.app.cast import Reel, cells, differing, save_cast

RUN = Path(__file__).parents[2] / "runs" / "example-patterns-rollback"
_SENT = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H|\x1b\[[0-9;]*m|(?P<clear>\x1b\[2J)|\x1b\[\?25[lh]|(?P<text>[^\x1b]+)"
)


def played(text):
    """The pictures that a terminal shows: seconds and rows. Fails at what it does not know."""
    header, *events = (json.loads(line) for line in text.splitlines())
    blank = [" " * header["width"]] * header["height"]
    screen, pictures = blank, []
    row = column = 0
    for seconds, kind, data in events:
        assert kind == "o"
        end = 0
        for found in _SENT.finditer(data):
            assert found.start() == end
            end = found.end()
            if found["row"]:
                row, column = int(found["row"]) - 1, int(found["column"]) - 1
            elif found["clear"]:
                screen = blank
            elif shown := found["text"]:
                line = screen[row]
                assert column + len(shown) <= header["width"] and row < header["height"]
                line = line[:column] + shown + line[column + len(shown) :]
                screen = [*screen[:row], line, *screen[row + 1 :]]
                column += len(shown)
        assert end == len(data)
        pictures.append((seconds, [line.rstrip() for line in screen]))
    return header, pictures


def test_a_film_shows_the_run_from_a_place_to_its_end(tmp_path):
    target = tmp_path / "run.cast"
    save_cast(RUN, target, "onset", 32.0, "100x30")
    header, pictures = played(target.read_text(encoding="utf-8"))
    assert (header["version"], header["width"], header["height"]) == (2, 100, 30)
    times = [seconds for seconds, _ in pictures]
    assert times == sorted(times) and times[0] == 0.0
    assert times[-1] == pytest.approx((98 - 44) / 32 + 2.0, abs=0.8)  # and the last one stands
    first, last = pictures[0][1], pictures[-1][1]
    assert "ONSET" in first[0] and "TRAINING" in "".join(first)
    assert "rolled back" in last[0] and "FINISHED" in "".join(last)
    assert all(len(line) <= 100 for _, rows in pictures for line in rows)


def test_only_what_has_changed_is_sent():
    red = Style(color="red")
    reel = Reel(10, 2, "x")
    reel.take(0.0, [Strip([Segment("abcdefghij", red)]), Strip([Segment("same", None)])])
    reel.take(0.5, [Strip([Segment("abcdXfghij", red)]), Strip([Segment("same", None)])])
    reel.take(1.0, [Strip([Segment("abcdXfghij", red)]), Strip([Segment("same", None)])])
    _, first, second, end = (json.loads(line) for line in reel.text().splitlines())
    assert second == [0.5, "o", "\x1b[1;5H\x1b[31mX\x1b[0m"]
    assert first[0] == 0.0 and end[0] == 2.5


def test_a_row_with_wide_characters_is_sent_to_its_end():
    before, row = (cells(Strip([Segment(text)])) for text in ("日本x!", "日b__!"))
    assert differing(row, before) == (1, 5)


@pytest.mark.parametrize(
    ("at", "size", "name", "told"),
    [
        ("b9:1", "80x24", "x.cast", "there is no branch 'b9'"),
        ("start", "1x1", "x.cast", "columns x rows"),
        ("start", "80x24", "none/x.cast", "cannot write --record"),
    ],
)
def test_what_cannot_be_filmed_is_said_and_leaves_no_file(at, size, name, told, tmp_path):
    with pytest.raises(UserError, match=told):
        save_cast(RUN, tmp_path / name, at, 8.0, size)
    assert not list(tmp_path.iterdir())


def test_an_empty_log_is_no_film(tmp_path):
    run = RunDir.create(tmp_path, "empty", {})
    with pytest.raises(UserError, match="holds no event yet"):
        save_cast(run.path, tmp_path / "x.cast", "start", 8.0)

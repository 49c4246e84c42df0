"""What leaves is harmless, can be shown, and never breaks whoever says it."""

import errno
import re
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import TextIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selffit.errors import UserError
from selffit.named_file import check_place, write_whole
from selffit.outlets import PLAIN, Outlet, Unwritable, guarded, harmless, speaking, styled
from selffit_tui.draw.glyphs import BRAILLE

COLOUR = re.compile("\x1b\\[[0-9;]*m")
BAD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
PIECES = st.sampled_from(
    ["\x1b[31m", "\x1b]0;x\x07", "\x9b2J", "\r", "\r\n", "\t", "\u202e", "\ud800"]
)


@given(st.lists(PIECES | st.text(max_size=8), max_size=8).map("".join))
def test_whatever_is_written_has_no_control_characters_but_line_breaks_and_tabs(text):
    assert not BAD.search(harmless(text))
    assert not BAD.search(COLOUR.sub("", harmless(text, styled=True)))


def test_colours_pass_only_where_they_are_drawn_on_purpose(monkeypatch):
    written = StringIO()
    monkeypatch.setattr("sys.stdout", guarded(written, must=True))
    print("\x1b[31mred\x1b[0m")
    with styled():
        print("\x1b[31mred\x1b[0m \x1b]0;title\x07")
    assert written.getvalue() == "\\x1b[31mred\\x1b[0m\n\x1b[31mred\x1b[0m \\x1b]0;title\\x07\n"


def test_all_that_screens_are_drawn_with_has_an_equivalent_of_one_character():
    drawn = BRAILLE.frame + BRAILLE.bar + BRAILLE.bar_left + "".join(BRAILLE.symbols.values())
    drawn += "".join((BRAILLE.rule, BRAILLE.tick, BRAILLE.axis, BRAILLE.ellipsis, BRAILLE.bullet))
    assert all(character.isascii() or character in PLAIN for character in drawn)
    assert all(len(plain) == 1 and plain.isascii() for plain in PLAIN.values())


class Failing:
    """A stream that takes nothing."""

    def __init__(self, number):
        self.number = number

    def write(self, text=""):
        raise OSError(self.number, "no")

    flush = fileno = write


@pytest.mark.parametrize(("number", "unread"), [(errno.EPIPE, True), (errno.ENOSPC, False)])
def test_an_outlet_that_must_be_written_says_why_it_cannot(number, unread):
    with pytest.raises(Unwritable) as raised:
        Outlet(cast(TextIO, Failing(number)), must=True).write("x")
    assert raised.value.unread == unread
    Outlet(cast(TextIO, Failing(number)), must=False).write("x")


def raising(error):
    def program():
        raise error

    return program


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (UserError("no\x1b[2J\nway"), 2, "selffit: no\\x1b[2J way\n"),
        (PermissionError(13, "Permission denied", "there"), 2, "selffit: cannot use there: Perm"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_ends_a_program_is_one_sentence_and_an_exit_code(capsys, error, code, says):
    assert speaking(raising(error)) == code
    said = capsys.readouterr().err
    assert said.startswith(says) and said.count("\n") == bool(says)


def test_a_defect_keeps_its_traceback(capsys):
    with pytest.raises(ZeroDivisionError):
        speaking(lambda: 1 // 0)


def test_a_stream_with_few_characters_gets_words_and_bars_that_it_can_show():
    stream = TextIOWrapper(BytesIO(), encoding="ascii")
    outlet = guarded(stream, must=True)
    outlet.write("0.02 → 0.31 ≥ ε … │█▏ 漢é\u0301 1\u00a0032\n")
    outlet.flush()
    assert stream.buffer.getvalue() == b"0.02 -> 0.31 >= e ~ |#. ??? 1 032\n"


def test_a_named_file_is_whole_or_what_it_was(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    write_whole(path, "first \udcff", "--html")
    assert path.read_bytes() == b"first ?"
    path.chmod(0o640)
    monkeypatch.setattr("os.replace", raising_disk_full)
    with pytest.raises(UserError, match=r"cannot write --html .*No space left"):
        write_whole(path, "second", "--html")
    monkeypatch.undo()
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    assert path.read_bytes() == b"first ?"
    write_whole(path, "third", "--html")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("third", 0o640)


def raising_disk_full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_is_no_regular_file_is_written_to_as_it_is():
    check_place(Path("/dev/null"), "--html")
    with pytest.raises(UserError, match="No space left"):
        write_whole(Path("/dev/full"), "x", "--html")


def test_a_lone_dash_is_no_file_and_stdout_is_named_instead(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="/dev/stdout"):
        check_place(Path("-"), "--screenshot")

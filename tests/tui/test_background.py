"""Light or dark paper: asked of the terminal, and drawn so that it can be read."""

import os
import sys

import pytest
from made_up.terminal import Terminal
from textual.events import MouseDown

from selffit_tui.app import background
from selffit_tui.app.background import is_light, without_answers
from selffit_tui.app.decoder import InputDecoder
from selffit_tui.draw.styles import palette


@pytest.mark.parametrize(
    ("answer", "light"),
    [
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\", True),
        (b"\x1b]11;rgb:fd/f6/e3\x07\x1b[?62;c", True),
        (b"\x1b]11;rgb:0000/2b2b/3636\x1b\\", False),
        (b"\x1b]11;rgba:1212/1212/1212/ffff\x07", False),
        (b"\x1b[?6c", None),
        (b"", None),
        (b"\x1b]11;rgb:zz/00/00\x07", None),
    ],
)
def test_an_answer_is_light_dark_or_none(answer, light):
    assert is_light(answer) is light


def test_what_is_typed_meanwhile_is_not_lost():
    data = b"q\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;22ci"
    assert without_answers(data) == b"qi"


def test_an_answer_that_comes_late_is_no_key():
    late = b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;22c"
    assert InputDecoder().feed(late) == []


def test_the_mouse_is_heard_only_where_it_was_asked_for():
    press = b"\x1b[<0;10;5M"
    assert InputDecoder().feed(press) == []
    (event,) = InputDecoder(mouse=True).feed(press)
    assert isinstance(event, MouseDown) and (event.x, event.y) == (9, 4)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;cq", "(True, b'q')"),
        (b"\x1b[?6c", "(None, b'')"),
        (b"", "(None, b'')"),
    ],
)
def test_a_terminal_is_asked_and_nobody_waits_for_it(answer, told):
    code = "from selffit_tui.app.background import ask; print(ask(), flush=True)"
    with Terminal([sys.executable, "-c", code], os.environ) as terminal:
        terminal.wait_for("\x1b]11;?")
        terminal.send(answer)
        terminal.wait_for(told)


def _brightness(number):
    if number < 16:
        return 0.0 if number == 0 else 1.0
    if number >= 232:
        return (8 + 10 * (number - 232)) / 255
    levels = (0, 95, 135, 175, 215, 255)
    red, green, blue = (levels[(number - 16) // n % 6] / 255 for n in (36, 6, 1))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("light", [True, False])
def test_ink_and_paper_differ_enough_to_be_read(light):
    for name, style in palette("256", light).items():
        if name.startswith("shade"):
            continue
        assert style.color is not None and style.bgcolor is not None
        ink, paper = _brightness(style.color.number), _brightness(style.bgcolor.number)
        assert abs(ink - paper) > (0.1 if name in ("frame", "raw") else 0.2), name


def test_every_style_is_there_on_either_paper():
    for colours in ("256", "ansi", "none"):
        assert palette(colours).keys() == palette(colours, light=True).keys()


def test_what_somebody_says_of_the_paper_is_not_asked_for(monkeypatch):
    monkeypatch.setattr(background, "ask", lambda: (True, b"q"))
    assert background.paper(False) == (False, b"")
    assert background.paper(None) == (True, b"q")
    monkeypatch.setattr(background, "ask", lambda: (None, b""))
    assert background.paper(None) == (False, b"")

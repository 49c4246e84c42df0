"""What the terminal is said to be able to show."""

import pytest

from selffit.outlets import ascii_reason
from selffit_tui.app.environment import colours
from selffit_tui.draw.styles import palette


@pytest.mark.parametrize(
    ("original", "current", "reason"),
    [
        ({"LANG": "en_US.UTF-8"}, {}, ""),
        ({"LANG": "C.utf8"}, {}, ""),
        ({"LC_ALL": "C", "LANG": "en_US.UTF-8"}, {}, "the locale LC_ALL=C is not UTF-8"),
        ({"LC_CTYPE": "de_DE.ISO-8859-1"}, {}, "the locale LC_CTYPE=de_DE.ISO-8859-1 is not UTF-8"),
        ({"LC_ALL": "", "LANG": "en_US.UTF-8"}, {}, ""),
        ({}, {}, "no locale is set (LC_ALL, LC_CTYPE, LANG)"),
        ({}, {"SELFFIT_ASCII": "0"}, ""),
        ({}, {"PYTHONIOENCODING": "UTF_8:strict"}, ""),
        ({}, {"PYTHONUTF8": "1"}, ""),
        (
            {"LANG": "en_US.UTF-8"},
            {"PYTHONIOENCODING": "latin-1"},
            "PYTHONIOENCODING=latin-1 is not UTF-8",
        ),
        ({"LANG": "en_US.UTF-8"}, {"SELFFIT_ASCII": "1"}, "SELFFIT_ASCII=1"),
    ],
)
def test_ascii_is_drawn_where_the_locale_is_not_utf8_and_says_why(original, current, reason):
    assert ascii_reason(original, current) == reason


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "256"),
        ({"TERM": "xterm"}, "ansi"),
        ({"TERM": "screen"}, "ansi"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
        ({"TERM": "dumb"}, "none"),
        ({}, "none"),
    ],
)
def test_colours(environ, found):
    assert colours(environ) == found


def test_the_onset_shouts_without_any_colour():
    for kind in ("ansi", "none"):
        assert palette(kind)["onset"].reverse and palette(kind)["onset"].bold
    assert palette("256")["onset"].bgcolor != palette("256")["text"].bgcolor
    assert all(style.color is None and style.bgcolor is None for style in palette("none").values())


def test_the_lines_of_the_chart_differ_in_sixteen_colours():
    inks = palette("ansi")
    assert len({inks[name].color for name in ("clean", "fgsm", "pgd", "final")}) == 4
    assert set(inks) == set(palette("none"))

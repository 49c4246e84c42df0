"""Numbers, durations, events and untrusted text as people read them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from selffit_tui.format import age, count, duration, fit, p_value, safe, share, size, small, wrap
from selffit_tui.wording import describe

HOSTILE = "[/b]\x1b[2J\u202eevil\u2066\x07\n\t\x9b31m\ud800\u200b"


@pytest.mark.parametrize(
    ("got", "wanted"),
    [
        (share(0.9), "0.90"),
        (share(math.nan), "-"),
        (share(math.inf), "inf"),
        (small(0.0), "0"),
        (small(0.25), "0.250"),
        (small(580.0), "580"),
        (small(1e-12), "1.0e-12"),
        (small(123456.0), "123 456"),
        (count(1106), "1 106"),
        (p_value(0.0), "p < 1e-9"),
        (p_value(0.02), "p 0.020"),
        (duration(14.9), "0:14"),
        (duration(3725), "1:02:05"),
        (duration(3 * 86400 + 4 * 3600), "3 d 4 h"),
        (duration(math.nan), "-"),
        (age(-3), "0 s"),
        (age(99.9), "99 s"),
        (age(100), "1 min"),
        (age(3 * 86400), "3 d"),
        (size(999), "999 B"),
        (size(1_258_291), "1.2 MiB"),
        (size(512e9), "477 GiB"),
        (size(math.nan), "-"),
    ],
)
def test_numbers(got, wanted):
    assert got == wanted


def test_hostile_text_becomes_visible_escapes():
    text = safe(HOSTILE)
    assert text.startswith("[/b]\\x1b[2J\\u202eevil\\u2066\\x07")
    assert all(character.isprintable() for character in text)
    assert safe("żółw", plain=True) == "????"[:3] + "w"


@given(st.text(max_size=40), st.integers(0, 30))
def test_a_fitted_line_has_exactly_its_width(text, width):
    assert cell_len(fit(safe(text), width)) == width


@given(st.text(max_size=80), st.integers(2, 30))
def test_wrapped_lines_are_no_wider_than_asked_and_lose_nothing(text, width):
    lines = wrap(safe(text), width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == safe(text).replace(" ", "")


def test_every_kind_of_event_has_one_line(made_up):
    for event in made_up.events():
        line = describe(event.kind, event.step, event.data)
        if event.kind in ("open", "seal", "steps", "host", "probe.channels"):
            assert line is None
        else:
            assert line and "\n" not in line
    probe = describe("probe.robust", 702, {"clean": 0.99, "fgsm": 0.88, "pgd": 0.07, "pgd_steps": 10, "n": 512})
    assert probe == "step 702    probe      clean 0.99  FGSM 0.88  PGD-10 0.07  n 512"


@pytest.mark.parametrize(
    "kind", ["probe.robust", "alert", "run.start", "phase", "end", "sup.exit", "log.gap", "new.kind"]
)
def test_events_with_nonsense_in_them_still_have_a_line(kind):
    for value in (None, HOSTILE, [1], {"a": 1}, 1e400, -1, "NaN"):
        names = ("name", "clean", "level", "text", "config", "n", "pgd_steps", "stderr", "dropped", "how", "final")
        line = describe(kind, 3, dict.fromkeys(names, value))
        assert line is not None and line.isprintable()

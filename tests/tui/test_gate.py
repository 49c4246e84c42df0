"""The gates: whatever leaves is harmless, on one line, and no wider than it was laid out."""

import json
from io import BytesIO, TextIOWrapper

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from selffit.numbers import count
from selffit.outlets import guarded
from selffit_tui.draw.spans import to_strip
from selffit_tui.draw.styles import palette
from selffit_tui.gate import folded, one_line
from selffit_tui.talk import put_json

HOSTILE = "[/b]\x1b[2J\u202eevil\u2066\x07\n\t\x9b31m\ud800\u200b"
INKS = palette("none")


def test_hostile_text_becomes_visible_escapes_where_lines_are_printed():
    text = one_line(HOSTILE)
    assert text.startswith("[/b]\\x1b[2J\\u202eevil\\u2066\\x07") and text.isprintable()


@given(st.text(max_size=40), st.integers(0, 40), st.booleans())
def test_whatever_becomes_a_strip_is_harmless_and_has_its_width(text, width, plain):
    strip = to_strip([(text, "text"), (HOSTILE, "text")], INKS, width, plain)
    assert strip.cell_length == width == cell_len(strip.text)
    assert not any(c < " " or "\x7f" <= c <= "\x9f" or c in "\u202e\u2066" for c in strip.text)
    assert strip.text.isascii() or not plain


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("żółw", "???w"),
        ("    → roll back", "    ->roll back"),
        (" → .160", "-->.160"),  # a span of its own
        ("eps 8/255 → 0.350", "eps 8/255-->0.350"),
        ("z ≥ 3, ΔFGSM −0.31 ×2 x + k·delta…", "z >=3, dFGSM -0.31 x2 x + k*delta~"),
        ("1\u00a0032 steps", "1 032 steps"),
        ("漢字\u0301", "????"),
    ],
)
def test_what_ascii_cannot_show_is_transliterated_cell_by_cell(text, wanted):
    assert folded(text, plain=True) == wanted
    assert cell_len(wanted) == cell_len(text)


def test_a_blank_that_holds_thousands_together_is_an_ordinary_one_outside():
    assert folded("1\u00a0032", plain=False) == one_line("1\u00a0032") == "1 032"


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_stream_that_knows_few_characters_never_refuses_a_line(text):
    for encoding in ("ascii", "latin-1", "cp1252"):
        stream = TextIOWrapper(BytesIO(), encoding=encoding, newline="")
        outlet = guarded(stream, must=True)
        outlet.write(f"{one_line(text)} 0.02 → 0.31\n")
        outlet.flush()
        assert stream.buffer.getvalue().decode(encoding).endswith(" 0.02 -> 0.31\n")


def test_json_for_programs_has_no_grouped_numbers_in_its_sentences(capsys):
    put_json({"text": f"from step {count(5508)} on", "name": "a\u00a0b", "n": 5508})
    assert json.loads(capsys.readouterr().out) == {
        "text": "from step 5508 on",
        "name": "a\u00a0b",
        "n": 5508,
    }

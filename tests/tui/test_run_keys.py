"""What the Run screen says of its own keys: the footer and the help."""

import pytest
from made_up.looks import plain_text

from selffit_tui.draw.glyphs import ASCII, BRAILLE
from selffit_tui.screens.help import HelpScreen, legend
from selffit_tui.screens.keyhelp import help_lines
from selffit_tui.screens.keys import RUN_KEYS, shown_keys


@pytest.mark.parametrize("readonly", [False, True])
def test_the_footer_fits_into_eighty_columns(drive, made_up, shown, readonly):
    async def look(app, pilot):
        footer = shown(app).rstrip("\n").split("\n")[-1]
        assert footer.endswith("? help") and len(footer) <= 80 and "tab panel" in footer

    drive(made_up.records(702), look, size=(80, 24), readonly=readonly)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_footer_repeats_no_key_of_the_timeline(drive, made_up, shown, size):
    async def look(app, pilot):
        *_, timeline, footer = shown(app).rstrip("\n").split("\n")
        assert "space hold" in timeline and "space" not in footer and "[ ]" not in footer
        await pilot.press("left_square_bracket")  # a mark takes the place of the keys
        await pilot.pause()
        *_, timeline, footer = shown(app).rstrip("\n").split("\n")
        assert "space" not in timeline and "space play" in footer

    drive(made_up.records(702), look, size=size)


def test_the_help_lists_every_key_and_comes_back(drive, made_up, shown):
    async def look(app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert f"{shown_keys(RUN_KEYS[0], False):<17}{RUN_KEYS[0].help}" in shown(app)
        text = plain_text(help_lines(RUN_KEYS, legend(BRAILLE), 108, BRAILLE))
        assert all(f"{shown_keys(key, False):<17}{key.help}" in text for key in RUN_KEYS)
        await pilot.press("escape")
        assert app.screen is app.run_screen

    drive(made_up.records(50), look, size=(100, 80))


def test_every_command_has_two_keys_and_none_needs_what_terminals_take():
    for key in RUN_KEYS:
        free = [
            name
            for name in key.keys
            if name not in ("ctrl+q", "ctrl+s", "ctrl+b", "ctrl+a", "ctrl+c")
        ]
        assert len(free) >= 2, key.id
    every = [name for key in RUN_KEYS for name in key.keys]
    assert len(every) == len(set(every))


def test_the_help_says_why_it_is_drawn_in_ascii():
    lines = help_lines(RUN_KEYS, legend(ASCII), 76, ASCII, "the locale LC_ALL=C is not UTF-8")
    text = plain_text(lines, ascii=True)
    assert "because the locale LC_ALL=C is not UTF-8" in text and text.isascii()
    assert "because" not in plain_text(help_lines(RUN_KEYS, legend(BRAILLE), 76, BRAILLE, ""))

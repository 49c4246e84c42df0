"""What the keys of panels, lists and words do on the Run screen."""

import re

import pytest
from made_up.looks import plain_text
from textual.command import CommandPalette

from selffit_tui.model.scene import View
from selffit_tui.panels.events import event_lines
from selffit_tui.panels.events import shown as events_shown
from selffit_tui.panels.list import PANELS
from selffit_tui.screens.help import legend
from selffit_tui.screens.keyhelp import help_lines
from selffit_tui.screens.keys import RUN_KEYS
from selffit_tui.screens.words import WordsScreen, words_of


def test_the_key_of_a_panel_opens_it_and_leads_back(drive, made_up):
    async def open_them(app, pilot):
        screen = app.run_screen
        for key, name in (("1", "accuracy"), ("5", "events"), ("6", "self")):
            await pilot.press(key)
            assert screen.view.panel == name
            await pilot.press(key)
            assert screen.view.panel == "overview"
        await pilot.press("2", "0")
        assert screen.view.panel == "overview"

    drive(made_up.records(300), open_them)


def test_in_a_narrow_terminal_the_first_key_leads_to_both_charts_then_to_one(drive, made_up, shown):
    async def open_them(app, pilot):
        await pilot.press("5", "1")
        assert app.run_screen.view.panel == "overview" and "1 charts 2 signals" in shown(app)
        await pilot.press("1")
        assert app.run_screen.view.panel == "accuracy" and "1 accuracy" in shown(app)
        await pilot.press("1")
        assert app.run_screen.view.panel == "overview"

    drive(made_up.records(300), open_them, size=(80, 24))


def test_enter_opens_the_evidence_where_there_is_some_and_the_chart_elsewhere(drive, made_up):
    async def open_it(app, pilot):
        await pilot.press("enter")
        opened.append(app.run_screen.view.panel)
        await pilot.press("enter")
        assert app.run_screen.view.panel == "overview"

    opened: list[str] = []
    drive(made_up.records(300), open_it)
    drive(made_up.records(702), open_it)
    assert opened == ["accuracy", "alerts"]


def test_escape_leads_back_one_thing_at_a_time(drive, made_up):
    async def back(app, pilot):
        screen = app.run_screen
        await pilot.press("5", "slash", *"probe", "enter")
        assert screen.view.find == "probe" and screen.view.panel == "events"
        await pilot.press("escape")
        assert screen.view.find == "" and screen.view.panel == "events"
        await pilot.press("escape")
        assert screen.view.panel == "overview"

    drive(made_up.records(300), back)


def test_the_list_follows_what_is_typed_and_escape_shows_all_again(drive, made_up, shown):
    async def find(app, pilot):
        await pilot.press("5", "slash", *"onset")
        assert "find: onset" in shown(app)
        assert len(events_shown(app.run_screen.scene())) < 10
        await pilot.press("escape")
        assert app.screen is app.run_screen and app.run_screen.view.find == ""

    drive(made_up.records(702), find)


def test_lists_go_to_the_first_the_last_and_by_pages(drive, made_up):
    async def go(app, pilot):
        screen = app.run_screen
        await pilot.press("5", "v", "G")
        last = screen.view.scroll
        assert last == len(screen.scene().state.events)
        await pilot.press("g")
        assert screen.view.scroll == 0
        await pilot.press("pagedown")
        page = screen.view.scroll
        assert 10 < page < last
        await pilot.press("pageup")
        assert screen.view.scroll == 0

    drive(made_up.records(702), go)


def test_what_was_seen_stops_shouting_and_says_the_same(drive, made_up, shown):
    async def see(app, pilot):
        first = shown(app).splitlines()[0]
        await pilot.press("a")
        assert app.run_screen.scene().seen
        words = first.replace("   a: seen", "").strip()
        assert shown(app).splitlines()[0].strip().startswith(words[:60])
        assert "make the bar small" not in shown(app)
        await pilot.press("a")
        assert not app.run_screen.scene().seen

    drive(made_up.records(702), see)


def test_the_words_of_what_is_on_show_have_their_meanings(drive, made_up, shown):
    async def look(app, pilot):
        await pilot.press("t")
        assert isinstance(app.screen, WordsScreen)
        text = shown(app)
        assert "self-fitting" in text and "the network reads its own perturbation" in text
        assert "accuracy after one step of attack" in text
        await pilot.press("t")
        assert app.screen is app.run_screen

    drive(made_up.records(702), look)


def test_each_word_is_told_once(made_up, scene):
    entries = [e[0] for e in words_of(scene(made_up.records(702)), PANELS) if isinstance(e, tuple)]
    assert len(entries) == len(set(entries)) > 30


def test_the_palette_finds_panels_and_layers(drive, made_up):
    async def find(app, pilot):
        await pilot.press("colon")
        await pilot.pause(0.1)
        assert isinstance(app.screen, CommandPalette)
        await pilot.press(*"layer conv2")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause(0.2)
        assert app.run_screen.scene().layer_name() == "conv2"

    drive(made_up.records(400), find, readonly=True)


def test_important_events_come_first_and_all_are_a_key_away(made_up, scene):
    whole = scene(made_up.records(702))
    text = plain_text(event_lines(whole, 120, 6))
    assert re.search(r"\d important of 34 events; v: all, /: find", text)
    assert "ONSET" in text and "suspect" in text
    every = plain_text(event_lines(scene(made_up.records(702), View(every=True)), 120, 6))
    assert "all 34" in every and "suspect" not in every


def test_a_diagnosis_that_is_known_already_is_no_news(made_up, scene, record):
    again = record("diagnosis", {"disease": "self-fitting", "onset_step": 620}, 702, t=2e9)
    before = events_shown(scene(made_up.records(702)))
    assert events_shown(scene([*made_up.records(702), again])) == before


@pytest.mark.parametrize("width", [160, 120])
def test_keys_and_legend_stand_side_by_side_where_there_is_room(width):
    from selffit_tui.draw.glyphs import BRAILLE

    first = plain_text(help_lines(RUN_KEYS, legend(BRAILLE), width, BRAILLE)[:1])
    assert "leave the view" in first and "SUSPECT" in first


def test_the_mouse_chooses_panels_and_tabs(drive, made_up):
    async def click(app, pilot):
        await pilot.click("#signals")
        await pilot.pause(0.1)
        assert app.run_screen.view.panel == "signals"
        await pilot.click("#tabs", offset=(4, 0))
        await pilot.pause(0.1)
        assert app.run_screen.view.panel == "overview"

    drive(made_up.records(300), click)

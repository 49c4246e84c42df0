"""The Run screen in terminals of every size: tabs, panels alone, what is left of its lines."""

import pytest

from selffit_tui.panels.dose import DosePanel
from selffit_tui.panels.heat import HeatPanel
from selffit_tui.panels.images import ImagePanel
from selffit_tui.panels.list import TABS
from selffit_tui.panels.selfinfo import SelfPanel


def test_a_narrow_terminal_shows_one_panel_under_tabs(drive, made_up, shown):
    async def tabs(app, pilot):
        text = shown(app)
        assert "TRAINING" in text and "PGD .07" in text and "!! ONSET at 620" in text
        assert (
            "accuracy on 512 held-out images" in text
            and "─ signals" in text
            and "─ alerts ─" not in text
        )
        for key, title in (
            ("4", "─ alerts ─"),
            ("3", "─ dominance"),
            ("5", "─ what happened"),
            ("2", "─ signals"),
        ):
            await pilot.press(key)
            assert title in shown(app) and "accuracy on" not in shown(app)
        await pilot.press("tab")
        assert app.run_screen.view.panel == "channels"
        await pilot.press("N", "f12")
        assert app.run_screen.view.panel == "overview"

    drive(made_up.records(702), tabs, size=(80, 24))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_the_panels_that_explain_open_by_either_of_their_keys(drive, made_up, shown, size):
    async def open_each(app, pilot):
        for panel in (SelfPanel, DosePanel, ImagePanel, HeatPanel):
            for key in panel.keys:
                await pilot.press("0", key)
                text = shown(app)
                assert app.run_screen.view.panel == panel.name and f"─ {panel.title}" in text
                assert "accuracy on held-out" not in text and "─ alerts" not in text
        app.run_screen.look(app.run_screen.view.showing(TABS[-1]))
        await pilot.press("tab")
        assert app.run_screen.view.panel == "overview"
        await pilot.press("N")
        assert app.run_screen.view.panel == TABS[-1]

    drive(made_up.records(702), open_each, size=size)


@pytest.mark.parametrize("panel", "36789")
def test_a_panel_that_explains_bears_every_size(drive, made_up, panel):
    async def resize(app, pilot):
        await pilot.press(panel)
        for width, height in (
            (80, 24),
            (1, 1),
            (3, 50),
            (300, 2),
            (30, 8),
            (200, 70),
            (120, 40),
            (12, 12),
        ):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        assert app.is_running

    drive(made_up.records(702), resize)


def test_the_chosen_tab_is_named_however_narrow_the_terminal_is(drive, made_up, shown):
    async def look(app, pilot):
        for width in (130, 100, 80, 60, 40):
            await pilot.resize_terminal(width, 24)
            for key, name in (("4", "4 alerts!!"), ("9", "9 heat")):
                await pilot.press(key)
                assert any(name in line and "1" in line for line in shown(app).split("\n")[:6])

    drive(made_up.records(702), look, size=(80, 24))


def test_a_resized_terminal_is_rearranged(drive, made_up, shown):
    async def resize(app, pilot):
        for width, height in ((80, 24), (1, 1), (3, 50), (300, 2), (30, 8), (200, 70), (120, 40)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        assert "─ dominance" in shown(app)

    drive(made_up.records(702), resize)

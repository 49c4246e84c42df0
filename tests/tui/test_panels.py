"""The list of panels: what must hold for every one, whichever they are."""

import ast
import inspect
import sys

import pytest

from selffit_tui.model.scene import OVERVIEW, View
from selffit_tui.panels.list import (
    NAMES,
    OVERVIEW_KEYS,
    PANELS,
    TABBED,
    TABS,
    next_tab,
    on_side,
    scroll_limit,
)
from selffit_tui.panels.panel import REST
from selffit_tui.panels.tabs import tab_line


def imports_of(module):
    """The modules that a module names in its imports."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def test_names_are_unique_and_every_panel_has_a_title():
    assert len(NAMES) == len(set(NAMES)) == len(PANELS) + 1
    assert all(panel.title for panel in PANELS)


def test_a_panel_with_keys_has_two_and_says_what_they_show():
    keys = [*OVERVIEW_KEYS, *(key for panel in PANELS for key in panel.keys)]
    assert len(keys) == len(set(keys))
    for panel in PANELS:
        assert (len(panel.keys) >= 2 and panel.help) or not panel.keys, panel.name


def test_one_panel_of_each_column_takes_what_the_others_leave():
    for side in ("left", "right"):
        wanted = [panel.overview_lines(40, narrow=False) for panel in on_side(side)]
        assert wanted.count(REST) == 1
    assert [panel.overview_lines(20, narrow=True) for panel in PANELS].count(REST) == 1


@pytest.mark.parametrize("panel", PANELS, ids=NAMES[1:])
def test_a_panel_knows_no_other_panel(panel):
    others = {other.__module__ for other in PANELS} - {panel.__module__}
    assert not imports_of(panel.__module__) & others


def test_tabs_go_round_and_a_panel_without_one_leads_to_them():
    assert next_tab(OVERVIEW, -1) == TABS[-1] and next_tab(TABS[-1], 1) == OVERVIEW
    assert TABS[:2] == (OVERVIEW, "accuracy") and next_tab("why", 1) == TABS[1]


def test_every_tab_has_its_key_and_its_name(made_up, scene):
    text = "".join(text for text, _ in tab_line(scene(made_up.records(40)), 250))
    assert all(f"{panel.keys[0]} {panel.name}" in text for panel in TABBED)
    assert "0 overview" in text


def test_only_what_is_shown_can_be_scrolled(made_up, scene):
    def limit(panel):
        return scroll_limit(scene(made_up.records(702), View(panel=panel)))

    state = scene(made_up.records(702)).state
    every = scene(made_up.records(702), View(panel="events", every=True))
    assert scroll_limit(every) == len(state.events) and limit("alerts") > 0
    assert limit(OVERVIEW) == max(limit("events"), limit("alerts"))
    assert limit("images") == 3 and limit("heat") == limit("accuracy") == 0

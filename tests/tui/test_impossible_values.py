"""No value of a log keeps a run from being read, told and drawn: what cannot be is unknown."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import impossible

from selffit.eventlog.kinds import KINDS
from selffit.run.follow import Follower, LogSource
from selffit.run.judged.summary import status_dict
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import closing, sentence
from selffit_tui.draw.styles import palette
from selffit_tui.intervene.actions import actions
from selffit_tui.model.scene import OVERVIEW, View
from selffit_tui.panels.header import Header
from selffit_tui.panels.list import PANELS, scroll_limit
from selffit_tui.panels.tabs import Tabs
from selffit_tui.panels.why import is_calm
from selffit_tui.plain.lines import PlainLines, runs_table, status_lines
from selffit_tui.plain.merging import in_time
from selffit_tui.screens.footer import Footer
from selffit_tui.screens.layout import layout

INKS = palette("256")
SIZES = ((120, 40), (80, 24))
BARS = {"header": Header(INKS), "tabs": Tabs(INKS), "footer": Footer(INKS)}
DRAWN = {panel.name: panel(INKS) for panel in PANELS}
NOW = 1.8e9
LOOKED_AT = View(cursor=300, zoom=3, smooth=True, log_axis=True)
ALONE = [View(panel=panel.name) for panel in PANELS]
VIEWS = [(size, view) for size in SIZES for view in (View(), LOOKED_AT, *ALONE)]
BOTH = [(SIZES[0], LOOKED_AT), (SIZES[1], View())]


def tell(items):
    """Everything that is said of a run without a screen."""
    told, lines = Follower(LogSource(Path("nowhere")), "made-up"), PlainLines()
    assert all(isinstance(line, str) for line in lines.feed(in_time(items), told))
    state = told.state
    summary = status_dict(state, "training", NOW)
    json.dumps(summary, allow_nan=False)
    stands = sentence(state, verdict(state))
    assert [*status_lines(summary, stands), *runs_table([summary]), closing(state, "training")]
    assert list(lines.ending(state, "training", "r"))
    assert actions(state.ledger, state, verdict(state).fallen, "conv1")


def draw(make_scene, items, views):
    """The panels of these views of a run, in an overview or alone."""
    plain = make_scene(items, now=NOW)
    for (width, height), view in views:
        place = layout(width, height, view.panel, is_calm(plain))
        right = place.right
        scene = replace(plain, view=view, narrow=place.narrow)
        for name, lines in place.heights.items():
            room = width
            if view.panel == OVERVIEW and not place.narrow:
                room = {"left": width - right, "right": right}.get(DRAWN[name].side, width)
            check(DRAWN[name], scene, room, lines)
        for name, lines in {"header": place.header, "tabs": 1, "footer": 1}.items():
            check(BARS[name], scene, width, lines)
        scroll_limit(scene)


def check(widget, scene, width, height):
    for strip in widget._drawn(scene, width, height):
        assert strip.cell_length == width


@pytest.mark.parametrize("kind", KINDS)
def test_impossible_values_of_every_kind(kind, scene):
    """All those of a field at once: of what is kept they are all drawn, else the last one is."""
    for turn, run in enumerate(impossible.runs_of(kind, alone=False)):
        tell(run)
        draw(scene, run, [BOTH[turn % 2], (SIZES[turn % 2], ALONE[turn % len(ALONE)])])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_impossible_value_of_every_kind(kind, scene):
    for run in impossible.runs_of(kind, alone=True):
        tell(run)
        draw(scene, run, VIEWS)

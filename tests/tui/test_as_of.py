"""What a panel shows of the past is what it showed then: nothing of what came later."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_up.rollback import rolled_back

from selffit.run.in_time import TimedSource
from selffit.run.recording.recording import Recording
from selffit_tui.draw.raster import Window
from selffit_tui.draw.styles import palette
from selffit_tui.model.player import Player
from selffit_tui.model.replay import Replay
from selffit_tui.model.scene import Scene, Snapshot, View
from selffit_tui.model.series import Columns
from selffit_tui.panels.list import PANELS

EXAMPLE = Path(__file__).parents[2] / "runs" / "example-patterns-rollback"
EVERY = 47  # positions


def logs():
    """A run with all that is measured, and a recorded one; both were rolled back."""
    return {"made up": rolled_back().records, "recorded": TimedSource(EXAMPLE).poll()}


@pytest.fixture(scope="module", params=["made up", "recorded"])
def recording(request):
    found = Recording()
    found.append(logs()[request.param])
    return found


class OnTheAxisOfThen(Scene):
    """A scene whose charts end where they ended then; else the axis stays while a clock moves."""

    def window(self, columns: int) -> Window:
        return Scene.window(replace(self, replay=Replay()), columns)


def scenes(recording):
    """Of every so many positions: the past as a replay draws it, and the present that it was."""
    whole = Snapshot(recording.newest, True, 1000, None, 0.0, recording, len(recording))
    replayed = Columns()
    for position in range(EVERY, len(recording), EVERY):
        player = Player()
        player.take(whole)
        player.go(position, 0.0)
        drawn, t = player.drawn(), recording.time_at(position)
        replayed.take(drawn.state)
        view = View()
        past = OnTheAxisOfThen(
            snapshot=drawn,
            view=view,
            columns=replayed,
            now=t + 5000.0,
            newest=whole,
            replay=player.replay(),
            then=t,
        )
        live = Columns()
        live.take(drawn.state)
        state = replace(drawn, alive=True, position=position)
        yield past, Scene(snapshot=state, view=view, columns=live, now=t, newest=state)


def lines(panel, scene):
    """What a panel draws alone; without what can be done, which is about the present."""
    alone = replace(scene, view=View(panel=panel.name))
    drawn = ["".join(text for text, *_ in line) for line in panel.draw(alone, 72, 24)]
    return [line for line in drawn if "▸" not in line and line.strip(" │")]


def test_every_panel_shows_what_it_showed_then(recording):
    inks = palette("256")
    panels = [panel(inks) for panel in PANELS]
    compared = 0
    for past, live in scenes(recording):
        for panel in panels:
            assert lines(panel, past) == lines(panel, live), panel.name
            compared += 1
    assert compared > 20

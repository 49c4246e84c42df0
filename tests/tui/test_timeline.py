"""The timeline: what it shows of a run, where the clock stands, and what is said of it."""

from dataclasses import replace

import pytest
from made_up import rollback
from made_up import run as synthetic
from made_up.looks import SETS, plain_text
from made_up.records import record, steps
from rich.cells import cell_len

from selffit.run.folded.state import RunState
from selffit.run.recording.recording import Recording
from selffit_tui.draw.styles import palette
from selffit_tui.model.player import Player
from selffit_tui.model.scene import Scene, Snapshot, View
from selffit_tui.model.series import Columns
from selffit_tui.screens.timeline import rail_lines, timeline_height, timeline_lines

NOW = synthetic.START + 30.0
SAVED = rollback.rolled_back().records
FELL = synthetic.records(702)
PICTURES = {  # records, place, keys, glyphs, size
    "live-120": (SAVED, "end", "", "braille", (120, 2)),
    "held-120": (SAVED, "main:690", "", "braille", (120, 2)),
    "mark-120": (SAVED, "onset", "", "braille", (120, 2)),
    "playing-120": (FELL, "300", "p>>", "braille", (120, 1)),
    "live-80": (SAVED, "end", "", "braille", (80, 1)),
    "held-80": (SAVED, "main:690", "", "braille", (80, 1)),
    "mark-80": (SAVED, "onset", "", "braille", (80, 1)),
    "held-120-ascii": (SAVED, "main:690", "", "ascii", (120, 2)),
    "held-80-ascii": (SAVED, "main:690", "", "ascii", (80, 1)),
    "ended-80-ascii": (synthetic.records(), "end", "", "ascii", (80, 1)),
    "playing-45": (FELL, "300", "p", "braille", (45, 1)),
}


def scene_at(records, place, keys="", glyphs="braille"):
    """A scene of a recording with its clock at a place."""
    recording = Recording(RunState(run="x"))
    recording.append(records)
    player = Player()
    player.take(Snapshot(recording.newest, True, 1, None, 0.0, recording, len(recording)))
    player.go(player.position(place), 0.0)
    for key in keys:
        player.play(0.0) if key == "p" else player.faster(1, 0.0)
    drawn = player.drawn()
    columns = Columns()
    columns.take(drawn.state)
    return Scene(
        snapshot=drawn,
        view=View(),
        columns=columns,
        now=NOW,
        newest=player.newest,
        glyphs=SETS[glyphs],
        replay=player.replay(),
        then=None if player.clock.live else player.clock.t,
    )


@pytest.mark.parametrize("name", PICTURES)
def test_snapshot_of_the_timeline(name, snapshot):
    records, place, keys, glyphs, (width, height) = PICTURES[name]
    lines = timeline_lines(scene_at(records, place, keys, glyphs), width, height)
    text = plain_text(lines, ascii=glyphs == "ascii")
    snapshot(f"timeline-{name}", "".join(line.rstrip() + "\n" for line in text.split("\n")))


@pytest.mark.parametrize("glyphs", SETS)
def test_it_fills_every_size_exactly(glyphs):
    inks = palette("none")
    for records in ([], FELL[:5], SAVED):
        for place in ("start", "end"):
            scene = scene_at(records, place, "", glyphs)
            for width in (0, 1, 2, 3, 7, 16, 30, 45, 80, 131):
                for height in (0, 1, 2, 3):
                    lines = timeline_lines(scene, width, height)
                    assert len(lines) == height
                    assert all(sum(cell_len(t) for t, _ in line) == width for line in lines)
                    assert all(style in inks for line in lines for _, style in line)


def test_in_ascii_it_is_ascii():
    for place in ("main:690", "onset", "end"):
        lines = timeline_lines(scene_at(SAVED, place, "", "ascii"), 120, 2)
        assert plain_text(lines, ascii=True).isascii()


def test_where_the_clock_stands_can_be_seen_without_any_colour():
    (line,) = rail_lines(scene_at(FELL, "300"), 60, 1)
    (here,) = [(text, style) for text, style in line if style == "tab"]
    assert here[0] == "┼" and palette("none")["tab"].reverse


def test_the_rail_stays_where_it_is_whatever_is_said():
    ends = set()
    for place in ("end", "onset", "main:690", "30"):
        text = plain_text(timeline_lines(scene_at(SAVED, place), 120, 2)).split("\n")[0]
        ends.add(text.index("  ", 3))
    assert len(ends) == 1


def test_what_is_not_yet_done_is_dotted_until_the_planned_end():
    (line,) = rail_lines(scene_at(FELL, "end"), 60, 1)
    text = "".join(text for text, _ in line)
    assert text.count("┄") == round(59 * (868 - 700) / 868) - 1 and text.endswith("┄┤")
    (line,) = rail_lines(scene_at(synthetic.records(), "end"), 60, 1)
    assert "┄" not in "".join(text for text, _ in line)


def test_there_is_a_second_line_only_where_there_is_a_branch_and_room():
    assert timeline_height(scene_at(SAVED, "end"), 40) == 2
    assert timeline_height(scene_at(SAVED, "end"), 24) == 1
    assert timeline_height(scene_at(FELL, "end"), 40) == 1
    assert timeline_height(scene_at(SAVED, "end"), 15) == 0
    assert timeline_height(scene_at([], "end"), 40) == 0


def test_a_gap_that_is_squeezed_is_said():
    gap = [
        record("run.start", synthetic.run_start(), t=1000.0),
        steps(0, t=1001.0),
        steps(10, t=1301.0),
        steps(20, t=1302.0),
    ]
    (line,) = timeline_lines(scene_at(gap, "10", "p"), 120, 1)
    assert "idle for 5:00, squeezed" in plain_text([line])


def test_the_end_of_a_run_is_told_by_its_word():
    lost = scene_at(FELL, "end")
    lost = replace(lost, newest=replace(lost.newest, alive=False), now=NOW + 900)
    assert "? end at 700" in plain_text(timeline_lines(lost, 120, 1))


def test_arrows_that_are_words_are_kept_apart():
    told = plain_text(timeline_lines(scene_at(SAVED, "end", "", "ascii"), 120, 2), ascii=True)
    assert "left/right" in told

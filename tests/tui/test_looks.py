"""What the screens look like: text snapshots, and that every size and every glyph set can be drawn."""

import pytest
from rich.cells import cell_len

from selffit_tui.draw.glyphs import SETS
from selffit_tui.model.scene import View
from selffit_tui.panels.accuracy import accuracy_lines, axis_parts, spaced
from selffit_tui.panels.alerts import alert_lines
from selffit_tui.panels.channels import bar, channel_lines, ranking
from selffit_tui.panels.events import event_lines
from selffit_tui.panels.header import header_lines
from selffit_tui.panels.heat import heat_lines
from selffit_tui.panels.signals import signal_lines
from selffit_tui.panels.tabs import tab_line
from selffit_tui.screens.footer import footer_line

PANELS = (accuracy_lines, signal_lines, channel_lines, alert_lines, event_lines, heat_lines)
SCREENS = {
    "onset-120x40": (702, (120, 40), "braille", ()),
    "onset-80x24": (702, (80, 24), "braille", ()),
    "onset-80x24-ascii": (702, (80, 24), "ascii", ()),
    "onset-120x40-ascii": (702, (120, 40), "ascii", ()),
    "watch-120x40": (588, (120, 40), "braille", ()),
    "cursor-120x40-block": (868, (120, 40), "block", ("l", "left_square_bracket", "plus", "d")),
    "just-begun-120x40": (0, (120, 40), "braille", ()),
    "channels-80x24": (702, (80, 24), "braille", ("3", "l")),
    "channels-120x40": (702, (120, 40), "braille", ("3",)),
    "channels-before-80x24-ascii": (400, (80, 24), "ascii", ("3",)),
    "heat-80x24-ascii": (868, (80, 24), "ascii", ("9", "l", "left_square_bracket")),
    "alerts-80x24": (702, (80, 24), "braille", ("4",)),
    "help-80x24": (100, (80, 24), "braille", ("question_mark",)),
    "onset-40x12": (702, (40, 12), "braille", ()),
}


@pytest.mark.parametrize("name", SCREENS)
def test_snapshot(name, drive, made_up, shown, snapshot):
    upto, size, glyphs, keys = SCREENS[name]

    async def look(app, pilot):
        await pilot.press(*keys)
        await pilot.pause()
        snapshot(name, shown(app))

    drive(made_up.records(upto), look, size=size, glyphs=glyphs)


def test_snapshot_before_anything_is_logged(drive, shown, snapshot):
    async def look(app, pilot):
        snapshot("empty-120x40", shown(app))

    drive([], look)


def test_snapshot_of_a_crash(drive, made_up, record, shown, snapshot):
    async def look(app, pilot):
        snapshot("crashed-120x40", shown(app))

    stderr = [
        "Traceback (most recent call last):",
        '  File "loop.py", line 1',
        "RuntimeError: CUDA error: out of memory",
    ]
    end = record(
        "sup.exit",
        {"how": "crashed", "text": "exit code 1", "stderr": stderr},
        t=made_up.START + 20,
    )
    drive([*made_up.records(400), end], look)


@pytest.mark.parametrize("glyphs", SETS)
@pytest.mark.parametrize("upto", [0, 40, 702])
def test_every_panel_fills_every_size_exactly(glyphs, upto, made_up, scene):
    for narrow in (False, True):
        other = View(
            panel="channels",
            cursor=30,
            zoom=2,
            smooth=True,
            log_axis=True,
            layer=1,
            baseline=3,
            scroll=50,
        )
        for view in (View(), other):
            whole = scene(made_up.records(upto), view, SETS[glyphs], narrow)
            for width in (0, 1, 2, 7, 9, 20, 33, 78, 131):
                for height in (0, 1, 2, 3, 5, 8, 13, 30):
                    for panel in PANELS:
                        lines = panel(whole, width, height)
                        assert len(lines) == height
                        assert all(
                            sum(cell_len(text) for text, _ in line) == width for line in lines
                        ), panel
                    assert len(header_lines(whole, width, height)) <= height
                assert sum(cell_len(text) for text, _ in footer_line(whole, width)) == width
                assert sum(cell_len(text) for text, _ in tab_line(whole, width)) == width


def test_ascii_screens_hold_ascii_only(made_up, scene):
    for view in (View(cursor=620, smooth=True), View(panel="channels")):
        whole = scene(made_up.records(702), view, SETS["ascii"])
        for panel in PANELS:
            assert all(text.isascii() for line in panel(whole, 118, 30) for text, _ in line), panel
    assert all(text.isascii() for line in header_lines(whole, 118, 5) for text, _ in line)
    assert all(text.isascii() for text, _ in footer_line(whole, 118))


def test_the_empty_panels_explain_themselves(made_up, scene, record):
    begun = scene([record("run.start", made_up.run_start())])
    text = "".join(text for line in channel_lines(begun, 60, 10) for text, _ in line)
    assert "the first comes with the probe at step 0" in text
    steps = record("steps", {"n": 2, "cols": {"abnormal": [0.1, 0.1]}}, 38)
    later = scene([record("run.start", made_up.run_start()), steps])
    assert "with the probe at step 62" in "".join(
        text for line in channel_lines(later, 60, 10) for text, _ in line
    )
    start = made_up.run_start()
    start["config"]["channel_images"] = 0
    off = scene([record("run.start", start)])
    assert "channel probes are off" in "".join(
        text for line in channel_lines(off, 60, 10) for text, _ in line
    )


def test_labels_of_lines_that_end_together_are_moved_apart():
    assert spaced([0, 0, 0], 10) == [0, 1, 2]
    assert spaced([9, 9, 9], 10) == [7, 8, 9]
    assert spaced([2, 5, 5], 10) == [2, 5, 6]
    assert spaced([0, 0, 0], 2) == [0, 1]


def test_axis_labels_lie_exactly_on_rows():
    for room in range(5, 40):
        rows, parts = axis_parts(room)
        assert room - 2 <= rows <= room and ((rows - 1) % parts == 0 or parts == 1)


def test_ranking_puts_the_most_dominant_first_and_unknown_last():
    assert ranking([0.1, float("nan"), 0.7, -0.4, 0.1]) == [2, 0, 4, 3, 1]


def test_dominance_bars_grow_from_the_centre():
    def drawn(value, glyphs="ascii"):
        return "".join(text for text, _ in bar(value, 9, "self", SETS[glyphs]))

    assert [drawn(value) for value in (1.0, 0.5, 0.0, -0.5, -1.0, float("nan"))] == [
        "    |####",
        "    |##  ",
        "    |    ",
        "  ##|    ",
        "####|    ",
        "    |    ",
    ]
    assert drawn(0.6, "braille") == "    │██▍ "

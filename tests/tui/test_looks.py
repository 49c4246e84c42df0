"""What the screens look like: text snapshots, and that every size and glyph set can be drawn.

Panels are compared one at a time, so that one of them can change, or a new one come, without
another; only a few whole screens show that they fit together.
"""

import re
from dataclasses import replace

import pytest
from made_up.looks import SETS, plain_text
from rich.cells import cell_len

from selffit_tui.draw.styles import palette
from selffit_tui.model.scene import View
from selffit_tui.panels.accuracy import axis_parts, spaced
from selffit_tui.panels.alerts import AlertPanel
from selffit_tui.panels.channels import bar, channel_lines
from selffit_tui.panels.header import header_lines
from selffit_tui.panels.list import PANELS
from selffit_tui.panels.parts.ranking import ranking
from selffit_tui.panels.tabs import tab_line
from selffit_tui.screens.footer import footer_line

INKS = palette("none")
SCREENS = {  # steps read, size, glyphs, keys
    "onset-120x40": (702, (120, 40), "braille", ()),
    "onset-80x24": (702, (80, 24), "braille", ()),
    "onset-80x24-ascii": (702, (80, 24), "ascii", ()),
    "help-80x24": (100, (80, 24), "braille", ("question_mark",)),
}
IN_OVERVIEW = View()
AT_ONSET = View(cursor=620, zoom=1, layer=1, baseline=1)
PICTURES = {  # panel, steps read, view, glyphs, size
    "accuracy-overview": ("accuracy", 702, IN_OVERVIEW, "braille", (72, 13)),
    "accuracy-cursor": ("accuracy", 868, AT_ONSET, "braille", (72, 13)),
    "signals-overview": ("signals", 702, IN_OVERVIEW, "braille", (72, 8)),
    "signals-ascii": ("signals", 702, View(panel="signals", smooth=True), "ascii", (80, 19)),
    "self-overview": ("self", 702, IN_OVERVIEW, "braille", (72, 9)),
    "self-alone": ("self", 702, View(panel="self"), "braille", (118, 34)),
    "dose-alone": ("dose", 702, View(panel="dose"), "braille", (80, 19)),
    "images-ascii": ("images", 702, View(panel="images"), "ascii", (80, 19)),
    "heat-ascii": ("heat", 868, replace(AT_ONSET, panel="heat"), "ascii", (80, 19)),
    "heat-alone": ("heat", 702, View(panel="heat"), "braille", (80, 19)),
    "alerts-overview": ("alerts", 702, IN_OVERVIEW, "braille", (48, 14)),
    "alerts-alone": ("alerts", 702, View(panel="alerts"), "braille", (80, 19)),
    "channels-overview": ("channels", 702, IN_OVERVIEW, "braille", (48, 16)),
    "channels-cursor": ("channels", 868, AT_ONSET, "braille", (48, 16)),
    "channels-alone": ("channels", 702, View(panel="channels"), "braille", (118, 34)),
    "channels-before-ascii": ("channels", 400, View(panel="channels"), "ascii", (80, 19)),
    "events-overview": ("events", 702, IN_OVERVIEW, "braille", (120, 6)),
}


def text_of(lines, glyphs="braille"):
    """The lines as a snapshot holds them."""
    text = plain_text(lines, ascii=glyphs == "ascii")
    return "".join(line.rstrip() + "\n" for line in text.split("\n"))


@pytest.mark.parametrize("name", SCREENS)
def test_snapshot_of_a_whole_screen(name, drive, made_up, shown, snapshot):
    upto, size, glyphs, keys = SCREENS[name]

    async def look(app, pilot):
        await pilot.press(*keys)
        await pilot.pause()
        snapshot(name, shown(app))

    drive(made_up.records(upto), look, size=size, glyphs=glyphs)


@pytest.mark.parametrize("name", PICTURES)
def test_snapshot_of_a_panel(name, made_up, scene, snapshot):
    panel, upto, view, glyphs, size = PICTURES[name]
    (chosen,) = (kind for kind in PANELS if kind.name == panel)
    whole = scene(made_up.records(upto), view, SETS[glyphs])
    snapshot(name, text_of(chosen(INKS).draw(whole, *size), glyphs))


@pytest.mark.parametrize("name", [panel.name for panel in PANELS])
def test_before_anything_is_logged_every_panel_says_that_there_is_nothing_yet(
    name, drive, made_up, shown
):
    async def look(app, pilot):
        app.run_screen.action_panel_named(name)
        await pilot.pause()
        assert re.search("yet|none", shown(app))

    drive([], look, size=(80, 24))


@pytest.mark.parametrize("width", [120, 80, 40])
def test_snapshot_of_the_header_of_a_crash(width, made_up, record, scene, snapshot):
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
    whole = scene([*made_up.records(588), end], narrow=width < 100)
    snapshot(f"crashed-header-{width}", text_of(header_lines(whole, width, 5)))
    if width == 80:
        alerts = AlertPanel(INKS).draw(whole, 48, 14)
        snapshot("crashed-alerts", text_of(alerts))


def test_snapshot_of_the_header_of_a_suspicion(made_up, scene, snapshot):
    records = made_up.records(588)
    last = max(i for i, item in enumerate(records) if item.k == "alert")
    snapshot("suspect-header", text_of(header_lines(scene(records[: last + 1]), 120, 5)))


@pytest.mark.parametrize("glyphs", SETS)
@pytest.mark.parametrize("upto", [0, 40, 702])
def test_every_panel_fills_every_size_exactly(glyphs, upto, made_up, scene):
    panels = [panel(palette("256")) for panel in PANELS]
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
                    for panel in panels:
                        lines = panel.draw(whole, width, height)
                        assert len(lines) == height
                        assert all(
                            sum(cell_len(text) for text, _ in line) == width for line in lines
                        ), panel.name
                        assert all(panel._inks[style] for line in lines for _, style in line)
                    assert len(header_lines(whole, width, height)) <= height
                assert sum(cell_len(text) for text, _ in footer_line(whole, width)) == width
                assert sum(cell_len(text) for text, _ in tab_line(whole, width)) == width


def test_ascii_screens_hold_ascii_only(made_up, scene):
    for view in (View(cursor=620, smooth=True), View(panel="channels")):
        whole = scene(made_up.records(702), view, SETS["ascii"])
        for panel in PANELS:
            lines = panel(palette("256")).draw(whole, 118, 30)
            text = plain_text(lines, ascii=True)
            assert text.isascii(), panel.name
            assert {len(line) for line in text.split("\n")} == {118}
    assert plain_text(header_lines(whole, 118, 5), ascii=True).isascii()
    assert plain_text([footer_line(whole, 118)], ascii=True).isascii()


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

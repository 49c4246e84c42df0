"""The heat strip: the channels of a layer through time, in colours or in characters."""

import numpy as np
import pytest
from made_up.looks import SETS, plain_text
from rich.cells import cell_len

from selffit_tui.draw.styles import UNMEASURED, palette, shade
from selffit_tui.model.scene import View
from selffit_tui.panels.heat import LEVELS, _levels, _reach, heat_lines
from selffit_tui.panels.parts.charting import plot

WIDTH = 83  # 58 cells of the strip


def probes(record, table, name="conv", every=10):
    """A channel probe every `every` steps; `table` has one row of dominance a probe."""
    return [
        record("probe.channels", {"layers": [{"name": name, "dominance": row}]}, every * i)
        for i, row in enumerate(table)
    ]


def strip(lines):
    """The rows of the strip, without border, labels and axis."""
    return [line[11:-14] for line in plain_text(lines).split("\n")[1:-3]]


def labels(lines):
    return [line[1:10].strip() for line in plain_text(lines).split("\n")[1:-3]]


def test_rows_are_ordered_by_the_newest_dominance_or_that_at_the_cursor(scene, record):
    items = probes(record, [[0.9, -0.5, 0.1], [-0.2, 0.3, 0.8]])
    assert labels(heat_lines(scene(items, glyphs=SETS["ascii"]), WIDTH, 7)) == ["2", "1", "0"]
    assert labels(heat_lines(scene(items, View(cursor=5), SETS["ascii"]), WIDTH, 7)) == [
        "0",
        "2",
        "1",
    ]


def test_a_value_is_drawn_from_its_probe_until_the_next_one(scene, record):
    items = [*probes(record, [[1.0], [-1.0]], every=20), record("steps", {"n": 1, "cols": {}}, 29)]
    whole = scene(items, glyphs=SETS["ascii"])
    (row,) = strip(heat_lines(whole, WIDTH, 5))
    place = plot(whole, WIDTH - 2)
    turn, end = place.cell(20), place.cell(30)
    assert (
        row[:turn] == "#" * turn
        and row[turn : end + 1] == "=" * (end + 1 - turn)
        and not row[end + 1 :].strip()
    )


def test_several_probes_in_a_cell_are_averaged_and_earlier_ones_hold_at_the_left_edge(
    scene, record
):
    table = [[1.0 if i % 2 else -1.0] for i in range(400)]
    items = [*probes(record, table, every=1), *probes(record, [[0.5]], every=1)]
    whole = scene(items[:-1], glyphs=SETS["ascii"])
    (row,) = strip(heat_lines(whole, WIDTH, 5))
    assert not row[: plot(whole, WIDTH - 2).cell(390)].strip()  # the mean of +1 and -1 is 0
    far = [*probes(record, [[-1.0]]), record("steps", {"n": 1, "cols": {}}, 10_000)]
    (row,) = strip(heat_lines(scene(far, View(zoom=3), SETS["ascii"]), WIDTH, 5))
    assert row.startswith("==")


def test_more_channels_than_rows_are_grouped_by_rank_and_that_is_said(scene, record):
    items = probes(record, [[i / 10 for i in range(10)]])
    lines = heat_lines(scene(items, glyphs=SETS["ascii"]), WIDTH, 8)
    assert labels(lines) == ["1-2", "3-5", "6-7", "8-10"]
    assert "means of 2-3 channels by rank" in plain_text(lines)
    assert [line[-13:-1].strip() for line in plain_text(lines).split("\n")[1:5]] == [
        "+.85",
        "+.60",
        "+.35",
        "+.10",
    ]
    whole = heat_lines(scene(items, glyphs=SETS["ascii"]), WIDTH, 14)
    assert "means" not in plain_text(whole) and labels(whole)[0] == "9"


@pytest.mark.parametrize("channels", [1, 2])
def test_a_layer_of_few_channels_fills_the_lanes_of_the_overview(scene, record, channels):
    items = probes(record, [[0.5] * channels, [0.9] * channels])
    lines = heat_lines(scene(items, glyphs=SETS["ascii"]), WIDTH, 6, few=True)
    said = [line[1:10].strip() for line in plain_text(lines).split("\n")[1:-1]]
    assert len(said) == 4
    assert [name for name in said if name] == [f"ch {c}" for c in range(channels)]


def test_with_256_colours_a_cell_holds_two_channels(scene, record):
    items = probes(record, [[1.0, -1.0, 0.0, float("nan")]])
    lines = heat_lines(scene(items), WIDTH, 6, shaded=True)
    assert labels(lines) == ["0,2", "1,3"]
    assert ("▀", shade(8, 4)) in lines[1] and ("▀", shade(0, UNMEASURED)) in lines[2]
    # six rows: three halves for each of four channels
    high = heat_lines(scene(items[:1]), WIDTH, 4 + 6, shaded=True)
    assert labels(high) == ["0", "2", "", "1", "3", ""]
    assert {style for line in lines for _, style in line} <= set(palette("256"))


def test_the_onset_is_a_line_through_all_rows_and_a_mark_on_the_axis(scene, made_up):
    for glyphs, character in (("ascii", "!"), ("braille", "┊")):
        whole = scene(made_up.records(702), glyphs=SETS[glyphs])
        cell = plot(whole, WIDTH - 2).cell(620)
        lines = heat_lines(whole, WIDTH, 20)
        assert [row[cell] for row in strip(lines)] == [character] * 16
        assert plain_text(lines).split("\n")[-3][11 + cell : 13 + cell] == "!!"


def test_the_cursor_is_a_line_through_all_rows(scene, made_up):
    whole = scene(made_up.records(702), View(cursor=300))
    cell = plot(whole, WIDTH - 2).cursor
    lines = heat_lines(whole, WIDTH, 20, shaded=True)
    assert [row[cell] for row in strip(lines)] == ["│"] * len(strip(lines))


def test_the_layer_picker_chooses_the_layer(scene, made_up):
    text = plain_text(heat_lines(scene(made_up.records(400), View(layer=1)), WIDTH, 20))
    assert "conv2 (32)  2/2" in text


def test_without_a_probe_it_says_when_one_comes(scene, made_up, record):
    begun = scene([record("run.start", made_up.run_start())])
    assert "the first comes with the probe at step 0" in plain_text(heat_lines(begun, WIDTH, 8))


@pytest.mark.parametrize("colours", ["256", "ansi", "none"])
@pytest.mark.parametrize("glyphs", SETS)
def test_every_size_is_filled_in_every_palette(scene, made_up, record, glyphs, colours):
    inks = palette(colours)
    hostile = probes(
        record, [[0.1, float("inf")], [], [3e38, -3e38, float("nan")], [0.5, 0.5, 0.5]]
    )
    for items in (made_up.records(702), hostile, ()):
        whole = scene(items, View(cursor=600, zoom=1), SETS[glyphs])
        for width, height in ((0, 0), (1, 1), (8, 3), (20, 9), (83, 4), (83, 5), (120, 40)):
            lines = heat_lines(whole, width, height, shaded=shade(0, 0) in inks)
            assert [sum(cell_len(text) for text, _ in line) for line in lines] == [width] * height
            assert {style for line in lines for _, style in line} <= set(inks)
            assert glyphs != "ascii" or all(text.isascii() for line in lines for text, _ in line)


@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_without_colours_self_and_data_differ_by_their_characters(scene, record, glyphs):
    items = probes(record, [[0.9, 0.3, 0.0, -0.3, -0.9]])
    rows = strip(heat_lines(scene(items, glyphs=SETS[glyphs]), WIDTH, 9))
    assert len({row[0] for row in rows}) == 5


def test_small_differences_are_shaded_as_far_as_the_legend_says():
    small = np.array([[0.0, 0.2, -0.2, np.nan]])
    assert _reach(small) == 0.25
    assert _reach(4 * small) == 1.0
    assert _levels(small / _reach(small)).tolist() == [[LEVELS, LEVELS + 3, LEVELS - 3, UNMEASURED]]
    assert _reach(np.full((2, 2), np.nan)) == 1.0

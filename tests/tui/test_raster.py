"""The rasteriser: from points to characters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selffit_tui.draw.glyphs import ASCII, BRAILLE
from selffit_tui.draw.raster import Trace, Window, column_width, rasterise, runs, window


def trace(values, start=0, **limits):
    y = np.array(values, dtype=np.float64)
    return Trace(np.arange(start, start + len(y), dtype=np.float64), y, **limits)


def test_a_rising_line_in_ascii():
    raster = rasterise([trace([0.0, 1 / 3, 2 / 3, 1.0])], Window(0, 1, 4), 2, ASCII)
    assert raster.rows == ["  .'", ".'  "]
    assert raster.owners.tolist() == [[-1, -1, 0, 0], [0, 0, -1, -1]]
    assert raster.drawn == 4


def test_dots_are_where_the_points_are():
    assert rasterise([trace([1.0, 1.0])], Window(0, 1, 2), 1, BRAILLE).rows == ["⠉"]
    assert rasterise([trace([0.0, 0.0])], Window(0, 1, 2), 1, BRAILLE).rows == ["⣀"]


@pytest.mark.parametrize("columns", [8, 40, 120])
def test_a_collapse_of_one_step_is_visible_at_every_zoom(columns):
    values = np.full(10_000, 0.9)
    values[6_543] = 0.0
    place = window(0, 10_000, columns)
    low, high, _ = runs(trace(values), place, 20)
    column = place.column(6_543)
    assert high[column] == 19 and low[column] == 2
    assert all(
        high[c] == 2 for c in range(columns) if c != column and low[c] >= 0 and abs(c - column) > 1
    )


def test_nan_is_a_gap_that_nothing_bridges():
    low, _, drawn = runs(trace([0.5, 0.5, np.nan, np.nan, 0.5, 0.5]), Window(0, 0.5, 12), 8)
    assert [value >= 0 for value in low] == [
        True,
        True,
        True,
        False,
        False,
        False,
        False,
        False,
        True,
        True,
        True,
        False,
    ]
    assert drawn == 4


def test_a_gap_inside_one_column_breaks_the_line_to_the_next_one_only_if_it_ends_it():
    low, high, _ = runs(trace([0.0, np.nan, 0.0, 1.0]), Window(0, 3, 2), 8)
    assert low.tolist() == [4, 0] and high.tolist() == [7, 3]
    low, high, _ = runs(trace([0.0, 0.0, np.nan, 1.0]), Window(0, 3, 2), 8)
    assert low.tolist() == [7, 0] and high.tolist() == [7, 0]


def test_infinities_are_gaps_too():
    assert runs(trace([np.inf, -np.inf, 0.5]), Window(0, 1, 3), 4)[0].tolist() == [-1, -1, 2]


def test_sparse_points_are_joined_by_a_line():
    points = Trace(np.array([0.0, 10.0]), np.array([0.0, 1.0]))
    low, high, drawn = runs(points, Window(0, 1, 11), 11)
    assert low.tolist() == list(range(10, -1, -1)) == high.tolist()
    assert drawn == 2


def test_a_step_higher_than_a_dot_leaves_no_hole():
    low, high, _ = runs(trace([0.0, 1.0, 0.0]), Window(0, 1, 3), 12)
    assert low[0] == high[1] + 1 or high[1] >= low[0] - 1
    assert high[2] == 11 and low[2] <= high[1] + 1


def test_new_points_change_only_the_newest_columns():
    rng = np.random.default_rng(1)
    values = rng.random(600)
    place = Window(0, 8, 100)
    before, after = runs(trace(values[:500]), place, 16), runs(trace(values[:560]), place, 16)
    complete = 500 // 8 - 1
    assert before[0][:complete].tolist() == after[0][:complete].tolist()
    assert before[1][:complete].tolist() == after[1][:complete].tolist()


def test_the_grid_stays_when_the_run_goes_on():
    assert window(0, 895, 90) == window(0, 850, 90)
    assert window(433, 700, 90).start % window(433, 700, 90).width == 0


def test_a_line_leaves_the_window_instead_of_ending_in_it():
    points = Trace(np.array([0.0, 100.0]), np.array([0.0, 1.0]))
    low, _, drawn = runs(points, Window(40, 1, 20), 100)
    assert (low >= 0).all() and drawn == 0


def test_lines_that_share_cells_take_turns_in_colour():
    raster = rasterise([trace([0.5] * 8), trace([0.5] * 8)], Window(0, 1, 8), 1, ASCII)
    assert raster.owners.tolist() == [[1, 0, 1, 0, 1, 0, 1, 0]]


def test_a_dotted_line_has_every_second_dot_and_gives_way_to_other_lines():
    dotted = rasterise([trace([0.0] * 8, dotted=True)], Window(0, 1, 8), 1, BRAILLE)
    assert dotted.rows == ["⡀⡀⡀⡀"] and dotted.owners.tolist() == [[0] * 4] and dotted.drawn == 0
    fall = rasterise([trace([1.0, 0.0], dotted=True)], Window(0, 1, 2), 4, ASCII)
    assert [row.strip() for row in fall.rows] == ["'"] * 4
    both = rasterise([trace([0.5] * 8, dotted=True), trace([0.0] * 4)], Window(0, 1, 8), 1, BRAILLE)
    assert both.rows == ["⣀⣀⠄⠄"] and both.owners.tolist() == [[1, 1, 0, 0]]


def test_a_dashed_line_does_not_look_like_a_dotted_one_even_in_ascii():
    dashed = trace([0.0] * 12, dotted=True, dash=4)
    assert rasterise([dashed], Window(0, 1, 12), 1, BRAILLE).rows == ["⣀⣀  ⣀⣀"]
    assert rasterise([dashed], Window(0, 1, 12), 1, ASCII).rows == ["....    ...."]


def test_values_outside_the_axis_lie_on_its_edge():
    low, high, _ = runs(trace([5.0, -5.0]), Window(0, 1, 2), 4)
    assert low[0] == 0 and high[1] == 3


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=60),
    st.integers(0, 50),
    st.floats(0.1, 30),
    st.integers(0, 40),
    st.integers(0, 6),
)
def test_any_points_in_any_window_draw_a_full_grid(values, start, width, columns, rows):
    for glyphs in (BRAILLE, ASCII):
        raster = rasterise(
            [trace(values)], Window(start, width, columns * glyphs.across), rows, glyphs
        )
        assert len(raster.rows) == rows and all(len(row) == columns for row in raster.rows)
        assert raster.drawn <= columns * glyphs.across


@given(st.floats(1, 1e7), st.integers(1, 400))
def test_every_span_fits_into_its_columns(span, columns):
    width = column_width(span, columns)
    assert width * columns >= span - 1e-6
    assert width <= 2.01 * span / columns or width <= 2

"""Which panels fit into which terminal."""

import pytest

from selffit_tui.panels.list import NAMES, TABS, on_side
from selffit_tui.screens.layout import layout


@pytest.mark.parametrize("panel", NAMES)
@pytest.mark.parametrize(("banners", "request_lines"), [(0, 0), (1, 1), (2, 4)])
def test_the_lines_add_up_in_every_terminal(panel, banners, request_lines):
    for height in range(1, 70):
        for width in (1, 40, 80, 99, 100, 120, 250):
            found = layout(width, height, panel, banners, request_lines)
            left, right, bottom = (
                sum(found.heights.get(panel.name, 0) for panel in on_side(side))
                for side in ("left", "right", "bottom")
            )
            used = (
                found.header + found.tabs + found.footer + found.request + max(left, right) + bottom
            )
            assert used == height
            assert min(found.heights.values()) >= 0


def test_at_120_by_40_everything_is_there():
    found = layout(120, 40, "overview", 0)
    assert not found.narrow and not found.tabs
    assert set(found.heights) == {"accuracy", "signals", "self", "alerts", "channels", "events"}
    assert min(found.heights.values()) >= 6


def test_a_low_wide_terminal_keeps_the_two_charts_readable():
    found = layout(120, 27, "overview", 1)
    assert (
        "self" not in found.heights
        and found.heights["accuracy"] >= 6
        and found.heights["signals"] >= 6
    )
    assert (
        layout(120, 60, "overview", 1).heights["self"]
        > layout(120, 40, "overview", 1).heights["self"]
    )


def test_at_80_by_24_the_right_column_folds_under_tabs():
    found = layout(80, 24, "overview", 1)
    assert found.narrow and found.tabs and found.header == 4
    assert set(found.heights) == {"accuracy", "signals"}
    for panel in TABS[1:]:
        assert set(layout(80, 24, panel, 1).heights) == {panel}


def test_in_a_single_line_the_alert_is_what_remains():
    assert layout(80, 1, "overview", 1).header == 1

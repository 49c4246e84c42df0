"""Which panels fit into which terminal."""

import pytest

from selffit_tui.panels.list import NAMES, TABS, on_side
from selffit_tui.screens.layout import layout


@pytest.mark.parametrize("panel", NAMES)
@pytest.mark.parametrize(("calm", "request_lines"), [(False, 0), (True, 1), (False, 4)])
def test_the_lines_add_up_in_every_terminal(panel, calm, request_lines):
    for height in range(1, 70):
        for width in (1, 40, 80, 99, 100, 120, 250):
            found = layout(width, height, panel, calm, request_lines)
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
    found = layout(120, 40, "overview")
    assert not found.narrow and not found.tabs
    assert set(found.heights) == {
        "accuracy",
        "signals",
        "heat",
        "why",
        "self",
        "channels",
        "events",
    }
    assert min(found.heights.values()) >= 6


def test_a_low_wide_terminal_keeps_the_two_charts_readable():
    found = layout(120, 27, "overview")
    assert "heat" not in found.heights
    assert found.heights["accuracy"] >= 10 and found.heights["signals"] >= 6
    assert layout(120, 60, "overview").heights["self"] > layout(120, 40, "overview").heights["self"]


def test_at_80_by_24_the_right_column_folds_under_tabs():
    found = layout(80, 24, "overview")
    assert found.narrow and found.tabs and found.header == 2
    assert set(found.heights) == {"accuracy", "signals", "events"}
    for panel in TABS[1:]:
        assert set(layout(80, 24, panel).heights) == {panel}


def test_in_a_single_line_the_alert_is_what_remains():
    assert layout(80, 1, "overview").header == 1

"""Which panels fit into a terminal, and how high each is: a pure function of size and choice."""

from collections.abc import Sequence
from dataclasses import dataclass

from selffit_tui.model.scene import OVERVIEW
from selffit_tui.panels.header import header_height
from selffit_tui.panels.list import PANELS, on_side
from selffit_tui.panels.panel import REST, Panel

WIDE, HIGH_ENOUGH = 100, 26  # columns and lines from which two columns of panels fit
RIGHT_SHARE = 0.40  # of a wide screen
NARROWEST_RIGHT = 44
LEAST_BODY = 12  # lines of panels that nothing else takes away from


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Heights in lines; a panel that is not in `heights` is hidden.

    `right` is the width of the right column, 0 where there is only one.
    """

    narrow: bool
    header: int
    tabs: bool
    footer: bool
    right: int
    heights: dict[str, int]
    request: int = 0
    timeline: int = 0


def layout(
    width: int,
    height: int,
    panel: str,
    calm: bool = False,
    request: int = 0,
    timeline: int = 0,
) -> Layout:
    """The arrangement for a terminal of that size.

    `calm`: nothing stands, so what explains it needs few lines. `request` is the number of lines
    for a request that was made, `timeline` that of the timeline, which is the first to go.

    Wide: two columns of panels above those that lie at the bottom. Narrow or a chosen panel: one
    column under a line of tabs.
    """
    narrow = width < WIDE or height < HIGH_ENOUGH
    header = min(height, header_height(narrow) if height >= 10 else 1)
    request = min(request, max(0, height - header))
    footer = height >= 8
    tabs = height >= 10 and (narrow or panel != OVERVIEW)
    rest = max(0, height - header - footer - tabs - request)
    timeline = min(timeline, max(0, rest - LEAST_BODY))
    body = rest - timeline
    right = 0
    if panel != OVERVIEW:
        heights = {panel: body}
    elif narrow:
        heights = _column(PANELS, body, narrow=True)
    else:
        heights = _overview(body, calm)
        right = max(NARROWEST_RIGHT, int(width * RIGHT_SHARE))
    return Layout(
        narrow=narrow,
        header=header,
        tabs=tabs,
        footer=footer,
        right=right,
        heights=heights,
        request=request,
        timeline=timeline,
    )


def _overview(body: int, calm: bool) -> dict[str, int]:
    """The heights of two columns and of what lies below them."""
    bottom = _column(on_side("bottom"), body, narrow=False)
    upper = body - sum(bottom.values())
    columns = (_column(on_side(side), upper, False, calm) for side in ("left", "right"))
    return {name: lines for column in (*columns, bottom) for name, lines in column.items()}


def _column(
    panels: Sequence[type[Panel]], room: int, narrow: bool, calm: bool = False
) -> dict[str, int]:
    """The heights of panels one below the other in `room` lines; those without any left out."""
    wanted = {panel.name: panel.overview_lines(room, narrow) for panel in panels}
    if calm:
        few = {panel.name: panel.calm_lines for panel in panels if panel.calm_lines}
        wanted |= {name: min(lines, wanted[name]) for name, lines in few.items()}
    left = room - sum(lines for lines in wanted.values() if lines != REST)
    return {name: left if lines == REST else lines for name, lines in wanted.items() if lines}

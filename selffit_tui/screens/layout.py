"""Which panels fit into a terminal, and how high each is: a pure function of its size and the
chosen panel.
"""

from dataclasses import dataclass

WIDE = 100  # columns from which two columns of panels fit
RIGHT_SHARE = 0.40  # of a wide screen
SIGNAL_ROWS = 5
# of the self-information panel in an overview of ordinary height, and in a high one
SELF_LINES = (9, 12)


@dataclass(frozen=True)
class Layout:
    """Heights in lines; a panel that is not in `heights` is hidden. `right` is the width of the
    right column.
    """

    narrow: bool
    header: int
    tabs: bool
    footer: bool
    right: int
    heights: dict[str, int]
    request: int = 0


def layout(width: int, height: int, panel: str, banners: int, request: int = 0) -> Layout:
    """The arrangement for a terminal of that size.

    `banners` is the number of header lines for alerts, `request` that of lines for a request that
    was made.

    Wide: accuracy, signals and self-information on the left, alerts and channels on the right,
    events below. Where it is too low for three charts, self-information has its own tab only.
    Narrow or chosen panel: one panel (the overview: accuracy above signals) under a line of tabs.
    """
    narrow = width < WIDE or height < 26
    header = min(max(0, height - 4), 3 + banners) if height >= 12 else min(height, 1 + banners)
    request = min(request, max(0, height - header))
    footer = height >= 8
    tabs = height >= 10 and (narrow or panel != "overview")
    body = max(0, height - header - footer - tabs - request)
    if panel != "overview":
        return Layout(narrow, header, tabs, footer, 0, {panel: body}, request)
    if narrow:
        signals = min(SIGNAL_ROWS + 3, body - 8)
        if signals < SIGNAL_ROWS + 2:
            return Layout(narrow, header, tabs, footer, 0, {"accuracy": body}, request)
        return Layout(
            narrow,
            header,
            tabs,
            footer,
            0,
            {"accuracy": body - signals, "signals": signals},
            request,
        )
    events = 6 if body < 44 else 9
    upper = body - events
    rows = 3 if upper >= 52 else 2 if upper >= 38 else 1
    signals = rows * SIGNAL_ROWS + 3
    own = 0 if upper < 24 else SELF_LINES[upper >= 38]
    alerts = max(8, upper * 9 // 20)
    heights = {
        "accuracy": upper - signals - own,
        "signals": signals,
        "self": own,
        "alerts": alerts,
        "channels": upper - alerts,
        "events": events,
    }
    return Layout(narrow, header, tabs, footer, max(44, int(width * RIGHT_SHARE)), heights, request)

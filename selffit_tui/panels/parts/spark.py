"""A number through time in one line of a table: a bar a cell."""

import math
from collections.abc import Sequence

from selffit.numbers import known
from selffit.run.listing.row import thinned
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.panels.parts.bars import LEVELS, PLAIN_LEVELS

LEAST_TOP = 0.2  # of the scale: noise around nothing is no mountain range


def spark(values: Sequence[float], width: int, glyphs: Glyphs) -> str:
    """At most `width` bars, as high as the values from 0 to their own highest; a gap is a blank.

    Of neighbours that share a cell the least is seen: a short fall stays in sight.
    """
    levels = PLAIN_LEVELS if glyphs.plain else LEVELS
    top = max((value for value in values if known(value)), default=0.0)
    top = max(top, LEAST_TOP)
    return "".join(
        levels[_level(value, top, len(levels))] if known(value) else " "
        for value in thinned(values, width)
    )


def _level(value: float, top: float, number: int) -> int:
    return min(number - 1, max(0, math.ceil(value / top * number) - 1))

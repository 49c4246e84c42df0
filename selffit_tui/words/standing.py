"""What stands, in a cell of a table."""

from collections.abc import Mapping
from typing import Any

from rich.cells import cell_len

from selffit.numbers import count
from selffit.run.judged.wording import cause_words
from selffit.vocabulary import (
    ROLLED_BACK,
    SUSPECT,
    TRANSIENT,
    WEAKENED,
    disease_of,
    standing_of,
)


def standing_words(stands: Mapping[str, Any], width: int = 0) -> str:
    """A verdict as `summary.verdict_dict` tells it: `!! onset @1 032 self-fitting`.

    In at most `width` cells where one is given and they are enough for its name: the step goes
    before a cause that is sure, and one that is not before the step.
    """
    level, told = standing_of(stands["state"]), stands["cause"] or ""
    name = f"!! {level.name}" if level.serious else level.name
    known_since = level.serious or level in (SUSPECT, TRANSIENT, WEAKENED, ROLLED_BACK)
    at = f" @{count(stands['since'])}" if known_since and stands["since"] is not None else ""
    cause = "" if level is ROLLED_BACK or not told else f" {cause_words(told)}"  # left behind
    sure = cause if told and disease_of(told).sure else ""
    forms = (name + at + cause, name + (sure or at), name + at, name)
    return next((form for form in forms if not width or cell_len(form) <= width), name)

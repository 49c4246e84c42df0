"""What stands, in a cell of a table."""

from collections.abc import Mapping
from typing import Any

from selffit.numbers import count
from selffit.run.judged.wording import cause_words
from selffit.vocabulary import ROLLED_BACK, STANDING, SUSPECT, TRANSIENT, WEAKENED


def standing_words(stands: Mapping[str, Any]) -> str:
    """A verdict as `summary.verdict_dict` tells it: `!! onset @1 032 self-fitting`."""
    level = STANDING[stands["state"]]
    mark = "!! " if level.serious else ""
    known_since = level.serious or level in (SUSPECT, TRANSIENT, WEAKENED, ROLLED_BACK)
    at = f" @{count(stands['since'])}" if known_since and stands["since"] is not None else ""
    cause = "" if level is ROLLED_BACK else cause_words(stands["cause"] or "")  # left behind
    return f"{mark}{level.name}{at} {cause}".rstrip()

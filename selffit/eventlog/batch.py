"""Blocks of training steps from many lines at once, as arrays.

Only what is kept of a block is taken from its line, and the numbers of all blocks are read together
(`selffit.eventlog.numerals`). Where a single one of the lines is not as a trainer writes it, none
is taken, and each has to be read by itself (`selffit.run.folded.quick`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from selffit.eventlog import kinds
from selffit.eventlog.bulk import Bulk
from selffit.eventlog.fields import Amount, Range
from selffit.eventlog.kinds import DRAWN_SIGNALS, LONGEST_BLOCK

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SETTINGS = ("lr", "eps", "alpha")  # of which a block keeps the last value
TIMING = ("img_s", "sec", "epoch")
STEPS = kinds.Steps.KIND.name
# kinds whose lines are skimmed where a state is all that is made of them
SKIMMED = frozenset(name.encode() for name in (STEPS, kinds.Host.KIND.name))

_AMOUNT = next(part for part in get_args(Amount) if isinstance(part, Range))
# Lines of other kinds have none of these, so nothing is required of a line.
_Cols = msgspec.defstruct(
    "_Cols", [(name, msgspec.Raw) for name in (*DRAWN_SIGNALS, *SETTINGS)], gc=False
)
_Data = msgspec.defstruct(
    "_Data",
    [
        ("cols", _Cols | None, None),
        ("n", int | None, None),
        *((name, float | None, None) for name in TIMING),
    ],
    gc=False,
)
_LINES: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    msgspec.defstruct("_Line", [("d", _Data)], gc=False)
)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Blocks in the order of the log.

    first, size: of each block, its first step and its number of steps, shape [blocks]. t: wall
    clocks, [blocks]. timing: img_s, sec, epoch, [blocks, 3]. settings: their last values, [blocks,
    3]. values: the drawn signals of every step, [DRAWN_SIGNALS, steps], float64 or float32.
    """

    attempt: int
    branches: list[str]
    first: "NDArray[np.int64]"
    size: "NDArray[np.int64]"
    t: "NDArray[np.float64]"
    timing: "NDArray[np.float64]"
    settings: "NDArray[np.float64]"
    values: "NDArray[Any]"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What blocks tell beside the heads of their lines; shapes as those of a `Batch`."""

    size: "NDArray[np.int64]"
    timing: "NDArray[np.float64]"
    settings: "NDArray[np.float64]"
    values: "NDArray[Any]"


def batch_of(bulk: Bulk, indices: list[int]) -> Batch | None:
    """Return the blocks that some lines tell of, None where each has to be read by itself."""
    told = bulk.told if bulk.told is not None else told_by(bulk, indices)
    if told is None:
        return None
    return Batch(
        attempt=bulk.a,
        branches=[bulk.names[number][1] for number in bulk.of[indices].tolist()],
        first=bulk.s[indices],
        t=bulk.t[indices],
        size=told.size,
        timing=told.timing,
        settings=told.settings,
        values=told.values,
    )


def told_by(bulk: Bulk, indices: Sequence[int]) -> Told | None:
    """Return what the blocks at some lines tell, None where each has to be read by itself."""
    import numpy as np

    try:
        lines = _LINES.decode_lines(bulk.text())
        blocks = [lines[index].d for index in indices]
        size = np.array([block.n for block in blocks], np.int64)
        found = np.array(list(map(attrgetter(*TIMING), blocks)), np.float64)
        cols = [block.cols for block in blocks]
        values, last = _signals(cols, size), _last(cols)
    except (ValueError, TypeError, AttributeError, OverflowError, msgspec.MsgspecError):
        return None
    if values is None:
        return None
    found[(found < _AMOUNT.low) | (found > _AMOUNT.high)] = np.nan
    return Told(size=size, timing=found, settings=last, values=values)


def _signals(cols: list[Any], size: "NDArray[np.int64]") -> "NDArray[np.float64] | None":
    """The drawn signals of all steps; None where a block has more or fewer. Raises ValueError."""
    import numpy as np

    from selffit.eventlog.numerals import Lists

    if size.min() < 1 or size.max() > LONGEST_BLOCK:
        return None
    lists = Lists(
        b"".join([text for name in DRAWN_SIGNALS for text in map(attrgetter(name), cols)])
    )
    if not np.array_equal(lists.sizes, np.tile(size, len(DRAWN_SIGNALS))):
        return None
    return lists.values().reshape(len(DRAWN_SIGNALS), -1)


def _last(cols: list[Any]) -> "NDArray[np.float64]":
    """The last values of the settings. Raises ValueError where they are no lists of numbers."""
    import numpy as np

    found = np.empty((len(SETTINGS), len(cols)))
    for row, name in zip(found, SETTINGS, strict=True):
        raws = list(map(attrgetter(name), cols))
        joined, one = b"".join(raws), bytes(raws[0])
        if joined == one * len(raws):  # they seldom change
            row[:] = last_of(one)
            continue
        texts = list(map(bytes, raws))
        known = {text: last_of(text) for text in set(texts)}
        row[:] = [known[text] for text in texts]
    return found.T


def last_of(values: bytes) -> float:
    """Return the last of a JSON list of numbers. Raises ValueError."""
    if not values.startswith(b"["):
        raise ValueError("not a list")
    return float(values[1:-1].rpartition(b",")[2])

"""Blocks of training steps from many lines at once, as arrays.

A block as a trainer writes it is taken apart by an expression, and the numbers of all blocks are
read together. Where a single one of the lines looks otherwise, none is taken, and each has to be
read by itself (`selffit.run.quick`).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, get_args

import msgspec

from selffit.eventlog.bulk import Bulk
from selffit.eventlog.fields import Amount, Range
from selffit.eventlog.kinds import DRAWN_SIGNALS, LONGEST_BLOCK
from selffit.run.blocks import SETTINGS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAMES = re.compile(rb'\{"v":[^{]*\{"n":[0-9]{1,7},"cols":\{((?:"[a-z_]{1,32}":\[[^]]*\],?)+)\}')
_NAME = re.compile(rb'"([a-z_]{1,32})":\[')
_NUMBER = rb"(-?[0-9][0-9.eE+-]*)"
_TIMING = (b"img_s", b"sec", b"epoch")
_WANTED = {name.encode() for name in (*DRAWN_SIGNALS, *SETTINGS)}
_LIST = msgspec.json.Decoder(list[float])
_AMOUNT = next(part for part in get_args(Amount) if isinstance(part, Range))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Blocks in the order of the log.

    first, size: of each block, its first step and its number of steps, shape [blocks]. t: wall
    clocks, [blocks]. timing: img_s, sec, epoch, [blocks, 3]. settings: their last values, [blocks,
    3]. values: the drawn signals of every step, [DRAWN_SIGNALS, steps].
    """

    attempt: int
    branches: list[str]
    first: "NDArray[np.int64]"
    size: "NDArray[np.int64]"
    t: "NDArray[np.float64]"
    timing: "NDArray[np.float64]"
    settings: "NDArray[np.float64]"
    values: "NDArray[np.float64]"


def batch_of(bulk: Bulk, indices: list[int]) -> Batch | None:
    """Return the blocks that some lines tell of, None where each has to be read by itself."""
    import numpy as np

    first = bulk.raw(indices[0])
    found = _NAMES.match(first)
    names = tuple(_NAME.findall(found[1])) if found else ()
    match = _expression(names)
    if match is None:
        return None
    rows = [match(bulk.raw(index)) for index in indices]
    if None in rows:
        return None
    sizes, *texts = zip(*(row.groups() for row in rows), strict=True)
    size = np.array(sizes, np.int64)
    by_name = dict(zip([*filter(_WANTED.__contains__, names), *_TIMING], texts, strict=True))
    try:
        values = _signals([by_name[name.encode()] for name in DRAWN_SIGNALS], size)
        last = [list(map(float, by_name[name.encode()])) for name in SETTINGS]
        timing = np.array([list(map(float, by_name[name])) for name in _TIMING])
    except (ValueError, msgspec.MsgspecError):
        return None
    if values is None:
        return None
    timing[(timing < _AMOUNT.low) | (timing > _AMOUNT.high)] = np.nan
    return Batch(
        attempt=bulk.a,
        branches=[bulk.names[number][1] for number in bulk.of[indices].tolist()],
        first=bulk.s[indices],
        size=size,
        t=bulk.t[indices],
        timing=timing.T,
        settings=np.array(last).T,
        values=values,
    )


def _signals(
    columns: list[tuple[bytes, ...]], size: "NDArray[np.int64]"
) -> "NDArray[np.float64] | None":
    """The drawn signals of all steps; None where a block has more or fewer, or one is no number."""
    import numpy as np

    total = int(size.sum())
    if size.max() > LONGEST_BLOCK:
        return None
    values = np.empty((len(columns), total))
    commas = (size - 1).tolist()
    for row, texts in zip(values, columns, strict=True):
        if [text.count(b",") for text in texts] != commas:
            return None
        row[:] = _LIST.decode(b"[%b]" % b",".join(texts))
    return values


@lru_cache(maxsize=16)
def _expression(names: tuple[bytes, ...]):  # type: ignore[no-untyped-def]
    """What matches a block with these columns; None where it lacks one, or has one twice."""
    if len(set(names)) != len(names) or not set(names) >= _WANTED:
        return None
    kept = {name.encode(): rb"\[([^]]+)\]" for name in DRAWN_SIGNALS}
    kept |= {name.encode(): rb"\[(?:[0-9.,eE+-]*,)?%b\]" % _NUMBER for name in SETTINGS}
    skipped = rb"\[[0-9.,eE+-]*\]"
    columns = b",".join(b'"%b":%b' % (name, kept.get(name, skipped)) for name in names)
    parts = b",".join(rb'"%b":%b' % (name, _NUMBER) for name in _TIMING)
    begin = rb'\{"v":[^{]*\{"n":([1-9][0-9]{0,6}),"cols":\{'
    end = rb'\}(?:,"r":"[0-9a-f]{12}")?,"c":"[0-9a-f]{8}"\}'
    return re.compile(begin + columns + rb"\}," + parts + end).fullmatch

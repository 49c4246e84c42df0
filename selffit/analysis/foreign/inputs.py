"""The input normalisation that a file brings along: a mean and a deviation, one number a channel.

Recognised by rule: two things side by side whose names say mean (mean, mu, new_mean …) and standard
deviation (std, sigma, new_std …), or a mean and a scale, each of one number or up to four. A batch
norm's running statistics are none of them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from selffit.analysis.foreign.words import listed
from selffit.errors import UserError
from selffit.eventlog.clean import clean

_MEAN = re.compile(r"(?<![a-z])(mean|means|mu|mean_?value)(?![a-z])", re.I)
_DEVIATION = re.compile(r"(?<![a-z])(std|stds|sd|stdev|sigma|std_?value)(?![a-z])", re.I)
_SCALE = re.compile(r"(?<![a-z])scale(?![a-z])", re.I)
_MOST = 4  # channels
_PAIRS = 64  # things looked at


@dataclass(frozen=True)
class Inputs:
    """The network sees (x - mean)·scale of x in [0,1]; where: the names that say so in the file."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    where: str = ""


def is_moment(name: str) -> bool:
    """Whether a name can be that of a mean, a deviation or a scale of the input."""
    last = name.rpartition(".")[2]
    return "running" not in last and any(p.search(_words(last)) for p in (_MEAN, *_SPREADS))


def take_inputs(
    tensors: Mapping[str, Tensor], around: Mapping[str, Any]
) -> tuple[dict[str, Tensor], Inputs | None]:
    """Return the tensors without a normalisation, and that normalisation.

    around: what else in the file could be one, such as lists of numbers beside the state dict; it
    counts where there is none among the tensors. Raises UserError where two differ, or one cannot
    be.
    """
    left = dict(tensors)
    found: list[Inputs] = []
    for mean, spread in _pairs(tensors):
        found.append(_inputs(mean, tensors[mean], spread, tensors[spread]))
        for name in (mean, spread):
            del left[name]
    if not found:
        numbers = {name: value for name, value in around.items() if _numbers(value)}
        found = [_inputs(m, numbers[m], s, numbers[s]) for m, s in _pairs(numbers)]
    if not found:
        return left, None
    if any((other.mean, other.scale) != (found[0].mean, found[0].scale) for other in found):
        raise UserError(
            "the file holds several input normalisations that differ: "
            f"{listed([one.where for one in found])}; save the network with one of them"
        )
    return left, found[0]


def _pairs(things: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names of a mean and of what goes with it, in the same place."""
    pairs = []
    moments = [name for name in things if is_moment(name) and _numbers(things[name])][:_PAIRS]
    for name in moments:
        where, _, last = name.rpartition(".")
        if not _says(last, _MEAN):
            continue
        partners = [
            other
            for other in moments
            if other.rpartition(".")[0] == where
            and any(_says(other.rpartition(".")[2], pattern) for pattern in _SPREADS)
        ]
        if len(partners) > 1:  # train_mean, train_std, test_mean, test_std
            same = [p for p in partners if _stem(p, *_SPREADS) == _stem(name, _MEAN)]
            partners = same or partners
        if len(partners) == 1:
            pairs.append((name, partners[0]))
        elif partners:
            raise UserError(
                f"the file's {clean(name)[:100]} goes with several of its tensors: "
                f"{listed(partners)}; save the network with one of them"
            )
    return pairs


_SPREADS = (_DEVIATION, _SCALE)


def _says(last: str, pattern: re.Pattern[str]) -> bool:
    return "running" not in last and pattern.search(_words(last)) is not None


def _words(last: str) -> str:
    """A name with its words apart, so that `new_mean` and `newMean` have the word mean."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", last).replace("_", " ")


def _stem(name: str, *patterns: re.Pattern[str]) -> str:
    last = _words(name.rpartition(".")[2])
    for pattern in patterns:
        last = pattern.sub("", last)
    return last


def _numbers(value: Any) -> list[float]:
    """Up to four numbers, [] for anything else."""
    if isinstance(value, Tensor):
        plain = value.device.type == "cpu" and not value.is_sparse and not value.is_quantized
        if not plain or value.is_complex() or not 1 <= value.numel() <= _MOST:
            return []
        return [float(number) for number in value.detach().reshape(-1).tolist()]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [float(value)]
    few = isinstance(value, list | tuple) and 1 <= len(value) <= _MOST
    if few and all(type(number) in (int, float) for number in value):
        return [float(number) for number in value]
    return []


def _inputs(mean_name: str, mean: Any, spread_name: str, spread: Any) -> Inputs:
    """Raises UserError for numbers that are no normalisation."""
    means, spreads = _numbers(mean), _numbers(spread)
    where = f"{mean_name}, {spread_name}"
    deviation = _says(spread_name.rpartition(".")[2], _DEVIATION)
    bad = [n for n in (*means, *spreads) if n != n or abs(n) == float("inf")]
    if bad or (deviation and min(spreads) <= 0) or 0 in spreads:
        raise UserError(
            f"the file's {clean(where)[:200]} are no normalisation of images: {means}, {spreads}; "
            "give a file with the right ones"
        )
    if deviation and max(means) > 1:  # of pixels 0 … 255
        means = [number / 255 for number in means]
        spreads = [number / 255 for number in spreads]
        where += ", which are for pixels 0 to 255"
    scales = [1 / number for number in spreads] if deviation else spreads
    return Inputs(tuple(means), tuple(scales), where)

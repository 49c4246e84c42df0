"""Other people's names for ours: by what a layer consists of, and where it stands.

Our operational rule, for a layer of ours that has no namesake: in the innermost part of the network
that both have under one name (a block, or the whole network), the one layer of theirs without a
namesake that consists of tensors of the same names and shapes; of several, the one with the same
numbers in its name (norm1, bn1). So `fc` and `linear` become `output`, and `downsample.0` and
`shortcut.0` what the shortcut is called here. Two that fit are refused.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

COUNTER = "num_batches_tracked"  # of batches; a file may lack it

Layers = dict[str, dict[str, tuple[int, ...]]]  # by name, the shapes of its tensors by their names


@dataclass(frozen=True, kw_only=True)
class Matched:
    """theirs: for each name of ours, the one in the file.

    ambiguous: in words, what could be several; it is then missing as well.
    """

    theirs: Mapping[str, str]
    missing: list[str]
    unexpected: list[str]
    ambiguous: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every tensor of both sides has its place."""
        return not self.missing and not self.unexpected


def match(ours: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Matched:
    """Find for every tensor of ours the one in the file; shapes of namesakes are not compared."""
    here, there = _layers(ours), _layers(found)
    same = here.keys() & there.keys()
    places = {place for name in same for place in _around(name)}
    free = [name for name in there if name not in same]
    candidates = {
        name: _candidates(name, here[name], free, there, places)
        for name in here
        if name not in same
    }
    wanted_by = [name for names in candidates.values() for name in names]
    renamed: dict[str, str] = {}
    ambiguous = []
    for name, names in candidates.items():
        if len(names) == 1 and wanted_by.count(names[0]) == 1:
            renamed[name] = names[0]
        elif names:
            ambiguous.append(f"{name} could be {' or '.join(names[:4])}")
    theirs = {}
    for name in ours:
        layer, _, tensor = name.rpartition(".")
        other = f"{renamed.get(layer, layer)}.{tensor}" if layer else name
        if other in found and (layer in same or layer in renamed or not layer):
            theirs[name] = other
    used = set(theirs.values())
    return Matched(
        theirs=theirs,
        missing=[name for name in ours if name not in theirs and not name.endswith(f".{COUNTER}")],
        unexpected=[name for name in found if name not in used],
        ambiguous=ambiguous,
    )


def _layers(names: Mapping[str, Tensor]) -> Layers:
    layers: Layers = {}
    for name, value in names.items():
        layer, _, tensor = name.rpartition(".")
        layers.setdefault(layer, {})[tensor] = tuple(value.shape)
    return layers


def _candidates(
    name: str,
    tensors: Mapping[str, tuple[int, ...]],
    free: Iterable[str],
    there: Layers,
    places: set[str],
) -> list[str]:
    """The layers of theirs that one of ours can be, by the rule above."""
    place = next(place for place in _around(name) if place in places or not place)
    inside = [other for other in free if not place or other.startswith(f"{place}.")]
    fits = [other for other in inside if _form(there[other]) == _form(tensors)]
    # else one that lacks a tensor, or has other sizes, so that this is what is named
    if not fits:
        fits = [other for other in inside if _is_part(_form(there[other]), _form(tensors))]
    if not fits:
        fits = [other for other in inside if _dims(there[other]) == _dims(tensors)]
    if len(fits) > 1:
        numbered = [o for o in fits if _numbers(o, place) == _numbers(name, place)]
        fits = numbered or fits
    return fits


def _around(name: str) -> list[str]:
    """The parts of the network that a layer lies in, the innermost first, "" for the whole."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(len(parts) - 1, -1, -1)]


def _form(tensors: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {name: shape for name, shape in tensors.items() if name != COUNTER}


def _is_part(some: dict[str, tuple[int, ...]], all: dict[str, tuple[int, ...]]) -> bool:
    return "weight" in some and some.items() < all.items()


def _dims(tensors: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    return {name: len(shape) for name, shape in _form(tensors).items()}


def _numbers(name: str, place: str) -> list[str]:
    return re.findall(r"\d+", name.removeprefix(place))

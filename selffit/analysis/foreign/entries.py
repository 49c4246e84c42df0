"""Which of the things in a file is the network's state dict: chosen by what they consist of.

Our operational rule: a candidate is a mapping with at least two tensors of floating numbers by
name, wherever it lies. The one with the most tensors is the network's; what has the same names and
shapes is its rival: the same numbers are a copy, others a second network, such as an average or the
best one. Then the rival whose name the others only prolong is taken (state_dict of state_dict,
state_dict_ema), and where there is none the file is refused until --entry says which.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor

from selffit.analysis.foreign.file import SAVE, Absent
from selffit.analysis.foreign.inputs import Inputs, is_moment, take_inputs
from selffit.analysis.foreign.words import listed
from selffit.errors import UserError
from selffit.eventlog.clean import clean

_DEEPEST = 6
_LONGEST = 1000  # characters of a name
_MOST = 100_000  # things looked at; a file may refer to itself, or to one thing a million times


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The tensors of one network inside a file, by names without the prefix that all share.

    name: the keys that lead there, "" for the whole content; with the prefix where several networks
    lie there. inputs: the normalisation that lay among the tensors or on the way. counters, beside:
    names of what belongs to no network. others: names of what else holds tensors by name; copies:
    of what holds the same.
    """

    name: str
    prefix: str
    tensors: Mapping[str, Tensor]
    inputs: Inputs | None = None
    counters: Sequence[str] = ()
    beside: Sequence[str] = ()
    others: Sequence[str] = ()
    copies: Sequence[str] = ()


def choose(content: Any, wanted: str, shown: str) -> Entry:
    """The entry that holds the network; wanted: its name, "" for the rule above.

    shown: the file, for messages. Raises UserError.
    """
    found = [entry for place in _places(content) for entry in _networks(*place)]
    if not found:
        raise UserError(f"{shown} holds no state dict: {_what(content)}; {SAVE}")
    if wanted:
        return _named(found, wanted, shown)
    # the first of the largest, the least deep of equals
    largest = max(found, key=lambda e: (len(_sized(e.tensors)), -e.name.count(".")))
    rivals = [entry for entry in found if _same_form(entry.tensors, largest.tensors)]
    copies = [e for e in rivals if e is not largest and _same_numbers(e.tensors, largest.tensors)]
    gone = {id(copy) for copy in copies}
    different = [entry for entry in rivals if id(entry) not in gone]
    taken = _plain(different, shown) if len(different) > 1 else largest
    others = [e.name for e in found if e.name and e is not taken and id(e) not in gone]
    return replace(taken, others=others, copies=[copy.name for copy in copies])


def _same_form(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two have the same names and shapes; counters do not matter."""
    a, b = _sized(one), _sized(other)
    return a.keys() == b.keys() and all(a[name].shape == b[name].shape for name in a)


def _same_numbers(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two of the same form are one network."""
    a, b = _sized(one), _sized(other)
    return all(_equal(a[name], b[name]) for name in a)


def _sized(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """All but single numbers, which are counters."""
    return {name: value for name, value in tensors.items() if value.ndim}


def _equal(one: Tensor, other: Tensor) -> bool:
    return one is other or (is_plain(one) and is_plain(other) and torch.equal(one, other))


def is_plain(tensor: Tensor) -> bool:
    """Whether all its numbers are in memory: not sparse, quantised, without data or expanded."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return False
    return tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def unprefixed(tensors: Mapping[str, Tensor]) -> tuple[str, dict[str, Tensor]]:
    """The prefix that all names share, in whole parts ("module.model"), and the rest of them.

    The name of a single layer is none.
    """
    left = dict(tensors)
    taken: list[str] = []
    while left and len(taken) < _DEEPEST:
        first = next(iter(left)).partition(".")[0]
        short = {name.removeprefix(f"{first}."): value for name, value in left.items()}
        shared = all(name.startswith(f"{first}.") for name in left)
        if not shared or not any("." in name for name in short):
            break
        left = short
        taken.append(first)
    return ".".join(taken), left


def _named(found: Sequence[Entry], wanted: str, shown: str) -> Entry:
    """The candidate of that name, or with that key in it. Raises UserError."""
    for same in (
        [entry for entry in found if entry.name == wanted],
        [entry for entry in found if wanted in entry.name.split(".")],
    ):
        if len(same) == 1:
            return same[0]
    names = [entry.name for entry in found if entry.name]
    if not names:
        raise UserError(
            f"--entry {clean(wanted)}: {shown} has no entries to choose from; leave --entry out"
        )
    near = get_close_matches(wanted, names, n=1)
    hint = f"did you mean {clean(near[0])}?" if near else f"it has {listed(names)}"
    raise UserError(f"--entry {clean(wanted)}: there is no such entry in {shown}; {hint}")


def _plain(rivals: Sequence[Entry], shown: str) -> Entry:
    """The rival whose name all others only prolong. Raises UserError where there is none."""
    for entry in rivals:
        name = entry.name
        if name and all(other.name.startswith(name) for other in rivals):
            return entry
    names = [entry.name for entry in rivals]
    raise UserError(
        f"{shown} holds {len(names)} networks of the same form: {listed(names)}; say with --entry "
        f"which is meant, e.g. --entry {clean(names[0])}"
    )


def _places(content: Any) -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    """Every mapping with at least two tensors of floating numbers by name, outermost first.

    As its name, itself, and the means and deviations on the way there.
    """
    seen = {id(content)}
    queue: deque[tuple[tuple[str, ...], Any, Mapping[str, Any]]] = deque([((), content, {})])
    looked = 0
    while queue and looked < _MOST:
        path, thing, around = queue.popleft()
        looked += 1
        items = _items(thing)
        numbers = [
            v for _, v in items if isinstance(v, Tensor) and v.is_floating_point() and v.ndim
        ]
        if isinstance(thing, Mapping) and len(numbers) >= 2:
            yield ".".join(path), dict(items), around
        if len(path) == _DEEPEST:
            continue
        own = {**around, **{k: v for k, v in items if is_moment(k)}}
        for key, value in items:
            if isinstance(value, Mapping | list | tuple) and id(value) not in seen:
                seen.add(id(value))
                queue.append(((*path, key), value, own))


def _networks(name: str, content: Mapping[str, Any], around: Mapping[str, Any]) -> Iterator[Entry]:
    """The network of a mapping, or several beside each other in it. Raises UserError."""
    tensors = {key: value for key, value in content.items() if isinstance(value, Tensor)}
    beside = [key for key in content if key not in tensors]
    if long := [key for key in tensors if len(key) > _LONGEST]:
        raise UserError(
            f"a name in the file has {len(long[0])} characters ({clean(long[0][:40])}…); {SAVE}"
        )
    tensors, inputs = take_inputs(tensors, around)
    counters = [key for key, value in tensors.items() if _is_counter(key, value)]
    prefix, rest = unprefixed({k: v for k, v in tensors.items() if k not in counters})
    networks = _side_by_side(rest)
    for inner, network in networks:
        path = _dotted(prefix, inner)
        yield Entry(
            name=name if len(networks) == 1 else _dotted(name, path),
            prefix=path,
            tensors=network,
            inputs=inputs,
            counters=counters,
            beside=beside,
        )


def _dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _is_counter(name: str, value: Tensor) -> bool:
    """A whole number that is no batch norm's: of averaged networks, of epochs."""
    whole = value.ndim == 0 and not value.is_floating_point() and not value.is_complex()
    return whole and name.rpartition(".")[2] != "num_batches_tracked"


def _side_by_side(tensors: Mapping[str, Tensor]) -> list[tuple[str, dict[str, Tensor]]]:
    """Networks of one form that are parts of one module, such as `model.` and `attacker.model.`.

    As prefix and tensors. Only where everything belongs to one of them; else all is one network.
    """
    whole = [("", dict(tensors))]
    groups: dict[str, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        first, dot, rest = name.partition(".")
        if not dot:
            return whole
        groups.setdefault(first, {})[rest] = value
    if len(groups) < 2:
        return whole
    parts = []
    for first, group in groups.items():
        inner, network = unprefixed(group)
        parts.append((_dotted(first, inner), network))
    alike = all(_same_form(part, parts[0][1]) for _, part in parts)
    return parts if alike and sum(v.ndim > 1 for v in parts[0][1].values()) > 2 else whole


def _items(thing: Any) -> list[tuple[str, Any]]:
    """Names and values of a mapping, or of a list by number; keys that are no text left out."""
    if isinstance(thing, Mapping):
        return [(key, value) for key, value in thing.items() if isinstance(key, str)]
    if isinstance(thing, list | tuple):
        return [(str(place), value) for place, value in enumerate(thing[:1000])]
    return []


def _what(content: Any) -> str:
    """What a content without a candidate is, in words."""
    if isinstance(content, Absent):
        return f"it is a whole pickled object, {clean(content.what)[:80]}"
    if isinstance(content, Tensor):
        return "it is a single tensor"
    items = _items(content)
    if isinstance(content, Mapping | list | tuple) and not len(content):
        return f"it is an empty {type(content).__name__}"
    if isinstance(content, Mapping) and not items:
        return f"its keys are of type {type(next(iter(content))).__name__}, not names"
    if not items:
        return f"it is of type {type(content).__name__}"
    kinds = [f"'{clean(key)[:40]}' is {_kind(value)}" for key, value in items]
    return listed(kinds)


def _kind(value: Any) -> str:
    if isinstance(value, Absent):
        return f"a pickled {clean(value.what)[:80]}"
    return f"of type {type(value).__name__}"

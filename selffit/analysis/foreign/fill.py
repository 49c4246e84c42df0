"""Other people's weights in a network of ours: each tensor in its place, or a named refusal."""

from collections.abc import Mapping

import torch
from torch import Tensor

from selffit.analysis.foreign.match import Matched, match
from selffit.analysis.foreign.misfit import refusal
from selffit.analysis.foreign.statedict import StateDict
from selffit.analysis.foreign.words import dtype, listed, sides
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.models.base import Network, own_tensors
from selffit.numbers import plural


def fill(model: Network, found: Mapping[str, Tensor], name: str) -> list[str]:
    """Load other people's weights into a network of ours called `name`; returns what was done.

    What a file may lack: the input normalisation, which stays the network's, and counters of
    batches. Raises UserError that names what is missing, unexpected, of another shape or kind, not
    finite, or could be several; the network is then unchanged.
    """
    live = own_tensors(model)
    tensors, prefix = _at_its_place(live, found)
    matched = match(live, tensors)
    shapes = [
        f"{theirs} is {sides(tensors[theirs])} there and {sides(live[key])} here"
        for key, theirs in matched.theirs.items()
        if tensors[theirs].shape != live[key].shape
    ]
    if not matched.complete or shapes:
        others = found.others if isinstance(found, StateDict) else ()
        raise UserError(refusal(name, live, tensors, matched, shapes, others))
    ready = {
        key: _ready(tensors[theirs], theirs, live[key]) for key, theirs in matched.theirs.items()
    }
    _check_finite({matched.theirs[key]: value for key, value in ready.items()})
    with torch.no_grad():
        for key, value in ready.items():
            live[key].copy_(value)
    return _done(matched, tensors, prefix)


def _at_its_place(
    live: Mapping[str, Tensor], found: Mapping[str, Tensor]
) -> tuple[Mapping[str, Tensor], str]:
    """The file's tensors without the prefix under which most of ours are found, and that prefix.

    Prefixes that all names share are gone already: this is for a network that is a part of another
    one, with what else that has left as it is.
    """
    counts: dict[str, int] = {}
    for name in found:
        parts = name.split(".")
        for start in range(1, len(parts)):
            if ".".join(parts[start:]) in live:
                prefix = ".".join(parts[:start])
                counts[prefix] = counts.get(prefix, 0) + 1
    best = max(counts, key=lambda prefix: counts[prefix], default="")
    if not best or counts[best] <= max(len(live) // 2, sum(name in live for name in found)):
        return found, ""
    moved = {name.removeprefix(f"{best}."): value for name, value in found.items()}
    return (moved, best) if len(moved) == len(found) else (found, "")


def _ready(value: Tensor, name: str, live: Tensor) -> Tensor:
    """A tensor of theirs as numbers of the kind that ours has. Raises UserError."""
    shown = clean(name)
    if value.is_quantized:
        raise UserError(
            f"{shown} is quantised, and a quantised network computes otherwise; give the state "
            "dict from before it was quantised"
        )
    if value.device.type == "meta":
        raise UserError(f"{shown} has a shape but no numbers (it is on torch's meta device)")
    if value.layout != torch.strided:
        value = value.to_dense()
    fraction = live.is_floating_point()
    if value.is_complex() or (fraction and not value.is_floating_point()):
        raise UserError(
            f"{shown} holds numbers of type {dtype(value)}, where {dtype(live)} is meant; save "
            "the network as it is trained"
        )
    return value.detach().to(live.dtype)


def _check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Raises UserError for weights that are no numbers."""
    bad = {}
    for name, value in tensors.items():
        if count := int((~torch.isfinite(value)).sum()) if value.is_floating_point() else 0:
            bad[name] = f"{clean(name)} ({count} of {value.numel()})"
    if bad:
        raise UserError(
            f"the file holds NaN or infinite numbers in {listed(list(bad.values()))}: the network "
            "has diverged; give a checkpoint from before that"
        )


def _done(matched: Matched, tensors: Mapping[str, Tensor], prefix: str) -> list[str]:
    done = [f"stripped `{clean(prefix)}.` where it stood"] if prefix else []
    layers = {
        key.rpartition(".")[0]: theirs.rpartition(".")[0]
        for key, theirs in matched.theirs.items()
        if key != theirs
    }
    if layers:
        outer_first = sorted(layers.items(), key=lambda pair: pair[0].count("."))
        done.append("read " + listed([f"{theirs} as {ours}" for ours, theirs in outer_first], 2))
    used = [tensors[theirs] for theirs in matched.theirs.values()]
    kinds = [dtype(value) for value in used if value.is_floating_point()]
    for kind in dict.fromkeys(kinds):
        if kind != "float32":
            done.append(f"converted {plural(kinds.count(kind), 'tensor')} from {kind}")
    if dense := [value for value in used if value.layout != torch.strided]:
        done.append(f"made {plural(len(dense), 'sparse tensor')} dense")
    return done

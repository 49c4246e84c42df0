"""Why a file's tensors are not those of the network that was asked for, and which option helps."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from selffit import models
from selffit.analysis.foreign.match import Matched, match
from selffit.analysis.foreign.words import listed
from selffit.eventlog.clean import clean
from selffit.models.base import own_tensors
from selffit.models.catalogue import MODELS


def refusal(
    name: str,
    live: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    matched: Matched,
    shapes: Sequence[str],
    others: Sequence[str],
) -> str:
    """What to say of a file that does not hold a network called `name`.

    live, found: our tensors and the file's; shapes: in words, which differ; others: names of the
    file's other entries.
    """
    if fits := _other_model(name, found):
        return f"the file holds a {fits}, not a {name}: give --model {fits}"
    faults = [
        f"{what} {listed(names)}"
        for what, names in (
            ("it lacks", matched.missing),
            ("it has in addition", matched.unexpected),
            ("several could be meant:", matched.ambiguous),
            ("shapes differ:", shapes),
        )
        if names
    ]
    hints = _hints(name, live, found, matched)
    if others:
        hints.append(f"it also holds {listed(others)}, to be chosen with --entry")
    hints = hints or ["check --model, --width and the number of classes of --data"]
    text = "; ".join(hints)
    return (
        f"the file does not hold a {name} as built here: {'; '.join(faults)}. "
        f"{text[:1].upper()}{text[1:]}"
    )


def _hints(
    name: str, live: Mapping[str, Tensor], found: Mapping[str, Tensor], matched: Matched
) -> list[str]:
    """What the differences come from, and which option helps."""
    stem, theirs = _stem(live), _stem(found)
    if stem and theirs and stem[2:] != theirs[2:]:
        return [
            f"its first convolution is {_by(theirs[2:])}, as for large images (ImageNet), and that "
            f"of a {name} for small ones {_by(stem[2:])}; such a network is not supported"
        ]
    hints = []
    if stem and theirs and stem[1] != theirs[1]:
        hints.append(
            f"it is made for images with {theirs[1]} channel(s), these have {stem[1]}: choose "
            "another --data"
        )
    if stem and theirs and stem[0] != theirs[0]:
        hints.append(f"its first convolution has {theirs[0]} channels: give --width {theirs[0]}")
    classes, other = _classes(live), _classes(found)
    if classes and other and classes != other:
        hints.append(f"it tells {other} classes apart, --data has {classes}: choose another --data")
    return hints + _hints_of_names(matched)


def _hints_of_names(matched: Matched) -> list[str]:
    hints = []
    kinds = {name.rpartition(".")[2] for name in matched.missing}
    if kinds == {"bias"}:
        hints.append(
            f"a layer without {matched.missing[0]} mostly divides its weights and inputs by their "
            "norms (hypersphere embedding), which is another function; if this one does not, save "
            "the state dict with zeros as that bias"
        )
    if kinds and kinds <= {"running_mean", "running_var"}:
        hints.append(
            "a batch norm without running statistics answers by the batch and not by the image, "
            "and so cannot be measured"
        )
    if matched.missing and all(name.startswith("bn.") for name in matched.missing):
        hints.append("this is the network without the last normalisation, with final_bn = no")
    if parts := [name for name in matched.unexpected if _is_part(name)]:
        hints.append(
            f"it keeps a weight in parts ({clean(parts[0])[:100]}) in a way that is not known "
            "here: remove that parametrisation where the network is at home, and save the state "
            "dict again"
        )
    return hints


def _is_part(name: str) -> bool:
    return "parametrizations." in name or name.endswith(("_orig", "_mask", "_g", "_v", "_u"))


def _other_model(name: str, found: Mapping[str, Tensor]) -> str:
    """The network of ours that the file does hold, "" for none."""
    stem, classes = _stem(found), _classes(found)
    if not stem or not classes or stem[0] > _WIDEST or classes > _WIDEST:
        return ""
    for other in MODELS:
        if other == name:
            continue
        with torch.device("meta"):
            built = models.build(other, shape=(stem[1], 32, 32), classes=classes, width=stem[0])
        tensors = own_tensors(built)
        matched = match(tensors, found)
        same = all(found[b].shape == tensors[a].shape for a, b in matched.theirs.items())
        if matched.complete and same:
            return other
    return ""


_WIDEST = 4096


def _stem(tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    """The shape of the first convolution's weights, () for none."""
    return next((tuple(value.shape) for value in tensors.values() if value.ndim == 4), ())


def _classes(tensors: Mapping[str, Tensor]) -> int:
    """How many outputs the last linear layer has, 0 for none."""
    return next((v.shape[0] for v in reversed(list(tensors.values())) if v.ndim == 2), 0)


def _by(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))

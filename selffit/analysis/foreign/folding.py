"""Weights that a file keeps in parts, put together as the network uses them in evaluation.

    weight normalisation    g · v / ‖v‖, the norm over the dimensions in which g has size 1
    spectral normalisation  W / (uᵀ W v), u and v as they were left by training
    pruning                 W · mask

Both of PyTorch's ways to name them are known: `weight_g` beside `weight_v`, and
`parametrizations.weight.original0` beside `original1`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from selffit.errors import UserError
from selffit.eventlog.clean import clean


def _weight_norm(parts: list[Tensor]) -> Tensor:
    g, v = parts
    dims = [d for d in range(v.ndim) if g.ndim != v.ndim or g.shape[d] == 1]
    weight: Tensor = g * v / torch.linalg.vector_norm(v, dim=dims, keepdim=g.ndim > 0)
    return weight


def _spectral_norm(parts: list[Tensor]) -> Tensor:
    weight, u, v = parts
    return weight / torch.dot(u, weight.flatten(1) @ v)


def _pruned(parts: list[Tensor]) -> Tensor:
    weight, mask = parts
    return weight * mask


@dataclass(frozen=True)
class _Kind:
    """parts: endings of the names of what it takes; `{}` is the tensor that comes out."""

    what: str
    parts: tuple[str, ...]
    fold: Callable[[list[Tensor]], Tensor]


_KINDS = (
    _Kind("pruning", ("{}_orig", "{}_mask"), _pruned),
    _Kind("spectral normalisation", ("{}_orig", "{}_u", "{}_v"), _spectral_norm),
    _Kind("weight normalisation", ("{}_g", "{}_v"), _weight_norm),
    _Kind(
        "spectral normalisation",
        ("parametrizations.{}.original", "parametrizations.{}.0._u", "parametrizations.{}.0._v"),
        _spectral_norm,
    ),
    _Kind(
        "weight normalisation",
        ("parametrizations.{}.original0", "parametrizations.{}.original1"),
        _weight_norm,
    ),
)


def fold(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors with every weight in one piece, and what was done.

    Raises UserError for parts that do not fit each other.
    """
    left, done = dict(tensors), []
    for kind in _KINDS:
        head, tail = kind.parts[0].split("{}")
        folded = 0
        for name in list(left):
            where, dot, last = name.rpartition(f".{head}") if head else name.rpartition(".")
            if not (dot or not head) or not last.endswith(tail) or name not in left:
                continue
            weight = last.removesuffix(tail)
            base = f"{where}." if where else ""
            names = [base + part.format(weight) for part in kind.parts]
            if not weight or "." in weight or not all(part in left for part in names):
                continue
            left[base + weight] = _folded(kind, [left[part] for part in names], name)
            for part in names:
                del left[part]
            folded += 1
        if folded:
            done.append(f"folded {kind.what} into {folded} weight{'s' if folded > 1 else ''}")
    return left, done


def _folded(kind: _Kind, parts: list[Tensor], name: str) -> Tensor:
    try:
        return kind.fold([part.detach().float() for part in parts])
    except (RuntimeError, IndexError, NotImplementedError) as error:
        raise UserError(
            f"{clean(name)[:100]} looks like a part of {kind.what}, but its parts do not fit each "
            "other; remove it where the network is at home (remove_parametrizations, "
            "remove_weight_norm, remove_spectral_norm or prune.remove) and save again"
        ) from error

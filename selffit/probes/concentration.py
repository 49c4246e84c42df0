"""How unevenly a non-negative quantity is spread over the channels of a layer.

0 everywhere counts as even.
"""

import math

import torch
from torch import Tensor


def gini(weights: Tensor) -> float:
    """Gini coefficient of non-negative weights [C].

    0: all equal; (C-1)/C: one channel has everything.
    """
    count, total = len(weights), weights.double().sum()
    if total == 0:
        return 0.0
    rank = torch.arange(1, count + 1, dtype=torch.float64, device=weights.device)
    ordered = weights.double().sort().values
    return float(((2 * rank - count - 1) * ordered).sum() / (count * total))


def top_count(channels: int, fraction: float) -> int:
    """How many channels a fraction of them is: rounded up, at least one."""
    return max(1, math.ceil(fraction * channels - 1e-9))


def top_share(weights: Tensor, fraction: float = 0.1) -> float:
    """Share of the total that the largest `fraction` of the channels has.

    Their number is rounded up, to at least one channel.
    """
    top = top_count(len(weights), fraction)
    total = weights.double().sum()
    return (
        float(weights.double().topk(top).values.sum() / total) if total > 0 else top / len(weights)
    )


def participation_ratio(weights: Tensor) -> float:
    """(Σw)² / Σw²: how many channels carry the quantity, between 1 and C."""
    w = weights.double()
    squares = (w * w).sum()
    return float(w.sum() ** 2 / squares) if squares > 0 else float(len(weights))

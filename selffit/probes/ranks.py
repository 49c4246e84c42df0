"""How far two rankings of the same channels agree."""

import math

import torch
from torch import Tensor

from selffit.probes.concentration import top_count


def spearman(a: Tensor, b: Tensor) -> float:
    """Spearman's rank correlation of two quantities [C], ties sharing their mean rank.

    NaN where one is constant.
    """
    ranks = torch.stack([_ranks(a), _ranks(b)])
    centred = ranks - ranks.mean(dim=1, keepdim=True)
    (var_a, cov), (_, var_b) = (centred @ centred.T).tolist()
    return cov / math.sqrt(var_a * var_b) if var_a * var_b > 0 else math.nan


def shared_top(a: Tensor, b: Tensor, fraction: float = 0.1) -> float:
    """Share of the largest `fraction` of the channels that two quantities [C] have in common.

    Their number is rounded up, to at least one channel.
    """
    top = top_count(len(a), fraction)
    both = torch.isin(a.topk(top).indices, b.topk(top).indices)
    return float(both.double().mean())


def _ranks(values: Tensor) -> Tensor:
    """float64 [C]: how many are smaller, and half of those that are equal."""
    smaller = values[:, None] > values
    equal = values[:, None] == values
    return smaller.sum(dim=1).double() + equal.sum(dim=1).double() / 2

"""Rank correlation and shared tops at known values."""

import math

import pytest
import torch

from selffit.probes.ranks import shared_top, spearman


def test_spearman_at_known_values():
    a = torch.tensor([10.0, 20.0, 30.0, 40.0])
    assert spearman(a, a**3) == pytest.approx(1) and spearman(a, -a) == pytest.approx(-1)
    assert spearman(a, torch.tensor([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.8)  # 1 - 6·2 / (4·15)


def test_ties_share_their_mean_rank():
    # ranks 1.5, 1.5, 3 and 1, 2, 3
    assert spearman(torch.tensor([5.0, 5.0, 9.0]), torch.tensor([1.0, 2.0, 3.0])) == pytest.approx(
        math.sqrt(0.75)
    )


def test_a_constant_ranks_nothing():
    assert math.isnan(spearman(torch.zeros(4), torch.arange(4)))


def test_shared_top():
    a = torch.arange(20.0)
    swapped = a.clone()
    swapped[[17, 18]] = a[[18, 17]]
    assert shared_top(a, a) == 1 and shared_top(a, -a) == 0
    assert shared_top(a, swapped) == 0.5  # {19, 18} and {19, 17}
    assert shared_top(a[:4], a[:4]) == 1  # at least one

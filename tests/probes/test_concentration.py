"""Concentration measures at known values."""

import pytest
import torch

from selffit.probes.concentration import gini, participation_ratio, top_share


def test_equal_weights():
    w = torch.full((20,), 0.3)
    assert gini(w) == pytest.approx(0, abs=1e-9)
    assert top_share(w) == pytest.approx(0.1)
    assert participation_ratio(w) == pytest.approx(20)


def test_one_channel_has_everything():
    w = torch.zeros(20)
    w[3] = 5.0
    assert gini(w) == pytest.approx(19 / 20)
    assert top_share(w) == 1.0
    assert participation_ratio(w) == pytest.approx(1)


def test_known_values_in_any_order():
    w = torch.tensor([3.0, 1.0, 4.0, 2.0])
    assert gini(w) == pytest.approx(0.25)
    assert top_share(w) == pytest.approx(0.4)  # at least one channel
    assert participation_ratio(w) == pytest.approx(100 / 30)
    assert gini(torch.tensor([0.0, 0.0, 1.0, 1.0])) == pytest.approx(0.5)


def test_a_tenth_is_rounded_up():
    w = torch.arange(1.0, 12.0)  # 11 channels: 2 of them
    assert top_share(w) == pytest.approx((11 + 10) / 66)


def test_a_silent_layer_counts_as_even():
    w = torch.zeros(10)
    assert (gini(w), top_share(w), participation_ratio(w)) == (0.0, 0.1, 10.0)

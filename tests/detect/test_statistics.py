"""The sampling formulas against values worked out by hand, and their directions."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selffit.detect.statistics import (
    chance_z,
    fall_z,
    gap_z,
    normal_cdf,
    proportion_sd,
    rule_confidence,
    upper_tail,
)

accuracies = st.floats(0.0, 1.0)


def test_normal_tails_match_tables():
    assert normal_cdf(1.959964) == pytest.approx(0.975, abs=1e-6)
    assert upper_tail(3.0) == pytest.approx(0.00134990, abs=1e-8)
    assert upper_tail(10.0) == pytest.approx(7.619853e-24, rel=1e-5)  # 1 - cdf would give 0


def test_standard_error_of_600_images_is_two_points():
    assert proportion_sd(0.45, 600) == pytest.approx(0.0203, abs=1e-4)


def test_fall_z_is_the_two_proportion_test():
    # pooled 0.3, variance 0.21 * 2/200, difference 0.2
    assert fall_z(0.4, 200, 0.2, 200) == pytest.approx(0.2 / math.sqrt(0.0021))
    assert fall_z(0.2, 200, 0.4, 200) < 0
    assert (
        fall_z(0.0, 100, 0.0, 100) == fall_z(1.0, 100, 1.0, 100) == fall_z(0.5, 0, 0.1, 100) == 0.0
    )


def test_gap_z_is_mcnemar_for_nested_errors():
    assert gap_z(0.50, 0.41, 100) == pytest.approx(3.0)
    assert gap_z(0.41, 0.50, 100) == 0.0


def test_chance_unknown_is_no_obstacle():
    assert chance_z(0.1, 0.0, 100) == math.inf
    assert chance_z(0.13, 0.1, 900) == pytest.approx(3.0)
    assert chance_z(0.9, 1.0, 900) == -math.inf


@given(accuracies, accuracies, st.integers(1, 5000), st.integers(2, 9))
def test_more_images_never_weaken_a_fall(before, now, n, factor):
    few, many = fall_z(before, n, now, n), fall_z(before, n * factor, now, n * factor)
    assert many >= few - 1e-9 if now <= before else many <= few + 1e-9


def test_confidence_is_a_quarter_at_the_edge_and_grows_with_margin_and_images():
    edge = rule_confidence(0.2, 0.01, 0.2, 0.25, 10**6, 0.05)
    assert edge == pytest.approx(0.25, abs=1e-2)
    assert rule_confidence(0.2, 0.01, 0.15, 0.4, 500, 0.05) < rule_confidence(
        0.2, 0.01, 0.05, 0.4, 500, 0.05
    )
    assert rule_confidence(0.2, 0.01, 0.15, 0.4, 100, 0.05) < rule_confidence(
        0.2, 0.01, 0.15, 0.4, 900, 0.05
    )


@given(accuracies, st.floats(0.0, 0.3), accuracies, accuracies, st.integers(1, 10_000))
def test_confidence_is_a_probability(bound, sd, pgd, fgsm, n):
    assert 0.0 <= rule_confidence(bound, sd, pgd, fgsm, n, 0.05) <= 1.0

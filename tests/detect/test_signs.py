"""The signs of self-fitting and the index: effects, controls, and how sure they are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up.verdicts import (
    CHANCE,
    DIPPING_DOSE,
    HEALTHY_DOSE,
    against,
    causal,
    channels,
    curve,
    measured,
)
from msgspec.structs import replace

from selffit.detect.selffitting import index, verdict
from selffit.detect.signs import FAMILIES, effects, of_channels
from selffit.eventlog import kinds


def test_effects_are_what_lies_above_the_control():
    values = measured(0.55, 0.3, 0.1, 0.4, swap=0.19, **against(0.7, 0.4))
    found = effects(values, CHANCE, dose=curve(DIPPING_DOSE))
    usual = 0.9 * 0.1 / 0.9  # of the answers that follow neither
    assert found == pytest.approx(
        {
            "gap": 0.3,
            "abnormal": 0.4,
            "dip": 0.67,
            "carrier": 0.5,
            "conflict": (0.3 - usual) / 0.4,
            "swap": 0.1,
        }
    )


def test_the_index_is_the_mean_of_the_two_strongest_families():
    found = {"gap": 0.3, "abnormal": 0.6, "carrier": 0.2, "conflict": 0.1, "swap": 0.05}
    assert index(found) == pytest.approx((0.6 + 0.2) / 2)
    assert index({"carrier": 0.5, "conflict": 0.4}) == pytest.approx(0.5)
    assert math.isnan(index({}))


def test_below_the_control_is_nothing():
    values = measured(0.02, 0.0, 0.0, 0.0, swap=0.05, **against(0.3, 0.4))
    assert set(effects(values, CHANCE, dose=curve(HEALTHY_DOSE)).values()) == {0.0}


def test_only_what_was_measured_counts():
    values = {"carrier_grey": 0.55, "conflict_self": 0.3, "abnormal": math.nan, "own": 0.9}
    assert effects(values, CHANCE) == pytest.approx({"carrier": 0.5})


def test_a_dip_lies_at_a_small_dose_and_below_both_ends():
    assert effects({}, CHANCE, dose=curve(DIPPING_DOSE)) == pytest.approx({"dip": 0.67})
    late = (0.9, 0.9, 0.9, 0.9, 0.9, 0.3, 0.9, 0.9, 0.9)  # beyond half the perturbation
    assert effects({}, CHANCE, dose=curve(late)) == {"dip": 0.0}
    beyond = (*[0.9, *[0.3] * 8], 0.9, 0.9, 0.9, 0.9)  # comes back beyond the perturbation only
    assert effects({}, CHANCE, dose=curve(beyond)) == {"dip": 0.0}
    assert effects({}, CHANCE, dose=curve((0.9, 0.3))) == {}


def test_the_channels_are_those_whose_loss_beats_random_ones_most_surely():
    sign = channels(("conv1", 0.16, 0.66), ("layer1", 0.60, 0.64))
    assert sign.effect == pytest.approx(0.50) and sign.control == 0.66
    assert sign.note == "3 channels of conv1" and sign.z > 6
    assert channels(("conv1", 0.48, 0.49)).z < 1
    assert of_channels(kinds.CausalProbe(n=128)) is None


def test_the_spread_of_random_draws_weakens_the_sign_of_the_channels():
    sure, luck = channels(("conv", 0.16, 0.66, 0.02)), channels(("conv", 0.16, 0.66, 0.30))
    assert sure.z > 6 > 2 > luck.z


def test_the_best_of_many_groups_needs_more_than_the_only_one():
    one = channels(("a", 0.40, 0.62))
    many = channels(("a", 0.40, 0.62), *((name, 0.6, 0.6) for name in "bcdefghij"))
    assert one.z > many.z + 0.5


def test_shares_that_come_to_the_same_channels_are_one_group():
    once = channels(("a", 0.40, 0.62), ("b", 0.6, 0.6))
    again = channels(*[("a", 0.40, 0.62)] * 4, ("b", 0.6, 0.6))
    assert once.z == again.z
    check = causal(*[("a", 0.40, 0.62)] * 3)
    rows = [replace(row, channels=0) for row in check.rows]  # an older log may not say
    nameless = of_channels(replace(check, rows=tuple(rows)))
    assert nameless is not None and nameless.z < once.z


shares = st.floats(0, 1)


@given(
    st.tuples(*[shares] * 7),
    st.integers(2, 200),
    st.integers(0, 2000),
    st.none() | shares,
    st.none() | st.lists(shares, min_size=1, max_size=13),
    st.none() | st.lists(st.tuples(st.sampled_from("abc"), shares, shares, shares), max_size=6),
)
def test_any_shares_give_effects_in_range_and_finite_evidence(
    seven, classes, n, control, dose, groups
):
    carrier, one, other, abnormal, swap, mine, theirs = seven
    total = max(one + other, 1.0)
    values = measured(carrier, one / total, other / total, abnormal, swap=swap)
    values |= against(mine, theirs) | ({} if control is None else {"control_grey": control})
    drawn = None if dose is None else curve(dose)
    check = None if groups is None else of_channels(causal(*groups))
    assert all(0 <= value <= 1 for value in effects(values, 1 / classes, dose=drawn).values())
    found = verdict(values, 1 / classes, n, dose=drawn, channels=check)
    assert all(map(math.isfinite, found.evidence.values()))
    assert math.isnan(found.index) or 0.0 <= found.index <= 1.0
    assert set(found.clear) <= set(found.signs) <= set(FAMILIES)

"""Index, verdict and lead of self-fitting, on networks that were measured and on made-up ones."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selffit.detect import selffitting
from selffit.detect.selffitting import (
    INDEX_CLEAR,
    Thresholds,
    Tracker,
    Verdict,
    components,
    index,
    verdict,
)

CHANCE = 0.1


def measured(carrier, conflict_self, conflict_data, abnormal, **more):
    shares = {
        "carrier_grey": carrier,
        "conflict_self": conflict_self,
        "conflict_data": conflict_data,
    }
    return {**shares, "abnormal": abnormal, **more}


# Measured on the embedded sets after the fall of PGD accuracy: carrier on grey, conflict self /
# data, abnormal.
MASKING = {"strokes, SGD, eps ramp to 0.35": measured(0.10, 0.00, 0.97, 0.00)}
SELF_FITTING = {
    "strokes, Adam, fixed eps 0.35": measured(0.66, 0.51, 0.18, 0.87),
    "strokes, eps 0.12 then 0.40": measured(0.62, 0.34, 0.30, 0.70),
    "strokes, half contrast": measured(0.66, 0.65, 0.05, 0.90),
    "patterns, fgsm, seed 0": measured(0.82, 0.37, 0.47, 0.98),
    "patterns, fgsm, seed 1": measured(0.42, 0.14, 0.63, 0.91),
    "patterns, fgsm, seed 2": measured(0.67, 0.31, 0.44, 0.98),
    "patterns, fgsm, seed 3": measured(0.25, 0.08, 0.67, 0.74),
    "patterns, fgsm, seed 4": measured(0.50, 0.14, 0.60, 0.96),
    "patterns, rs-fgsm, seed 0": measured(0.78, 0.38, 0.61, 0.61),
}
OTHERS = {  # no self-fitting: n-fgsm never fell, rs-fgsm shows one sign only
    "patterns, n-fgsm, seed 0": measured(0.10, 0.05, 0.64, 0.11),
    "patterns, n-fgsm, seed 1": measured(0.00, 0.00, 0.68, 0.00),
    "patterns, rs-fgsm, seed 1": measured(0.14, 0.05, 0.74, 0.34),
}


# ---- components and index ------------------------------------------------------------------------
def test_components_are_what_lies_above_guessing():
    found = components(measured(0.55, 0.3, 0.1, 0.4, swap=0.19), CHANCE)
    assert found == pytest.approx({"carrier": 0.5, "conflict": 0.75, "abnormal": 0.4, "swap": 0.1})
    assert index(found) == pytest.approx((0.5 + 0.75 + 0.4 + 0.1) / 4)


def test_below_guessing_is_nothing():
    assert components(measured(0.02, 0.0, 0.0, 0.0, swap=0.05), CHANCE) == dict.fromkeys(
        ("carrier", "conflict", "abnormal", "swap"), 0.0
    )


def test_only_what_was_measured_counts():
    values = {"carrier_grey": 0.55, "conflict_self": 0.3, "abnormal": math.nan, "own": 0.9}
    assert components(values, CHANCE) == pytest.approx({"carrier": 0.5})
    assert index(components(values, CHANCE)) == pytest.approx(0.5)
    assert math.isnan(index(components({}, CHANCE)))


shares = st.floats(0, 1)


@given(st.tuples(*[shares] * 5), st.integers(2, 200), st.integers(0, 2000), st.none() | shares)
def test_any_shares_give_components_in_range_and_finite_evidence(five, classes, n, control):
    carrier, one, other, abnormal, swap = five
    total = max(one + other, 1.0)
    values = measured(carrier, one / total, other / total, abnormal, swap=swap)
    values |= {} if control is None else {"control_grey": control}
    assert all(0.0 <= value <= 1.0 for value in components(values, 1 / classes).values())
    found = verdict(values, 1 / classes, n)
    assert all(map(math.isfinite, found.evidence.values())) and 0.0 <= found.index <= 1.0


# ---- the verdict ---------------------------------------------------------------------------------
@pytest.mark.parametrize("swap", [{}, {"swap": 0.12}], ids=["", "with label swap"])
@pytest.mark.parametrize("n", [128, 512])
@pytest.mark.parametrize(
    ("name", "disease"),
    [
        *((name, "self-fitting") for name in SELF_FITTING),
        *((name, "gradient masking") for name in MASKING),
    ],
)
def test_measured_networks_get_the_right_word(name, disease, n, swap):
    found = verdict({**SELF_FITTING, **MASKING}[name] | swap, CHANCE, n)
    assert found.disease == disease
    assert found.index_clear == (disease == "self-fitting")


@pytest.mark.parametrize("n", [64, 128, 512, 2000])
@pytest.mark.parametrize("name", OTHERS)
def test_networks_without_self_fitting_are_not_called_so(name, n):
    found = verdict(OTHERS[name], CHANCE, n)
    assert found.disease != "self-fitting" and not found.index_clear


def test_one_sign_alone_is_undecided():
    assert verdict(OTHERS["patterns, rs-fgsm, seed 1"], CHANCE, 512).disease == "undecided"
    assert verdict(measured(0.1, 0.0, 0.97, 0.0, swap=0.8), CHANCE, 512).disease == "undecided"


ROOM = [
    ("carrier", 0.05, 0.16),
    ("conflict", 0.01, 1.0),
    ("abnormal", 0.01, 0.74),
    ("swap", 0.06, 1.0),
    ("absent", 0.15, 1.0),
    ("usual", 0.0, 0.67),
    ("z_clear", 0.0, 11.0),
    ("z_absent", 0.0, 5.0),
]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, *edges in ROOM for value in edges]
)
def test_a_threshold_can_be_moved_as_far_as_is_said(name, value):
    moved = replace(Thresholds(), **{name: value})

    def word(values):
        return verdict(values | {"swap": 0.12}, CHANCE, 512, moved).disease

    assert {word(values) for values in SELF_FITTING.values()} == {"self-fitting"}
    assert {word(values) for values in MASKING.values()} == {"gradient masking"}
    assert "self-fitting" not in {word(values) for values in OTHERS.values()}


@pytest.mark.parametrize("bound", [0.15, 0.25])
def test_the_bound_of_the_index_can_be_moved_as_far_as_is_said(bound, monkeypatch):
    monkeypatch.setattr(selffitting, "INDEX_CLEAR", bound)
    for swap in ({}, {"swap": 0.12}):
        assert all(
            verdict(values | swap, CHANCE, 512).index_clear for values in SELF_FITTING.values()
        )
        assert not any(
            verdict(v | swap, CHANCE, 512).index_clear
            for v in (*MASKING.values(), *OTHERS.values())
        )


def test_few_images_decide_nothing():
    (masking,) = MASKING.values()
    assert verdict(SELF_FITTING["patterns, fgsm, seed 3"], CHANCE, 16).disease == "undecided"
    assert verdict(masking, CHANCE, 16).disease == "undecided"
    assert verdict(masking, CHANCE, 0).disease == "undecided"


def test_nothing_measured_is_undecided():
    found = verdict({"own": 0.9}, CHANCE, 512)
    assert (found.disease, found.index_clear) == ("undecided", False)
    assert found.text == "undecided: no self-information was measured"


def test_a_carrier_that_any_networks_perturbation_matches_is_no_self_information():
    values = measured(0.60, 0.0, 0.9, 0.90)
    assert verdict(values, CHANCE, 512).disease == "self-fitting"
    found = verdict(values | {"control_grey": 0.58}, CHANCE, 512)
    assert found.disease == "undecided" and found.evidence["carrier"] == pytest.approx(0.02 / 0.42)
    assert verdict(values | {"control_grey": 0.02}, CHANCE, 512) == verdict(values, CHANCE, 512)


def test_a_network_that_names_classes_at_random_wins_no_conflict():
    """An untrained network answers y_i and y_j equally often.

    Half of both, and yet no sign of anything.
    """
    found = verdict(measured(0.10, 0.10, 0.10, 0.0), CHANCE, 512)
    assert found.evidence["conflict"] == 0.5 and abs(found.evidence["conflict_z"]) < 0.1
    assert found.disease == "undecided" and not found.index_clear


def test_with_two_classes_an_error_is_no_conflict_won():
    found = verdict(measured(0.5, 0.6, 0.4, 0.9), 0.5, 512)
    assert found.disease == "undecided" and found.evidence["conflict_z"] == pytest.approx(0.0)


def test_what_is_too_early_to_call_masking_is_undecided_with_the_same_numbers():
    masking = verdict(MASKING["strokes, SGD, eps ramp to 0.35"], CHANCE, 512)
    early = selffitting.too_early(masking)
    assert (masking.disease, early.disease) == ("gradient masking", "undecided")
    assert (
        early.text.startswith("undecided: no sign of self-fitting yet")
        and "0.00 to 0.97" in early.text
    )
    assert early.evidence == masking.evidence and "masking" not in early.text


def test_the_text_is_one_sentence_with_the_numbers():
    found = verdict(SELF_FITTING["patterns, fgsm, seed 0"] | {"swap": 0.11}, CHANCE, 512)
    assert found.text == (
        "self-fitting: the network reads its own perturbation; put on plain grey it is read right "
        "in 0.82 (guessing 0.10), against another image it wins 0.37 to 0.47, the attack lowers "
        "the loss of 0.98 of the images, label swap 0.11 (n=512)"
    )
    (masking,) = MASKING.values()
    text = verdict(masking, CHANCE, 512).text
    assert text.startswith(
        "gradient masking: the network does not read its own perturbation; put on plain grey"
    )
    text = verdict(OTHERS["patterns, rs-fgsm, seed 1"], CHANCE, 512).text
    assert text.startswith("undecided: 1 of 3 signs of self-fitting are clear; ")


# ---- since when ----------------------------------------------------------------------------------
def seen(clear, height=None):
    if height is None:
        height = INDEX_CLEAR + 0.1 if clear else 0.0
    return Verdict(disease="undecided", text="", evidence={}, index=height, index_clear=clear)


def fed(pattern, tracker=None, first=0, every=10):
    """A tracker that has seen a probe every `every` steps: x clear, . not clear."""
    tracker = tracker or Tracker()
    for i, mark in enumerate(pattern):
        tracker.add(first + i * every, seen(mark == "x"))
    return tracker


@pytest.mark.parametrize(
    ("pattern", "step"),
    [
        ("", None),
        ("....", None),
        ("..x", 20),  # at once: there may be an onset at this very step
        ("..x.", None),  # it was an outlier
        ("..x.x", 40),
        ("..xx.", 20),  # one unclear probe does not end what has lasted
        ("..xx.x", 20),
        ("..xx..", None),  # two do
        ("..xx..x", 60),
        (".x.x.x.xxx", 70),
    ],
)
def test_the_index_step_is_where_the_present_stretch_began(pattern, step):
    assert fed(pattern).index_step == step


@pytest.mark.parametrize(
    ("pattern", "onset", "lead"),
    [
        ("..xxxx", 40, 20),
        ("..xxxx", 20, 0),
        ("....xx", 20, -20),  # the index followed
        ("......", 20, None),
        ("x.....", 20, None),  # an outlier is no lead
        ("..xxxx..", 40, 20),  # it faded after the onset: it moved first all the same
        ("..xxxx....xxx", 40, 20),
        ("xxx.....xx", 60, -20),  # what was over before the onset does not count
        ("xxx...", 50, None),
        ("..xxxx", None, None),  # a network that never was healthy
    ],
)
def test_the_lead_is_of_the_stretch_in_which_the_onset_lies_or_of_the_first_after_it(
    pattern, onset, lead
):
    tracker = fed(pattern)
    assert tracker.lead(onset) == lead
    if onset is not None:
        assert tracker.index_step_for(onset) == (None if lead is None else onset - lead)


def test_an_onset_of_unknown_step_has_the_present_stretch():
    assert fed("..xx").index_step_for(None) == 20


def test_two_probes_of_one_step_count_once_and_no_index_counts_not_at_all():
    tracker = fed("..x")
    tracker.add(20, seen(True))
    tracker.add(25, seen(False, math.nan))
    tracker.add(30, seen(False))
    assert tracker.index_step is None


@given(st.text("x.", max_size=30), st.text("x.", max_size=30))
def test_a_restored_tracker_gives_the_same_answers(before, after):
    whole, first = fed(before + after), fed(before)
    second = Tracker()
    second.restore(json.loads(json.dumps(first.state())))
    fed(after, second, first=10 * len(before))
    assert second.state() == whole.state()
    for onset in (None, *range(0, 600, 35)):
        assert second.lead(onset) == whole.lead(onset)


def test_a_checkpoint_without_a_tracker_begins_anew():
    tracker = fed("xxx")
    tracker.restore({})
    assert tracker.index_step is None and tracker.state() == Tracker().state()

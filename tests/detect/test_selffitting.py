"""Signs, index, verdict and lead of self-fitting, on measured networks and on made-up ones."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selffit.detect import selffitting
from selffit.detect.selffitting import INDEX_CLEAR, Tracker, Verdict, index, verdict
from selffit.detect.signs import FAMILIES, Thresholds, effects, of_channels
from selffit.eventlog import kinds
from selffit.eventlog.fields import floats

CHANCE = 0.1


def measured(carrier, conflict_self, conflict_data, abnormal, **more):
    shares = {
        "carrier_grey": carrier,
        "conflict_self": conflict_self,
        "conflict_data": conflict_data,
    }
    return {**shares, "abnormal": abnormal, **more}


def against(own, other):
    return {"own": own, "other": other}


# Measured on the embedded sets after the fall of PGD accuracy: carrier on grey, conflict self /
# data, abnormal; own perturbation and that of a healthy network.
MASKING = {
    "strokes, SGD, eps ramp to 0.35": measured(0.10, 0.00, 0.97, 0.00, **against(0.93, 0.97)),
}
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
# CIFAR-10 at full width on a GPU (PreActResNet18 at 8/255, ResNet18 at 16/255), light probes of
# 128 images: transplanted perturbations say nothing there.
REAL = {
    "fgsm 8/255, 122 steps after": measured(
        0.094, 0.016, 0.602, 0.586, swap=0.070, **against(0.664, 0.398)
    ),
    "fgsm 8/255, 1268 steps after": measured(
        0.102, 0.023, 0.570, 0.883, swap=0.133, **against(0.812, 0.398)
    ),
    "fgsm 16/255, 866 steps after": measured(
        0.047, 0.039, 0.555, 0.672, swap=0.117, **against(0.773, 0.445)
    ),
    "fgsm 16/255, at the end": measured(
        0.180, 0.023, 0.789, 0.883, swap=0.070, **against(0.945, 0.609)
    ),
}
OTHERS = {  # no self-fitting: n-fgsm never fell, rs-fgsm shows one sign only
    "patterns, n-fgsm, seed 0": measured(0.10, 0.05, 0.64, 0.11),
    "patterns, n-fgsm, seed 1": measured(0.00, 0.00, 0.68, 0.00),
    "patterns, rs-fgsm, seed 1": measured(0.14, 0.05, 0.74, 0.34),
    "CIFAR-10, n-fgsm, step 7640": measured(
        0.055, 0.047, 0.648, 0.00, swap=0.016, **against(0.422, 0.555)
    ),
}
HEALTHY_DOSE = (0.81, 0.78, 0.73, 0.69, 0.65, 0.62, 0.59, 0.57, 0.52, 0.49, 0.47, 0.46, 0.44)
DIPPING_DOSE = (0.77, 0.10, 0.15, 0.51, 0.87, 0.95, 0.96, 0.96, 0.93, 0.90, 0.85, 0.80, 0.73)


def curve(acc):
    return kinds.Dose(k=floats([k / 8 for k in range(len(acc))]), acc=floats(acc))


def causal(*groups, n=128):
    """A check of which (stage, FGSM without self channels, without random ones[, sd]) is known."""
    rows = []
    for stage, mine, random, *spread in groups:
        sd = {"fgsm_sd": spread[0], "draws": 20} if spread else {}
        rows += [
            kinds.Ablation(stage=stage, group="self", share=0.05, channels=3, fgsm=mine),
            kinds.Ablation(stage=stage, group="random", share=0.05, channels=3, fgsm=random, **sd),
        ]
    return kinds.CausalProbe(n=n, rows=tuple(rows))


def channels(*groups):
    """The sign of such a check."""
    sign = of_channels(causal(*groups))
    assert sign is not None
    return sign


# ---- signs and index -----------------------------------------------------------------------------
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


@pytest.mark.parametrize("name", REAL)
def test_collapses_on_real_images_are_self_fitting_without_any_transplant(name):
    found = verdict(REAL[name], CHANCE, 128)
    assert found.disease == "self-fitting" and found.index_clear
    assert {"gap", "abnormal"} <= set(found.clear)
    assert not {"carrier", "conflict"} & set(found.clear)


@pytest.mark.parametrize("n", [64, 128, 512, 2000])
@pytest.mark.parametrize("name", OTHERS)
def test_networks_without_self_fitting_are_not_called_so(name, n):
    found = verdict(OTHERS[name], CHANCE, n, dose=curve(HEALTHY_DOSE))
    assert found.disease != "self-fitting" and not found.index_clear


def test_one_sign_alone_is_undecided():
    assert verdict(OTHERS["patterns, rs-fgsm, seed 1"], CHANCE, 512).disease == "undecided"
    assert verdict(measured(0.1, 0.0, 0.97, 0.0, swap=0.8), CHANCE, 512).disease == "undecided"


def test_signs_of_one_family_are_one_witness():
    values = measured(0.1, 0.0, 0.7, 0.3, **against(0.9, 0.4))
    found = verdict(values, CHANCE, 512, dose=curve(DIPPING_DOSE))
    assert found.clear == ("gap", "abnormal", "dip") and found.disease == "undecided"
    found = verdict(values, CHANCE, 512, channels=channels(("conv1", 0.1, 0.7)))
    assert found.disease == "self-fitting" and "channels" in found.clear
    assert "3 channels of conv1" in found.text and found.evidence["channels_control"] == 0.7


def test_a_gap_and_abnormal_examples_are_two_where_no_meaningless_step_could_make_them():
    """A step in a meaningless direction lowers the loss of no more than every second image."""
    signs = against(0.8, 0.5)
    assert verdict(measured(0.1, 0, 0.7, 0.45, **signs), CHANCE, 512).disease == "undecided"
    assert verdict(measured(0.1, 0, 0.7, 0.60, **signs), CHANCE, 512).disease == "self-fitting"


def test_masking_needs_a_gap_and_an_abnormal_share_that_are_absent():
    (masking,) = MASKING.values()
    unknown = {name: value for name, value in masking.items() if name != "other"}
    assert verdict(masking, CHANCE, 512).disease == "gradient masking"
    assert verdict(unknown, CHANCE, 512).disease == "undecided"
    assert verdict(masking | against(0.97, 0.80), CHANCE, 512).disease == "undecided"


ROOM = [
    ("gap", 0.0, 0.15),
    ("carrier", 0.05, 0.16),
    ("conflict", 0.03, 1.0),
    ("abnormal", 0.01, 0.58),
    ("swap", 0.06, 1.0),
    ("absent", 0.15, 1.0),
    ("usual", 0.0, 0.43),
    ("z_clear", 0.0, 4.0),
    ("z_absent", 0.0, 5.0),
    ("z_coin", 0.0, 1.9),
]


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, *edges in ROOM for value in edges]
)
def test_a_threshold_can_be_moved_as_far_as_is_said(name, value):
    moved = replace(Thresholds(), **{name: value})

    def word(values, n=512):
        return verdict(values | {"swap": 0.12}, CHANCE, n, thresholds=moved).disease

    assert {word(values) for values in SELF_FITTING.values()} == {"self-fitting"}
    assert {word(values, 128) for values in REAL.values()} == {"self-fitting"}
    assert {word(values) for values in MASKING.values()} == {"gradient masking"}
    assert "self-fitting" not in {word(values) for values in OTHERS.values()}


@pytest.mark.parametrize("bound", [0.195, 0.29])
def test_the_bound_of_the_index_can_be_moved_as_far_as_is_said(bound, monkeypatch):
    monkeypatch.setattr(selffitting, "INDEX_CLEAR", bound)
    for swap in ({}, {"swap": 0.12}):
        assert all(
            verdict(values | swap, CHANCE, 512).index_clear
            for values in (*SELF_FITTING.values(), *REAL.values())
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
    assert found.disease == "undecided"
    assert found.evidence["carrier"] == pytest.approx(0.02 / 0.42, abs=1e-5)
    assert found.evidence["carrier_control"] == 0.58
    weak = verdict(values | {"control_grey": 0.02}, CHANCE, 512)
    assert weak.evidence == verdict(values, CHANCE, 512).evidence


def test_a_conflict_or_swap_that_any_networks_perturbation_wins_is_no_self_information():
    values = measured(0.10, 0.40, 0.30, 0.0, swap=0.5)
    assert verdict(values, CHANCE, 512).clear == ("conflict", "swap")
    controls = {"control_conflict": 0.38, "control_swap": 0.48}
    found = verdict(values | controls, CHANCE, 512)
    assert found.clear == ()
    assert found.evidence["conflict_control"] == 0.38 and found.evidence["swap_control"] == 0.48


def test_a_network_that_names_classes_at_random_wins_no_conflict():
    """An untrained network answers y_i and y_j equally often: no sign of anything."""
    found = verdict(measured(0.10, 0.10, 0.10, 0.0), CHANCE, 512)
    assert found.evidence["conflict"] == 0 and abs(found.evidence["conflict_z"]) < 0.1
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
        and ".00 to .97" in early.text
    )
    assert early.evidence == masking.evidence and "masking" not in early.text


def test_the_text_is_one_sentence_that_names_first_what_is_there():
    found = verdict(REAL["fgsm 8/255, 122 steps after"], CHANCE, 128)
    assert found.text == (
        "self-fitting: the network reads its own perturbation; under its own perturbation .66 are "
        "right, under a healthy network's .40, the attack lowers the loss of .59 of the images; "
        "not clear: on plain grey it is read right in .09 (guessing .10), against another image "
        "it wins .02 to .60, label swap .07 (guessing .10) (n=128)"
    )
    (masking,) = MASKING.values()
    text = verdict(masking, CHANCE, 512).text
    assert text.startswith(
        "gradient masking: the network does not read its own perturbation; under its own"
    )
    text = verdict(OTHERS["patterns, rs-fgsm, seed 1"], CHANCE, 512).text
    assert text.startswith(
        "undecided: the signs of self-fitting do not make two independent ones; the attack lowers"
    )


# ---- since when ----------------------------------------------------------------------------------
def seen(clear, height=None):
    if height is None:
        height = INDEX_CLEAR + 0.1 if clear else 0.0
    return Verdict(
        disease="undecided", text="", signs={}, clear=(), index=height, index_clear=clear
    )


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


def test_every_sign_has_a_lead_of_its_own():
    tracker = Tracker()
    real = {"gap": 0.3, "abnormal": 0.6}
    for step in range(0, 100, 10):
        own = 0.4 + real["gap"] * (step >= 40)
        abnormal = real["abnormal"] * (step >= 20)
        values = measured(0.1, 0.0, 0.7, abnormal, **against(own, 0.4))
        tracker.add(step, verdict(values, CHANCE, 512))
    assert tracker.leads(30) == {"gap": -10, "abnormal": 10}
    assert tracker.leads(None) == {}


def test_a_tracker_of_an_older_checkpoint_knows_the_index():
    old = {"ended": [[20, 40]], "now": [70, 80], "clear": 2, "unclear": 0, "step": 80}
    tracker = Tracker()
    tracker.restore(old)
    assert (tracker.index_step, tracker.lead(30)) == (70, 10)

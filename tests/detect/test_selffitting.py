"""The verdict on measured networks and on made-up ones, and how far its thresholds move."""

from dataclasses import replace

import pytest
from made_up.verdicts import (
    CHANCE,
    DIPPING_DOSE,
    HEALTHY_DOSE,
    MASKING,
    OTHERS,
    REAL,
    SELF_FITTING,
    against,
    channels,
    curve,
    measured,
)

from selffit.detect import selffitting
from selffit.detect.selffitting import verdict
from selffit.detect.signs import Thresholds


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


@pytest.mark.parametrize(
    ("own", "other", "abnormal", "disease"),
    [
        # strokes, rs-fgsm, seed 3: the last network against those of steps 520, 546 and 676
        (0.94, 0.87, 0.00, "gradient masking"),
        (0.94, 0.95, 0.00, "gradient masking"),
        (0.94, 0.85, 0.00, "gradient masking"),
        (0.94, 0.87, 0.09, "undecided"),  # reading may have made it
        (0.94, 0.80, 0.00, "undecided"),  # clear
    ],
)
def test_a_faint_gap_does_not_speak_against_masking_where_no_image_profits(
    own, other, abnormal, disease
):
    values = measured(0.10, 0.00, 0.97, abnormal, **against(own, other))
    assert verdict(values, CHANCE, 512).disease == disease


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

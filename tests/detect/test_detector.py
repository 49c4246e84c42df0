"""The detector on streams of probes: onset, recovery, never healthy, eps schedules, its state."""

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selffit.detect import Detector, ProbePoint, SignalBlock
from selffit.eventlog.kinds import Healthy
from selffit.numbers import count, share


def run(accuracies, *, n=600, eps=None, clean=0.8, detector=None, every=1):
    """Feed (fgsm, pgd) pairs as one probe each; returns all alerts."""
    detector = detector or Detector(chance=0.1)
    alerts = []
    for i, (fgsm, pgd) in enumerate(accuracies):
        at = math.nan if eps is None else eps[i]
        alerts += detector.probe(ProbePoint(i * every, clean, fgsm, pgd, n, eps=at))
    return alerts


def levels(alerts):
    return [a.level for a in alerts]


HEALTHY = [(0.50, 0.45)] * 8
CO = [(0.80, 0.02)] * 4


# ---- onset ---------------------------------------------------------------------------------------
def test_onset_is_bracketed_by_the_last_healthy_and_the_first_fallen_probe():
    [alert] = run([*HEALTHY, (0.55, 0.30), *CO], every=390)
    assert alert.level == "onset"
    # 8: neither
    assert (alert.onset_low, alert.onset_step, alert.step) == (7 * 390, 9 * 390, 9 * 390)
    assert alert.healthy == Healthy(step=7 * 390, pgd=0.45)
    assert alert.n == 600 and 0.99 < alert.confidence <= 1.0
    assert count(7 * 390) in alert.advice and "n-fgsm" in alert.advice


def test_onset_carries_its_evidence_and_the_signals_of_the_moment():
    detector = Detector(chance=0.1)
    run(HEALTHY, detector=detector)
    detector.signals(SignalBlock(step=8, abnormal=[0.3] * 20, pertalign=[0.1] * 20))
    [alert] = detector.probe(ProbePoint(28, 0.8, 0.80, 0.02, 600))
    evidence = alert.evidence
    assert evidence["best"] == 0.45 and evidence["pgd"] == 0.02 and evidence["fgsm"] == 0.80
    assert evidence["gap"] == pytest.approx(0.78) and evidence["ratio"] == pytest.approx(
        0.02 / 0.45
    )
    assert evidence["z"] > 10 and evidence["p_value"] < 1e-20
    assert evidence["abnormal"] == pytest.approx(0.3) and evidence["pertalign"] == pytest.approx(
        0.1
    )
    assert "eps" not in evidence  # unknown here: only finite numbers
    json.dumps(alert.data(), allow_nan=False)


def test_the_step_at_which_a_signal_left_its_band_is_part_of_the_evidence():
    detector = Detector(chance=0.1)
    detector.signals(SignalBlock(step=0, abnormal=[0.0] * 300))
    run([(0.5, 0.45)], detector=detector)
    detector.signals(SignalBlock(step=300, abnormal=[0.5] * 40))
    assert detector.wants_probe
    [alert] = detector.probe(ProbePoint(340, 0.8, 0.8, 0.02, 600))
    assert 300 <= alert.evidence["signal_step"] < 320
    assert not detector.wants_probe


def test_one_onset_however_long_it_lasts():
    assert levels(run(HEALTHY + CO * 20)) == ["onset"]


def test_no_suspicion_while_an_onset_is_open():
    detector = Detector(chance=0.1)
    detector.signals(SignalBlock(step=0, abnormal=[0.0] * 200))
    run(HEALTHY + CO, detector=detector)
    assert detector.signals(SignalBlock(step=200, abnormal=[0.9] * 100)) == []
    assert not detector.wants_probe


def test_a_gradual_fall_is_an_onset():
    alerts = run([(0.86, 0.78), (0.85, 0.78), (0.86, 0.61), (0.84, 0.25), (0.83, 0.07)])
    assert levels(alerts) == ["onset"] and alerts[0].onset_step == 3


def test_a_low_level_of_two_hundred_classes_can_fall():
    alerts = run(
        [(0.14, 0.125)] * 6 + [(0.22, 0.01)] * 2, n=1000, detector=Detector(chance=1 / 200)
    )
    assert levels(alerts) == ["onset"]


# ---- no onset ------------------------------------------------------------------------------------
def test_robust_overfitting_is_no_onset():
    """PGD sinks far below its best, FGSM sinks with it (free-AT does this)."""
    assert run([(0.45 - 0.01 * i, 0.42 - 0.0105 * i) for i in range(38)]) == []


def test_a_widening_gap_at_a_steady_level_is_no_onset():
    assert run([(0.25 + 0.01 * i, 0.24) for i in range(40)]) == []


def test_a_flat_low_accuracy_of_two_hundred_classes_is_no_onset():
    rng = random.Random(3)
    noise = [(rng.randint(1, 12) / 600, rng.randint(0, 6) / 600) for _ in range(200)]
    assert run(noise, clean=0.02, detector=Detector(chance=1 / 200)) == []


def test_an_ordinary_weak_start_is_no_onset():
    """NuAT on CIFAR-10: PGD 0.01-0.03 of FGSM 0.07-0.19 for six epochs, healthy from epoch 10."""
    start = [
        (0.071, 0.019),
        (0.068, 0.011),
        (0.114, 0.015),
        (0.142, 0.023),
        (0.148, 0.021),
        (0.148, 0.027),
    ]
    later = [(0.207, 0.059), (0.237, 0.089), (0.27, 0.15), (0.32, 0.23), (0.4, 0.32)]
    assert run(start + later, clean=0.8, n=1000) == []


@pytest.mark.parametrize("n", [100, 200, 512])
def test_sampling_noise_of_few_images_raises_nothing(n):
    """True accuracies 0.31 and 0.25, fresh images at each of 100 probes."""
    for seed in range(10):
        rng = random.Random(seed)
        draws = [[rng.random() for _ in range(n)] for _ in range(100)]
        rows = [(sum(u < 0.31 for u in d) / n, sum(u < 0.25 for u in d) / n) for d in draws]
        assert run(rows, n=n) == []


def test_a_dip_that_is_noise_for_100_images_is_an_onset_for_1000():
    dip = [*HEALTHY, (0.50, 0.15), *HEALTHY]
    assert run(dip, n=60) == []
    assert levels(run(dip, n=1000)) == ["onset", "recovered"]


def test_few_images_take_longer_but_not_for_ever():
    alerts = run(HEALTHY + [(0.7, 0.0)] * 6, n=30)
    assert levels(alerts) == ["onset"]
    assert alerts[0].step > alerts[0].onset_step == 8


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=25), st.integers(2, 50))
@settings(deadline=None, max_examples=150)
def test_more_images_are_no_less_sensitive(counts, factor):
    """The same accuracies on more images: whatever was an onset still is one, no later."""
    rows = [(max(a, b) / 60, min(a, b) / 60) for a, b in counts]
    few = [a.step for a in run(HEALTHY + rows, n=60) if a.level == "onset"]
    many = [a.step for a in run(HEALTHY + rows, n=60 * factor) if a.level == "onset"]
    if few:
        assert many and many[0] <= few[0]


# ---- never healthy -------------------------------------------------------------------------------
def test_a_run_that_never_was_healthy_is_told_once_without_an_onset_step():
    early, onset = run([(0.3, 0.05), *[(0.9, 0.0)] * 10])
    assert (early.level, early.step, onset.level) == ("transient", 1, "onset")
    assert onset.step == 3  # the third blind probe in a row
    assert onset.onset_step is onset.onset_low is onset.healthy is None
    assert "never was healthy" in onset.text and "roll back" not in onset.advice


def test_a_collapse_before_pgd_ever_was_healthy_that_passes_is_no_onset_but_is_named():
    """As measured at 16/255 with a random start, in warm-up: .00 with FGSM .29, then .18."""
    [alert] = run([(0.15, 0.13), (0.29, 0.0), (0.30, 0.0), (0.3, 0.18), (0.4, 0.3)], clean=0.35)
    assert (alert.level, alert.step, alert.n, alert.healthy) == ("transient", 1, 600, None)
    assert ".00 while FGSM accuracy is .29 (n=600), before PGD ever was healthy" in alert.text


def test_the_accuracy_of_a_network_that_guesses_is_no_level():
    """A public run stayed at guessing for 80 epochs, between .02 and .15."""
    rows = [(0.12, 0.10), (0.12, 0.151), (0.12, 0.048), (0.12, 0.128), (0.12, 0.02)]
    assert run(rows * 4, clean=0.14, n=10_000) == []


def test_collapse_at_a_suddenly_larger_budget_keeps_the_last_healthy_probe():
    """Eps 0.12 with PGD 0.82, then 0.40 at once: nothing comparable, yet it was healthy."""
    rows = [(0.88, 0.82)] * 4 + [(0.92, 0.0)] * 4
    [alert] = run(rows, eps=[0.12] * 4 + [0.40] * 4)
    assert (alert.onset_low, alert.onset_step, alert.step) == (3, 4, 6)
    assert alert.healthy == Healthy(step=3, pgd=0.82)


# ---- eps schedules (curves measured on the embedded recipes) -------------------------------------
def patterns_ramp():
    pgd = [0.70, 0.72, 0.66, 0.64, 0.61, 0.56, 0.52, 0.51, 0.48, 0.445, 0.416, 0.39]
    fgsm = [0.70, 0.73, 0.67, 0.66, 0.63, 0.60, 0.555, 0.54, 0.514, 0.494, 0.486, 0.463]
    eps = [0.16 * (i + 1) / 12.6 for i in range(12)]
    return list(zip(fgsm, pgd, strict=True)), eps


def test_the_fall_of_pgd_during_an_eps_ramp_is_no_onset():
    rows, eps = patterns_ramp()
    assert run(rows + [(0.44, 0.25)] * 10, eps=eps + [0.16] * 10, n=512) == []


def test_co_on_the_plateau_after_a_ramp_is_an_onset():
    rows, eps = patterns_ramp()
    rows += [(0.44, 0.30), (0.45, 0.27), (0.60, 0.12), (0.69, 0.06), (0.9, 0.0)]
    alerts = run(rows, eps=eps + [0.16] * 5, n=512)
    assert levels(alerts) == ["onset"] and alerts[0].onset_low == 12 and alerts[0].onset_step == 14


def test_a_steep_ramp_on_a_resistant_method_is_no_onset():
    """n-fgsm with eps to 0.35: PGD 0.89 → 0.23 with FGSM 0.89 → 0.51.

    A third of an epoch after the end of the ramp.
    """
    pgd = [
        0.885,
        0.906,
        0.898,
        0.857,
        0.861,
        0.814,
        0.729,
        0.641,
        0.527,
        0.422,
        0.309,
        0.225,
        0.270,
        0.256,
    ]
    fgsm = [
        0.887,
        0.908,
        0.908,
        0.887,
        0.893,
        0.865,
        0.812,
        0.754,
        0.693,
        0.637,
        0.543,
        0.510,
        0.516,
        0.484,
    ]
    eps = [
        0.031,
        0.062,
        0.094,
        0.125,
        0.156,
        0.187,
        0.219,
        0.25,
        0.281,
        0.312,
        0.344,
        0.35,
        0.35,
        0.35,
    ]
    assert run(list(zip(fgsm, pgd, strict=True)), eps=eps, n=512) == []


def test_co_while_the_budget_still_grows_is_an_onset():
    """`strokes`: 0.78 → 0.61 → 0.25 → 0.07 while FGSM stays up and eps rises by a tenth a time."""
    pgd = [0.85, 0.90, 0.88, 0.85, 0.82, 0.80, 0.78, 0.61, 0.25, 0.07]
    fgsm = [0.86, 0.91, 0.90, 0.88, 0.87, 0.87, 0.86, 0.85, 0.86, 0.84]
    alerts = run(list(zip(fgsm, pgd, strict=True)), eps=[0.031 * (i + 1) for i in range(10)], n=512)
    assert levels(alerts) == ["onset"] and alerts[0].onset_step == 8


def test_lowering_the_budget_does_not_hide_an_onset():
    rows = [(0.50, 0.45)] * 5 + [(0.9, 0.1)] * 3
    assert levels(run(rows, eps=[0.06] * 5 + [0.03] * 3)) == ["onset"]


# ---- recovery ------------------------------------------------------------------------------------
def test_recovery_takes_three_good_probes_and_asks_for_a_stronger_attack():
    alerts = run(HEALTHY + CO + [(0.55, 0.44)] * 3)
    assert levels(alerts) == ["onset", "recovered"]
    assert alerts[1].step == len(HEALTHY + CO) + 2
    assert "masking" in alerts[1].text and "stronger attack" in alerts[1].text


def test_two_good_probes_are_no_recovery():
    assert levels(run(HEALTHY + CO + ([(0.55, 0.44)] * 2 + CO) * 5)) == ["onset"]


def test_pgd_climbing_back_far_below_fgsm_is_no_recovery():
    assert levels(run(HEALTHY + CO + [(0.85, 0.42)] * 10)) == ["onset"]


def test_a_second_onset_after_recovery_is_told():
    alerts = run(HEALTHY + CO + HEALTHY + CO)
    assert levels(alerts) == ["onset", "recovered", "onset"]
    assert alerts[2].onset_low == len(HEALTHY + CO + HEALTHY) - 1


def test_masked_accuracy_during_an_onset_raises_no_level():
    """PGD 0.7 seen while an onset is open must not make the old healthy 0.45 look fallen."""
    masked = [(0.95, 0.70), *CO, (0.50, 0.45), (0.50, 0.45), (0.50, 0.45)]
    assert levels(run(HEALTHY + CO + masked)) == ["onset", "recovered"]


# ---- recovery, confirmed by a strong attack ------------------------------------------------------
def confirming(rows, n=600):
    detector = Detector(chance=0.1, confirm=True)
    assert levels(run(rows, detector=detector, n=n)) == ["onset"]
    return detector


def on(detector, rows, n=600):
    """Goes on with more probes where `run` left off."""
    first = detector._last_probe + 1
    return [
        alert
        for i, (fgsm, pgd) in enumerate(rows)
        for alert in detector.probe(ProbePoint(first + i, 0.8, fgsm, pgd, n))
    ]


BACK = [(0.55, 0.44)] * 3
CLIMBED = [(0.85, 0.30)] * 3  # above half of 0.45, far below FGSM


def test_pgd_that_is_back_asks_for_a_strong_attack_instead_of_an_alert():
    detector = confirming(HEALTHY + CO + BACK[:2])
    assert not detector.wants_strong
    assert on(detector, BACK[:1]) == [] and detector.wants_strong and detector.onset_open


def test_a_strong_attack_that_leaves_the_accuracy_is_a_recovery():
    detector = confirming(HEALTHY + CO + BACK)
    [alert] = detector.strong(15, 0.40, 0.44, 256)
    assert (alert.level, alert.step, alert.n) == ("recovered", 15, 256)
    assert alert.text == (
        "PGD accuracy is back at .44 of .45 before, and a stronger attack leaves .40 of it "
        "(n=256): the network has recovered"
    )
    assert alert.evidence == {"strong": 0.40, "pgd": 0.44, "best": 0.45}
    assert alert.healthy == Healthy(step=7, pgd=0.45)
    assert not detector.onset_open and not detector.wants_strong and detector.healthy_step == 15
    assert levels(on(detector, CO)) == ["onset"]


@pytest.mark.parametrize("rows", [BACK, CLIMBED], ids=["back", "climbed"])
def test_a_strong_attack_that_leaves_nothing_is_masked_gradients(rows):
    detector = confirming(HEALTHY + CO + rows)
    weak = rows[-1][1]
    [alert] = detector.strong(15, 0.01, weak, 256)
    assert (alert.level, alert.step, alert.n, alert.confidence) == ("masked", 15, 256, None)
    assert (
        f"back at {share(weak)} of .45 before, but a stronger attack leaves .01 of it (n=256)"
        in alert.text
    )
    assert alert.evidence == {"strong": 0.01, "pgd": weak, "best": 0.45}
    assert alert.healthy == Healthy(step=7, pgd=0.45) and "no later than step 7" in alert.advice
    assert detector.onset_open and not detector.wants_strong and detector.healthy_step == 7


@pytest.mark.parametrize(
    ("strong", "weak", "n", "level"),
    [
        (0.23, 0.44, 256, "recovered"),  # more than half of either
        (0.21, 0.44, 256, "masked"),  # less than half of the weak attack's
        (0.20, 0.36, 256, "masked"),  # more than half of that, less than half of the healthy level
        (0.20, 0.36, 12, "recovered"),  # which may be luck with so few images
        (0.00, 0.44, 20, "masked"),  # and this is not
    ],
)
def test_masked_is_less_than_half_of_the_weak_or_the_healthy_accuracy(strong, weak, n, level):
    assert levels(confirming(HEALTHY + CO + BACK).strong(15, strong, weak, n)) == [level]


def test_pgd_that_has_climbed_without_being_back_is_no_recovery_whatever_a_strong_attack_leaves():
    detector = confirming(HEALTHY + CO + CLIMBED)
    assert detector.strong(15, 0.28, 0.30, 256) == [] and detector.onset_open
    assert on(detector, CLIMBED[:2]) == [] and not detector.wants_strong
    on(detector, BACK[:1])
    assert detector.wants_strong  # the question comes back
    assert levels(detector.strong(18, 0.40, 0.44, 256)) == ["recovered"]


def test_masked_is_not_repeated_until_pgd_has_fallen_and_climbed_again():
    detector = confirming(HEALTHY + CO + BACK)
    detector.strong(15, 0.0, 0.44, 256)
    on(detector, BACK * 3)
    assert not detector.wants_strong
    on(detector, CO + BACK)
    assert detector.wants_strong and levels(detector.strong(31, 0.0, 0.44, 256)) == ["masked"]


def test_masked_accuracy_that_stays_is_looked_at_again_after_ten_probes():
    detector = confirming(HEALTHY + CO + BACK)
    detector.strong(15, 0.0, 0.44, 256)
    asked = []
    for _ in range(10):
        on(detector, BACK[:1])
        asked.append(detector.wants_strong)
    assert asked == [False] * 9 + [True]
    assert levels(detector.strong(25, 0.40, 0.44, 256)) == ["recovered"]


def test_robust_accuracy_that_a_strong_attack_takes_away_is_masked_without_any_onset():
    detector = Detector(chance=0.1, confirm=True)
    assert run(HEALTHY, detector=detector) == [] and not detector.wants_strong
    assert detector.strong(7, 0.38, 0.45, 256) == [] and not detector.onset_open
    [alert] = detector.strong(7, 0.02, 0.45, 256)
    assert (alert.level, alert.step, alert.evidence) == ("masked", 7, {"strong": 0.02, "pgd": 0.45})
    assert "PGD accuracy is .45, but a stronger attack leaves .02 (n=256)" in alert.text
    assert detector.onset_open and detector.strong(7, 0.02, 0.45, 256) == []
    on(detector, BACK)
    assert levels(detector.strong(10, 0.40, 0.44, 256)) == ["recovered"]


def test_accuracy_that_is_none_anyway_cannot_be_masked():
    for weak in (0.0, 0.09, math.nan):  # below what counts as robust, or not measured
        assert Detector(chance=0.1, confirm=True).strong(7, 0.0, weak, 256) == []


def test_an_undecided_probe_with_a_wide_gap_asks_for_a_strong_attack_at_once_and_then_seldom():
    detector = Detector(chance=0.1, confirm=True)
    run(HEALTHY, detector=detector)
    asked = []
    for _ in range(12):  # neither half of the level nor three quarters of it
        assert on(detector, [(0.60, 0.30)]) == []
        asked.append(detector.wants_strong)
        detector.strong(0, 0.28, 0.30, 256)
    assert asked == [True, *[False] * 9, True, False]


def test_a_strong_attack_on_an_undecided_probe_can_see_the_onset_before_the_weaker_one():
    detector = Detector(chance=0.1, confirm=True)
    run(HEALTHY, detector=detector)
    assert on(detector, [(0.60, 0.30)]) == []
    assert detector.strong(8, 0.16, 0.30, 256) == []  # more than half of what the weaker one leaves
    assert not detector.onset_open
    on(detector, [(0.60, 0.30)])
    [alert] = detector.strong(9, 0.05, 0.30, 256)
    assert (alert.level, alert.onset_low, alert.onset_step) == ("onset", 7, 9)
    assert alert.evidence["strong"] == alert.evidence["pgd"] == 0.05
    assert "a strong attack saw it, the weaker one leaves .30" in alert.text
    assert detector.onset_open


def test_a_strong_attack_that_nobody_asked_for_after_an_onset_confirms_nothing():
    for rows, strong in ((HEALTHY + CO, 0.0), (HEALTHY + CO + BACK[:2], 0.39)):
        detector = Detector(chance=0.1, confirm=True)
        run(rows, detector=detector)
        before = detector.state()
        assert detector.strong(20, strong, 0.4, 256) == [] and detector.state() == before


def test_masked_accuracy_that_has_climbed_is_said_whoever_looked_and_once():
    detector = confirming(HEALTHY + CO + BACK[:1])  # as at the end of a run
    assert not detector.wants_strong
    assert levels(detector.strong(13, 0.0, 0.44, 256)) == ["masked"] and detector.onset_open
    on(detector, BACK[:1])
    assert detector.strong(14, 0.0, 0.44, 256) == []
    on(detector, CO[:1] + BACK[:1])
    assert levels(detector.strong(16, 0.0, 0.44, 256)) == ["masked"]


@pytest.mark.parametrize(
    ("strong", "weak", "n"), [(math.nan, 0.44, 256), (0.4, math.nan, 256), (0.4, 0.44, 0)]
)
def test_an_unusable_strong_measurement_leaves_the_question_to_later_probes(strong, weak, n):
    detector = confirming(HEALTHY + CO + BACK)
    assert (
        detector.strong(15, strong, weak, n) == []
        and detector.onset_open
        and not detector.wants_strong
    )
    on(detector, BACK)
    assert detector.wants_strong


def test_pgd_that_falls_again_takes_the_question_back():
    detector = confirming(HEALTHY + CO + BACK)
    on(detector, CO[:1])
    assert not detector.wants_strong


def test_a_run_that_never_was_healthy_has_climbed_only_when_it_is_restored():
    """PGD at 0.12 with 0.10 for guessing has come back from nothing."""
    detector = Detector(chance=0.1, confirm=True)
    run([(0.9, 0.0)] * 5 + [(0.9, 0.12)] * 5, detector=detector)
    assert detector.onset_open and not detector.wants_strong


# ---- input ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1, 1.2])
def test_an_unusable_pgd_accuracy_changes_nothing(bad):
    rows = [*HEALTHY, (0.8, bad), *CO]
    assert [a.step for a in run(rows)] == [len(HEALTHY) + 1]


def test_a_missing_fgsm_accuracy_still_teaches_the_level():
    assert levels(run([(math.nan, 0.45)] * 3 + [(math.nan, 0.01)])) == []
    assert levels(run([(math.nan, 0.45)] * 3 + [(math.nan, 0.01)] + CO)) == ["onset"]


def test_no_images_is_no_measurement():
    assert run(HEALTHY + CO, n=0) == []


def test_two_probes_of_one_step_count_once():
    detector = Detector(chance=0.1)
    blind = ProbePoint(5, 0.8, 0.9, 0.0, 600)
    told = [levels(detector.probe(blind)) for _ in range(5)]
    assert told == [["transient"], [], [], [], []]


def test_fgsm_accuracy_measured_now_and_then_dates_the_onset_by_the_fall_of_pgd():
    rows = [*HEALTHY, (math.nan, 0.45), (math.nan, 0.02), (math.nan, 0.01), (0.8, 0.02)]
    [alert] = run(rows)
    assert (alert.onset_low, alert.onset_step, alert.step) == (8, 9, 11)


def test_a_fall_without_fgsm_accuracy_that_passes_dates_nothing():
    rows = [*HEALTHY, (math.nan, 0.02), (0.50, 0.45), (0.8, 0.02)]
    [alert] = run(rows)
    assert (alert.onset_low, alert.onset_step) == (9, 10)


# ---- state ---------------------------------------------------------------------------------------
def random_stream(seed, length=60):
    """Probes and signal blocks mixed, wandering through healthy, fallen and broken values."""
    rng = random.Random(seed)
    mood, bad = HEALTHY[0], False
    items: list[ProbePoint | SignalBlock] = []
    for i in range(length):
        if rng.random() < 0.15:
            mood = rng.choice(
                [HEALTHY[0], CO[0], (0.6, 0.3), (0.9, 0.0), (math.nan, 0.4), (0.5, math.nan)]
            )
        eps = rng.choice([0.03, 0.03, 0.031, math.nan])
        final: dict[str, Any] = {"final_fgsm": 0.5, "final_pgd": 0.3, "final_eps": 0.04}
        items.append(ProbePoint(i * 20, 0.8, *mood, 200, eps=eps, **final))
        bad = rng.random() < 0.2 if i % 5 == 0 else bad
        signal = [rng.gauss(0.4 if bad else 0.01, 0.02) for _ in range(20)]
        items.append(
            SignalBlock(i * 20, abnormal=signal, pertalign=[math.nan if bad else 0.7] * 20)
        )
    return items


def replay(detector, items):
    """The alerts, as data.

    A strong attack leaves nothing of odd steps' accuracy and most of even ones'.
    """
    told = []
    for item in items:
        alerts = detector.probe(item) if isinstance(item, ProbePoint) else detector.signals(item)
        if detector.wants_strong and isinstance(item, ProbePoint):
            left = 0.0 if item.step % 40 else 0.9
            alerts += detector.strong(item.step, left * item.pgd, item.pgd, 200)
        told += [alert.data() for alert in alerts]
    return told


@given(st.integers(0, 10_000), st.integers(0, 120), st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_restored_detector_gives_the_same_later_alerts(seed, cut, confirm):
    items = random_stream(seed)
    straight = Detector(chance=0.1, cooldown=60, confirm=confirm)
    before = replay(straight, items[:cut])
    saved = json.dumps(straight.state(), allow_nan=False)
    restored = Detector(chance=0.1, cooldown=60, confirm=confirm)
    restored.restore(json.loads(saved))
    assert restored.wants_probe == straight.wants_probe
    assert replay(restored, items[cut:]) == replay(straight, items[cut:])
    assert json.dumps(restored.state()) == json.dumps(straight.state())
    assert before == replay(Detector(chance=0.1, cooldown=60, confirm=confirm), items[:cut])


@pytest.mark.parametrize("confirm", [False, True])
def test_random_streams_do_reach_every_level(confirm):
    """Guards the property test above against becoming vacuous."""
    seen = set()
    for seed in range(30):
        seen |= {
            a["level"]
            for a in replay(Detector(chance=0.1, cooldown=60, confirm=confirm), random_stream(seed))
        }
    assert seen == {"suspect", "onset", "recovered"} | ({"masked"} if confirm else set())


def test_a_detector_restored_at_any_point_of_a_whole_story_tells_the_same_story():
    """Healthy, suspect, onset, recovery, with few images, so that several probes are needed."""
    probes = [*HEALTHY, *[(0.7, 0.0)] * 6, *[(0.5, 0.45)] * 4, *[(0.9, 0.02)] * 6]
    items: list[ProbePoint | SignalBlock] = [SignalBlock(0, abnormal=[0.01] * 200)]
    for i, (fgsm, pgd) in enumerate(probes):
        items.append(SignalBlock(200 + 20 * i, abnormal=[0.01 if i % 5 else 0.6] * 20))
        items.append(ProbePoint(220 + 20 * i, 0.8, fgsm, pgd, 30))

    def asked(detector, items):
        return [(replay(detector, [item]), detector.wants_probe) for item in items]

    whole = asked(Detector(cooldown=45), items)
    told = [alert["level"] for alerts, _ in whole for alert in alerts]
    assert {"suspect", "onset", "recovered"} == set(told) and told.count("onset") == 2
    for cut in range(len(items)):
        first = Detector(cooldown=45)
        asked(first, items[:cut])
        second = Detector(cooldown=45)
        second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
        assert asked(second, items[cut:]) == whole[cut:], cut


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_onsets_and_recoveries_alternate(seed):
    told = [
        a["level"]
        for a in replay(Detector(chance=0.1), random_stream(seed))
        if a["level"] != "suspect"
    ]
    assert told == ["onset", "recovered"] * (len(told) // 2) + ["onset"] * (len(told) % 2)


def test_a_state_of_another_version_is_refused():
    with pytest.raises(ValueError, match="version"):
        Detector().restore({"version": 99})


def test_a_question_for_a_strong_attack_survives_a_checkpoint():
    first = confirming(HEALTHY + CO + BACK)
    second = Detector(chance=0.1, confirm=True)
    second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
    assert second.wants_strong
    assert second.strong(15, 0.0, 0.44, 256) == first.strong(15, 0.0, 0.44, 256) != []


def test_a_state_of_version_1_goes_on():
    """As checkpoints of the first version hold it, in the middle of a recovery."""
    straight = confirming(HEALTHY + CO + BACK[:2])
    old = {
        k: v
        for k, v in straight.state().items()
        if k not in ("wants_strong", "_restored", "_level")
    }
    restored = Detector(chance=0.1, confirm=True)
    restored.restore(json.loads(json.dumps({**old, "version": 1})))
    on(straight, BACK[:1]), on(restored, BACK[:1])
    assert restored.wants_strong and json.dumps(restored.state()) == json.dumps(straight.state())


def test_an_onset_says_at_which_budget_the_accuracy_before_was_measured():
    def fall(before, now):
        detector = Detector(chance=0.1)
        for step in range(5):
            detector.probe(ProbePoint(step, 0.8, 0.6, 0.5, 600, eps=before))
        [alert] = detector.probe(ProbePoint(5, 0.8, 0.6, 0.01, 600, eps=now))
        return alert.text.partition("), ")[2]

    assert fall(0.1, 0.1) == fall(math.nan, math.nan) == "from .50"
    assert fall(0.2, 0.1) == "from .50 at eps 51/255, now .100"
    assert fall(0.09, 0.1) == "from .50 at eps .0900, now .100"

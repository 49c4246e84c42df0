"""The detector on streams of probes: onset, none, never healthy, unusable input."""

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up.detecting import CO, HEALTHY, levels, run

from selffit.detect import Detector, ProbePoint, SignalBlock
from selffit.eventlog.kinds import Healthy
from selffit.numbers import count


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


BLIND, BRIGHT, ROBUST = (0.30, 0.0), (0.30, 0.06), (0.40, 0.30)


def on_the_brink(steps, per_epoch=382):
    """Transients by their steps; steps: those of probes, and what they find."""
    detector = Detector(chance=0.1, per_epoch=per_epoch)
    points = [ProbePoint(step, 0.35, fgsm, pgd, 512) for step, (fgsm, pgd) in steps]
    return [(a.level, a.step) for point in points for a in detector.probe(point)]


def test_blind_probes_that_come_again_within_an_epoch_are_one_event():
    """As one convolution on CIFAR-10 was seen: blind at 1 515, 1 560 and 1 620, not in between."""
    stretch = [(1515, BLIND), (1540, BRIGHT), (1560, BLIND), (1600, BRIGHT), (1620, BLIND)]
    assert on_the_brink(stretch) == [("transient", 1515)]
    assert on_the_brink([*stretch, (1690, BRIGHT), (2001, BLIND)]) == [("transient", 1515)]
    assert on_the_brink([*stretch, (1690, BRIGHT), (2002, BLIND)]) == [
        ("transient", 1515),
        ("transient", 2002),
    ]
    assert len(on_the_brink(stretch, per_epoch=0)) == 3  # rows of a table: each speaks


def test_a_collapse_after_a_healthy_probe_is_never_transient():
    rows = [(1515, BLIND), (1540, ROBUST), (1560, BLIND), (1580, BLIND)]
    assert on_the_brink(rows) == [("transient", 1515), ("onset", 1560)]


def test_what_was_said_of_a_stretch_survives_a_checkpoint():
    def detector():
        return Detector(chance=0.1, per_epoch=382)

    first, second = detector(), detector()
    assert levels(first.probe(ProbePoint(1515, 0.35, *BLIND, 512))) == ["transient"]
    first.probe(ProbePoint(1540, 0.35, *BRIGHT, 512))
    second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
    assert second.probe(ProbePoint(1560, 0.35, *BLIND, 512)) == []
    older = {name: value for name, value in first.state().items() if name != "_blind"}
    third = detector()
    third.restore(older)  # of a checkpoint from before: it knows of none
    assert levels(third.probe(ProbePoint(1560, 0.35, *BLIND, 512))) == ["transient"]


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

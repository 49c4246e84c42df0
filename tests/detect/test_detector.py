"""The detector on streams of probes: onset, recovery, never healthy, eps schedules, its state."""

import json
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selffit.detect import Detector, ProbePoint, SignalBlock


def run(accuracies, *, n=600, eps=None, clean=0.8, detector=None, every=1):
    """Feed (fgsm, pgd) pairs as one probe each; returns all alerts."""
    detector = detector or Detector(chance=0.1)
    alerts = []
    for i, (fgsm, pgd) in enumerate(accuracies):
        at = math.nan if eps is None else eps[i]
        alerts += detector.probe(ProbePoint(i * every, clean, fgsm, pgd, n, at))
    return alerts


def levels(alerts):
    return [a.level for a in alerts]


HEALTHY = [(0.50, 0.45)] * 8
CO = [(0.80, 0.02)] * 4


# ---- onset ------------------------------------------------------------------------------------------
def test_onset_is_bracketed_by_the_last_healthy_and_the_first_fallen_probe():
    [alert] = run([*HEALTHY, (0.55, 0.30), *CO], every=390)
    assert alert.level == "onset"
    assert (alert.onset_low, alert.onset_step, alert.step) == (7 * 390, 9 * 390, 9 * 390)  # 8: neither
    assert alert.healthy == {"step": 7 * 390, "pgd": 0.45}
    assert alert.n == 600 and 0.99 < alert.confidence <= 1.0
    assert f"{7 * 390}" in alert.advice and "n-fgsm" in alert.advice


def test_onset_carries_its_evidence_and_the_signals_of_the_moment():
    detector = Detector(chance=0.1)
    run(HEALTHY, detector=detector)
    detector.signals(SignalBlock(step=8, abnormal=[0.3] * 20, pertalign=[0.1] * 20))
    [alert] = detector.probe(ProbePoint(28, 0.8, 0.80, 0.02, 600))
    evidence = alert.evidence
    assert evidence["best"] == 0.45 and evidence["pgd"] == 0.02 and evidence["fgsm"] == 0.80
    assert evidence["gap"] == pytest.approx(0.78) and evidence["ratio"] == pytest.approx(0.02 / 0.45)
    assert evidence["z"] > 10 and evidence["p_value"] < 1e-20
    assert evidence["abnormal"] == pytest.approx(0.3) and evidence["pertalign"] == pytest.approx(0.1)
    assert "eps" not in evidence  # unknown here: only finite numbers
    json.dumps(alert.as_data(), allow_nan=False)


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


def test_no_watch_while_an_onset_is_open():
    detector = Detector(chance=0.1)
    detector.signals(SignalBlock(step=0, abnormal=[0.0] * 200))
    run(HEALTHY + CO, detector=detector)
    assert detector.signals(SignalBlock(step=200, abnormal=[0.9] * 100)) == []
    assert not detector.wants_probe


def test_a_gradual_fall_is_an_onset():
    alerts = run([(0.86, 0.78), (0.85, 0.78), (0.86, 0.61), (0.84, 0.25), (0.83, 0.07)])
    assert levels(alerts) == ["onset"] and alerts[0].onset_step == 3


def test_a_low_level_of_two_hundred_classes_can_fall():
    alerts = run([(0.14, 0.125)] * 6 + [(0.22, 0.01)] * 2, n=1000, detector=Detector(chance=1 / 200))
    assert levels(alerts) == ["onset"]


# ---- no onset ---------------------------------------------------------------------------------------
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
    """NuAT on CIFAR-10: PGD 0.01-0.03 of FGSM 0.07-0.19 for six epochs, healthy from epoch 10 on."""
    start = [(0.071, 0.019), (0.068, 0.011), (0.114, 0.015), (0.142, 0.023), (0.148, 0.021), (0.148, 0.027)]
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


# ---- never healthy ----------------------------------------------------------------------------------
def test_a_run_that_never_was_healthy_is_told_once_without_an_onset_step():
    alerts = run([(0.3, 0.05), *[(0.9, 0.0)] * 10])
    assert levels(alerts) == ["onset"]
    assert alerts[0].step == 3  # the third blind probe in a row
    assert alerts[0].onset_step is alerts[0].onset_low is alerts[0].healthy is None
    assert "never was healthy" in alerts[0].text and "roll back" not in alerts[0].advice


def test_two_blind_probes_may_be_a_passing_moment():
    assert run([(0.9, 0.0), (0.9, 0.0), (0.6, 0.35), (0.6, 0.4)]) == []


def test_collapse_at_a_suddenly_larger_budget_keeps_the_last_healthy_probe():
    """eps 0.12 with PGD 0.82, then 0.40 at once: no comparable level, yet there was a healthy state."""
    rows = [(0.88, 0.82)] * 4 + [(0.92, 0.0)] * 4
    [alert] = run(rows, eps=[0.12] * 4 + [0.40] * 4)
    assert (alert.onset_low, alert.onset_step, alert.step) == (3, 4, 6)
    assert alert.healthy == {"step": 3, "pgd": 0.82}


# ---- eps schedules (curves measured on the embedded recipes) ----------------------------------------
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
    """n-fgsm with eps to 0.35: PGD 0.89 → 0.23 with FGSM 0.89 → 0.51, a third epoch after the ramp's end."""
    pgd = [0.885, 0.906, 0.898, 0.857, 0.861, 0.814, 0.729, 0.641, 0.527, 0.422, 0.309, 0.225, 0.270, 0.256]
    fgsm = [0.887, 0.908, 0.908, 0.887, 0.893, 0.865, 0.812, 0.754, 0.693, 0.637, 0.543, 0.510, 0.516, 0.484]
    eps = [0.031, 0.062, 0.094, 0.125, 0.156, 0.187, 0.219, 0.25, 0.281, 0.312, 0.344, 0.35, 0.35, 0.35]
    assert run(list(zip(fgsm, pgd, strict=True)), eps=eps, n=512) == []


def test_co_while_the_budget_still_grows_is_an_onset():
    """`strokes`: 0.78 → 0.61 → 0.25 → 0.07 while FGSM stays up and eps rises by a tenth each epoch."""
    pgd = [0.85, 0.90, 0.88, 0.85, 0.82, 0.80, 0.78, 0.61, 0.25, 0.07]
    fgsm = [0.86, 0.91, 0.90, 0.88, 0.87, 0.87, 0.86, 0.85, 0.86, 0.84]
    alerts = run(list(zip(fgsm, pgd, strict=True)), eps=[0.031 * (i + 1) for i in range(10)], n=512)
    assert levels(alerts) == ["onset"] and alerts[0].onset_step == 8


def test_lowering_the_budget_does_not_hide_an_onset():
    rows = [(0.50, 0.45)] * 5 + [(0.9, 0.1)] * 3
    assert levels(run(rows, eps=[0.06] * 5 + [0.03] * 3)) == ["onset"]


# ---- recovery ---------------------------------------------------------------------------------------
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


# ---- input ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1, 1.2])
def test_an_unusable_pgd_accuracy_changes_nothing(bad):
    rows = [*HEALTHY, (0.8, bad), *CO]
    assert [a.step for a in run(rows)] == [len(HEALTHY) + 1]


def test_a_missing_fgsm_accuracy_still_teaches_the_level():
    assert levels(run([(math.nan, 0.45)] * 3 + [(math.nan, 0.01)] + CO)) == ["onset"]


def test_no_images_is_no_measurement():
    assert run(HEALTHY + CO, n=0) == []


def test_two_probes_of_one_step_count_once():
    detector = Detector(chance=0.1)
    blind = ProbePoint(5, 0.8, 0.9, 0.0, 600)
    assert [detector.probe(blind) for _ in range(5)] == [[]] * 5


def test_probes_before_judge_from_only_teach():
    rows = [(0.5, 0.45), (0.8, 0.01), (0.8, 0.01), (0.8, 0.01)]
    [alert] = run(rows, detector=Detector(judge_from=3))
    assert (alert.onset_low, alert.onset_step) == (0, 3)


# ---- state ------------------------------------------------------------------------------------------
def random_stream(seed, length=60):
    """Probes and signal blocks mixed, wandering through healthy, fallen and broken values."""
    rng = random.Random(seed)
    mood, bad, items = HEALTHY[0], False, []
    for i in range(length):
        if rng.random() < 0.15:
            mood = rng.choice([HEALTHY[0], CO[0], (0.6, 0.3), (0.9, 0.0), (math.nan, 0.4), (0.5, math.nan)])
        eps = rng.choice([0.03, 0.03, 0.031, math.nan])
        items.append(ProbePoint(i * 20, 0.8, *mood, 200, eps, 0.5, 0.3, 0.04))
        bad = rng.random() < 0.2 if i % 5 == 0 else bad
        signal = [rng.gauss(0.4 if bad else 0.01, 0.02) for _ in range(20)]
        items.append(SignalBlock(i * 20, abnormal=signal, pertalign=[math.nan if bad else 0.7] * 20))
    return items


def replay(detector, items):
    return [
        alert.as_data()
        for item in items
        for alert in (detector.probe(item) if isinstance(item, ProbePoint) else detector.signals(item))
    ]


@given(st.integers(0, 10_000), st.integers(0, 120))
@settings(deadline=None, max_examples=60)
def test_a_restored_detector_gives_the_same_later_alerts(seed, cut):
    items = random_stream(seed)
    straight = Detector(chance=0.1, cooldown=60)
    before = replay(straight, items[:cut])
    saved = json.dumps(straight.state(), allow_nan=False)
    restored = Detector(chance=0.1, cooldown=60)
    restored.restore(json.loads(saved))
    assert restored.wants_probe == straight.wants_probe
    assert replay(restored, items[cut:]) == replay(straight, items[cut:])
    assert json.dumps(restored.state()) == json.dumps(straight.state())
    assert before == replay(Detector(chance=0.1, cooldown=60), items[:cut])


def test_random_streams_do_reach_every_level():
    """Guards the property test above against becoming vacuous."""
    seen = set()
    for seed in range(30):
        seen |= {a["level"] for a in replay(Detector(chance=0.1, cooldown=60), random_stream(seed))}
    assert seen == {"watch", "onset", "recovered"}


def test_a_detector_restored_at_any_point_of_a_whole_story_tells_the_same_story():
    """Healthy, watch, onset, recovery, and few images that need several probes: cut everywhere."""
    probes = [*HEALTHY, *[(0.7, 0.0)] * 6, *[(0.5, 0.45)] * 4, *[(0.9, 0.02)] * 6]
    items = [SignalBlock(0, abnormal=[0.01] * 200)]
    for i, (fgsm, pgd) in enumerate(probes):
        items.append(SignalBlock(200 + 20 * i, abnormal=[0.01 if i % 5 else 0.6] * 20))
        items.append(ProbePoint(220 + 20 * i, 0.8, fgsm, pgd, 30))

    def asked(detector, items):
        return [(replay(detector, [item]), detector.wants_probe) for item in items]

    whole = asked(Detector(cooldown=45), items)
    told = [alert["level"] for alerts, _ in whole for alert in alerts]
    assert {"watch", "onset", "recovered"} == set(told) and told.count("onset") == 2
    for cut in range(len(items)):
        first = Detector(cooldown=45)
        asked(first, items[:cut])
        second = Detector(cooldown=45)
        second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
        assert asked(second, items[cut:]) == whole[cut:], cut


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_onsets_and_recoveries_alternate(seed):
    told = [a["level"] for a in replay(Detector(chance=0.1), random_stream(seed)) if a["level"] != "watch"]
    assert told == ["onset", "recovered"] * (len(told) // 2) + ["onset"] * (len(told) % 2)


def test_a_state_of_another_version_is_refused():
    with pytest.raises(ValueError, match="version"):
        Detector().restore({"version": 99})

"""The detector after an onset: recovery, and accuracy that a strong attack takes away."""

import math

import pytest
from made_up.detecting import BACK, CLIMBED, CO, HEALTHY, confirming, levels, on, run

from selffit.detect import Detector
from selffit.eventlog.kinds import Healthy
from selffit.numbers import share


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


def test_a_strong_attack_that_nobody_had_to_wait_for_is_believed_after_two_probes():
    """At the end of a run there is no third probe; it was told as collapsed with PGD .82."""
    for rows, expected in ((BACK[:1], []), (BACK[:2], ["recovered"]), (CLIMBED[:2], [])):
        detector = confirming(HEALTHY + CO + rows)
        assert not detector.wants_strong
        assert levels(detector.strong(14, 0.40, rows[-1][1], 256)) == expected
        assert detector.onset_open == (not expected)


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


def test_a_strong_attack_that_nobody_asked_for_confirms_nothing_of_a_moment():
    for rows, strong in ((HEALTHY + CO, 0.0), (HEALTHY + CO + BACK[:1], 0.39)):
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

"""The rule on single probes: what is healthy, fallen or blind, and what is compared with what."""

import math

import pytest

from selffit.detect import ProbePoint, RuleThresholds
from selffit.detect.robust_rule import RobustRule


def point(pgd, fgsm, *, clean=0.8, n=1000, eps=math.nan, step=0, final=None):
    final_eps, final_fgsm, final_pgd = final or (None, None, None)
    return ProbePoint(
        step,
        clean,
        fgsm,
        pgd,
        n,
        eps=eps,
        final_fgsm=final_fgsm,
        final_pgd=final_pgd,
        final_eps=final_eps,
    )


def judged(history, now, chance=0.0, **thresholds):
    rule = RobustRule(RuleThresholds(**thresholds), chance)
    for item in history:
        rule.learn(item)
    rule.learn(now)
    return rule.judge(now)


HEALTHY = [point(0.45, 0.50)]


def test_a_halved_level_with_an_open_gap_is_fallen():
    assert judged(HEALTHY, point(0.05, 0.60)).state == "fallen"


def test_either_condition_alone_is_not_fallen():
    assert judged(HEALTHY, point(0.15, 0.19)).state != "fallen"  # fell, and FGSM fell with it
    assert judged(HEALTHY, point(0.40, 0.80)).state != "fallen"  # gap, and the level held


def test_a_gap_that_was_there_before_has_not_opened():
    """All accuracies fell by half or more: another disease, however wide the gap still is."""
    assert judged(HEALTHY, point(0.15, 0.205, clean=0.35)).state == "down"
    assert judged([point(0.30, 0.50)], point(0.13, 0.24, clean=0.40)).state == "down"
    assert judged([point(0.30, 0.50)], point(0.10, 0.30, clean=0.80)).state == "fallen"


def test_the_bound_is_a_ratio_so_a_hundred_class_level_is_seen_too():
    assert judged([point(0.22, 0.24)], point(0.06, 0.30)).state == "fallen"  # 16 points
    assert judged([point(0.60, 0.66)], point(0.44, 0.62)).state != "fallen"  # 16 points as well


def test_the_best_of_many_probes_is_not_taken_at_its_word():
    """Half of the level less two standard errors: few images must fall deeper."""
    dip = dict(pgd=0.21, fgsm=0.40)
    assert judged([point(0.45, 0.50, n=100_000)], point(**dip, n=100_000)).state == "fallen"
    assert judged([point(0.45, 0.50, n=200)], point(**dip, n=200)).state == "undecided"


def test_below_the_bound_without_a_gap_is_down_which_is_no_health():
    """PGD 0.14 is near FGSM 0.15 and yet it has fallen, whatever the reason."""
    assert judged(HEALTHY, point(0.14, 0.15)).state == "down"
    assert judged(HEALTHY, point(0.05, math.nan)).state == "down"  # nobody knows of a gap
    assert judged(HEALTHY, point(0.40, math.nan)).state == "healthy"


def test_without_fgsm_accuracy_no_smaller_budget_is_compared():
    assert judged([point(0.6, 0.7, eps=0.03)], point(0.1, math.nan, eps=0.035)).state != "down"


def test_a_level_below_a_tenth_does_not_count():
    assert judged([point(0.09, 0.10)], point(0.02, 0.09)).state == "undecided"


def test_a_level_that_guessing_explains_does_not_count():
    """An untrained ten-class network has PGD accuracy 0.12: no level to fall from."""
    start, later = point(0.12, 0.12, clean=0.12, n=512), point(0.02, 0.30, n=512)
    assert judged([start], later, chance=0.1).state == "undecided"
    assert judged([start], later, chance=0.0).state == "fallen"


@pytest.mark.parametrize("pgd, fgsm", [(0.35, 0.60), (0.25, 0.30)])
def test_healthy_is_three_quarters_of_the_level_or_of_fgsm(pgd, fgsm):
    assert judged(HEALTHY, point(pgd, fgsm)).state == "healthy"


def test_an_accuracy_below_a_tenth_is_not_healthy_even_close_to_fgsm():
    assert judged([point(0.12, 0.14)], point(0.08, 0.09)).state == "undecided"


def test_between_healthy_and_fallen_nothing_is_said():
    assert judged(HEALTHY, point(0.28, 0.60)).state == "undecided"


def test_a_probe_at_a_much_smaller_budget_is_not_compared():
    verdict = judged([point(0.69, 0.72, eps=0.04)], point(0.20, 0.45, eps=0.16))
    assert verdict.state != "fallen" and verdict.level.pgd == 0.20


def test_a_probe_at_a_larger_budget_bounds_the_level_from_below():
    assert judged([point(0.40, 0.50, eps=0.16)], point(0.05, 0.60, eps=0.08)).state == "fallen"


def test_a_probe_at_the_final_budget_counts_as_one_at_a_larger_budget():
    history = [point(0.60, 0.65, eps=0.05, final=(0.16, 0.45, 0.33))]
    assert judged(history, point(0.05, 0.60, eps=0.16)).state == "fallen"
    assert judged(history, point(0.30, 0.44, eps=0.16)).state == "healthy"


def test_the_allowance_for_a_larger_budget_is_what_fgsm_lost_squared():
    rule = RobustRule(RuleThresholds(), 0.0)
    rule.learn(point(0.60, 0.80, eps=0.30))

    def level(eps: float, fgsm: float) -> float:
        found = rule.level_at(eps, fgsm)
        assert found is not None
        return found.pgd

    assert level(0.30, 0.40) == 0.60  # same budget: no allowance
    assert level(0.35, 0.60) == pytest.approx(0.60 * 0.75**2)
    assert level(0.35, 0.95) == 0.60  # never more than it was
    assert rule.level_at(0.41, 0.95) is None  # not comparable any more


def test_blind_needs_fgsm_that_an_ordinary_weak_network_does_not_have():
    assert judged([], point(0.00, 0.90, clean=0.70)).state == "blind"
    assert judged([], point(0.02, 0.19, clean=0.80)).state == "undecided"  # a weak network, early
    assert judged([], point(0.00, 0.90, clean=math.nan)).state == "undecided"  # cannot know


def test_references_are_few_however_many_probes_there_were():
    rule = RobustRule(RuleThresholds(), 0.0)
    for i in range(2000):
        rule.learn(point(0.2 + 0.1 * math.sin(i), 0.4, eps=0.03))
    assert len(rule.state()) == 1


def test_state_of_unknown_budgets_is_plain_json():
    rule = RobustRule(RuleThresholds(), 0.0)
    rule.learn(point(0.4, math.nan))
    assert rule.state() == [[None, 0.4, None, 1000]]
    copy = RobustRule(RuleThresholds(), 0.0)
    copy.restore(rule.state())
    assert copy.level_at(0.1, 0.5) == rule.level_at(0.1, 0.5)

"""The early warning by the alignment of input gradients."""

import json
import math

import pytest

from selffit.detect import Detector
from selffit.detect.alignment import START, AlignmentRule, Look


def looks(values, eps=0.1, every=20, begin=START):
    return [Look(begin + every * i, eps, *value) for i, value in enumerate(values)]


HEALTHY = [(0.40, -0.5)] * 12
BENDING = [(0.40 - 0.02 * i, -0.5 - 0.05 * i) for i in range(12)]


def warnings(found):
    rule = AlignmentRule()
    return [look.step for look in found if rule.hear(look)]


def test_alignment_that_falls_while_energy_grows_warns_once():
    assert len(warnings(looks(HEALTHY + BENDING))) == 1


@pytest.mark.parametrize(
    "values",
    [
        HEALTHY * 3,
        [(0.40 - 0.02 * i, -0.5) for i in range(12)],  # alignment alone
        [(0.40, -0.5 - 0.05 * i) for i in range(12)],  # energy alone
        [(math.nan, -0.5)] * 12,
    ],
)
def test_no_warning(values):
    assert warnings(looks(HEALTHY + values)) == []


def test_an_untrained_network_loses_alignment_by_itself():
    # CIFAR-10, one convolution, fgsm, seed 8: a look every 30 steps, and no collapse
    aligned = (0.878, 0.860, 0.830, 0.797, 0.782, 0.722, 0.655, 0.671, 0.623, 0.620, 0.552, 0.527)
    energy = (
        0.063,
        0.048,
        0.016,
        -0.003,
        0.0,
        -0.018,
        -0.020,
        -0.025,
        -0.022,
        -0.035,
        -0.045,
        -0.061,
    )
    values = list(zip(aligned, energy, strict=True))
    assert warnings(looks(values, every=30, begin=30)) == []
    assert warnings(looks(values, every=30))


def test_nothing_is_said_while_the_budget_rises():
    found = [Look(START + 20 * i, 0.01 * (i + 1), 0.9 - 0.03 * i, -0.1 * i) for i in range(24)]
    assert warnings(found) == []


def test_a_budget_that_creeps_is_another_one_in_time():
    found = [
        Look(START + 13 * i, 0.1 * 1.01**i, 0.9 - 0.02 * i, -0.1 - 0.05 * i) for i in range(40)
    ]
    assert warnings(found) == []
    steady = [Look(look.step, 0.1, look.align, look.energy) for look in found]
    assert warnings(steady)


def test_a_new_budget_is_no_fall():
    later = looks([(0.2, -1.0)] * 6, eps=0.2, begin=START + 240)
    assert warnings(looks(HEALTHY) + later) == []


def test_what_lies_farther_back_than_the_span_is_forgotten():
    assert warnings([*looks(HEALTHY), *looks([(0.3, -0.7)] * 6, begin=START + 2000)]) == []


def test_after_it_has_come_back_it_may_warn_again():
    assert len(warnings(looks((HEALTHY + BENDING) * 2))) == 2


def test_the_warning_is_a_suspicion_that_calls_a_probe_and_names_both_levels():
    detector = Detector()
    alerts = [a for look in looks(HEALTHY + BENDING) for a in detector.alignment(look)]
    assert [alert.level for alert in alerts] == ["suspect"]
    assert detector.wants_probe
    assert alerts[0].evidence["align"] <= 0.8 * alerts[0].evidence["align_usual"]
    assert "the single step loses its direction" in alerts[0].text


def test_it_goes_on_where_a_checkpoint_was_taken():
    found = looks(HEALTHY + BENDING)
    whole = Detector()
    expected = [(a.step, a.text) for look in found for a in whole.alignment(look)]
    for cut in range(1, len(found)):
        first, second = Detector(), Detector()
        told = [a for look in found[:cut] for a in first.alignment(look)]
        second.restore(json.loads(json.dumps(first.state())))
        told += [a for look in found[cut:] for a in second.alignment(look)]
        assert [(a.step, a.text) for a in told] == expected


def test_a_state_from_before_there_were_looks_is_read():
    detector = Detector()
    state = detector.state()
    del state["alignment"]
    detector.restore(state)

"""Probes of an open onset in which PGD is back: they say nothing of what made it fall."""

import pytest

from selffit.detect import Detector, ProbePoint
from selffit.detect.diagnoser import Diagnoser
from selffit.eventlog import kinds

EPOCH = 100
ABSENT = {
    "own": 0.40,
    "other": 0.42,
    "carrier_grey": 0.02,
    "conflict_self": 0.0,
    "conflict_data": 0.7,
    "abnormal": 0.0,
    "swap": 0.02,
}
PRESENT = ABSENT | {"own": 0.90, "other": 0.40, "abnormal": 0.9, "carrier_grey": 0.6}


@pytest.fixture
def fallen():
    """A detector whose onset is open since step 200."""
    detector = Detector(chance=0.1, confirm=True, per_epoch=EPOCH)
    levels = [(0, 0.42, 0.38), (100, 0.42, 0.38), (200, 0.60, 0.0)]
    alerts = [a for step, fgsm, pgd in levels for a in detector.probe(point(step, fgsm, pgd))]
    assert [alert.level for alert in alerts] == ["onset"]
    return detector


def point(step, fgsm, pgd):
    return ProbePoint(step, 0.7, fgsm, pgd, 512, eps=0.1)


@pytest.mark.parametrize(
    ("fgsm", "pgd", "back"),
    [(0.42, 0.37, True), (0.90, 0.37, False), (0.42, 0.20, False), (0.60, 0.0, False)],
)
def test_a_probe_is_back_where_pgd_is_at_its_level_and_near_fgsm(fallen, fgsm, pgd, back):
    assert not fallen.is_back(200)
    fallen.probe(point(300, fgsm, pgd))
    assert fallen.is_back(300) is back
    assert not fallen.is_back(200)


def test_what_a_strong_attack_calls_masked_is_not_back(fallen):
    fallen.probe(point(300, 0.42, 0.37))
    (alert,) = fallen.strong(300, 0.02, 0.37, 512)
    assert alert.level == "masked" and not fallen.is_back(300)


def test_a_second_onset_knows_nothing_of_the_recovery_before_it(fallen):
    for step in range(300, 700, 100):
        alerts = fallen.probe(point(step, 0.42, 0.37))
        if fallen.wants_strong:
            alerts += fallen.strong(step, 0.33, 0.37, 512)
    assert not fallen.onset_open and not fallen.is_back(600)
    fallen.probe(point(700, 0.60, 0.0))
    assert fallen.onset_open and not fallen.is_back(700)


def named(values, back):
    diagnoser = Diagnoser(0.1, EPOCH)
    found = []
    for step in range(200, 700, 100):
        probe = kinds.SelfProbe(at=kinds.Place(step=step), n=512, values=values)
        diagnoser.measured(probe)
        if step == 200:
            diagnoser.opened(kinds.Alert(at=probe.at, level="onset", text="", onset_step=200), None)
        told = diagnoser.diagnose(probe, back=back and step > 200)
        found += [told.disease] if told else []
    return found


def test_masking_is_not_named_while_robust_accuracy_is_back():
    assert named(ABSENT, back=False) == ["undecided", "gradient masking"]
    assert named(ABSENT, back=True) == ["undecided"]


def test_signs_of_self_fitting_count_all_the_same():
    assert named(PRESENT, back=True) == ["self-fitting"]

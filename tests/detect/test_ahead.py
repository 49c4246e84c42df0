"""The early warning by what stands beyond the budget."""

import json
import math

import pytest

from selffit.detect import Detector
from selffit.detect.ahead import AheadLook, AheadRule, settled


def looks(shares, n=128, every=60):
    """(single, all) as shares of the images."""
    return [
        AheadLook(every * i, 0.1, n, single * n, left * n)
        for i, (single, left) in enumerate(shares)
    ]


def warnings(found):
    rule = AheadRule()
    return [look.step for look in found if rule.hear(look)]


SOUND = [(0.9, 0.85)] * 4
SINKING = [(0.9, 0.28)] * 4
FALLEN = [(0.9, 0.2)] * 4


def test_less_than_four_in_ten_in_two_looks_warns_once():
    assert warnings(looks(SOUND + SINKING)) == [300]


def test_far_less_warns_at_the_first_look():
    assert warnings(looks(SOUND + FALLEN)) == [240]


def test_a_network_that_guesses_beyond_the_budget_is_not_warned_of():
    found = looks([(0.12, 0.01)] * 4, n=256)
    assert warnings(found)
    rule = AheadRule(chance=0.1)
    assert not any(rule.hear(look) for look in found)


def test_a_look_is_settled_when_it_warns_alone_or_enough_is_left():
    assert settled(32, 30, 22) and settled(128, 60, 25) and settled(128, 60, 12)
    assert not settled(32, 30, 17) and not settled(128, 60, 22) and not settled(32, 0, 0)


@pytest.mark.parametrize(
    "shares",
    [
        SOUND * 3,
        [(0.4, 0.25)] * 9,  # a weak network, as sound as it is at its own budget
        [(0.9, 0.85), (0.9, 0.28)] * 4,  # one look in two
        [(0.3, 0.11)] * 9,  # below by less than chance explains
        [(0.0, 0.0)] * 4,
        [(math.nan, 0.0)] * 4,
    ],
)
def test_no_warning(shares):
    assert warnings(looks(shares)) == []


def test_fewer_images_need_a_clearer_fall():
    assert warnings(looks([(0.9, 0.32)] * 3, n=512)) and not warnings(
        looks([(0.9, 0.32)] * 3, n=32)
    )


def test_looks_far_apart_are_not_taken_together():
    assert warnings(looks(SINKING, every=400)) == []


def test_after_it_has_come_back_it_may_warn_again():
    assert warnings(looks((SOUND + SINKING) * 2)) == [300, 780]


def test_it_is_a_suspicion_that_calls_a_probe_and_says_what_was_seen():
    detector = Detector()
    [alert] = [a for look in looks(SOUND + FALLEN) for a in detector.ahead(look)]
    assert alert.level == "suspect" and detector.wants_probe
    assert alert.evidence["ahead_pgd"] < alert.evidence["ahead_fgsm"] / 2
    assert alert.text.startswith("little stands beyond the budget: at eps ")


def test_it_goes_on_where_a_checkpoint_was_taken():
    found = looks(SOUND + FALLEN + SOUND + FALLEN)
    whole = Detector()
    expected = [(a.step, a.text) for look in found for a in whole.ahead(look)]
    for cut in range(len(found)):
        first, second = Detector(), Detector()
        told = [a for look in found[:cut] for a in first.ahead(look)]
        second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
        told += [a for look in found[cut:] for a in second.ahead(look)]
        assert [(a.step, a.text) for a in told] == expected


def test_a_state_from_before_there_were_such_looks_is_read():
    detector = Detector()
    state = detector.state()
    del state["ahead"]
    detector.restore(state)

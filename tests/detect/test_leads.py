"""Since when the index and each sign have been clear, and how long before an onset."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up.verdicts import CHANCE, against, measured

from selffit.detect.selffitting import INDEX_CLEAR, Tracker, Verdict, verdict


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

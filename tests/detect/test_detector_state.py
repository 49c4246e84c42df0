"""What a detector keeps in a checkpoint: it goes on as if nothing had happened."""

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up.detecting import BACK, CO, HEALTHY, confirming, on

from selffit.detect import Detector, ProbePoint, SignalBlock


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

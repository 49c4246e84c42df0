"""Bands around the free signals, on synthetic signals with noise of a batch of 128."""

import json
import math
import random
from itertools import pairwise

import pytest

from selffit.detect import Detector, SignalBlock
from selffit.detect.signal_bands import WARM_UP_STEPS, Band

HEALTHY = {"abnormal": 0.01, "pertalign": 0.75, "acc_adv": 0.45, "loss_clean": 0.8, "loss_adv": 1.7}
CO = {"abnormal": 0.40, "pertalign": 0.05, "acc_adv": 0.75, "loss_clean": 0.85, "loss_adv": 0.9}
NOISE = {
    "abnormal": 0.01,
    "pertalign": 0.04,
    "acc_adv": 0.044,
    "loss_clean": 0.08,
    "loss_adv": 0.12,
}


def stream(values_at, steps, seed=0):
    """Signals whose expectation at step t is `values_at(t)`, as a dict of lists."""
    rng = random.Random(seed)
    rows = [values_at(t) for t in range(steps)]
    return {name: [row[name] + rng.gauss(0, NOISE[name]) for row in rows] for name in HEALTHY}


def feed(detector, columns, size=20, start=0):
    steps = len(next(iter(columns.values())))
    alerts = []
    for i in range(0, steps, size):
        block = {name: values[i : i + size] for name, values in columns.items()}
        alerts += detector.signals(SignalBlock(step=start + i, **block))
    return alerts


def onset_at(when, steps=60, names=tuple(CO)):
    def values(t):
        share = min(max((t - when) / steps, 0.0), 1.0)
        return {n: HEALTHY[n] + share * (CO[n] - HEALTHY[n]) * (n in names) for n in HEALTHY}

    return values


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_stream_raises_nothing(seed):
    detector = Detector()
    assert feed(detector, stream(lambda t: HEALTHY, 3000, seed)) == []
    assert not detector.wants_probe


@pytest.mark.parametrize(
    "names",
    [("abnormal",), ("pertalign",), ("acc_adv", "loss_adv"), tuple(CO)],
    ids=["abnormal", "pertalign", "accuracy-and-loss", "all"],
)
def test_each_signal_alone_raises_one_suspicion_within_a_hundred_steps(names):
    detector = Detector()
    alerts = feed(detector, stream(onset_at(1000, names=names), 1100))
    assert [a.level for a in alerts] == ["suspect"]
    assert 1000 < alerts[0].step < 1100
    assert detector.wants_probe
    assert alerts[0].confidence is None and alerts[0].onset_step is None


@pytest.mark.parametrize("name", ["acc_adv", "loss_adv"])
def test_training_accuracy_and_loss_count_together_only(name):
    assert feed(Detector(), stream(onset_at(1000, names=(name,)), 1500)) == []


def test_ordinary_learning_lowers_both_losses_and_raises_nothing():
    def values(t):
        share = min(max((t - 1000) / 60, 0.0), 1.0)
        learnt = {"acc_adv": 0.70, "loss_adv": 0.9, "loss_clean": 0.3}
        return HEALTHY | {n: HEALTHY[n] + share * (v - HEALTHY[n]) for n, v in learnt.items()}

    assert feed(Detector(), stream(values, 1600)) == []


def test_moves_in_the_harmless_direction_raise_nothing():
    harmless = {"pertalign": 0.99, "acc_adv": 0.1, "loss_adv": 4.0, "abnormal": 0.0}
    columns = stream(lambda t: HEALTHY if t < 1000 else HEALTHY | harmless, 1500)
    assert feed(Detector(), columns) == []


def test_wild_first_steps_raise_nothing():
    rng = random.Random(1)
    wild = {
        "abnormal": [rng.random() for _ in range(WARM_UP_STEPS)],
        "pertalign": [rng.uniform(-1, 1) for _ in range(WARM_UP_STEPS)],
    }
    assert feed(Detector(), wild) == []


def test_a_move_within_the_warm_up_raises_nothing():
    columns = {"abnormal": [0.0] * 60 + [0.5] * (WARM_UP_STEPS - 60)}
    assert feed(Detector(), columns) == []


def test_one_wild_value_moves_the_level_by_a_clipped_amount_only():
    band = Band(+1, 0.1)
    for value in [0.1] * 300 + [1e9]:
        band.update(value)
    assert band.level < 0.11


def test_an_eps_ramp_that_lowers_pertalign_slowly_raises_nothing():
    """As measured on healthy n-fgsm runs: 1.0 down to 0.4 within about 900 steps."""
    assert (
        feed(Detector(), stream(lambda t: HEALTHY | {"pertalign": 1.0 - 0.6 * t / 900}, 900)) == []
    )


def test_a_single_wild_batch_raises_nothing():
    columns = stream(lambda t: HEALTHY, 1000)
    columns["abnormal"][700] = 0.45
    columns["pertalign"][700] = -0.5
    assert feed(Detector(), columns) == []


def test_non_finite_values_and_short_columns_are_harmless():
    columns = stream(onset_at(1000), 1100)
    poisoned = {name: list(values) for name, values in columns.items()}
    for values in poisoned.values():
        values[::11] = [math.inf] * len(values[::11])
        values[::7] = [math.nan] * len(values[::7])
    detector = Detector()
    alerts = feed(detector, poisoned)
    assert [a.level for a in alerts] == ["suspect"]
    json.dumps([a.data() for a in alerts] + [detector.state()], allow_nan=False)
    assert Detector().signals(SignalBlock(step=0)) == []
    assert Detector().signals(SignalBlock(step=0, abnormal=[0.1], pertalign=[])) == []


def test_a_signal_that_stays_out_asks_again_but_is_announced_once():
    detector = Detector(cooldown=50)
    asked = []
    columns = stream(onset_at(1000, names=("abnormal",)), 1300)
    alerts = []
    for t in range(1300):
        alerts += detector.signals(SignalBlock(step=t, **{n: [v[t]] for n, v in columns.items()}))
        if detector.wants_probe:
            asked.append(t)
            detector._suspicion.wants_probe = False
    assert len(alerts) == 1
    assert len(asked) >= 2 and min(b - a for a, b in pairwise(asked)) >= 50


def test_a_signal_at_the_edge_of_its_band_does_not_chatter():
    def values(t):
        return HEALTHY | ({"abnormal": 0.068 + 0.025 * math.sin(t / 8)} if t >= 600 else {})

    assert len(feed(Detector(cooldown=1), stream(values, 700))) == 1


def test_a_second_excursion_is_announced_again_after_calm():
    def values(t):
        return onset_at(600, 10)(t) if t < 640 or t > 1500 else HEALTHY

    alerts = feed(Detector(), stream(values, 1600))
    assert [a.level for a in alerts] == ["suspect", "suspect"]
    assert alerts[1].step > 1500


def test_a_level_shift_is_absorbed():
    band = Band(+1, 0.1)
    for _ in range(300):
        band.update(0.1)
    for _ in range(30):
        band.update(0.4)
    assert band.excess > 1
    for _ in range(800):
        band.update(0.4)
    assert band.excess < 0.5


def test_block_size_does_not_matter():
    columns = stream(onset_at(800), 1000)
    assert feed(Detector(), columns, size=20) == feed(Detector(), columns, size=1)

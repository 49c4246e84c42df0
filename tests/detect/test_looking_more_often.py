"""The verdict does not depend on how often one looks: the same training, probed at two intervals.

A training is a curve of accuracies over the step; 78 steps are an epoch, as in `strokes`.
"""

from collections.abc import Callable, Iterable

import pytest

from selffit.detect import Detector, ProbePoint
from selffit.detect.diagnoser import Diagnoser
from selffit.detect.streak import lasted
from selffit.eventlog import kinds

EPOCH = 78
END = 14 * EPOCH
Curve = Callable[[int], tuple[float, float, float]]  # FGSM, PGD, strong


def curve(*stretches: tuple[int, float, float, float]) -> Curve:
    """From each step on: FGSM, PGD and strong accuracy."""

    def at(step: int) -> tuple[float, float, float]:
        return next(values for begin, *values in reversed(stretches) if step >= begin)  # type: ignore[return-value]

    return at


HEALTHY = (0, 0.80, 0.70, 0.65)
FALLEN = (400, 0.80, 0.05, 0.00)
TRAININGS = {
    "healthy": curve(HEALTHY),
    "collapsed": curve(HEALTHY, FALLEN),
    "recovered": curve(HEALTHY, FALLEN, (600, 0.80, 0.70, 0.62)),
    "recovered just before the end": curve(
        HEALTHY, FALLEN, (END - 3 * EPOCH // 2, 0.80, 0.70, 0.62)
    ),
    "back at the very end": curve(HEALTHY, FALLEN, (END - EPOCH // 2, 0.80, 0.70, 0.62)),
    "masked": curve(HEALTHY, FALLEN, (600, 0.80, 0.68, 0.05)),
    "masked at the very end": curve(HEALTHY, FALLEN, (1000, 0.80, 0.68, 0.05)),
    "back for less than two epochs": curve(
        HEALTHY, FALLEN, (600, 0.80, 0.70, 0.05), (600 + EPOCH, 0.80, 0.05, 0.0)
    ),
    "undecided, and none of it is real": curve(HEALTHY, (400, 0.80, 0.45, 0.05)),
    "undecided and real, then falling": curve(
        HEALTHY, (300, 0.80, 0.50, 0.40), (600, 0.80, 0.38, 0.03)
    ),
    "blind for a moment": curve((0, 0.70, 0.0, 0.0), (100, 0.80, 0.70, 0.65)),
    "blind from the start": curve((0, 0.70, 0.0, 0.0)),
}


def told(at: Curve, steps: Iterable[int]) -> list[tuple[str, int]]:
    """Level and step of every alert, with strong attacks as the trainer makes them."""
    detector = Detector(chance=0.1, confirm=True, per_epoch=EPOCH)
    alerts = []
    for step in steps:
        fgsm, pgd, strong = at(step)
        alerts += detector.probe(ProbePoint(step, 0.9, fgsm, pgd, 512))
        if detector.wants_strong or step == END:
            alerts += detector.strong(step, strong, pgd, 256)
    return [(alert.level, alert.step) for alert in alerts]


def every(interval: int) -> list[int]:
    return [*range(interval, END, interval), END]


@pytest.mark.parametrize("name", TRAININGS)
@pytest.mark.parametrize("interval", [13, 26, 39])
def test_alerts_are_the_same_an_onset_within_an_epoch_and_what_has_to_last_within_two(
    name, interval
):
    at = TRAININGS[name]
    seldom, often = told(at, every(EPOCH)), told(at, every(interval))
    assert [level for level, _ in often] == [level for level, _ in seldom]
    for (level, early), (_, late) in zip(often, seldom, strict=True):
        epochs = 2 if level in ("masked", "recovered") else 1
        assert late - epochs * EPOCH <= early <= late


def test_probes_on_suspicion_hurry_nothing():
    at = TRAININGS["recovered"]
    more = sorted({*every(EPOCH), *range(624, 700, 5)})  # just after it came back
    assert told(at, more) == told(at, every(EPOCH))


def test_the_trainings_are_what_they_are_called():
    expected = {
        "healthy": [],
        "collapsed": ["onset"],
        "recovered": ["onset", "recovered"],
        "recovered just before the end": ["onset", "recovered"],
        "back at the very end": ["onset"],
        "masked": ["onset", "masked"],
        "masked at the very end": ["onset", "masked"],
        "back for less than two epochs": ["onset"],
        "undecided, and none of it is real": ["onset", "masked"],
        "undecided and real, then falling": ["onset", "masked"],
        "blind for a moment": ["transient"],
        "blind from the start": ["transient", "onset"],
    }
    found = {name: [level for level, _ in told(at, every(26))] for name, at in TRAININGS.items()}
    assert found == expected


def test_where_no_epoch_is_known_probes_are_counted():
    assert lasted(3, 0, 2, 3, 0) and not lasted(2, 0, 1000, 3, 0)
    assert lasted(2, 0, 2 * EPOCH, 3, EPOCH)  # whoever looks seldom needs two probes
    assert not lasted(1, 0, 9 * EPOCH, 3, EPOCH)
    assert not lasted(9, 0, 2 * EPOCH - 1, 3, EPOCH)


# `strokes` with rs-fgsm, seed 1, while eps rises to 0.35: FGSM and PGD every 26 steps from 390 on
RISING = (
    (0.967, 0.926), (0.980, 0.938), (0.967, 0.912), (0.971, 0.910), (0.977, 0.873), (0.979, 0.801),
    (0.967, 0.693), (0.957, 0.725), (0.963, 0.619), (0.943, 0.432), (0.965, 0.262), (0.941, 0.236),
    (0.947, 0.197), (0.945, 0.154), (0.941, 0.125), (0.936, 0.109), (0.941, 0.074), (0.916, 0.098),
    (0.945, 0.018), (0.916, 0.051), (0.938, 0.043), (0.953, 0.047), (0.938, 0.082), (0.957, 0.139),
    (0.959, 0.197), (0.963, 0.178), (0.965, 0.088), (0.963, 0.277),
)  # fmt: skip


@pytest.mark.parametrize("interval", [26, 78, 130])
def test_a_network_that_fell_while_eps_rose_has_not_recovered_to_what_it_had_in_the_fall(interval):
    """Only probes of the fall are near enough in eps to the end to be compared with it."""
    detector = Detector(chance=0.1, confirm=True, per_epoch=EPOCH)
    alerts = []
    for i, (fgsm, pgd) in enumerate(RISING):
        step = 390 + 26 * i
        if step % interval == 0 or step == END:
            eps = 0.35 * min(step / (0.8 * END), 1.0)
            alerts += detector.probe(ProbePoint(step, 1.0, fgsm, pgd, 512, eps=eps))
            if detector.wants_strong or step == END:
                alerts += detector.strong(step, 0.6 * pgd, pgd, 256)
    assert [alert.level for alert in alerts] == ["onset"]
    assert 624 <= alerts[0].step <= 702


def test_where_pgd_is_near_half_its_level_the_strong_attack_decides():
    """Strokes, rs-fgsm, seed 2: whoever looked every 26 or 52 steps met PGD at .10 in between."""
    detector = Detector(chance=0.1, confirm=True, per_epoch=EPOCH)
    probes = [
        *((468, 0.957, 0.873, None), (624, 0.934, 0.717, None), (780, 0.922, 0.512, 0.398)),
        *((860, 0.961, 0.279, 0.156), (936, 0.949, 0.242, None), (END, 0.967, 0.408, 0.289)),
    ]
    alerts = []
    for step, fgsm, pgd, strong in probes:
        eps = 0.35 * min(step / (0.8 * END), 1.0)
        alerts += detector.probe(ProbePoint(step, 1.0, fgsm, pgd, 512, eps=eps))
        if strong is not None:
            alerts += detector.strong(step, strong, pgd, 256)
    assert [(alert.level, alert.onset_step) for alert in alerts] == [("onset", 860)]
    assert "strong attack" in alerts[0].text and detector.onset_open


@pytest.mark.parametrize(
    ("pgd", "strong"),
    [
        (0.279, 0.22),  # of a healthy network it may leave as much
        (0.35, 0.18),  # PGD is clearly above half its level: it decides by itself, later
    ],
)
def test_otherwise_an_undecided_probe_stays_undecided(pgd, strong):
    detector = Detector(chance=0.1, confirm=True)
    detector.probe(ProbePoint(780, 1.0, 0.92, 0.51, 512, eps=0.31))
    detector.probe(ProbePoint(860, 1.0, 0.96, pgd, 512, eps=0.31))
    assert detector.wants_strong
    assert detector.strong(860, strong, pgd, 256) == [] and not detector.onset_open


def test_gradient_masking_is_named_after_as_many_steps():
    nothing = {
        "own": 0.4,
        "other": 0.42,
        "gap": -0.02,
        "carrier_grey": 0.02,
        "control_grey": 0.02,
        "conflict_self": 0.0,
        "conflict_data": 0.7,
        "abnormal": 0.0,
        "swap": 0.02,
    }

    def named(interval: int, unclear: int = 0, clear: int = 0) -> int:
        """The step at which it is named.

        Every unclear-th probe has a carrier that is neither clear nor ruled out, every clear-th an
        abnormal share.
        """
        diagnoser = Diagnoser(0.1, EPOCH)
        onset = kinds.Alert(at=kinds.Place(step=400), level="onset", text="", onset_step=400)
        for i, step in enumerate(range(400, END, interval)):
            values = dict(nothing)
            if unclear and i % unclear == unclear - 1:
                values["carrier_grey"] = 0.18
            if clear and i % clear == clear - 1:
                values["abnormal"] = 0.9
            probe = kinds.SelfProbe(at=kinds.Place(step=step), n=512, values=values)
            diagnoser.measured(probe)
            if step == 400:
                diagnoser.opened(onset, probe)
            told = diagnoser.diagnose(probe)
            if told is not None and told.disease == "gradient masking":
                return step
        return END

    assert named(EPOCH) == 400 + 2 * EPOCH
    assert named(26) == named(EPOCH)
    assert named(26, unclear=2) == named(EPOCH)  # no sign, and no evidence against one
    assert named(26, clear=4) == END

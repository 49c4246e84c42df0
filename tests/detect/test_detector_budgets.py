"""The detector while the budget changes: a schedule of eps is no onset, and hides none."""

import math

from made_up.detecting import levels, run

from selffit.detect import Detector, ProbePoint


# ---- eps schedules (curves measured on the embedded recipes) -------------------------------------
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
    """n-fgsm with eps to 0.35: PGD 0.89 → 0.23 with FGSM 0.89 → 0.51.

    A third of an epoch after the end of the ramp.
    """
    pgd = [
        0.885,
        0.906,
        0.898,
        0.857,
        0.861,
        0.814,
        0.729,
        0.641,
        0.527,
        0.422,
        0.309,
        0.225,
        0.270,
        0.256,
    ]
    fgsm = [
        0.887,
        0.908,
        0.908,
        0.887,
        0.893,
        0.865,
        0.812,
        0.754,
        0.693,
        0.637,
        0.543,
        0.510,
        0.516,
        0.484,
    ]
    eps = [
        0.031,
        0.062,
        0.094,
        0.125,
        0.156,
        0.187,
        0.219,
        0.25,
        0.281,
        0.312,
        0.344,
        0.35,
        0.35,
        0.35,
    ]
    assert run(list(zip(fgsm, pgd, strict=True)), eps=eps, n=512) == []


def test_co_while_the_budget_still_grows_is_an_onset():
    """`strokes`: 0.78 → 0.61 → 0.25 → 0.07 while FGSM stays up and eps rises by a tenth a time."""
    pgd = [0.85, 0.90, 0.88, 0.85, 0.82, 0.80, 0.78, 0.61, 0.25, 0.07]
    fgsm = [0.86, 0.91, 0.90, 0.88, 0.87, 0.87, 0.86, 0.85, 0.86, 0.84]
    alerts = run(list(zip(fgsm, pgd, strict=True)), eps=[0.031 * (i + 1) for i in range(10)], n=512)
    assert levels(alerts) == ["onset"] and alerts[0].onset_step == 8


def test_lowering_the_budget_does_not_hide_an_onset():
    rows = [(0.50, 0.45)] * 5 + [(0.9, 0.1)] * 3
    assert levels(run(rows, eps=[0.06] * 5 + [0.03] * 3)) == ["onset"]


def test_an_onset_says_at_which_budget_the_accuracy_before_was_measured():
    def fall(before, now):
        detector = Detector(chance=0.1)
        for step in range(5):
            detector.probe(ProbePoint(step, 0.8, 0.6, 0.5, 600, eps=before))
        [alert] = detector.probe(ProbePoint(5, 0.8, 0.6, 0.01, 600, eps=now))
        return alert.text.partition("), ")[2]

    assert fall(0.1, 0.1) == fall(math.nan, math.nan) == "from .50"
    assert fall(0.2, 0.1) == "from .50 at eps 51/255, now .100"
    assert fall(0.09, 0.1) == "from .50 at eps .0900, now .100"

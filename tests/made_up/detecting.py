"""Streams of probes for the detector: (FGSM, PGD) pairs, one a step."""

import math

from selffit.detect import Detector, ProbePoint


def run(accuracies, *, n=600, eps=None, clean=0.8, detector=None, every=1):
    """Feed (fgsm, pgd) pairs as one probe each; returns all alerts."""
    detector = detector or Detector(chance=0.1)
    alerts = []
    for i, (fgsm, pgd) in enumerate(accuracies):
        at = math.nan if eps is None else eps[i]
        alerts += detector.probe(ProbePoint(i * every, clean, fgsm, pgd, n, eps=at))
    return alerts


def levels(alerts):
    return [a.level for a in alerts]


HEALTHY = [(0.50, 0.45)] * 8
CO = [(0.80, 0.02)] * 4


def confirming(rows, n=600):
    detector = Detector(chance=0.1, confirm=True)
    assert levels(run(rows, detector=detector, n=n)) == ["onset"]
    return detector


def on(detector, rows, n=600):
    """Goes on with more probes where `run` left off."""
    first = detector._last_probe + 1
    return [
        alert
        for i, (fgsm, pgd) in enumerate(rows)
        for alert in detector.probe(ProbePoint(first + i, 0.8, fgsm, pgd, n))
    ]


BACK = [(0.55, 0.44)] * 3
CLIMBED = [(0.85, 0.30)] * 3  # above half of 0.45, far below FGSM

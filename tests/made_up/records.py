"""Made-up records, one at a time: as a reader returns them, with what a trainer would log."""

import itertools
from typing import Any

from selffit.eventlog.records import Record

COUNTER = itertools.count(1)


def record(kind, data, step=0, *, attempt=1, t=100.0, stream="trainer"):
    return Record(
        v=1, a=attempt, q=next(COUNTER), t=t, k=kind, b="main", s=step, d=data, stream=stream
    )


def start(**config):
    return record(
        "run.start",
        {
            "config": {"method": "fgsm", "eps": 0.16, **config},
            "steps_total": 200,
            "steps_per_epoch": 50,
        },
    )


def steps(first, n=10, t=100.0, **cols):
    cols = {"eps": [0.1] * n, "lr": [0.5] * n, **cols}
    return record(
        "steps",
        {"n": n, "cols": cols, "img_s": 1000.0, "sec": n * 0.05, "epoch": (first + n) / 50},
        first,
        t=t,
    )


def probe(step, pgd, *, t=100.0, **more):
    return record(
        "probe.robust",
        {"n": 512, "eps": 0.1, "clean": 0.9, "fgsm": 0.5, "pgd": pgd, **more},
        step,
        t=t,
    )


def alert(level, step=10, *, t=100.0, **more):
    return record(
        "alert", {"level": level, "text": f"{level}!", "evidence": {"gap": 0.8}, **more}, step, t=t
    )


def self_probe(step, **more):
    data = {
        "n": 128,
        "full": True,
        "why": "interval",
        "eps": 0.16,
        "attack": "fgsm",
        "reference": {"step": 100, "branch": "main"},
        "values": {"carrier_grey": 0.82, "abnormal": 0.98},
        "index": 0.56,
        "components": {"carrier": 0.8, "abnormal": 0.98},
        "dose": {"k": [0, 0.5, 1.0], "acc": [0.9, 0.2, 0.9]},
        "mix": None,
    }
    return record("probe.self", {**data, **more}, step)


def diagnosis(step, **more):
    data = {
        "disease": "self-fitting",
        "text": "self-fitting: …",
        "index": 0.56,
        "components": {"carrier": 0.8},
        "evidence": {"carrier_z": 27.0},
        "onset_step": 620,
        "index_step": 589,
        "lead": 31,
    }
    return record("diagnosis", {**data, **more}, step)


def roll_back(name, *, base, asked=20, parent="main", by="me", method="n-fgsm", t=100.0):
    """The records of a roll-back."""
    change: dict[str, Any] = {"id": f"{name}-{'0' * 8}", "op": "rollback"}
    change |= {"args": {"to": f"{parent}-{base}"}, "by": by, "branch": name}
    change |= {"new": {"method": method}, "old": {}, "version": 1}
    begun = {"name": name, "parent": parent, "base_step": base, "ckpt": f"{parent}-{base}"}
    applied = on(parent, record("ctl.applied", change, asked, t=t))
    return [applied, on(name, record("branch", begun, base, t=t))]


def on(branch, item):
    return Record(v=1, a=item.a, q=next(COUNTER), t=item.t, k=item.k, b=branch, s=item.s, d=item.d)

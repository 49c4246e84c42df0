"""The lines of a small, made-up diagnosis: a healthy network and one that fits itself."""

import base64
import json
from typing import Any

import pytest

NASTY = "<script>alert('x')</script> & $\\frac{ \x1b[31m"


def line(kind, step, data, branch="main"):
    return json.dumps(
        {"k": kind, "checkpoint": f"{branch}-{step}", "step": step, "branch": branch, "d": data}
    ).encode()


def rows(values):
    return [base64.b64encode(bytes(values[i : i + 4])).decode() for i in range(0, len(values), 4)]


def network(step, high):
    """Records of one network; `high` is what its self-information amounts to."""
    values = {
        "clean": 0.8,
        "own": high,
        "abnormal": high,
        "carrier_grey": high,
        "control_grey": 0.1,
        "swap": 0.1,
    }
    values |= {"conflict_self": high / 2, "conflict_data": 0.5, "carrier_mean": high}
    components = {"carrier": high, "conflict": high, "abnormal": high, "swap": 0.0}
    probe = {
        "n": 512,
        "full": True,
        "eps": 8 / 255,
        "attack": "fgsm",
        "values": values,
        "index": high,
    }
    probe |= {"components": components, "reference": {"step": 5, "branch": "main"}}
    probe |= {
        "dose": {"k": [0, 1], "acc": [0.8, high]},
        "mix": {"share": [0, 1], "acc": [high, 0.8]},
    }
    layer: dict[str, Any] = {
        "name": f"conv {NASTY}",
        "dominance": [0.1, 0.9, -0.5],
        "si": [1, 2, 0],
        "di": [1, 1, 1],
    }
    layer |= {"gini": 0.4, "top10": 0.5, "pr": 2.5, "rho": 0.9, "agree": 1.0}
    base = {"clean": 0.8, "fgsm": 0.9, "pgd": 0.0, "carrier": 0.6, "swap": 0.2}
    groups = [
        {
            "stage": "conv",
            "group": group,
            "share": share,
            "channels": 1,
            **base,
            "fgsm": 0.9 - share,
        }
        for group in ("self", "data", "random", "norm")
        for share in (0.1, 0.4)
    ]
    image = {"y": 1, "x": rows([0, 255, 9, 9] * 2), "delta": rows([127, 129, 0, 0] * 2)}
    image |= {name: [0, 0.5] for name in ("clean", "own", "carrier")}
    strip = {
        "shape": [1, 2, 4],
        "eps": 8 / 255,
        "attack": "fgsm",
        "classes": [NASTY, "cat"],
        "rows": [image],
    }
    robust = {"n": 512, "eps": 8 / 255, "clean": 0.8, "fgsm": 0.9, "pgd": 1 - high, "pgd_steps": 10}
    return [
        line("probe.robust", step, robust),
        line(
            "probe.strong",
            step,
            {"n": 256, "eps": 8 / 255, "steps": 50, "restarts": 2, "pgd": 0.0, "weak": 0.1},
        ),
        line("probe.self", step, probe),
        line("probe.channels", step, {"n": 256, "layers": [layer]}),
        line(
            "probe.causal",
            step,
            {"n": 128, "n_rank": 128, "base": base, "rows": groups, "single": []},
        ),
        line("probe.images", step, strip),
    ]


@pytest.fixture
def lines():
    probes = {
        "branch": ["main", "b1"],
        "step": [10, 20],
        "clean": [0.8, 0.7],
        "fgsm": [0.5, 0.5],
        "pgd": [0.4, 0.3],
    }
    past = {
        "onsets": {"branch": ["main"], "step": [15]},
        "probes": probes,
        "selfs": {"branch": ["main"], "step": [10], "index": ["NaN"]},
    }
    about = {
        "name": NASTY,
        "model": "small",
        "data": "patterns",
        "classes": 10,
        "n": 512,
        "device": "cpu",
    }
    diagnosis = {
        "disease": "self-fitting",
        "text": NASTY,
        "index": 0.9,
        "onset_step": 15,
        "index_step": 12,
        "lead": 3,
    }
    return [
        line("target", 0, {**about, "past": past}),
        *network(10, 0.0),
        *network(20, 0.9),
        line("diagnosis", 20, diagnosis),
    ]


@pytest.fixture
def nasty():
    return NASTY

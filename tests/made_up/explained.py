"""What explains the made-up collapse of `made_up.run`.

Self-information, images, a causal check, a diagnosis. Everything follows from `self_fit`, the share
of self-fitting in [0, 1] at a step, and from the accuracies of a probe.
"""

import math
import random
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

CHANCE = 0.1
SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)
SINGLES = 8
SIDE = 28
# What zeroing a whole group would do to clean, FGSM, PGD and carrier accuracy and to the swap rate.
EFFECTS = {
    "self": (0.02, -0.85, 0.35, -0.60, -0.05),
    "data": (-0.70, -0.45, -0.02, -0.10, 0.02),
    "random": (-0.10, -0.20, 0.03, -0.15, 0.00),
    "norm": (-0.30, -0.40, 0.06, -0.25, -0.02),
}


def self_probe(
    step: int, self_fit: float, at: Mapping[str, Any], full: bool, why: str
) -> dict[str, Any]:
    """A self-information probe beside the robust probe `at`.

    Before step 100 it has no reference network g.
    """
    clean, own = at["clean"], min(1.0, at["fgsm"] + 0.02 * self_fit)
    carrier, conflict = CHANCE + 0.6 * self_fit, 0.02 + 0.45 * self_fit
    values = {
        "clean": clean,
        "own": own,
        "signs": clean * (0.95 - 0.2 * self_fit),
        "abnormal": 0.01 + 0.7 * self_fit,
        "swap": 0.06 + 0.05 * self_fit,
        "carrier_grey": carrier,
        "conflict_self": conflict,
        "conflict_data": 0.9 * (1 - conflict),
        "conflict_other": 0.1 * (1 - conflict),
    }
    if step >= 100:
        other = own * (1 - 0.75 * self_fit) + 0.02 * (1 - self_fit)
        values |= {
            "other": other,
            "gap": own - other,
            "control_grey": CHANCE + 0.02 * math.sin(step),
        }
    if full:
        values |= {
            "shuffled": clean * (0.93 - 0.15 * self_fit),
            "carrier_mean": CHANCE + 0.5 * self_fit,
            "carrier_noise": CHANCE + 0.25 * self_fit,
            "p_abnormal": 0.45 + 0.4 * self_fit,
            "p_dominate": CHANCE + 0.3 * self_fit,
        }
        values |= {"control_mean": CHANCE, "control_noise": CHANCE} if step >= 100 else {}
    parts = components(values)
    times = [i / 8 for i in range(13)]
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    return {
        "n": 512 if full else 128,
        "full": full,
        "why": why,
        "eps": at["eps"],
        "attack": "fgsm",
        "reference": {"step": max(0, min(step, 558) - 31), "branch": "main"}
        if step >= 100
        else None,
        "values": {name: round(value, 4) for name, value in values.items()},
        "index": round(sum(parts.values()) / len(parts), 4),
        "components": parts,
        "dose": {"k": times, "acc": [_dose(k, clean, own, self_fit) for k in times]}
        if full
        else None,
        "mix": {
            "share": shares,
            "acc": [round(own + (values["signs"] - own) * s, 4) for s in shares],
        }
        if full
        else None,
        "sec": 0.2,
    }


def components(values: Mapping[str, float]) -> dict[str, float]:
    """The parts of the index, each in [0, 1]."""
    carrier, conflict = values["carrier_grey"] - CHANCE, values["conflict_self"]
    parts = {
        "carrier": carrier,
        "conflict": conflict,
        "abnormal": values["abnormal"],
        "swap": values["swap"] - CHANCE,
    }
    return {name: round(min(1.0, max(0.0, value)), 4) for name, value in parts.items()}


def _dose(k: float, clean: float, own: float, self_fit: float) -> float:
    """Accuracy on x + k·delta: falls with k while healthy.

    With self-fitting there is a dip before k = 1, where own is high.
    """
    dip = math.exp(-(((k - 0.45) / 0.22) ** 2))
    healthy = clean + (own - clean) * k
    return round(min(1.0, max(0.0, healthy - self_fit * 0.75 * dip)), 4)


def images(self_fit: float, eps: float, count: int = 4) -> dict[str, Any]:
    """Some images, shapes on black, with a perturbation of random signs."""
    rng = random.Random(3)
    rows = []
    for y in range(count):
        x = [[_shape(y, i, j) for j in range(SIDE)] for i in range(SIDE)]
        delta = [[rng.choice((-127, 127)) for _ in range(SIDE)] for _ in range(SIDE)]
        rows.append(
            {
                "y": y,
                "x": [b64encode(bytes(line)).decode() for line in x],
                "delta": [
                    b64encode(bytes(value & 255 for value in line)).decode() for line in delta
                ],
                "clean": [y, 0.93],
                "own": [
                    y if self_fit > 0.5 or y % 2 else (y + 3) % 10,
                    round(0.55 + 0.4 * self_fit, 3),
                ],
                "carrier": [y if self_fit > 0.5 else 7, round(0.2 + 0.5 * self_fit, 3)],
            }
        )
    names = ["ring", "bar", "cross", "wave", "four", "five", "six", "seven", "eight", "nine"]
    return {"shape": [1, SIDE, SIDE], "eps": eps, "attack": "fgsm", "classes": names, "rows": rows}


def _shape(y: int, i: int, j: int) -> int:
    """The brightness of a pixel: a ring, a bar, a cross or a wave."""
    u, v = (i - 13.5) / 13.5, (j - 13.5) / 13.5
    distance = (
        abs(math.hypot(u, v) - 0.6),
        abs(v),
        min(abs(u), abs(v)),
        abs(v - 0.4 * math.sin(3 * u)),
    )[y % 4]
    inside = max(abs(u), abs(v)) < 0.8
    return round(255 * max(0.0, 1 - distance / 0.2)) if inside else 0


def strong(eps: float, weak: float) -> dict[str, Any]:
    """What a strong attack leaves."""
    return {
        "n": 256,
        "eps": eps,
        "steps": 50,
        "restarts": 2,
        "pgd": round(0.1 * weak, 4),
        "weak": weak,
        "sec": 2.1,
    }


def causal(
    self_fit: float,
    at: Mapping[str, Any],
    values: Mapping[str, float],
    layers: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The causal check: the more self-fitting, the more the self group matters."""
    base = dict(zip(("clean", "fgsm", "pgd"), (at["clean"], at["fgsm"], at["pgd"]), strict=True))
    base |= {"carrier": values["carrier_grey"], "swap": values["swap"]}

    def zeroed(group: str, share: float) -> dict[str, float]:
        weight = math.sqrt(share) * (self_fit if group == "self" else 1.0)
        changes = zip(base.items(), EFFECTS[group], strict=True)
        return {
            name: round(min(1.0, max(0.0, value + weight * change)), 4)
            for (name, value), change in changes
        }

    rows, single = [], []
    for layer in layers:
        dominance = layer["dominance"]
        for group in EFFECTS:
            for share in SHARES:
                row = {"stage": layer["name"], "group": group, "share": share}
                rows.append(
                    {
                        **row,
                        "channels": max(1, round(share * len(dominance))),
                        **zeroed(group, share),
                    }
                )
        order = sorted(range(len(dominance)), key=lambda c: -dominance[c])
        for rank, channel in enumerate(order[:SINGLES]):
            effect = zeroed("self", 0.15 * 0.5**rank)
            effect.pop("swap")
            single.append(
                {
                    "layer": layer["name"],
                    "channel": channel,
                    "dominance": dominance[channel],
                    **effect,
                }
            )
    sizes = {"n": 128, "n_rank": 128, "eps": at["eps"], "pgd_steps": 10, "attack": "fgsm"}
    return {**sizes, "base": base, "rows": rows, "single": single, "sec": 3.2}


def diagnosis(probe: Mapping[str, Any], onset_step: int, index_step: int | None) -> dict[str, Any]:
    """The diagnosis of an onset from the self-information at hand."""
    values = probe["values"]
    sentence = (
        "self-fitting: the network reads its own perturbation; put on plain grey it is read right "
        f"in {values['carrier_grey']:.2f} (guessing {CHANCE:.2f})"
    )
    return {
        "disease": "self-fitting",
        "text": sentence,
        "index": probe["index"],
        "components": probe["components"],
        "evidence": evidence(probe),
        "onset_step": onset_step,
        "index_step": index_step,
        "lead": None if index_step is None else onset_step - index_step,
    }


def evidence(probe: Mapping[str, Any]) -> dict[str, float]:
    """What an onset alert says of self-information."""
    values = probe["values"]
    named = {
        "carrier": "carrier_grey",
        "conflict": "conflict_self",
        "abnormal_eval": "abnormal",
        "swap": "swap",
    }
    return {name: values[source] for name, source in named.items()} | {"index": probe["index"]}

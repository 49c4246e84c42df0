"""A made-up run for benchmarks and tests: healthy, then a suspicion, then CO. No
training.

`events` gives what a trainer would log; `records` turns it into what a reader would return; `write`
makes a run directory of it.
"""

import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from made_up import explained
from selffit.config import resolve
from selffit.eventlog.records import Record

START = 1_790_000_000.0  # wall clock of the first event
STEP_SECONDS = 0.02
STEPS_PER_EPOCH = 62
TOTAL = 14 * STEPS_PER_EPOCH
RAMP = 0.8  # share of training over which eps rises
PROBE_EVERY = 31
BLOCK = 20
LAYERS = (("conv1", 16), ("conv2", 32))
FINAL_EPS = 0.35
INDEX_CLEAR = 0.2


class Event(NamedTuple):
    """What is given to `EventWriter.put`, with its wall clock and stream."""

    kind: str
    data: dict[str, Any]
    step: int
    t: float
    critical: bool = False
    stream: str = "trainer"


def fallen(step: float, onset: float) -> float:
    """0 while healthy, 1 after the fall."""
    return 1.0 / (1.0 + math.exp(-(step - onset) / 12.0))


def self_fit(step: float, onset: float) -> float:
    """0 while healthy, 1 after the fall.

    Self-information is recognised a little before robust accuracy falls.
    """
    return fallen(step, onset - 35)


def signals(step: int, onset: int, rng: random.Random) -> dict[str, float]:
    """The per-step signals."""
    bad, early = fallen(step, onset), fallen(step, onset - 60) * 0.3
    eps = min(1.0, step / (RAMP * TOTAL)) * FINAL_EPS
    noise = rng.gauss
    loss = 0.45 + 1.85 * math.exp(-step / 90) + 0.3 * eps - 0.35 * bad + abs(noise(0, 0.04))
    return {
        "loss_clean": round(0.6 * loss + 0.9 * bad, 4),
        "loss_adv": round(loss, 4),
        "acc_adv": round(
            min(1.0, max(0.1, 0.86 - 0.75 * math.exp(-step / 80) + 0.12 * bad + noise(0, 0.02))), 4
        ),
        "abnormal": round(
            min(1.0, max(0.0, 0.01 + early * (1 - bad) + 0.71 * bad + abs(noise(0, 0.012)))), 4
        ),
        "pertalign": round(max(-1.0, 0.86 - 0.2 * early - 0.78 * bad + noise(0, 0.03)), 4),
        "delta": round(eps, 4),
        "lr": 0.05,
        "eps": round(eps, 5),
        "alpha": round(eps, 5),
    }


def probe(step: int, onset: int, rng: random.Random, why: str = "interval") -> dict[str, Any]:
    """A robust-accuracy probe."""
    bad, learnt = fallen(step, onset), 1.0 - math.exp(-step / 70)
    eps = min(1.0, step / (RAMP * TOTAL)) * FINAL_EPS
    clean = 0.1 + 0.89 * learnt
    fgsm = 0.1 + (0.86 - 0.3 * eps) * learnt + 0.1 * bad
    pgd = (0.1 + (0.82 - 0.4 * eps) * learnt) * (1 - 0.93 * bad)
    noise = 0.008
    final = None
    if eps < FINAL_EPS:
        final = {
            "eps": FINAL_EPS,
            "fgsm": round(0.8 * fgsm, 4),
            "pgd": round(max(0.0, 0.55 * pgd), 4),
        }
    return {
        "n": 512,
        "why": why,
        "epoch": step / STEPS_PER_EPOCH,
        "eps": round(eps, 5),
        "clean": round(min(1.0, clean + rng.gauss(0, noise)), 4),
        "fgsm": round(min(1.0, max(0.0, fgsm + rng.gauss(0, noise))), 4),
        "pgd": round(min(1.0, max(0.0, pgd + rng.gauss(0, noise))), 4),
        "pgd_steps": 10,
        "pgd_alpha": round(eps / 4, 5),
        "final": final,
        "sec": 0.3,
    }


def channel_probe(step: int, onset: int) -> dict[str, Any]:
    """A channel probe of all layers: some channels become dominant."""
    bad = fallen(step, onset)
    layers = []
    for name, channels in LAYERS:
        rng = random.Random(name)
        base = [rng.gauss(-0.25, 0.22) for _ in range(channels)]
        drift = [rng.gauss(0.1, 0.55) for _ in range(channels)]
        wobble = [0.05 * math.sin(step / 40 + c) for c in range(channels)]
        d = [
            max(-0.98, min(0.98, b + bad * g + w))
            for b, g, w in zip(base, drift, wobble, strict=True)
        ]
        layers.append(
            {
                "name": name,
                "dominance": [round(value, 4) for value in d],
                "si": [round(1 + value, 4) for value in d],
                "di": [round(1 - value, 4) for value in d],
                "rand": [0.3] * channels,
                "car": [round(0.8 * (1 + value), 4) for value in d],
                "gini": round(0.31 + 0.35 * bad, 4),
                "top10": round(0.22 + 0.26 * bad, 4),
                "pr": round(channels * (0.81 - 0.46 * bad), 4),
                "rho": round(0.88 + 0.1 * bad, 4),
                "agree": round(0.5 + 0.5 * bad, 4),
            }
        )
    return {"n": 256, "layers": layers, "sec": 0.1}


def run_start() -> dict[str, Any]:
    """What the trainer says once data and network are ready."""
    config = resolve("strokes", {"method": "fgsm", "eps": FINAL_EPS, "seed": 0}).as_dict()
    return {
        "config": config | {"epochs": 14.0, "probe_every": PROBE_EVERY},
        "steps_total": TOTAL,
        "steps_per_epoch": STEPS_PER_EPOCH,
        "device": "cuda:0",
        "device_name": "NVIDIA H200",
        "torch": "2.15.0",
        "params": 166_406,
        "layers": [{"name": name, "channels": channels} for name, channels in LAYERS],
        "data": {
            "name": "strokes",
            "classes": 10,
            "shape": [1, 28, 28],
            "train": 8000,
            "heldout": 1000,
        },
    }


def onset_alert(
    onset: int, step: int, at: dict[str, Any], self_probe: dict[str, Any]
) -> dict[str, Any]:
    """The alert that a detector raises at `step`, with the disease that self-information tells."""
    low = max(0, onset - PROBE_EVERY)
    numbers = f"PGD accuracy {at['pgd']:.2f} while FGSM accuracy is {at['fgsm']:.2f} (n=512)"
    where = f"between step {low} and {onset}"
    return {
        "level": "onset",
        "text": f"catastrophic overfitting began {where}: {numbers}, from 0.79",
        "onset_step": onset,
        "onset_low": low,
        "confidence": 0.99,
        "n": 512,
        "evidence": {
            "clean": at["clean"],
            "fgsm": at["fgsm"],
            "pgd": at["pgd"],
            "eps": at["eps"],
            "gap": at["fgsm"] - at["pgd"],
            "pgd_over_fgsm": at["pgd"] / at["fgsm"],
            "best": 0.79,
            "ratio": at["pgd"] / 0.79,
            "z": 18.2,
            "p_value": 1e-12,
            "abnormal": 0.69,
            "pertalign": 0.08,
            "acc_adv": 0.97,
            "signal_step": onset - 40,
            **explained.evidence(self_probe),
        },
        "disease": "self-fitting",
        "healthy": {"step": low, "pgd": 0.78},
        "advice": f"roll back to a checkpoint no later than step {low} and switch to n-fgsm",
    }


def suspicion() -> dict[str, Any]:
    """The alert that signals raise before any probe has decided."""
    return {
        "level": "suspect",
        "text": "training signals moved: abnormal-example fraction 0.02 → 0.31",
        "onset_step": None,
        "onset_low": None,
        "confidence": None,
        "n": 0,
        "evidence": {
            "abnormal": 0.31,
            "pertalign": 0.79,
            "abnormal_usual": 0.02,
            "pertalign_usual": 0.86,
        },
        "healthy": {"step": 558, "pgd": 0.78},
        "advice": "a multi-step probe decides; nothing to do yet",
    }


def host(t: float) -> dict[str, Any]:
    """A heartbeat."""
    return {
        "cpu": 0.12,
        "rss": 1.3e9,
        "gpu": 0.97,
        "gpu_mem": 31.2 * 2**30,
        "gpu_total": 139 * 2**30,
        "gpu_temp": 61.0,
        "disk_free": 512e9,
    }


def events(upto: int = TOTAL, onset: int = 620, name: str = "strokes-fgsm-7f3a") -> Iterator[Event]:
    """The events of the first `upto` steps.

    All of them and the end where `upto` is TOTAL or more.
    """
    rng = random.Random(7)
    t = START
    yield Event(
        "sup.spawn", {"pid": 4242, "pstart": 1.0, "argv": ["python"]}, 0, t, True, "supervisor"
    )
    identity = {
        "run": name,
        "stream": "trainer",
        "seg": 0,
        "pid": 4242,
        "host": "elsewhere",
        "boot": "b",
        "pstart": 1.0,
    }
    yield Event("open", identity, 0, t + 0.1, True)
    for phase, note in (("starting", ""), ("data", "strokes"), ("model", "small")):
        yield Event("phase", {"name": phase, "note": note}, 0, t + 0.4)
    yield Event("run.start", run_start(), 0, t + 1.0, True)
    begin = t + 1.5
    told: set[str] = set()
    clear: int | None = None  # the first interval probe at which the index was clear
    for step in range(0, min(upto, TOTAL) + 1):
        t = begin + step * STEP_SECONDS
        if step % BLOCK == 0 and step:
            first = step - BLOCK
            rows = [signals(s, onset, rng) for s in range(first, step)]
            cols = {key: [row[key] for row in rows] for key in rows[0]}
            timing = {
                "img_s": 6400.0 + 40 * math.sin(step),
                "sec": BLOCK * STEP_SECONDS,
                "epoch": step / STEPS_PER_EPOCH,
            }
            yield Event("steps", {"n": BLOCK, "cols": cols, **timing}, first, t)
        if step % 100 == 0:
            yield Event("host", host(t), step, t)
        if step >= onset - 32 and "suspicion" not in told:
            told.add("suspicion")
            yield Event("alert", suspicion(), step, t, True)
            yield Event("probe.robust", at := probe(step, onset, rng, "suspicion"), step, t)
            yield from _self_probe(step, onset, t, at, True, "suspicion")
        if step % PROBE_EVERY == 0:
            why = "start" if step == 0 else "interval"
            yield Event("probe.robust", at := probe(step, onset, rng, why), step, t)
            falls = at["pgd"] < 0.35 and step > 200 and "onset" not in told
            if step:  # there is no budget yet to measure at
                yield from (found := _self_probe(step, onset, t, at, falls, why))
                clear = step if clear is None and found[0].data["index"] > INDEX_CLEAR else clear
            channels = channel_probe(step, onset)
            if falls:
                told.add("onset")
                yield Event("alert", onset_alert(onset, step, at, found[0].data), step, t, True)
                yield Event(
                    "diagnosis", explained.diagnosis(found[0].data, onset, clear), step, t, True
                )
            yield Event("probe.channels", channels, step, t)
            if falls:
                values, layers = found[0].data["values"], channels["layers"]
                yield Event(
                    "probe.causal",
                    explained.causal(self_fit(step, onset), at, values, layers),
                    step,
                    t,
                )
                yield Event("probe.strong", explained.strong(at["eps"], at["pgd"]), step, t)
    if upto >= TOTAL:
        yield Event("end", {"how": "finished", "reason": "", "summary": {}}, TOTAL, t + 1, True)
        yield Event(
            "sup.exit",
            {"how": "finished", "code": 0, "text": "", "seconds": 20.0},
            0,
            t + 1.2,
            True,
            "supervisor",
        )


def _self_probe(
    step: int, onset: int, t: float, at: dict[str, Any], full: bool, why: str
) -> list[Event]:
    """Self-information beside a robust probe; images come with the full set."""
    share = self_fit(step, onset)
    found = [Event("probe.self", explained.self_probe(step, share, at, full, why), step, t)]
    return (
        [*found, Event("probe.images", explained.images(share, at["eps"]), step, t)]
        if full
        else found
    )


def records(upto: int = TOTAL, onset: int = 620, name: str = "strokes-fgsm-7f3a") -> list[Record]:
    """The same as a reader returns it."""
    return [
        Record(1, 1, q, event.t, event.kind, "main", event.step, event.data, event.stream)
        for q, event in enumerate(events(upto, onset, name), 1)
    ]


def write(run_dir: Path, upto: int = TOTAL, onset: int = 620) -> None:
    """A run directory with the log of such a run; the wall clock is that of the writing."""
    from selffit.eventlog.writer import EventWriter

    writers = {}
    for event in events(upto, onset, run_dir.name):
        if event.kind in ("open", "seal"):
            continue
        if event.stream not in writers:
            writers[event.stream] = EventWriter(
                run_dir, event.stream, 1, opening={"run": run_dir.name}
            )
        writer = writers[event.stream]
        writer.put(event.kind, event.data, step=event.step, critical=event.critical)
    for writer in writers.values():
        writer.close("finished")

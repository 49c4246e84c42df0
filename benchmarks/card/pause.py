"""Seconds that measurements take from training."""

import gc
import time
from collections.abc import Callable

import torch

from benchmarks.card.report import Report
from benchmarks.loops import SMALL_PROBES, Bench, Trained, prepared, random_images
from selffit.config import resolve
from selffit.probes import base
from selffit.train.trainlog import TrainLog

PAUSE, FULL = 0.2, 2.0  # seconds that a probe, and an onset's full set, may hold training up
LOOK = 60  # a step at which both looks for an early warning are due


def pause(bench: Bench, report: Report, width: int, log: TrainLog) -> None:
    """With captured gradients, with those in bf16, and one operation after another."""
    images = random_images(bench.device, 256 if bench.small else 4096)
    ways = {"graphs": "auto", "graphs in bf16": "auto", "one by one": "off"}
    for name, graph in ways.items() if bench.cuda else (("one by one", "off"),):
        settings = {"width": width, "graph": graph, "last_batch": "drop"}
        if bench.small:
            settings |= {"batch_size": 16, "causal_images": 16, **SMALL_PROBES}
        config = resolve("cifar10-fgsm-8", settings)
        base.MIXED = torch.bfloat16 if "bf16" in name else None
        try:
            _way(bench, report, Trained(prepared(bench, images, config), log), name)
        finally:
            base.MIXED = None
        gc.collect()


def _way(bench: Bench, report: Report, loop: Trained, name: str) -> None:
    """Those of a training that takes its steps and gradients one way."""
    for step in range(8):
        loop.step(step)
    monitor, done = loop.monitor, LOOK
    ahead = _pieces(bench, loop.runner.prepare)  # as between two blocks
    if len(ahead) > 1:
        report.say(f"graphs made ahead, {name}", _told(ahead), max(ahead) <= PAUSE)
    for what, first in {
        "the first look": lambda: monitor.look(done),
        "the first interval probe": lambda: monitor.probe(done, "interval"),
    }.items():
        report.say(f"{what}, {name}", f"{1e3 * _once(bench, first):.1f} ms")
    monitor.look(done)
    monitor.probe(done, "interval")
    found = monitor._robust(done, "interval")
    value = f"{found.clean:.3f} {found.fgsm:.3f} {found.pgd:.3f}"
    report.say(f"clean, fgsm, pgd at step 8, {name}", value)
    explainer = monitor.explainer
    explainer.healthy(done)
    explainer.healthy(done)
    after = explainer.aftermath(done, "interval")
    works: dict[str, Callable[[], object]] = {
        "a look for an early warning": lambda: monitor.look(done),
        "an interval probe": lambda: monitor.probe(done, "interval"),
        "of which accuracies": lambda: monitor._robust(done, "interval"),
        "of which self-information": lambda: explainer.measure(done, "interval", full=False),
        "of which channels": lambda: monitor._channels(done),
    }
    for what, work in works.items():
        times = sorted(_once(bench, work) for _ in range(1 if bench.small else 5))
        took = times[len(times) // 2]
        holds = took <= PAUSE if what == "an interval probe" and bench.cuda else None
        report.say(f"{what}, {name}", f"{1e3 * took:.1f} ms", holds)
    pieces = _pieces(bench, lambda: after.go_on(0.0))
    holds = sum(pieces) <= FULL and max(pieces) <= PAUSE if bench.cuda else None
    report.say(f"the full set of an onset, {name}", _told(pieces), holds)


def _pieces(bench: Bench, work: Callable[[], bool]) -> list[float]:
    """Seconds of each call, until one says that nothing is left."""
    took: list[float] = []
    going = True
    while going:
        bench.wait()
        began = time.perf_counter()
        going = work()
        bench.wait()
        took.append(time.perf_counter() - began)
    return took


def _told(pieces: list[float]) -> str:
    return f"{len(pieces)} pieces, {sum(pieces):.2f} s, longest {max(pieces):.2f}"


def _once(bench: Bench, work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    bench.wait()
    began = time.perf_counter()
    work()
    bench.wait()
    return time.perf_counter() - began

"""What is measured beside training: probes and the detector, and the records that they leave in the log."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from selffit.data import step_seed
from selffit.detect import Alert, Detector, ProbePoint, SignalBlock
from selffit.probes import RobustAccuracy, channel_dominance, robust_accuracies
from selffit.train.setup import Setup
from selffit.train.trainlog import TrainLog

BLOCK_SIGNALS = ("abnormal", "pertalign", "acc_adv", "loss_clean", "loss_adv", "eps")


class Monitor:
    """Runs probes, feeds the detector, writes `probe.*` and `alert` records, and keeps the summary up to date.

    Nothing here touches training: probes leave weights, running statistics and gradients alone, and their random
    starts come from a generator of their own, the same for every probe, so that probes compare like with like.
    """

    def __init__(
        self, setup: Setup, log: TrainLog, summary: dict[str, Any], react: Callable[[str], None] = lambda level: None
    ) -> None:
        """`react` hears the level of every alert that was raised."""
        self.setup, self.log, self.summary, self._react = setup, log, summary, react
        self._chance = 1 / setup.images.classes
        cooldown = max(setup.config.block_steps, self.every // 2)
        self.detector = Detector(chance=self._chance, cooldown=cooldown)
        self.pgd: float | None = None  # of the newest probe, at the budget of its step
        self._dominance: dict[str, Sequence[float]] = {}  # by layer, of the newest channel probe
        # The held-out images are in a class-balanced order, so any prefix of them is balanced too.
        self._images, self._labels = setup.images.held_x, setup.images.held_y

    @property
    def every(self) -> int:
        """Steps between interval probes."""
        return self.setup.config.probe_every or self.setup.schedule.steps_per_epoch

    @property
    def healthy(self) -> bool:
        """Whether the newest probe found the network clearly above chance and no onset is open: ours."""
        return self.pgd is not None and self.pgd > 1.5 * self._chance and not self.detector.onset_open

    def dominance(self, layer: str, step: int) -> Sequence[float]:
        """The dominance of a layer's channels, from the newest channel probe; measured now if there was none."""
        if layer not in self._dominance:
            self.log.emit("probe.channels", self._channels(step), step=step)
        return self._dominance[layer]

    def signals(self, step: int, columns: Mapping[str, Sequence[float]]) -> None:
        """Show the detector a block of steps that begins at `step`."""
        self._write(self.detector.signals(SignalBlock(step, **{name: columns[name] for name in BLOCK_SIGNALS})))

    def probe(self, step: int, why: str) -> None:
        """Measure robust accuracy after `step` steps, and the channels unless it was asked for on suspicion."""
        self.log.emit("probe.robust", self._robust(step, why), step=step)
        if why != "suspicion" and self.setup.config.channel_images:
            self.log.emit("probe.channels", self._channels(step), step=step)

    def _robust(self, step: int, why: str) -> dict[str, Any]:
        config, schedule, began = self.setup.config, self.setup.schedule, time.perf_counter()
        budgets = [schedule.eps(step)] if schedule.ramp(step) == 1 else [schedule.eps(step), config.eps]
        n = config.probe_images
        found = robust_accuracies(
            self.setup.model,
            self._images[:n],
            self._labels[:n],
            budgets=[(eps, schedule.probe_alpha(eps)) for eps in budgets],
            pgd_steps=config.probe_steps,
            generator=self._generator(),
        )
        now, final = found[0], found[-1]
        self.pgd = now.pgd
        self._summarise(final)
        ramping = len(found) > 1
        point = ProbePoint(
            step,
            now.clean,
            now.fgsm,
            now.pgd,
            now.n,
            eps=now.eps,
            final_fgsm=final.fgsm if ramping else None,
            final_pgd=final.pgd if ramping else None,
            final_eps=final.eps if ramping else None,
        )
        self._write(self.detector.probe(point))
        seconds = time.perf_counter() - began
        return {
            "n": now.n,
            "why": why,
            "epoch": schedule.epoch(step),
            "eps": now.eps,
            "clean": now.clean,
            "fgsm": now.fgsm,
            "pgd": now.pgd,
            "pgd_steps": config.probe_steps,
            "pgd_alpha": schedule.probe_alpha(now.eps),
            "final": {"eps": final.eps, "fgsm": final.fgsm, "pgd": final.pgd} if ramping else None,
            "sec": round(seconds, 4),
        }

    def _channels(self, step: int) -> dict[str, Any]:
        config, began = self.setup.config, time.perf_counter()
        n = config.channel_images
        found = channel_dominance(
            self.setup.model, self._images[:n], self._labels[:n], eps=config.eps, generator=self._generator()
        )
        seconds = time.perf_counter() - began
        self._dominance = {layer.name: layer.dominance for layer in found}
        return {"n": n, "layers": [_short(asdict(layer)) for layer in found], "sec": round(seconds, 4)}

    def _generator(self) -> torch.Generator:
        return torch.Generator(self.setup.device).manual_seed(step_seed(0, "probe", 0))

    def _summarise(self, final: RobustAccuracy) -> None:
        best = self.summary["best_pgd"]
        self.summary.update(
            clean=final.clean,
            fgsm=final.fgsm,
            pgd=final.pgd,
            n=final.n,
            best_pgd=final.pgd if best is None else max(best, final.pgd),
        )

    def _write(self, alerts: Sequence[Alert]) -> None:
        for alert in alerts:
            if alert.level == "onset" and self.summary["onset_step"] is None:
                self.summary["onset_step"] = alert.onset_step
            self.log.emit("alert", alert.as_data(), step=alert.step, critical=True)
            self._react(alert.level)


def six_digits(values: Sequence[float]) -> list[float]:
    """Floats with six significant digits: what float32 means carry, at half the bytes in the log."""
    return [float(f"{value:.6g}") for value in values]


def _short(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer's numbers with four significant digits: more than the probe's sampling error allows."""
    return {
        name: [float(f"{v:.4g}") for v in value] if isinstance(value, tuple) else value for name, value in layer.items()
    }

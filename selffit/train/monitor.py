"""What is measured beside training: probes and the detector, and their records in the log."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from selffit.detect import Detector, Diverged, DivergenceRule, ProbePoint, SignalBlock, point_of
from selffit.detect.ahead import ahead_of
from selffit.detect.alignment import look_of, same_budget
from selffit.eventlog import kinds
from selffit.probes.ahead import ahead_probe, looks_ahead
from selffit.probes.align import align_probe
from selffit.probes.channels import channel_probe
from selffit.probes.robust import robust_probe
from selffit.probes.subject import probe_attack
from selffit.train.aftermath import PAUSE, Aftermath
from selffit.train.explain import Explainer
from selffit.train.scores import LatestPgd, Summary
from selffit.train.trainlog import TrainLog
from selffit.train.watched import Watched

RANKING_IMAGES = 256  # where channel probes are off and a command needs a ranking all the same
AHEAD_EVERY = 2  # times as many steps as between two looks at alignment
# that the detector looks at
BLOCK_SIGNALS = tuple(field.name for field in fields(SignalBlock) if field.name != "step")


class Monitor:
    """Runs probes, feeds the detector, writes `probe.*` and `alert` records.

    Nothing here touches training: probes leave weights, running statistics and gradients alone, and
    their random starts come from a generator of their own, the same for every probe, so that probes
    compare like with like.
    """

    def __init__(
        self,
        setup: Watched,
        log: TrainLog,
        summary: dict[str, Any],
        react: Callable[[str], None],
        somebody_waits: Callable[[], bool],
    ) -> None:
        """`summary` is the run's, kept up to date; `react` hears the level of every alert.

        The causal check is broken off, without a record, when `somebody_waits` for the next step
        boundary.
        """
        self.setup = setup
        self.log = log
        self.summary = Summary(summary)
        self.pgd = LatestPgd()
        self._react = react
        self._waited_for = somebody_waits
        self._chance = 1 / setup.images.classes
        cooldown = max(setup.config.block_steps, self.every // 2)
        self._cooldown = cooldown
        self.detector = Detector(
            chance=self._chance,
            cooldown=cooldown,
            confirm=True,
            per_epoch=setup.schedule.steps_per_epoch,
        )
        self.divergence = DivergenceRule(setup.images.classes)
        self.explainer = Explainer(setup, log)
        self.aftermaths: list[Aftermath] = []  # what is still to be measured of onsets, in order
        self._suspicion = False  # signals have moved since the last probe
        self._diverged_unseen = False  # the loss told of a divergence, and no probe has looked yet
        self._last_probe = 0  # its step
        self._dominance: dict[str, Sequence[float]] = {}  # by layer, of the newest channel probe

    @property
    def every(self) -> int:
        """Steps between interval probes."""
        return self.setup.config.probe_every or self.setup.schedule.steps_per_epoch

    @property
    def healthy(self) -> bool:
        """Whether the newest probe found the network clearly above chance, and nothing is open."""
        pgd, ill = self.pgd.value, self.detector.onset_open or self.divergence.open
        return pgd is not None and pgd > 1.5 * self._chance and not ill

    def wants_probe(self, step: int) -> bool:
        """Whether a probe is to look after `step` steps, before the next regular one."""
        doubt = self.divergence.doubtful and step >= self._last_probe + self._cooldown
        return self._diverged_unseen or doubt or self.detector.wants_probe

    def dominance(self, layer: str, step: int) -> Sequence[float]:
        """The dominance of a layer's channels, by the newest channel probe; measured if need be."""
        if layer not in self._dominance:
            self._channels(step)
        return self._dominance[layer]

    def signals(self, step: int, columns: Mapping[str, Sequence[float]]) -> None:
        """Show both detectors a block of steps that begins at `step`."""
        found = self.divergence.losses(
            step, columns.get("loss_adv", ()), columns.get("loss_clean", ())
        )
        if found is not None:
            self._diverged_unseen = True
            self._write(found.alert(healthy=self.detector.last_healthy))
        if self.divergence.open:
            return  # what a diverged network does is no measure of what is usual
        for alert in self.detector.signals(
            SignalBlock(step, **{name: columns[name] for name in BLOCK_SIGNALS if name in columns})
        ):
            self._suspicion = True
            self._write(alert)

    def looks(self, step: int) -> bool:
        """Whether it is time for a look for an early warning, after `step` steps."""
        return self._looks_along(step) or self._looks_ahead(step)

    def _looks_along(self, step: int) -> bool:
        # while the budget rises its rule says nothing
        every, eps = self.setup.config.align_every, self.setup.schedule.eps
        return self._look_due(step, every) and same_budget(eps(step), eps(step + every))

    def _looks_ahead(self, step: int) -> bool:
        config = self.setup.config
        due = self._look_due(step, AHEAD_EVERY * config.align_every)
        return due and looks_ahead(probe_attack(config, config.eps))

    def _look_due(self, step: int, every: int) -> bool:
        due = bool(every) and step % every == 0 and not self.divergence.open
        return due and self.setup.schedule.eps(step) > 0

    def look(self, step: int) -> None:
        """Measure how straight the loss is, or what stands ahead; the detector judges."""
        subject, n = self.explainer.subject(step), self.setup.config.align_images
        alerts: list[kinds.Alert] = []
        if self._looks_along(step):
            straight = align_probe(subject, n)
            self.log.emit(straight, step=step)
            alerts += self.detector.alignment(look_of(straight))
        if self._looks_ahead(step):
            ahead = ahead_probe(subject, n)
            self.log.emit(ahead, step=step)
            alerts += self.detector.ahead(ahead_of(ahead))
        for alert in alerts:
            self._suspicion = True
            self._write(alert)

    def probe(self, step: int, why: str) -> None:
        """Measure robust accuracy, let both detectors judge it, and measure what explains it.

        A probe on suspicion must be quick: without an onset it leaves the channels out. Of a
        network whose answers are not finite there is nothing more to measure. An onset is told with
        a light set of what explains it; the full one is left to `measure_later`.
        """
        if why in ("asked", "end"):
            self._finish(step)
        robust = self._robust(step, why)
        self._diverged_unseen = False
        self._last_probe = step
        self.judge_divergence(point_of(robust))
        alerts = self.detector.probe(point_of(robust))
        if robust.nonfinite:
            self._suspicion = False
            return
        if self.divergence.open:  # a stronger attack finds no other disease in it
            if why == "asked":
                self.explainer.strong(step)
        elif self.detector.wants_strong or why in ("asked", "end"):
            alerts += self._confirm(step)
        at_length = why in ("asked", "end")
        later = not at_length and any(alert.level == "onset" for alert in alerts)
        full = at_length or (not later and (self._suspicion or self._first_at_full_budget(step)))
        self._suspicion = False
        explained = self.explainer.measure(step, why, full=full)
        for alert in alerts:
            self._write(self.explainer.named(alert, explained) if alert.level == "onset" else alert)
            if alert.level == "recovered":
                self.explainer.closed()
        self.explainer.diagnose(step, explained, back=self.detector.is_back(step))
        if later:  # the policy acts first
            self._dominance = {}
            self.aftermaths.append(self.explainer.aftermath(step, why))
            return
        if (at_length or why != "suspicion") and self.setup.config.channel_images:
            self._channels(step)
        if at_length:
            self.explainer.causal(step, brief=why != "asked", give_up=self._waited_for)
        # one that is undecided may have begun to fall
        if why == "interval" and self.healthy and self.detector.healthy_step == step:
            self.explainer.healthy(step)

    def measure_later(self, seconds: float = PAUSE) -> None:
        """Go on for about so many seconds with what is still to be measured of an onset."""
        if self.aftermaths and not self.aftermaths[0].go_on(seconds):
            self.aftermaths.pop(0)

    def _finish(self, step: int) -> None:
        """Before a probe at length at this step: it measures the onset of this step by itself."""
        here = self.log.branch, step
        self.aftermaths = [left for left in self.aftermaths if left.at[:2] != here]
        while self.aftermaths:
            self.measure_later(math.inf)

    def judge_divergence(self, point: ProbePoint) -> None:
        """Write what a probe says of a divergence: that there is one, or that it is over."""
        found = self.divergence.probe(point)
        if isinstance(found, Diverged):
            self._write(found.alert(healthy=self.detector.last_healthy))
        elif found is not None:
            self._write(found.alert())

    def _first_at_full_budget(self, step: int) -> bool:
        """Whether this interval probe is the first at the final budget.

        What it finds is what is usual there.
        """
        ramp, every = self.setup.schedule.ramp, self.every
        return (
            step % every == 0
            and step > 0
            and ramp(step) == 1
            and (step == every or ramp(step - every) < 1)
        )

    def _robust(self, step: int, why: str) -> kinds.RobustProbe:
        """Log robust accuracy, at the final budget too while eps is still rising."""
        config, schedule = self.setup.config, self.setup.schedule
        ramping = schedule.ramp(step) < 1
        probe = robust_probe(
            self.explainer.subject(step),
            config.probe_images,
            why=why,
            epoch=schedule.epoch(step),
            final=(config.eps, schedule.probe_alpha(config.eps)) if ramping else None,
        )
        self.pgd.value = probe.pgd
        self.summary.probed(probe)
        self.log.emit(probe, step=step)
        return probe

    def _confirm(self, step: int) -> list[kinds.Alert]:
        """A strong attack looks whether the PGD accuracy is one.

        After an onset it decides whether the network is back.
        """
        found = self.explainer.strong(step)
        return self.detector.strong(step, found.pgd, found.weak, found.n) if found else []

    def _channels(self, step: int) -> None:
        # so that ranks compare
        subject = replace(self.explainer.subject(step), eps=self.setup.config.eps)
        probe = channel_probe(subject, self.setup.config.channel_images or RANKING_IMAGES)
        self._dominance = {layer.name: layer.dominance for layer in probe.layers}
        self.log.emit(probe, step=step)

    def _write(self, alert: kinds.Alert) -> None:
        if alert.level == "onset":
            self.summary.fell(alert.onset_step)
        self.log.emit(alert, step=alert.step)
        self._react(alert.level)

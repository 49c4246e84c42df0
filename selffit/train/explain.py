"""Why the network collapses: self-information, the causal check, a reference, a diagnosis.

A light set of probes follows every interval probe; the full set is measured where it tells most:
once the budget is full (what is healthy), when signals move, after an onset (`aftermath`), at the
end, and when somebody asks.
"""

import copy
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from functools import cached_property
from typing import Any

import torch
from msgspec.structs import replace

from selffit.checkpoint.tensors import load_model
from selffit.detect.diagnoser import Diagnoser
from selffit.eventlog import kinds
from selffit.models.base import Network
from selffit.probes.causal import causal_probe
from selffit.probes.referee import referee_probe
from selffit.probes.selfinfo import self_probe
from selffit.probes.strip import strip_probe
from selffit.probes.strong import strong_probe
from selffit.probes.subject import Subject, probe_attack, probe_generator, training_mean
from selffit.train.aftermath import STRIP_IMAGES, Aftermath
from selffit.train.trainlog import TrainLog
from selffit.train.watched import Watched

STRONG_IMAGES = 256


class _GivenUp(Exception):
    """Somebody waits for the trainer."""


@dataclass(frozen=True)
class Reference:
    """A copy of the network as it was on a branch after some steps, healthy then."""

    model: Network
    at: kinds.Reference


class Explainer:
    """Keeps a healthy network to compare with, logs what explains a collapse, names the disease.

    The reference network g of the probes is the newest healthy copy that is an epoch old at least.
    Copies lie as far apart, so that g is as old, and the self gap as wide, however often one looks.
    At an onset it stays, as the newest network of which a probe said that it was healthy.
    """

    def __init__(self, setup: Watched, log: TrainLog) -> None:
        self.setup = setup
        self.log = log
        self.reference: Reference | None = None
        self._newest: Reference | None = None
        self.diagnoser = Diagnoser(1 / setup.images.classes, setup.schedule.steps_per_epoch)

    # ---- measuring -------------------------------------------------------------------------------
    def subject(self, step: int) -> Subject:
        """The network after `step` steps at the budget of that step, ready to be examined."""
        setup, eps = self.setup, self.setup.schedule.eps(step)
        reference = self._reference_at(step)
        return Subject(
            model=setup.model,
            at=kinds.Place(branch=self.log.branch, step=step),
            # in a class-balanced order, so any prefix of them is balanced too
            images=setup.images.held_x,
            labels=setup.images.held_y,
            classes=setup.images.classes,
            class_names=setup.images.class_names,
            eps=eps,
            attack=probe_attack(setup.config, eps),
            probe_steps=setup.config.probe_steps,
            probe_alpha=setup.schedule.probe_alpha(eps),
            mean=self._mean,
            generator=lambda: probe_generator(setup.device),
            reference=reference.model if reference else None,
            reference_at=reference.at if reference else None,
        )

    @cached_property
    def _mean(self) -> torch.Tensor:
        return training_mean(self.setup.images.train_x)

    def measure(self, step: int, why: str, *, full: bool) -> kinds.SelfProbe | None:
        """Log self-information; None where it is switched off, or there is no budget yet."""
        config = self.setup.config
        if not config.self_images or self.setup.schedule.eps(step) == 0:
            return None
        n = max(config.self_images, config.probe_images) if full else config.self_images
        probe = self_probe(self.subject(step), n, full=full, why=why)
        self.log.emit(probe, step=step)
        self.diagnoser.measured(probe)
        if full:
            self.log.emit(strip_probe(self.subject(step), STRIP_IMAGES), step=step)
        return probe

    def causal(self, step: int, *, brief: bool, give_up: Callable[[], bool]) -> None:
        """Log the causal check of the channel ranking.

        Nothing where `give_up`, asked again and again, says so.
        """
        n = self.setup.config.causal_images
        if n == 0 or self.setup.schedule.eps(step) == 0:
            return

        def pause() -> None:
            if give_up():
                raise _GivenUp

        with suppress(_GivenUp):
            budget = self.setup.config.causal_seconds
            found = causal_probe(self.subject(step), n, brief=brief, budget=budget, pause=pause)
            self.log.emit(found, step=step)
            self._tell(step, self.diagnoser.checked(found))

    def aftermath(self, step: int, why: str) -> Aftermath:
        """The full set for the network of an onset as it is now, to be measured later."""
        subject = self.subject(step)
        copied = replace_fields(subject, model=copy.deepcopy(subject.model))
        return Aftermath(copied, why, self.setup.config, self.log, self.diagnoser)

    def strong(self, step: int) -> kinds.StrongProbe | None:
        """Log what a strong attack leaves of the PGD accuracy."""
        if self.setup.schedule.eps(step) == 0:
            return None
        n = min(STRONG_IMAGES, self.setup.config.probe_images)
        probe = strong_probe(self.subject(step), n)
        self.log.emit(probe, step=step)
        return probe

    def referee(self, step: int) -> None:
        """Log what APGD leaves, on the images of the strong attack. Raises UserError without it."""
        if self.setup.schedule.eps(step) > 0:
            n = min(STRONG_IMAGES, self.setup.config.probe_images)
            self.log.emit(referee_probe(self.subject(step), n), step=step)

    # ---- the diagnosis ---------------------------------------------------------------------------
    def named(self, alert: kinds.Alert, probe: kinds.SelfProbe | None) -> kinds.Alert:
        """An onset alert with the disease and what speaks for it.

        `probe` is the self-information of its step.
        """
        disease = self.diagnoser.opened(alert, probe)
        if probe is None:
            return alert
        values = probe.values
        evidence = {
            "carrier": values["carrier_grey"],
            "conflict": values["conflict_self"],
            "abnormal_eval": values["abnormal"],
            "swap": values["swap"],
            "index": probe.index,
        }
        if "gap" in values:
            evidence["self_gap"] = values["gap"]
        return replace(alert, disease=disease, evidence={**alert.evidence, **evidence})

    def diagnose(self, step: int, probe: kinds.SelfProbe | None, *, back: bool) -> None:
        """While an onset is open: log the disease, first and whenever it has become clearer."""
        self._tell(step, self.diagnoser.diagnose(probe, back=back))

    def _tell(self, step: int, diagnosis: kinds.Diagnosis | None) -> None:
        if diagnosis is not None:
            self.log.emit(diagnosis, step=step)

    def closed(self) -> None:
        """The onset is over: recovered."""
        self.diagnoser.closed()

    # ---- the reference network -------------------------------------------------------------------
    def healthy(self, step: int) -> None:
        """An interval probe found the network healthy: keep a copy of it, at most one an epoch."""
        if self.setup.config.self_images and self._newest is None:
            here = kinds.Reference(step=step, branch=self.log.branch)
            self._newest = Reference(copy.deepcopy(self.setup.model), here)

    def _reference_at(self, step: int) -> Reference | None:
        newest, epoch = self._newest, self.setup.schedule.steps_per_epoch
        if newest and step - newest.at.step >= epoch and self.diagnoser.onset is None:
            self.reference, self._newest = newest, None
        return self.reference

    def adopt(self, weights: bytes, step: int, branch: str) -> None:
        """Compare with these weights (a checkpoint's model file).

        Raises UserError where they do not fit.
        """
        model = copy.deepcopy(self.setup.model)
        load_model(weights, model.state_dict())
        self.reference = Reference(model, kinds.Reference(step=step, branch=branch))

    def state(self) -> dict[str, Any]:
        """What later diagnoses depend on, as plain JSON values.

        The reference network is not part of it: after a resume a checkpoint's takes its place.
        """
        return self.diagnoser.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken; an empty state begins anew."""
        self.diagnoser.restore(state)
        self._newest = None

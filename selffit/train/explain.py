"""Why the network collapses, beside training: self-information, the causal check, a reference
network, a diagnosis.

A light set of probes follows every interval probe; the full set is measured where it tells most:
once the budget is full (what is healthy), when signals move, at an onset, at the end, and when
somebody asks.
"""

import copy
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from selffit.checkpoint.tensors import load_model
from selffit.detect import Alert, selffitting
from selffit.models.base import Network
from selffit.probes.examine import Examiner, probe_attack, probe_generator, training_mean
from selffit.train.setup import Setup
from selffit.train.trainlog import TrainLog

STRONG_IMAGES = 256
STRIP_IMAGES = 4


class _GivenUp(Exception):
    """Somebody waits for the trainer."""


@dataclass(frozen=True)
class Reference:
    """A copy of the network as it was on a branch after `step` steps, healthy then."""

    model: Network
    step: int
    branch: str


class Explainer:
    """Keeps a healthy copy of the network to compare with, logs what explains a collapse, and names
    the disease.

    The reference network g of the probes is the copy made one interval before the newest healthy
    one: when an onset is found, the newest healthy copy may carry the beginning of the disease
    already.
    """

    def __init__(self, setup: Setup, log: TrainLog) -> None:
        self.setup, self.log = setup, log
        self.reference: Reference | None = None
        self._newest: Reference | None = None
        self.tracker = selffitting.Tracker()
        self._onset: int | None = None  # step of the onset that is open
        self._told: dict[str, Any] = {}  # of the newest diagnosis of that onset
        self._absent = 0  # probes in a row since the onset without a sign of self-fitting

    # ---- measuring ----------------------------------------------------------------------------------
    def examiner(self, step: int) -> Examiner:
        """The network after `step` steps at the budget of that step, ready to be examined."""
        setup, eps = self.setup, self.setup.schedule.eps(step)
        reference = self.reference
        return Examiner(
            model=setup.model,
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
            reference_at={"step": reference.step, "branch": reference.branch}
            if reference
            else None,
        )

    @cached_property
    def _mean(self) -> torch.Tensor:
        return training_mean(self.setup.images.train_x)

    def measure(self, step: int, why: str, *, full: bool) -> Mapping[str, Any] | None:
        """Log self-information; None where it is switched off, or where there is no budget yet to
        measure at.
        """
        config = self.setup.config
        if not config.self_images or self.setup.schedule.eps(step) == 0:
            return None
        n = max(config.self_images, config.probe_images) if full else config.self_images
        data = self.examiner(step).self_information(full, n, why)
        self.log.emit("probe.self", data, step=step)
        self.tracker.add(step, self._verdict(data))
        if full:
            self.log.emit("probe.images", self.examiner(step).strip(STRIP_IMAGES), step=step)
        return data

    def causal(self, step: int, *, brief: bool, give_up: Callable[[], bool]) -> None:
        """Log the causal check of the channel ranking; nothing where `give_up`, asked again and
        again, says so.
        """
        n = self.setup.config.causal_images
        if n == 0 or self.setup.schedule.eps(step) == 0:
            return

        def pause() -> None:
            if give_up():
                raise _GivenUp

        with suppress(_GivenUp):
            self.log.emit(
                "probe.causal", self.examiner(step).causal(n, brief=brief, pause=pause), step=step
            )

    def strong(self, step: int) -> Mapping[str, Any] | None:
        """Log what a strong attack leaves of the PGD accuracy."""
        if self.setup.schedule.eps(step) == 0:
            return None
        data = self.examiner(step).strong(min(STRONG_IMAGES, self.setup.config.probe_images))
        self.log.emit("probe.strong", data, step=step)
        return data

    # ---- the diagnosis ------------------------------------------------------------------------------
    def _verdict(self, data: Mapping[str, Any]) -> selffitting.Verdict:
        return selffitting.verdict(data["values"], 1 / self.setup.images.classes, data["n"])

    def _settled(self, data: Mapping[str, Any], absent: int) -> selffitting.Verdict:
        """The verdict on a network that has shown no sign of self-fitting in so many probes since
        the onset.
        """
        verdict = self._verdict(data)
        return selffitting.too_early(verdict) if 0 < absent < selffitting.PATIENCE else verdict

    def named(self, alert: Alert, data: Mapping[str, Any] | None) -> Alert:
        """An onset alert with the disease and what speaks for it, from the self-information of its
        step.
        """
        self._onset = alert.onset_step if alert.onset_step is not None else alert.step
        self._told, self._absent = {}, 0
        if data is None:
            return alert
        absent = int(self._verdict(data).disease == "gradient masking")
        verdict, values = self._settled(data, absent), data["values"]
        evidence = {
            "carrier": values["carrier_grey"],
            "conflict": values["conflict_self"],
            "abnormal_eval": values["abnormal"],
            "swap": values["swap"],
            "index": data["index"],
        }
        return replace(alert, disease=verdict.disease, evidence={**alert.evidence, **evidence})

    def diagnose(self, step: int, data: Mapping[str, Any] | None) -> None:
        """While an onset is open: log what the disease is, first and whenever that has become
        clearer.
        """
        if self._onset is None or data is None:
            return
        self._absent = self._absent + 1 if self._verdict(data).disease == "gradient masking" else 0
        verdict = self._settled(data, self._absent)
        now = {"disease": verdict.disease, "index_step": self.tracker.index_step_for(self._onset)}
        if self._told and (now == self._told or verdict.disease == "undecided"):
            return
        self._told = now
        told = {
            **now,
            "text": verdict.text,
            "index": data["index"],
            "components": data["components"],
            "evidence": verdict.evidence,
            "onset_step": self._onset,
            "lead": self.tracker.lead(self._onset),
        }
        self.log.emit("diagnosis", told, step=step, critical=True)

    def closed(self) -> None:
        """The onset is over: recovered."""
        self._onset = None

    # ---- the reference network ----------------------------------------------------------------------
    def healthy(self, step: int) -> None:
        """An interval probe found the network healthy: keep a copy of it."""
        if self.setup.config.self_images:
            self.reference = self._newest or self.reference
            self._newest = Reference(copy.deepcopy(self.setup.model), step, self.log.branch)

    def adopt(self, weights: bytes, step: int, branch: str) -> None:
        """Compare with these weights (a checkpoint's model file). Raises UserError where they do
        not fit.
        """
        model = copy.deepcopy(self.setup.model)
        load_model(weights, model.state_dict())
        self.reference = Reference(model, step, branch)

    def state(self) -> dict[str, Any]:
        """What later diagnoses depend on, as plain JSON values; the reference network is a
        checkpoint's.
        """
        return {
            "onset": self._onset,
            "told": self._told,
            "absent": self._absent,
            "tracker": self.tracker.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken; an empty state begins anew."""
        self._onset, self._told = state.get("onset"), dict(state.get("told", {}))
        self._absent = state.get("absent", 0)
        self.tracker = selffitting.Tracker()
        if "tracker" in state:
            self.tracker.restore(state["tracker"])
        self._newest = None

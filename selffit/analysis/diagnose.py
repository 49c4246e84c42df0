"""All probes of one network, as records, and what they say of it: which disease, and since when."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from selffit.analysis.networks import Subject
from selffit.analysis.past import Past, onset_step
from selffit.config import RunConfig
from selffit.data.imageset import ImageSet
from selffit.detect import ProbePoint
from selffit.detect.robust_rule import RobustRule, RuleThresholds
from selffit.detect.selffitting import Tracker, verdict
from selffit.errors import UserError
from selffit.eventlog.entries import Probe
from selffit.probes.examine import Examiner, probe_attack, probe_generator
from selffit.train.schedule import Schedule

# images, at most, of what concerns channels: the ranking needs no more, the causal check costs most
MANY = 256
SHOWN = 4  # images of the strip


@dataclass(frozen=True)
class Bench:
    """What every network of a diagnosis is examined on.

    mean: the training mean, float32 [C,H,W]. n: held-out images. eps: the budget that was asked
    for, in pixels of [0,1]; None for the one that each network was trained with at its step. own:
    whether these are the images of the run's own probes.
    """

    images: ImageSet
    device: torch.device
    mean: Tensor
    n: int
    eps: float | None
    own: bool

    @property
    def comparable(self) -> bool:
        """Whether the figures can be put beside those in the run's log."""
        return self.own and self.eps is None


def examine(
    subject: Subject, bench: Bench, reference: Subject | None, steps_per_epoch: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kind and data of every `probe.*` record, as soon as it is measured; `steps_per_epoch` 0: not
    known.

    Raises UserError where there is no budget to examine at.
    """
    schedule = Schedule(subject.config, steps_per_epoch) if steps_per_epoch else None
    eps, final = _budgets(subject, bench, schedule)
    examiner = Examiner(
        model=subject.model,
        images=bench.images.held_x,
        labels=bench.images.held_y,
        classes=bench.images.classes,
        class_names=bench.images.class_names,
        eps=eps,
        attack=probe_attack(subject.config, eps),
        probe_steps=subject.config.probe_steps,
        probe_alpha=_alpha(subject.config, eps),
        mean=bench.mean,
        generator=lambda: probe_generator(bench.device),
        reference=None if reference is None else reference.model,
        reference_at=None
        if reference is None
        else {"step": reference.step, "branch": reference.branch},
    )
    epoch = schedule.epoch(subject.step) if schedule else None
    many = min(MANY, bench.n)
    yield "probe.robust", examiner.robust(bench.n, "asked", epoch=epoch, final=final)
    yield "probe.strong", examiner.strong(bench.n)
    yield "probe.self", examiner.self_information(True, bench.n, "asked")
    yield "probe.channels", examiner.channels(many)
    yield "probe.causal", examiner.causal(many)
    yield "probe.images", examiner.strip(SHOWN)


def _budgets(
    subject: Subject, bench: Bench, schedule: Schedule | None
) -> tuple[float, tuple[float, float] | None]:
    """The budget to examine at, and the final one with its step size while the training's is still
    rising.
    """
    config = subject.config
    if bench.eps is not None:
        return bench.eps, None
    if not config.eps:
        raise UserError(
            f"{subject.id} was trained with eps 0; say with --eps at which budget it is to be "
            "examined"
        )
    eps = schedule.eps(subject.step) if schedule else config.eps
    if eps in (0, config.eps):
        return config.eps, None
    return eps, (config.eps, config.probe_alpha)


def _alpha(config: RunConfig, eps: float) -> float:
    """The PGD step size at eps: the configured one belongs to the configured budget."""
    return config.probe_alpha * (eps / config.eps) if config.eps else 2.5 * eps / config.probe_steps


@dataclass
class Judge:
    """Says of each network whether its robust accuracy has fallen, and if so, of which disease.

    Feed it with the networks of a run in the order of branch and step.
    """

    past: Past
    bench: Bench

    def __post_init__(self) -> None:
        self._chance = 1 / self.bench.images.classes
        self._seen: list[tuple[Subject, Mapping[str, Mapping[str, Any]]]] = []

    def add(
        self, subject: Subject, found: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any] | None:
        """The data of a `diagnosis` record; None for a network whose robust accuracy has not
        fallen.

        found: data of the probes of this network, by kind.
        """
        self._seen.append((subject, found))
        onset = self.past.onset(subject.branch, subject.step)
        if not self._fallen(subject, found):
            return None
        probe = found["probe.self"]
        says = verdict(probe["values"], self._chance, probe["n"])
        began = None if onset is None else onset_step(onset)
        tracker = self._tracked(subject)
        return {
            "disease": says.disease,
            "text": says.text,
            "index": probe["index"],
            "components": probe["components"],
            "evidence": dict(says.evidence),
            "onset_step": began,
            "index_step": tracker.index_step_for(began),
            "lead": tracker.lead(began),
        }

    def _fallen(self, subject: Subject, found: Mapping[str, Mapping[str, Any]]) -> bool:
        """The detector's rule, with what the strong attack has left, after the run's own probes up
        to this step.

        So a network whose PGD accuracy came back by gradient masking counts as fallen.
        """
        rule = RobustRule(RuleThresholds(), self._chance)
        if self.bench.comparable:
            for probe in self.past.probes(subject.branch, subject.step):
                if probe.n > 0 and probe.pgd == probe.pgd and probe.fgsm == probe.fgsm:
                    rule.learn(_point(probe))
        for other, theirs in self._seen[:-1]:
            if self.past.leads_to(other.branch, other.step, subject.branch, subject.step):
                rule.learn(_measured(other, theirs))
        now, strong = _measured(subject, found), found["probe.strong"]
        states = {
            rule.judge(now).state,
            rule.judge(replace(now, pgd=strong["pgd"], n=strong["n"])).state,
        }
        return bool(states & {"fallen", "blind"})

    def _tracked(self, subject: Subject) -> Tracker:
        """The index through the run's own probes and the networks examined so far, up to this one."""
        points: dict[int, tuple[Mapping[str, float], int]] = {}
        if self.bench.comparable:
            for probe in self.past.selfs(subject.branch, subject.step):
                points[probe.step] = (probe.values, probe.n)
        for other, theirs in self._seen:
            if self.past.leads_to(other.branch, other.step, subject.branch, subject.step):
                points[other.step] = (theirs["probe.self"]["values"], theirs["probe.self"]["n"])
        tracker = Tracker()
        for step in sorted(points):
            values, n = points[step]
            tracker.add(step, verdict(values, self._chance, n))
        return tracker


def _point(probe: Probe) -> ProbePoint:
    known = probe.final_eps == probe.final_eps  # NaN where eps was the final one
    final = (probe.final_fgsm, probe.final_pgd, probe.final_eps) if known else (None, None, None)
    return ProbePoint(probe.step, probe.clean, probe.fgsm, probe.pgd, probe.n, probe.eps, *final)


def _measured(subject: Subject, found: Mapping[str, Mapping[str, Any]]) -> ProbePoint:
    robust = found["probe.robust"]
    final = robust["final"] or {}
    return ProbePoint(
        subject.step,
        robust["clean"],
        robust["fgsm"],
        robust["pgd"],
        robust["n"],
        robust["eps"],
        final.get("fgsm"),
        final.get("pgd"),
        final.get("eps"),
    )

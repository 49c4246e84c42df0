"""All probes of one network, as events, and what they say of it: which disease, and since when."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from selffit.analysis.networks import SavedNetwork
from selffit.analysis.past import Past
from selffit.config import RunConfig
from selffit.data.imageset import ImageSet
from selffit.detect import ProbePoint, point_of
from selffit.detect.doubt import doubt
from selffit.detect.robust_rule import RobustRule, RuleThresholds
from selffit.detect.selffitting import Tracker, of_probe
from selffit.detect.signs import of_channels
from selffit.detect.weakening import Weakened, Weakening
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.numbers import count, share
from selffit.probes.causal import causal_of, causal_record
from selffit.probes.channels import channel_probe
from selffit.probes.referee import referee_probe
from selffit.probes.robust import robust_probe
from selffit.probes.selfinfo import self_probe
from selffit.probes.strip import strip_probe
from selffit.probes.strong import strong_probe
from selffit.probes.subject import Subject, probe_attack, probe_generator
from selffit.run.judged.wording import not_finite
from selffit.train.schedule import Schedule
from selffit.vocabulary import CANNOT_TELL, DIVERGED, WEAKENED

E = TypeVar("E", bound=kinds.Event)

# images, at most, of what concerns channels: the ranking needs no more, the causal check costs most
MANY = 256
SHOWN = 4  # images of the strip


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What every network of a diagnosis is examined on.

    mean: the training mean, float32 [C,H,W]. n: held-out images. eps: the budget that was asked
    for, in pixels of [0,1]; None for the one that each network was trained with at its step. own:
    whether these are the images of the run's own probes. apgd: whether a referee is asked as well.
    brief: the causal check takes fewer sizes of groups, as during training.
    """

    images: ImageSet
    device: torch.device
    mean: Tensor
    n: int
    eps: float | None
    own: bool
    apgd: bool = False
    brief: bool = False

    @property
    def comparable(self) -> bool:
        """Whether the figures can be put beside those in the run's log."""
        return self.own and self.eps is None


def examine(
    network: SavedNetwork,
    bench: Bench,
    reference: SavedNetwork | None,
    steps_per_epoch: int,
    tell: Callable[[str], None] = lambda said: None,
) -> Iterator[kinds.Event]:
    """Every probe of a network, as soon as it is measured.

    Only the first where the network's answers are not finite: there is nothing else to measure.
    steps_per_epoch: 0 where it is not known. tell: is told what is measured next, and how far the
    causal check is, which takes longest. Raises UserError where there is no budget to examine at.
    """
    schedule = Schedule(network.config, steps_per_epoch) if steps_per_epoch else None
    eps, final = _budgets(network, bench, schedule)
    subject = Subject(
        model=network.model,
        at=kinds.Place(branch=network.branch, step=network.step),
        images=bench.images.held_x,
        labels=bench.images.held_y,
        classes=bench.images.classes,
        class_names=bench.images.class_names,
        eps=eps,
        attack=probe_attack(network.config, eps),
        probe_steps=network.config.probe_steps,
        probe_alpha=_alpha(network.config, eps),
        mean=bench.mean,
        generator=lambda: probe_generator(bench.device),
        reference=reference.model if reference else None,
        reference_at=kinds.Reference(step=reference.step, branch=reference.branch)
        if reference
        else None,
    )
    epoch = schedule.epoch(network.step) if schedule else math.nan
    many = min(MANY, bench.n)
    tell("robust")
    robust = robust_probe(subject, bench.n, why="asked", epoch=epoch, final=final)
    yield robust
    if robust.nonfinite:
        return
    tell("strong")
    yield strong_probe(subject, bench.n)
    if bench.apgd:
        tell("referee")
        yield referee_probe(subject, bench.n)
    tell("self")
    yield self_probe(subject, bench.n, full=True, why="asked")
    tell("channels")
    yield channel_probe(subject, many)
    tell("causal")
    yield _causal(subject, many, bench.brief, tell)
    tell("strip")
    yield strip_probe(subject, SHOWN)


def _causal(
    subject: Subject, n: int, brief: bool, tell: Callable[[str], None]
) -> kinds.CausalProbe:
    """The causal check, which tells every tenth of it."""
    began = time.perf_counter()
    check = causal_of(subject, n, brief=brief)
    tenths = Tenths(check.left, tell)
    while check.left:
        check.measure()
        tenths.now(check.left)
    return causal_record(subject, check, time.perf_counter() - began, 0.0)


class Tenths:
    """Tells how much of something is done, a tenth at a time."""

    def __init__(self, total: int, tell: Callable[[str], None]) -> None:
        self._total = total
        self._tell = tell
        self._told = 0

    def now(self, left: int) -> None:
        """So much is left."""
        tenths = 10 * (self._total - left) // self._total
        if self._told < tenths < 10:
            self._told = tenths
            self._tell(f"{tenths}0%")


def _budgets(
    network: SavedNetwork, bench: Bench, schedule: Schedule | None
) -> tuple[float, tuple[float, float] | None]:
    """The budget to examine at, and the final one with its step size.

    The final one only while the training's is still rising.
    """
    config = network.config
    if bench.eps is not None:
        return bench.eps, None
    if not config.eps:
        raise UserError(
            f"{network.id} was trained with eps 0; say with --eps at which budget it is to be "
            "examined"
        )
    eps = schedule.eps(network.step) if schedule else config.eps
    if eps in (0, config.eps):
        return config.eps, None
    return eps, (config.eps, config.probe_alpha)


def _alpha(config: RunConfig, eps: float) -> float:
    """The PGD step size at eps: the configured one belongs to the configured budget."""
    return config.probe_alpha * (eps / config.eps) if config.eps else config.probe_alpha


@dataclass
class Judge:
    """Says of each network whether its robust accuracy has fallen, and if so, of which disease.

    Feed it with the networks of a run in the order of branch and step.
    """

    past: Past
    bench: Bench

    def __post_init__(self) -> None:
        self._chance = 1 / self.bench.images.classes
        self._seen: list[Sequence[kinds.Event]] = []

    def add(self, found: Sequence[kinds.Event]) -> kinds.Diagnosis | None:
        """What is to be said of a network; None for one whose robust accuracy stands.

        found: the probes of this network.
        """
        robust = _one(kinds.RobustProbe, found)
        if (said := self._diverged(robust)) is not None:
            return said
        self._seen.append(found)
        probe = _one(kinds.SelfProbe, found)
        onset = self.past.onset(probe.branch, probe.step)
        rule = self._taught(robust)
        weak, strong = point_of(robust), _one(kinds.StrongProbe, found)
        # what a strong attack has left counts as well: gradient masking is no health
        left = replace(weak, pgd=strong.pgd, n=strong.n)
        states = {rule.judge(weak).state, rule.judge(left).state}
        if not states & {"fallen", "blind"}:
            return self._weakened(robust) or _unfallen(rule, robust.at, weak, left)
        checks = [event for event in found if isinstance(event, kinds.CausalProbe)]
        channels = of_channels(checks[-1]) if checks else None
        says = of_probe(probe, self._chance, channels)
        began = None if onset is None else onset.about
        return self._tracked(probe).diagnosis(says, probe, began)

    def _diverged(self, robust: kinds.RobustProbe) -> kinds.Diagnosis | None:
        """That there is nothing to diagnose, or that the log says what this network comes from."""
        name = DIVERGED.name
        if robust.nonfinite:
            text = f"{name}: {not_finite(robust)}; nothing about this network can be measured"
            return kinds.Diagnosis(at=robust.at, disease=name, text=text)
        alert = self.past.diverged(robust.branch, robust.step)
        if alert is None:
            return None
        text = f"{name}: {alert.text}"
        return kinds.Diagnosis(at=robust.at, disease=name, text=text, onset_step=alert.about)

    def _weakened(self, robust: kinds.RobustProbe) -> kinds.Diagnosis | None:
        """That robust accuracy had fallen without a gap, by the run's own probes."""
        rule, weakening = RobustRule(RuleThresholds(), self._chance), Weakening()
        weak: Weakened | None = None
        if self.bench.comparable:
            for probe in self.past.before(kinds.RobustProbe, robust.branch, robust.step):
                if _is_measured(probe):
                    rule.learn(point_of(probe))
                    weak = weakening.take(point_of(probe), rule)
        if weak is None:
            return None
        fell = f"since step {count(weak.since)} PGD has fallen from {share(weak.best)}"
        text = f"{WEAKENED.name}: {fell} and FGSM with it: no catastrophic overfitting"
        return kinds.Diagnosis(at=robust.at, disease=WEAKENED.name, text=text)

    def _taught(self, robust: kinds.RobustProbe) -> RobustRule:
        """The detector's rule after the run's own probes up to this one."""
        rule = RobustRule(RuleThresholds(), self._chance)
        if self.bench.comparable:
            for probe in self.past.before(kinds.RobustProbe, robust.branch, robust.step):
                if _is_measured(probe):
                    rule.learn(point_of(probe))
        for theirs in self._seen[:-1]:
            other = _one(kinds.RobustProbe, theirs)
            if self._leads_to(other, robust):
                rule.learn(point_of(other))
        return rule

    def _tracked(self, newest: kinds.SelfProbe) -> Tracker:
        """The index through the run's own probes and the networks examined up to this one."""
        points: dict[int, kinds.SelfProbe] = {}
        if self.bench.comparable:
            for probe in self.past.before(kinds.SelfProbe, newest.branch, newest.step):
                points[probe.step] = probe
        for theirs in self._seen:
            other = _one(kinds.SelfProbe, theirs)
            if self._leads_to(other, newest):
                points[other.step] = other
        tracker = Tracker()
        for step in sorted(points):
            tracker.add(step, of_probe(points[step], self._chance))
        return tracker

    def _leads_to(self, earlier: kinds.Event, later: kinds.Event) -> bool:
        return self.past.leads_to(earlier.branch, earlier.step, later.branch, later.step)


def _unfallen(
    rule: RobustRule, at: kinds.Place, weak: ProbePoint, strong: ProbePoint
) -> kinds.Diagnosis | None:
    """What is to be said where no gap shows; None where robust accuracy was seen to stand.

    weak: the probe; strong: the same with what a strong attack has left, of as many images.
    """
    found = rule.judge(weak)
    if found.state == "down" and found.level is not None:
        fell = f"PGD accuracy {share(weak.pgd)} of {share(found.level.pgd)} before"
        along = f"and FGSM fell with it to {share(weak.fgsm)} (n={count(weak.n)})"
        text = f"{WEAKENED.name}: {fell}, {along}"
        return kinds.Diagnosis(at=at, disease=WEAKENED.name, text=text)
    why = doubt(min(weak, strong, key=lambda point: point.pgd), rule)
    return (
        kinds.Diagnosis(at=at, disease=CANNOT_TELL, text=f"{CANNOT_TELL}: {why}") if why else None
    )


def _is_measured(probe: kinds.RobustProbe) -> bool:
    return probe.n > 0 and probe.pgd == probe.pgd and probe.fgsm == probe.fgsm


def _one(kind: type[E], events: Iterable[kinds.Event]) -> E:
    """The event of that kind."""
    return next(event for event in events if isinstance(event, kind))

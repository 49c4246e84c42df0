"""A recorded run judged again: today's detector and verdict over the measurements in its log.

An older log is judged by today's rules, and any log by other thresholds. The rules hear what they
heard in the trainer: blocks of signals, probes, strong attacks, self-information, causal checks, in
the order of their steps. What the log itself says of alerts is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields

from msgspec.structs import replace

from selffit.detect import (
    Caught,
    Detector,
    Diverged,
    DivergenceRule,
    RuleThresholds,
    SignalBlock,
    point_of,
)
from selffit.detect.ahead import ahead_of
from selffit.detect.alignment import look_of
from selffit.detect.diagnoser import Diagnoser
from selffit.eventlog import kinds
from selffit.eventlog.fields import items
from selffit.eventlog.folder import Place
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Record, num
from selffit.run.folded.lineage import ActiveLine, line_of
from selffit.run.folded.state import RunState, classes_of, is_only_told

# What the rules hear, in the order in which the trainer measures it at one step.
HEARD: tuple[type[kinds.Event], ...] = (
    kinds.Steps,
    kinds.AlignProbe,
    kinds.AheadProbe,
    kinds.RobustProbe,
    kinds.StrongProbe,
    kinds.SelfProbe,
    kinds.CausalProbe,
)
STEPS = kinds.Steps.KIND.name
SLICE = 10_000  # lines of one read
LOSSES = ("loss_adv", "loss_clean")  # after the attack, and before it
SIGNALS = tuple(signal.name for signal in fields(SignalBlock) if signal.name != "step")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a log is judged by.

    classes: of the data set, 0 = unknown. assumed: they are a guess. cooldown: steps between two
    suspicions at least. confirm: a strong attack decides what has come back, which nothing makes
    where a run was imported. per_epoch: steps of an epoch, 0 where probes are to be counted.
    thresholds: of the rule on probes.
    """

    classes: int
    assumed: bool = False
    cooldown: int
    confirm: bool = True
    per_epoch: int = 0
    thresholds: RuleThresholds = field(default_factory=RuleThresholds)

    @property
    def chance(self) -> float:
        """What guessing is, 0 where that is not known."""
        return 1 / self.classes if self.classes else 0.0

    @classmethod
    def of(cls, state: RunState) -> Rules:
        """Return those that the trainer of this run goes by today."""
        classes, assumed = classes_of(state)
        config = state.config
        per_epoch = state.start.steps_per_epoch if state.start is not None else 0
        every = _whole(config.get("probe_every")) or per_epoch
        own = not is_only_told(state)
        return cls(
            classes=classes,
            assumed=assumed,
            cooldown=max(_whole(config.get("block_steps")), every // 2),
            confirm=own,
            per_epoch=per_epoch if own else 0,
        )


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the rules say, branch by branch in the order of the log.

    probes: how many multi-step probes they had to go by; explained: how many probes of
    self-information.
    """

    alerts: tuple[kinds.Alert, ...]
    diagnoses: tuple[kinds.Diagnosis, ...]
    probes: int
    explained: int


def blocks_of(run: Place) -> list[kinds.Steps]:
    """Return the blocks of steps of a log, with all their signals, as they were done last.

    A state keeps of most blocks only what is drawn.
    """
    of: dict[str, list[kinds.Steps]] = {}
    reader = RunReader(run)
    while found := reader.poll(SLICE):
        for item in found:
            if isinstance(item, Record) and item.k == STEPS:
                block = kinds.of_record(item)
                assert isinstance(block, kinds.Steps)
                mine = of.setdefault(block.branch, [])
                while mine and mine[-1].step >= block.step:  # done again after a resume
                    mine.pop()
                mine.append(block)
    return [block for mine in of.values() for block in mine]


def rerun(state: RunState, blocks: Sequence[kinds.Steps], rules: Rules) -> Judged:
    """Judge every branch of a run anew, each on the line of history that leads to it.

    blocks: as `blocks_of` has them; without any, no signals are heard.
    """
    heard = _in_order(state, blocks)
    alerts: list[kinds.Alert] = []
    diagnoses: list[kinds.Diagnosis] = []
    for branch in state.ledger.branches:
        line = line_of(state.ledger, branch)
        for said in Judge(rules).hear(event for event in heard if _on(line, event)):
            if said.branch != branch:
                continue  # it was said when that branch was judged
            if isinstance(said, kinds.Alert):
                alerts.append(said)
            elif isinstance(said, kinds.Diagnosis):
                diagnoses.append(said)
    return Judged(
        alerts=tuple(alerts),
        diagnoses=tuple(diagnoses),
        probes=len(state.all(kinds.RobustProbe)),
        explained=len(state.all(kinds.SelfProbe)),
    )


def heard_until(
    state: RunState, blocks: Sequence[kinds.Steps], branch: str, step: int
) -> list[kinds.Event]:
    """Return what the rules heard up to a step of a branch, on the line that leads there."""
    line = line_of(state.ledger, branch)
    return [e for e in _in_order(state, blocks) if _end(e) <= step and _on(line, e)]


def _in_order(state: RunState, blocks: Sequence[kinds.Steps]) -> list[kinds.Event]:
    return sorted(
        (*blocks, *(event for kind in HEARD[1:] for event in state.all(kind))),
        key=lambda event: (_end(event), HEARD.index(type(event))),
    )


class Judge:
    """Both detectors and the diagnoser, put together as the trainer's monitor does."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self.detector = Detector(
            chance=rules.chance,
            cooldown=rules.cooldown,
            confirm=rules.confirm,
            per_epoch=rules.per_epoch,
            thresholds=rules.thresholds,
        )
        self.divergence = DivergenceRule(rules.classes, assumed=rules.assumed)
        self.diagnoser = Diagnoser(rules.chance, rules.per_epoch)
        self._here = kinds.Place()
        self._waiting: list[kinds.Alert] = []  # for the self-information of their step

    def hear(self, events: Iterable[kinds.Event]) -> Iterator[kinds.Event]:
        """Take the events of a line by rising step; what is said of each, where it was measured."""
        for event in events:
            yield from self.take(event)
        yield from self.rest()

    def take(self, event: kinds.Event) -> Iterator[kinds.Event]:
        """Take one event. What is said of a probe waits for what may explain it: see `rest`."""
        if not isinstance(event, kinds.StrongProbe | kinds.SelfProbe) or _left(self._here, event):
            yield from self.rest()
        self._here = kinds.Place(event.branch, _end(event), event.t)
        for said in self._hear(event):
            yield replace(said, at=self._here._replace(step=said.step))

    def rest(self) -> Iterator[kinds.Event]:
        """What waits: nothing more is heard of this step."""
        yield from self._told(None, self._here)

    def _hear(self, event: kinds.Event) -> Iterator[kinds.Event]:
        detector = self.detector
        match event:
            case kinds.Steps():
                yield from self._signals(event)
            case kinds.AlignProbe():
                if not self.divergence.open:
                    yield from detector.alignment(look_of(event))
            case kinds.AheadProbe():
                if not self.divergence.open:
                    yield from detector.ahead(ahead_of(event))
            case kinds.RobustProbe():
                yield from self._alerted(self.divergence.probe(point_of(event)))
                alerts = detector.probe(point_of(event))
                self._waiting = [] if event.nonfinite else alerts
            case kinds.StrongProbe():
                self._waiting += detector.strong(event.step, event.pgd, event.weak, event.n)
            case kinds.SelfProbe():
                self.diagnoser.measured(event)
                yield from self._told(event, event.at)
                yield from _given(self.diagnoser.diagnose(event, back=detector.is_back(event.step)))
            case kinds.CausalProbe():
                yield from _given(self.diagnoser.checked(event))

    def _signals(self, block: kinds.Steps) -> Iterator[kinds.Alert]:
        losses = [[num(x) for x in items(block.cols.get(name))] for name in LOSSES]
        yield from self._alerted(self.divergence.losses(block.step, *losses))
        if not self.divergence.open:  # what a diverged network does is no measure of what is usual
            yield from self.detector.signals(_block(block))

    def _alerted(self, found: Diverged | Caught | None) -> Iterator[kinds.Alert]:
        if isinstance(found, Diverged):
            yield found.alert(healthy=self.detector.last_healthy)
        elif found is not None:
            yield found.alert()

    def _told(self, probe: kinds.SelfProbe | None, at: kinds.Place) -> Iterator[kinds.Alert]:
        """The alerts that wait, an onset with its disease where there is self-information."""
        waiting, self._waiting = self._waiting, []
        for alert in waiting:
            if alert.level == "onset":
                alert = replace(alert, disease=self.diagnoser.opened(alert, probe))
            elif alert.level == "recovered":
                self.diagnoser.closed()
            yield replace(alert, at=at._replace(step=alert.step))


def _given(diagnosis: kinds.Diagnosis | None) -> Iterator[kinds.Diagnosis]:
    if diagnosis is not None:
        yield diagnosis


def _block(steps: kinds.Steps) -> SignalBlock:
    columns = {name: steps.cols[name] for name in SIGNALS if name in steps.cols}
    return SignalBlock(steps.step, **columns)


def _left(here: kinds.Place, event: kinds.Event) -> bool:
    return (here.branch, here.step) != (event.branch, _end(event))


def _end(event: kinds.Event) -> int:
    """The steps done when it was told."""
    return event.end if isinstance(event, kinds.Steps) else event.step


def _on(line: ActiveLine, event: kinds.Event) -> bool:
    return line.holds(event.branch, _end(event))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0

"""Rules that call a collapse, run over a recorded run: today's, its parts, and published ones.

What any of them would have said of a log, and when. Each is a function of what the log measured;
none sees the future.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from selffit.detect import RuleThresholds
from selffit.detect.selffitting import of_probe
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.folder import Place
from selffit.numbers import count, known, share
from selffit.run.again.firing import Firing
from selffit.run.again.rerun import Judged, Rules, blocks_of, rerun
from selffit.run.folded.lineage import line_of
from selffit.run.folded.state import RunState
from selffit.vocabulary import MASKED, ONSET, SUSPECT

DROP = 0.2  # of PGD accuracy from one probe to the next
WIDE = 0.2  # FGSM - PGD accuracy
ROBUST = 0.10  # PGD accuracy from which there is something to fall from
SAME_BUDGET = 1e-4

Probe = kinds.RobustProbe


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A recorded run as the rules hear it: its state, and what the detector says of it today.

    trained: the last step of each branch, as far as its blocks tell.
    """

    state: RunState
    judged: Judged
    chance: float
    trained: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, run: Place, state: RunState, thresholds: RuleThresholds) -> "Heard":
        """Read what the detector needs beside the state of a run; `thresholds`: of its rule."""
        return cls.over(state, blocks_of(run), thresholds)

    @classmethod
    def over(
        cls, state: RunState, blocks: Sequence[kinds.Steps], thresholds: RuleThresholds
    ) -> "Heard":
        """As `of`, where the blocks have been read; see `selffit.run.again.rerun.blocks_of`."""
        rules = replace(Rules.of(state), thresholds=thresholds)
        trained: dict[str, int] = {}
        for block in blocks:
            trained[block.branch] = max(trained.get(block.branch, 0), block.end)
        judged = rerun(state, blocks, rules)
        return cls(state=state, judged=judged, chance=rules.chance, trained=trained)

    def end(self, branch: str) -> int:
        """How far a branch was trained."""
        probed = max((probe.step for probe in self.own(branch)), default=0)
        return max(self.trained.get(branch, 0), probed)

    def own(self, branch: str) -> list[Probe]:
        """The probes of a branch, by their steps."""
        probes = self.state.all(kinds.RobustProbe)
        return sorted((p for p in probes if p.branch == branch), key=lambda p: p.step)

    def line(self, branch: str) -> list[Probe]:
        """The probes of the line of history that leads to a branch, by their steps."""
        line = line_of(self.state.ledger, branch)
        probes = self.state.all(kinds.RobustProbe)
        return sorted((p for p in probes if line.holds(p.branch, p.step)), key=lambda p: p.step)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule: what it says in a sentence, where it comes from, and when it fires."""

    name: str
    help: str
    source: str
    fires: Callable[[Heard], Iterable[Firing]]


def _robust(heard: Heard) -> Iterator[Firing]:
    for alert in heard.judged.alerts:
        if alert.level in (ONSET.name, MASKED.name):
            yield _told(alert)


def _signals(heard: Heard) -> Iterator[Firing]:
    for alert in heard.judged.alerts:
        if alert.level == SUSPECT.name and not alert.n:  # of a probe it has its images
            yield _told(alert)


def _told(alert: kinds.Alert) -> Firing:
    return Firing(branch=alert.branch, step=alert.step, text=alert.text, t=alert.t)


def _at(probe: Probe | kinds.SelfProbe, text: str) -> Firing:
    return Firing(branch=probe.branch, step=probe.step, text=text, t=probe.t)


def _drop(heard: Heard) -> Iterator[Firing]:
    for branch in heard.state.ledger.branches:
        for before, probe in pairwise(heard.line(branch)):
            fell = before.pgd - probe.pgd
            same = abs(before.eps - probe.eps) < SAME_BUDGET  # False where one is not known
            if probe.branch == branch and same and fell > DROP:
                since = f"since step {count(before.step)}"
                yield _at(probe, f"PGD {share(before.pgd)} → {share(probe.pgd)} {since}")


def _half(heard: Heard) -> Iterator[Firing]:
    for branch in heard.state.ledger.branches:
        best, fallen = 0.0, False
        for probe in heard.line(branch):
            before, fallen = fallen, best >= ROBUST and probe.pgd < best / 2
            if fallen and not before and probe.branch == branch:
                yield _at(probe, f"PGD {share(probe.pgd)}, best {share(best)}")
            best = max(best, probe.pgd) if known(probe.pgd) else best


def _gap(heard: Heard) -> Iterator[Firing]:
    for branch in heard.state.ledger.branches:
        wide = False
        for probe in heard.line(branch):
            before, wide = wide, probe.fgsm - probe.pgd > WIDE
            if wide and not before and probe.branch == branch:
                yield _at(probe, f"FGSM {share(probe.fgsm)}, PGD {share(probe.pgd)}")


def _index(heard: Heard) -> Iterator[Firing]:
    clear: dict[str, bool] = {}
    for probe in heard.state.all(kinds.SelfProbe):
        now = of_probe(probe, heard.chance, None).index_clear
        if now and not clear.get(probe.branch):
            yield _at(probe, f"the self-fitting index is {share(probe.index)}")
        clear[probe.branch] = now


RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            name="robust",
            help="a multi-step probe below half of the best while one-step accuracy stays up",
            source="selffit.detect.robust_rule, with strong attacks where they were made",
            fires=_robust,
        ),
        Rule(
            name="signals",
            help="signals of training steps leave their band, without any probe",
            source="selffit.detect.signal_bands",
            fires=_signals,
        ),
        Rule(
            name="index",
            help="the self-fitting index is clear",
            source="selffit.detect.selffitting",
            fires=_index,
        ),
        Rule(
            name="drop",
            help=f"PGD accuracy fell by more than {share(DROP)} from a probe to the next at one "
            "budget",
            source="early stopping of Wong, Rice and Kolter, Fast is better than free (2020)",
            fires=_drop,
        ),
        Rule(
            name="half",
            help="PGD accuracy below half of its best, whatever the budget and the noise",
            source="a rule of thumb: what `robust` would be without statistics",
            fires=_half,
        ),
        Rule(
            name="gap",
            help=f"FGSM accuracy more than {share(WIDE)} above PGD accuracy",
            source="a rule of thumb: the open gap alone",
            fires=_gap,
        ),
    )
}


def chosen(names: Sequence[str]) -> list[Rule]:
    """The rules of these names. Raises UserError for one that does not exist."""
    for name in names:
        if name not in RULES:
            raise UserError(f"there is no rule '{name[:40]}'; valid: {', '.join(RULES)}")
    return [RULES[name] for name in dict.fromkeys(names)]

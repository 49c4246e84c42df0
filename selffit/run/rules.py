"""Rules that call a collapse, run over a recorded run: today's, its parts, and published ones.

What any of them would have said of a log, and when. Each is a function of what the log measured;
none sees the future.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from selffit.detect import RuleThresholds
from selffit.detect.selffitting import of_probe
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.numbers import count, share
from selffit.run.lineage import line_of
from selffit.run.rerun import Judged, Rules, blocks_of, rerun
from selffit.run.run_dir import RunDir
from selffit.run.state import RunState
from selffit.vocabulary import MASKED, ONSET, SUSPECT

DROP = 0.2  # of PGD accuracy from one probe to the next
SAME_BUDGET = 1e-4


@dataclass(frozen=True, kw_only=True)
class Firing:
    """A rule fires: on which branch, at which step, and what it says."""

    branch: str
    step: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A recorded run as the rules hear it: its state, and what the detector says of it today."""

    state: RunState
    judged: Judged
    chance: float

    @classmethod
    def of(cls, run: RunDir, state: RunState, thresholds: RuleThresholds) -> "Heard":
        """Read what the detector needs beside the state of a run; `thresholds`: of its rule."""
        rules = replace(Rules.of(state), thresholds=thresholds)
        return cls(
            state=state, judged=rerun(state, blocks_of(run.place), rules), chance=rules.chance
        )

    def own(self, branch: str) -> list[kinds.RobustProbe]:
        """The probes of a branch, by their steps."""
        probes = self.state.all(kinds.RobustProbe)
        return sorted((p for p in probes if p.branch == branch), key=lambda p: p.step)

    def line(self, branch: str) -> list[kinds.RobustProbe]:
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
    return Firing(branch=alert.branch, step=alert.step, text=alert.text)


def _drop(heard: Heard) -> Iterator[Firing]:
    for branch in heard.state.ledger.branches:
        probes = heard.line(branch)
        for before, probe in pairwise(probes):
            fell = before.pgd - probe.pgd
            same = abs(before.eps - probe.eps) < SAME_BUDGET  # False where one is not known
            if probe.branch == branch and same and fell > DROP:
                yield Firing(
                    branch=branch,
                    step=probe.step,
                    text=f"PGD {share(before.pgd)} → {share(probe.pgd)} since step "
                    f"{count(before.step)}",
                )


def _index(heard: Heard) -> Iterator[Firing]:
    clear: dict[str, bool] = {}
    for probe in heard.state.all(kinds.SelfProbe):
        now = of_probe(probe, heard.chance, None).index_clear
        if now and not clear.get(probe.branch):
            text = f"the self-fitting index is {share(probe.index)}"
            yield Firing(branch=probe.branch, step=probe.step, text=text)
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
            help=f"PGD accuracy fell by more than {DROP:g} from a probe to the next at one budget",
            source="early stopping of Wong, Rice and Kolter, Fast is better than free (2020)",
            fires=_drop,
        ),
    )
}


def chosen(names: Sequence[str]) -> list[Rule]:
    """The rules of these names. Raises UserError for one that does not exist."""
    for name in names:
        if name not in RULES:
            raise UserError(f"there is no rule '{name[:40]}'; valid: {', '.join(RULES)}")
    return [RULES[name] for name in dict.fromkeys(names)]

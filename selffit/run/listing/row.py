"""A run as a row of a list: what it is, how it stands, and how its robust accuracy went.

Made of the same state as everything else; of runs that have ended it is remembered
(`selffit.run.listing.memory`).
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from selffit.eventlog import kinds
from selffit.eventlog.clean import clean
from selffit.run.folded.state import RunState
from selffit.run.folder.labels import Labels
from selffit.run.judged.trouble import troubles
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import sentence
from selffit.vocabulary import COPY

NAN = math.nan
SAME_BUDGET = 1e-9  # pixels
CURVE_POINTS = 64  # of the PGD accuracies that a row keeps
ACCURACIES = ("clean", "fgsm", "pgd")
UNREAD = "…"  # the state of a run that nobody has looked into yet


class Scores(msgspec.Struct, frozen=True):
    """Accuracies in [0, 1]; NaN where nothing was measured."""

    clean: float = NAN
    fgsm: float = NAN
    pgd: float = NAN


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A run in a list.

    name: as it is typed, from the folder of runs on. state: in a word, UNREAD before its log was
    looked into. why: what is wrong with a folder that cannot be read. created, heard: wall clocks
    in seconds, 0 where not known. now: the newest probe that stands, of `n` images at `budget`.
    best: the highest of each accuracy on the active line, see `best`. curve: PGD accuracy
    through the probes of that line, of neighbours the least. stands: the verdict in a sentence.
    settings: those of the configuration, as they are now.
    """

    name: str
    state: str = UNREAD
    why: str = ""
    copy_of: str = ""
    created: float = 0.0
    heard: float = 0.0
    ended: bool = False
    step: int = 0
    steps: int = 0
    epoch: float = NAN
    epochs: float = NAN
    branch: str = "main"
    branches: tuple[str, ...] = ("main",)
    n: int = 0
    budget: float = NAN
    now: Scores = Scores()
    best: Scores = Scores()
    curve: tuple[float, ...] = ()
    verdict: str = ""
    cause: str = ""
    since: int | None = None
    stands: str = ""
    troubles: tuple[str, ...] = ()
    serious: bool = False
    settings: dict[str, Any] = {}
    labels: Labels = Labels()

    @property
    def shown(self) -> str:
        """Its name as it may be shown: a folder may be called anything."""
        return clean(self.name)

    @property
    def read(self) -> bool:
        """Whether its log was looked into, or cannot be."""
        return self.state != UNREAD


def row_of(state: RunState, word: str, name: str, created: float = 0.0) -> Row:
    """Return the row of a state; `word`: the state of the run in a word."""
    found, wrong = verdict(state), troubles(state)
    probes = [p for p in state.all(kinds.RobustProbe) if state.line.holds(p.branch, p.step)]
    probes.sort(key=lambda probe: probe.step)  # the line goes through several branches
    newest = probes[-1] if probes else None
    epochs = state.config.get("epochs")
    return Row(
        name=name,
        state=word,
        copy_of=state.run if word == COPY.word else "",
        created=created,
        heard=state.heard,
        ended=state.ending is not None,
        step=state.step,
        steps=state.steps_total,
        epoch=state.epoch,
        epochs=float(epochs) if isinstance(epochs, int | float) else NAN,
        branch=state.line.branch,
        branches=tuple(state.ledger.branches),
        n=newest.n if newest else 0,
        budget=newest.eps if newest else NAN,
        now=_scores(newest),
        best=best(probes),
        curve=thinned([probe.pgd for probe in probes], CURVE_POINTS),
        verdict=found.state,
        cause=found.cause,
        since=found.since,
        stands=sentence(state, found),
        troubles=tuple(trouble.name for trouble in wrong),
        serious=any(trouble.serious for trouble in wrong),
        settings=settings_of(state),
    )


def settings_of(state: RunState) -> dict[str, Any]:
    """The settings of a run as it was configured, and as people or a policy changed them since.

    Of what follows a schedule that is the value at its end: `Row.budget` has the one in force.
    """
    changed = {k: v for k, v in state.ledger.overrides.items() if k in state.config}
    return {**state.config, **changed}


def best(probes: Sequence[kinds.RobustProbe]) -> Scores:
    """The highest of each accuracy at the budget of the last of these probes.

    At a smaller budget accuracies are higher, and say nothing of this one; but while eps was rising
    probes may have looked at its final value too. Clean accuracy knows no budget, and where no
    budget is known, as in other people's logs, all accuracies are compared.
    """
    if not probes:
        return Scores()
    budget = probes[-1].eps
    unknown = math.isnan(budget)
    own = [p for p in probes if unknown or p is probes[-1] or abs(p.eps - budget) <= SAME_BUDGET]
    final = [p for p in probes if abs(p.final_eps - budget) <= SAME_BUDGET]  # False where NaN
    return Scores(
        clean=_highest(probe.clean for probe in probes),
        fgsm=_highest([*(p.fgsm for p in own), *(p.final_fgsm for p in final)]),
        pgd=_highest([*(p.pgd for p in own), *(p.final_pgd for p in final)]),
    )


def _scores(probe: kinds.RobustProbe | None) -> Scores:
    return Scores() if probe is None else Scores(probe.clean, probe.fgsm, probe.pgd)


def _highest(values: Iterable[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=NAN)


def thinned(values: Sequence[float], most: int) -> tuple[float, ...]:
    """At most so many values: of neighbours the least, so that a short fall stays in sight."""
    if len(values) <= most or most <= 0:
        return tuple(values[: max(0, most)])
    edges = [index * len(values) // most for index in range(most + 1)]
    parts = (values[a:b] for a, b in pairwise(edges))
    return tuple(
        min((value for value in part if not math.isnan(value)), default=NAN) for part in parts
    )

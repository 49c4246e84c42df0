"""What was done about the fall that stands without rolling back, and what became of PGD since.

Whoever is told what to do next is told this first: a roll-back is the next step only where PGD
accuracy has not come back. Our operational definition of that: the newest probe since is healthy by
the detector's rule, and no strong attack has called it masked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Any

from selffit.config import FIELDS
from selffit.control.ledger import Change
from selffit.control.settings import ZEROED
from selffit.eventlog import kinds
from selffit.eventlog.fields import items, mapping
from selffit.numbers import count, plural, share
from selffit.run.folded.state import RunState
from selffit.run.judged.health import limits
from selffit.run.judged.verdict import Verdict
from selffit.vocabulary import HEALTHY, MASKED, ONSET

TRAINING = ("attack", "training")  # groups of settings that change what is learnt
FEW = 4  # channels that are told by their numbers


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was done, and what became of PGD accuracy, in [0, 1].

    did: in words. by: who asked for the last of it. step: of the first change. then: PGD accuracy
    at the last probe before it; best, now: the best and the newest since, NaN while no probe has
    looked; best_step: the step of the best. back: whether it has come back, None while no probe has
    looked.
    """

    did: str
    by: str
    step: int
    then: float
    best: float = nan
    best_step: int = 0
    now: float = nan
    back: bool | None = None

    @property
    def done(self) -> str:
        """What was done, and since when."""
        return f"{self.did} at step {count(self.step)}"

    @property
    def became(self) -> str:
        """What became of PGD accuracy."""
        then = f"PGD {share(self.then)} then" if isfinite(self.then) else "PGD not known then"
        if self.back is None:
            return f"{then}, no probe since"
        best = f", {share(self.best)} at {count(self.best_step)}"
        shown = best if share(self.best) != share(self.now) else ""
        return f"{then}{shown}, now {share(self.now)}: {'back' if self.back else 'not back'}"

    @property
    def text(self) -> str:
        """Both."""
        return f"{self.done} ({self.became})"


def answered(state: RunState, verdict: Verdict) -> Answer | None:
    """Return what was done about an onset or masked accuracy that stands; None where nothing was.

    Changes of what is measured, and channels that are not zeroed any more, answer nothing.
    """
    fall = verdict.onset or verdict.alert
    if verdict.state not in (ONSET.name, MASKED.name) or fall is None:
        return None
    done = [
        (change, did)
        for change in state.ledger.history
        if not change.failed
        and change.step >= fall.step
        and state.line.holds(change.branch, change.step)
        and (did := _did(change, state.ledger.zeroed))
    ]
    if not done:
        return None
    step = done[0][0].step
    probes = [
        probe
        for probe in state.all(kinds.RobustProbe)
        if state.line.holds(probe.branch, probe.step) and isfinite(probe.pgd)
    ]
    found = Answer(
        did=", ".join(dict.fromkeys(did for _, did in done)),
        by=done[-1][0].by,
        step=step,
        then=next((probe.pgd for probe in reversed(probes) if probe.step <= step), nan),
    )
    since = [probe for probe in probes if probe.step > step]
    if not since:
        return found
    best, newest, judged = max(since, key=lambda probe: probe.pgd), since[-1], limits(state)[-1]
    sound = judged.step == newest.step and judged.state == HEALTHY.name
    return replace(
        found,
        best=best.pgd,
        best_step=best.step,
        now=newest.pgd,
        back=sound and verdict.state != MASKED.name,
    )


def wants_rollback(state: RunState, verdict: Verdict) -> bool:
    """Return whether a roll-back is the next step: nothing else has helped, or may yet."""
    answer = answered(state, verdict)
    may_yet = answer is not None and answer.back is None and state.ending is None
    return verdict.fallen and not may_yet and (answer is None or not answer.back)


def _did(change: Change, zeroed: Mapping[str, Any]) -> str:
    """What a change does about a fall, in words; "" where that is nothing."""
    if change.op == "zero":
        return ", ".join(_zeroing(change, zeroed))
    if change.op == "set":
        names = [name for name in change.new if name in FIELDS and _trains(name)]
        return f"changed {', '.join(name.replace('_', ' ') for name in names)}" if names else ""
    return ""


def _trains(name: str) -> bool:
    return FIELDS[name].metadata["group"] in TRAINING and name != "stop_epoch"


def _zeroing(change: Change, zeroed: Mapping[str, Any]) -> Iterator[str]:
    """The layers of which channels were zeroed, and still are."""
    before = mapping(change.old.get(ZEROED))
    for layer, what in mapping(change.new.get(ZEROED)).items():
        if layer in zeroed and before.get(layer) != what:
            channels = items(mapping(what).get("channels"))
            few = ",".join(map(str, channels)) if len(channels) <= FEW else ""
            yield f"zeroed {few or plural(len(channels), 'channel')} of {layer}"

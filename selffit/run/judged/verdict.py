"""What stands now: one verdict on a run, a pure function of its state, for every surface to print.

Our operational definition, in the order of the log, from what is still on the active line:

  unmeasured    no probe has looked yet.
  healthy       probes have looked, and nothing below stands.
  cannot tell   the same of somebody else's log, which is too little to call that health
                (`selffit.run.judged.told`).
  suspect       signals left their band; it stands until a probe clears it: until the detector's own
                rule (`selffit.detect.robust_rule`) finds a later probe of the line healthy.
  transient     PGD accuracy was lost before it ever was healthy; it stands as a suspicion does.
  weakened      robust accuracy has fallen without a gap (`selffit.detect.weakening`); it stands
                until a probe is back.
  onset         a multi-step probe confirmed the collapse; it stands until it has recovered.
  masked        PGD accuracy seems to be back, or there, and is not; it stands as the onset does.
  recovered     PGD accuracy is back; it stands until something is found again.
  diverged      training has come apart (`selffit.detect.divergence`); it stands above everything
                until training has caught itself, and then what was found before stands again.
  rolled back   the active branch was begun by a roll-back, and nothing was found on it since.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import ref

from selffit.detect.weakening import Weakened
from selffit.eventlog import kinds
from selffit.run.folded.lineage import ActiveLine, line_of
from selffit.run.folded.state import RunState
from selffit.run.judged.health import healthy_probes, weakened
from selffit.run.judged.told import doubts
from selffit.vocabulary import (
    DIVERGED,
    DOUBTFUL,
    HEALTHY,
    MASKED,
    ONSET,
    RECOVERED,
    ROLLED_BACK,
    SUSPICIONS,
    UNMEASURED,
    WEAKENED,
    Level,
    level_of,
)

_NO_ONSET = (*SUSPICIONS, DIVERGED.name)  # what is no word about an onset
FALLEN = (ONSET.name, MASKED.name, DIVERGED.name)


@dataclass(frozen=True, kw_only=True)
class RollBack:
    """The last roll-back that led to the active branch.

    branch: the new one, which begins at the step `base`. left: the branch that was left, at the
    step `asked`, at the wall clock `t`. by: who asked. method: trained with from there. onset,
    diverged: the one that it left behind, or None.
    """

    branch: str
    base: int
    left: str
    asked: int
    t: float
    by: str
    method: str
    onset: kinds.Alert | None = None
    diverged: kinds.Alert | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What stands.

    level: one of `selffit.vocabulary.STANDING`, as above. branch: the line of history that it is
    about. since: the step since when, None while nothing was measured. alert: the one behind it.
    onset: the one that stands, was recovered from, or was left behind. cause: the disease of that
    onset as it is known now, "" where there is none. first: what the cause was first called.
    diagnosis: the newest one of it. rollback: the last one that led here. weak: the fall without
    a gap, of `weakened`. doubts: why nobody can tell, of `cannot tell`.
    """

    level: Level
    branch: str
    since: int | None = None
    alert: kinds.Alert | None = None
    onset: kinds.Alert | None = None
    cause: str = ""
    first: str = ""
    diagnosis: kinds.Diagnosis | None = None
    rollback: RollBack | None = None
    weak: Weakened | None = None
    doubts: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """The name of what stands."""
        return self.level.name

    @property
    def fallen(self) -> bool:
        """Whether robust accuracy is lost at present."""
        return self.state in FALLEN


def stands(alert: kinds.Alert, line: ActiveLine) -> bool:
    """Whether an alert is about the line: a roll-back to before its step leaves it behind."""
    return line.holds(alert.branch, alert.about)


# what was said of the states that were asked about last: a redraw asks many times about two
_said: deque[tuple[ref[RunState], Verdict]] = deque(maxlen=4)


def verdict(state: RunState) -> Verdict:
    """Return what stands now."""
    for about, said in tuple(_said):
        if about() is state:
            return said
    said = _verdict(state)
    _said.append((ref(state), said))
    return said


def _verdict(state: RunState) -> Verdict:
    line = state.line
    back = roll_back(state)
    alert = _standing(state, line)
    weak = weakened(state) if alert is None or alert.level == RECOVERED.name else None
    if weak is not None and weak.since > _settled(alert, back):
        return Verdict(
            level=WEAKENED, branch=line.branch, since=weak.since, rollback=back, weak=weak
        )
    if back is not None and (alert is None or (alert.level == RECOVERED.name and alert.t < back.t)):
        found = _explained(state, back.onset)
        return Verdict(
            level=ROLLED_BACK,
            branch=line.branch,
            since=back.base,
            onset=back.onset,
            cause=found[0],
            first=found[1],
            diagnosis=found[2],
            rollback=back,
        )
    if alert is None:
        return _calm(state, line)
    onset = None if alert.level in _NO_ONSET else _last_onset(state, line)
    cause, called, diagnosis = _explained(state, onset)
    return Verdict(
        level=level_of(alert.level),
        branch=alert.branch,
        since=alert.about,
        alert=alert,
        onset=onset,
        cause=cause,
        first=called,
        diagnosis=diagnosis,
        rollback=back,
    )


def _calm(state: RunState, line: ActiveLine) -> Verdict:
    """Nothing was found: because all is well, nobody has looked, or there is too little to see."""
    first = next((p for p in state.all(kinds.RobustProbe) if _on(line, p)), None)
    since = None if first is None else first.step
    if (first is not None or state.ending is not None) and (why := doubts(state)):
        return Verdict(level=DOUBTFUL, branch=line.branch, since=since, doubts=why)
    level = UNMEASURED if first is None else HEALTHY
    return Verdict(level=level, branch=line.branch, since=since)


def _settled(alert: kinds.Alert | None, back: RollBack | None) -> int:
    """The step of the newest news that an earlier fall is no part of any more."""
    return max(
        -1 if alert is None else alert.step,
        -1 if back is None else back.base,
    )


def _on(line: ActiveLine, event: kinds.Event) -> bool:
    return line.holds(event.branch, event.step)


def _standing(state: RunState, line: ActiveLine) -> kinds.Alert | None:
    """The alert that stands on the line, None where none does."""
    alerts = [alert for alert in state.all(kinds.Alert) if stands(alert, line)]
    if not alerts:
        return None
    clear: Sequence[kinds.RobustProbe] = ()
    if any(alert.level in SUSPICIONS for alert in alerts):
        clear = healthy_probes(state)
    standing: kinds.Alert | None = None
    calm: kinds.Alert | None = None  # what stood before a suspicion
    under: kinds.Alert | None = None  # what stood, or came, beside a divergence
    for alert in alerts:
        if standing is not None and standing.level in SUSPICIONS:
            standing = calm if clears(clear, standing, until=alert.t) else standing
        if alert.level == DIVERGED.name:
            under = standing  # what stands again when training has caught itself
            standing = alert
        elif standing is not None and standing.level == DIVERGED.name:
            if alert.level == RECOVERED.name:
                standing = under if under is not None and under.level in FALLEN else alert
            elif alert.level not in SUSPICIONS:
                under = alert
        elif alert.level not in SUSPICIONS:
            standing = alert
        elif standing is None or standing.level == RECOVERED.name:
            calm = standing
            standing = alert
    if standing is not None and standing.level in SUSPICIONS and clears(clear, standing):
        return calm
    return standing


def clears(
    healthy: Sequence[kinds.RobustProbe], alert: kinds.Alert, until: float = math.inf
) -> bool:
    """Whether one of the healthy probes looked after a suspicion; `until`: a wall clock."""
    return any(p.step >= alert.step and alert.t <= p.t <= until for p in healthy)


def roll_back(state: RunState) -> RollBack | None:
    """Return the last roll-back that led to the active branch; None on the first branch."""
    branch = state.line.branch
    for change in reversed(state.ledger.history):
        if change.op == "rollback" and change.branch == branch and not change.failed:
            break
    else:
        return None
    applied = next((a for a in reversed(state.all(kinds.Applied)) if a.id == change.id), None)
    asked = applied.step if applied is not None else change.step
    left = line_of(state.ledger, change.asked_on)
    return RollBack(
        branch=branch,
        base=change.step,
        left=change.asked_on,
        asked=asked,
        t=applied.t if applied is not None else 0.0,
        by=change.by,
        method=str(change.new.get("method", "")),
        onset=_last_onset(state, left, after=change.step, until=asked),
        diverged=_last(DIVERGED, state, left, after=change.step, until=asked),
    )


def explained(state: RunState, onset: kinds.Alert) -> tuple[str, str]:
    """Return the cause of an onset as it is known now, and what it was first called; "" if unknown.

    Of an onset that was left behind: as it was known when its branch was left.
    """
    cause, first, _ = _explained(state, onset)
    return cause, first


def newest_diagnosis(state: RunState, onset: kinds.Alert) -> kinds.Diagnosis | None:
    """Return the newest diagnosis of an onset on its own line, None before the first."""
    told = _diagnoses(state, onset)
    return told[-1] if told else None


def called_since(state: RunState, onset: kinds.Alert) -> int | None:
    """Return the step from which on its cause has been called what it is now; None if not known."""
    told, since = _diagnoses(state, onset), None
    for diagnosis in reversed(told):
        if diagnosis.disease != told[-1].disease:
            break
        since = diagnosis.step
    return since


def _diagnoses(state: RunState, onset: kinds.Alert) -> list[kinds.Diagnosis]:
    # A later branch that bears the onset counts too: the line that leads to the present, else its
    # own.
    line = state.line if stands(onset, state.line) else line_of(state.ledger, onset.branch)
    return [
        diagnosis
        for diagnosis in state.all(kinds.Diagnosis)
        if diagnosis.onset_step == onset.about and _on(line, diagnosis)
    ]


def _explained(
    state: RunState, onset: kinds.Alert | None
) -> tuple[str, str, kinds.Diagnosis | None]:
    if onset is None:
        return "", "", None
    told = _diagnoses(state, onset)
    first = onset.disease or (told[0].disease if told else "")
    return (told[-1].disease, first, told[-1]) if told else (first, first, None)


def _last_onset(
    state: RunState, line: ActiveLine, after: float = -math.inf, until: float = math.inf
) -> kinds.Alert | None:
    """The last onset of a line that began after a step, and not after another."""
    return _last(ONSET, state, line, after, until)


def _last(
    level: Level,
    state: RunState,
    line: ActiveLine,
    after: float = -math.inf,
    until: float = math.inf,
) -> kinds.Alert | None:
    """The last alert of a level and a line that is about a step after one, not after another."""
    for alert in reversed(state.all(kinds.Alert)):
        if alert.level == level.name and stands(alert, line) and after < alert.about <= until:
            return alert
    return None

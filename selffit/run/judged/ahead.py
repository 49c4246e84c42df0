"""What comes by itself: the next regular probe, and where the budget is going."""

from math import isfinite, nan

from selffit.eventlog import kinds
from selffit.eventlog.records import num
from selffit.run.folded.state import RunState, is_only_told

_SAME = 5e-4  # pixels by which a budget may miss its final value


def next_probe(state: RunState) -> int | None:
    """Return the step of the next regular probe, None when it is not known."""
    if is_only_told(state):
        return None
    every = state.setting("probe_every") or (state.start.steps_per_epoch if state.start else 0)
    if not isinstance(every, int) or every <= 0:
        return None
    first = not len(state.all(kinds.RobustProbe)) and not state.step
    step = 0 if first else (state.step // every + 1) * every
    return min(step, state.last_step) if state.last_step else step


def final_budget(state: RunState) -> float:
    """Return the budget that the schedule ends at, in pixels; NaN where it is not known."""
    return num(state.ledger.overrides.get("eps", state.config.get("eps")))


def budget_now(state: RunState) -> float:
    """Return the training budget, in pixels; NaN where it is not known.

    With a ramp it is not the configured one before the first block of steps either.
    """
    probe = state.current(kinds.RobustProbe)
    if state.last(kinds.Steps) is None and probe is not None and isfinite(probe.eps):
        return probe.eps
    return num(state.setting("eps"))


def rising_to(state: RunState) -> float:
    """Return the budget that it is still rising to, NaN where it has come there."""
    final, now = final_budget(state), budget_now(state)
    return final if isfinite(now) and final - now > _SAME else nan


def full_budget_at(state: RunState) -> int | None:
    """Return the step at which the budget is full; None where there is no ramp, or none known."""
    share, whole = num(state.config.get("eps_ramp")), state.steps_total
    if not (share > 0 and whole and isfinite(share * whole)):
        return None
    return round(share * whole)

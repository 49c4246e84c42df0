"""What a run does by itself: its policy, what is left of it, and what it did about what stands."""

from selffit.control.commands import OPERATIONS, POLICY
from selffit.control.policy import ONCE, Policy, parse_policy
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.numbers import count
from selffit.run.folded.state import RunState
from selffit.run.judged.answered import answered
from selffit.run.judged.verdict import RollBack, Verdict
from selffit.vocabulary import DIVERGED, ONSET, ROLLED_BACK, Level


def the_policy(state: RunState) -> Policy | None:
    """Return what the run may do by itself.

    None where its configuration does not tell, and of a run that was imported: nothing works on it.
    """
    config = state.config
    if not config or state.last(kinds.Imported) is not None:
        return None
    most = config.get("max_rollbacks", 3)
    try:
        return parse_policy(
            str(config.get("on_co", "alert")),
            str(config.get("on_suspect", "none")),
            most if isinstance(most, int) else 0,
            on_diverged=str(config.get("on_diverged", "alert")),
        )
    except UserError:  # of a log that somebody else wrote
        return None


def in_brief(state: RunState) -> str:
    """Return what happens by itself and what is left of it, for a header; '' where unknown."""
    policy = the_policy(state)
    if policy is None:
        return ""
    left = max(0, policy.max_rollbacks - state.ledger.rollbacks)
    told = [
        _brief_reaction(policy, level, when) + (" (done)" if _spent(policy, level, state) else "")
        for level, when in ((ONSET, "onset"), (DIVERGED, "divergence"))
    ]
    if policy.on_suspect != "none":
        told.insert(0, f"suspect: {policy.on_suspect}")
    words = ", ".join(part for part in told if part) or "alert only"
    if "rollback" in (policy.on_co, policy.on_diverged):
        words += f" ({left} of {policy.max_rollbacks} left)"
    restarts = state.config.get("restarts")
    again = isinstance(restarts, int) and restarts > 0
    used = max(0, state.attempt - 1)
    return words + (f", restarts {used}/{restarts}" if again else "")


def _brief_reaction(policy: Policy, level: Level, when: str) -> str:
    op, args = policy.to(level.name)
    if op == "alert":
        return ""
    method = args.get("method", "") if op == "rollback" else ""
    return (
        f"{when}: roll back{f' to {method}' if method else ''}"
        if op == "rollback"
        else (f"{when}: {op}")
    )


def policy_words(state: RunState, verdict: Verdict) -> str:
    """Return what the policy did about what stands, and what it will do; '' if unknown."""
    policy = the_policy(state)
    if policy is None:
        return ""
    said = [_did(state, verdict), _will(policy, state, verdict)]
    return "; ".join(part for part in said if part)


def _did(state: RunState, verdict: Verdict) -> str:
    back = verdict.rollback
    if verdict.state == ROLLED_BACK.name and back is not None:
        return _rolled(back) if back.by == POLICY else ""
    if verdict.alert is None:
        return ""
    if (answer := answered(state, verdict)) is not None and answer.by == POLICY:
        return answer.text
    for applied in reversed(state.all(kinds.Applied)):
        mine = applied.by == POLICY and applied.branch == verdict.alert.branch
        if mine and applied.t >= verdict.alert.t:
            did = OPERATIONS[applied.op].did if applied.op in OPERATIONS else ""
            return f"{did or applied.op} at step {count(applied.step)}"
    return ""


def _rolled(back: RollBack) -> str:
    method = f" with {back.method}" if back.method else ""
    return f"rolled back from {count(back.asked)} to {count(back.base)}{method}"


def _will(policy: Policy, state: RunState, verdict: Verdict) -> str:
    left = max(0, policy.max_rollbacks - state.ledger.rollbacks)
    ops = (policy.on_co, policy.on_diverged)
    if "rollback" in ops and not left:
        return f"no roll-back is left of {policy.max_rollbacks}: a person has to decide"
    levels = [level for level in (ONSET, DIVERGED) if not _spent(policy, level, state)]
    told = [_does(policy, level, verdict) for level in levels]
    nothing = "alert only" if len(levels) > 1 else "does no more on this branch"
    words = ", ".join(part for part in told if part) or nothing
    if "rollback" in ops:
        words += f" ({left} of {policy.max_rollbacks} left)"
    if policy.on_suspect != "none":
        words += f", at a suspicion: {policy.on_suspect}"
    return words


def _spent(policy: Policy, level: Level, state: RunState) -> bool:
    """Whether what a level calls for is done once on a branch, and was decided on this one."""
    op, _ = policy.to(level.name)
    return op in ONCE and not policy.reaction(level.name, state.ledger)


def _does(policy: Policy, level: Level, verdict: Verdict) -> str:
    """What the policy does about a level; '' where that is only to alert."""
    op, args = policy.to(level.name)
    when = "now" if verdict.state == level.name else _WHEN[level.name]
    if op == "alert":
        return ""
    if op != "rollback":
        return f"{_DOES.get(op, op + 's')} {when}"
    method = args.get("method", "")
    return f"rolls back {when}" + (f", on with {method}" if method else "")


_DOES = {"zero": "zeroes channels", "set": "changes settings"}
_WHEN = {ONSET.name: "at an onset", DIVERGED.name: "at a divergence"}

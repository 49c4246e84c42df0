"""The standing verdict in words: one sentence for every surface, and what a policy does about it."""

from math import isfinite

from selffit.control.policy import Policy, parse_policy
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.run.state import RunState
from selffit.run.verdict import (
    HEALTHY,
    ONSET,
    ROLLED_BACK,
    SUSPECT,
    UNMEASURED,
    RollBack,
    Verdict,
)

_DID = {  # operations as what a policy did
    "pause": "paused",
    "stop": "stopped",
    "checkpoint": "saved a checkpoint",
    "probe": "measured",
    "rollback": "rolled back",
    "set": "changed settings",
    "zero": "zeroed channels",
    "note": "left a note",
}
POLICY = "policy"


def sentence(state: RunState, verdict: Verdict) -> str:
    """Return what stands in one sentence, without its branch where that is the only one."""
    words = _SENTENCES.get(verdict.state, _found)(state, verdict)
    several = len(state.ledger.branches) > 1 and verdict.state != ROLLED_BACK
    return f"{words} (branch {verdict.branch})" if several else words


def _unmeasured(state: RunState, verdict: Verdict) -> str:
    return "nothing was measured" if state.ending is not None else "nothing is measured yet"


def _healthy(state: RunState, verdict: Verdict) -> str:
    return f"healthy{_now(state)}"


def _suspect(state: RunState, verdict: Verdict) -> str:
    assert verdict.alert is not None
    return f"suspect since step {steps(verdict.since)}: {verdict.alert.text}"


def _found(state: RunState, verdict: Verdict) -> str:
    cause = f", {cause_words(verdict.cause)}" if verdict.cause else ""
    if verdict.first and verdict.first != verdict.cause:
        cause += f" (first {verdict.first})"
    return f"{verdict.state} at step {steps(verdict.since)}{cause}{_now(state)}"


def _rolled_back(state: RunState, verdict: Verdict) -> str:
    back = verdict.rollback
    assert back is not None
    held = max(0, state.step - back.base)
    words = (
        f"rolled back from {steps(back.asked)} of {back.left} to {steps(back.base)} by {back.by}"
    )
    method = f"{back.method} on " if back.method else ""
    return f"{words}; {method}{back.branch} for {steps(held)} steps{_now(state)}"


_SENTENCES = {
    UNMEASURED: _unmeasured,
    HEALTHY: _healthy,
    SUSPECT: _suspect,
    ROLLED_BACK: _rolled_back,
}


def _now(state: RunState) -> str:
    """The newest probe of the line."""
    probe = state.current(kinds.RobustProbe)
    if probe is None or not isfinite(probe.pgd):
        return ""
    return f"; PGD {probe.pgd:.2f}, FGSM {probe.fgsm:.2f} at step {steps(probe.step)}"


def steps(step: int | None) -> str:
    """Return a step with its thousands apart."""
    return "?" if step is None else f"{step:,}".replace(",", " ")


def cause_words(cause: str) -> str:
    """Return a cause as people read it."""
    return "cause undecided" if cause == "undecided" else cause


def the_policy(state: RunState) -> Policy | None:
    """Return what the run may do by itself; None where its configuration does not tell."""
    config = state.config
    if not config:
        return None
    on_suspect = config.get("on_suspect", config.get("on_watch", "none"))
    most = config.get("max_rollbacks", 3)
    try:
        return parse_policy(
            str(config.get("on_co", "alert")),
            str(on_suspect),
            most if isinstance(most, int) else 0,
        )
    except UserError:  # of a log that somebody else wrote
        return None


def policy_words(state: RunState, verdict: Verdict) -> str:
    """Return what the policy did about what stands, and what it will do; "" where nothing is known."""
    policy = the_policy(state)
    if policy is None:
        return ""
    parts = [_did(state, verdict), _will(policy, state, verdict)]
    return "; ".join(part for part in parts if part)


def _did(state: RunState, verdict: Verdict) -> str:
    back = verdict.rollback
    if verdict.state == ROLLED_BACK and back is not None:
        return _rolled(back) if back.by == POLICY else ""
    if verdict.alert is None:
        return ""
    for applied in reversed(state.all(kinds.Applied)):
        mine = applied.by == POLICY and applied.branch == verdict.alert.branch
        if mine and applied.t >= verdict.alert.t:
            return f"{_DID.get(applied.op, applied.op)} at step {steps(applied.step)}"
    return ""


def _rolled(back: RollBack) -> str:
    method = f" with {back.method}" if back.method else ""
    return f"rolled back from {steps(back.asked)} to {steps(back.base)}{method}"


def _will(policy: Policy, state: RunState, verdict: Verdict) -> str:
    left = max(0, policy.max_rollbacks - state.ledger.rollbacks)
    when = "now" if verdict.state == ONSET else "at an onset"
    if policy.on_co == "rollback":
        method = policy.rollback.get("method", "")
        if not left:
            return f"no roll-back is left of {policy.max_rollbacks}: a person has to decide"
        words = f"rolls back {when}, on with {method} ({left} of {policy.max_rollbacks} left)"
    elif policy.on_co == "alert":
        words = "alert only"
    else:
        words = f"{policy.on_co}s {when}"
    if policy.on_watch != "none":
        words += f", at a suspicion: {policy.on_watch}"
    return words

"""The standing verdict in words, the same on every surface, and what a policy does about it."""

from math import isfinite

from selffit.control.commands import OPERATIONS, POLICY
from selffit.control.policy import Policy, parse_policy
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.numbers import count, plural, share
from selffit.run.health import healthy_probes
from selffit.run.state import RunState
from selffit.run.trouble import troubles
from selffit.run.verdict import RollBack, Verdict, verdict
from selffit.vocabulary import (
    COPY,
    DIVERGED,
    HEALTHY,
    ONSET,
    ROLLED_BACK,
    SUSPECT,
    TRANSIENT,
    UNMEASURED,
    WEAKENED,
    Level,
    disease_of,
)

Part = tuple[int, str]  # importance (1 stays longest) and words


def sentence(state: RunState, verdict: Verdict) -> str:
    """Return what stands in one sentence."""
    told = "; ".join(words for _, words in parts(state, verdict))
    if not told:
        return verdict.state
    joint = " " if told[0].islower() else ", "  # "onset at step 30", but "healthy, PGD 0.40"
    return f"{verdict.state}{joint}{told}"


def closing(state: RunState, word: str) -> str:
    """Return how a run ended, or that it goes on, and what stands, in one line."""
    ending = state.ending
    why = f", {ending.text}" if ending is not None and ending.text else ""
    of = f" of {state.run}" if word == COPY.word else ""
    if state.ending is not None and state.copied:
        of = f", a copy of {state.run}"
    wrong = "".join(f"; {trouble.name}: {trouble.text}" for trouble in troubles(state))
    return f"{word}{of}{why}; {sentence(state, verdict(state))}{wrong}"


def parts(state: RunState, verdict: Verdict) -> list[Part]:
    """Return the parts of that sentence behind its first word, for where there is little room."""
    found = _PARTS.get(verdict.state, _found)(state, verdict)
    if len(state.ledger.branches) > 1 and verdict.state != ROLLED_BACK.name:
        found.append((8, f"branch {verdict.branch}"))
    return [part for part in found if part[1]]


def _unmeasured(state: RunState, verdict: Verdict) -> list[Part]:
    ended = state.ending is not None
    return [(1, "the run ended before its first probe" if ended else "no probe has looked yet")]


def _healthy(state: RunState, verdict: Verdict) -> list[Part]:
    looked = bool(healthy_probes(state))
    return [
        (2, "" if looked else "so far: no onset, robust accuracy has yet to come"),
        *_now(state),
    ]


def _suspect(state: RunState, verdict: Verdict) -> list[Part]:
    text = verdict.alert.text if verdict.alert is not None else ""
    return [(1, f"since step {_step(verdict.since)}"), (2, text), *_now(state, 4)]


def _found(state: RunState, verdict: Verdict) -> list[Part]:
    cause = cause_words(verdict.cause)
    if verdict.first and verdict.first != verdict.cause:
        cause += f" (first {verdict.first})"
    onset = verdict.onset
    best = onset.evidence.get("best") if onset is not None else None
    healthy = onset.healthy_step if onset is not None else None
    strong = verdict.alert.evidence.get("strong") if verdict.alert is not None else None
    return [
        (1, f"at step {_step(verdict.since)}"),
        (2, cause),
        (2, f"a strong attack leaves {share(strong)}" if strong is not None else ""),
        *_now(state, 3),
        (5, f"best PGD {share(best)}" if best is not None else ""),
        (6, f"last healthy step {count(healthy)}" if healthy is not None else ""),
    ]


def _diverged(state: RunState, verdict: Verdict) -> list[Part]:
    alert = verdict.alert
    if alert is None:
        return []
    told = alert.text.partition(": ")[2].replace(f" since step {_step(verdict.since)}", "")
    probe, last = state.current(kinds.RobustProbe), alert.healthy_step
    if probe is not None and probe.nonfinite and "nonfinite" in alert.evidence:
        told = ""  # the newest probe says the same
    return [
        (1, f"since step {_step(verdict.since)}"),
        (2, told),
        *_now(state, 3),
        (5, f"last healthy step {count(last)}, PGD {share(alert.healthy_pgd)}" if last else ""),
    ]


def _weakened(state: RunState, verdict: Verdict) -> list[Part]:
    best = f" from {share(verdict.weak.best)}" if verdict.weak is not None else ""
    return [
        (1, f"since step {_step(verdict.since)}"),
        (2, f"PGD has fallen{best} and FGSM with it: no catastrophic overfitting"),
        *_now(state, 3),
    ]


def _rolled_back(state: RunState, verdict: Verdict) -> list[Part]:
    back = verdict.rollback
    if back is None:
        return []
    held = state.step - back.base if state.branch == back.branch else 0
    method = f"{back.method} on " if back.method else ""
    gone = back.diverged
    left = [
        cause_words(verdict.cause),
        "" if gone is None else f"a divergence since step {count(gone.about)}",
    ]
    left = [part for part in left if part]
    return [
        (1, f"from {count(back.asked)} of {back.left} to {count(back.base)} by {back.by}"),
        (2, f"{method}{back.branch} for {plural(max(0, held), 'step')}"),
        *_now(state, 3),
        (5, f"left behind: {', '.join(left)}" if left else ""),
    ]


_PARTS = {
    DIVERGED.name: _diverged,
    WEAKENED.name: _weakened,
    UNMEASURED.name: _unmeasured,
    HEALTHY.name: _healthy,
    SUSPECT.name: _suspect,
    TRANSIENT.name: _suspect,
    ROLLED_BACK.name: _rolled_back,
}


def _now(state: RunState, importance: int = 2) -> list[Part]:
    """The newest probe that stands."""
    probe = state.current(kinds.RobustProbe)
    if probe is not None and probe.nonfinite:
        return [(importance, f"{not_finite(probe)} at step {count(probe.step)}")]
    if probe is None or not isfinite(probe.pgd):
        return []
    now = f"PGD {share(probe.pgd)}, FGSM {share(probe.fgsm)} at step {count(probe.step)}"
    return [(importance, now)]


def not_finite(probe: kinds.RobustProbe) -> str:
    """Return that a probe could not judge the network; '' where it could."""
    if not probe.nonfinite:
        return ""
    return f"answers not finite for {count(probe.nonfinite)} of {plural(probe.n, 'image')}"


def _step(step: int | None) -> str:
    return "?" if step is None else count(step)


def cause_words(cause: str) -> str:
    """Return the cause of an onset as people read it beside it; '' where none is known."""
    return cause if not cause or disease_of(cause).sure else f"cause {cause}"


# ---- what happens by itself ----------------------------------------------------------------------
def the_policy(state: RunState) -> Policy | None:
    """Return what the run may do by itself; None where its configuration does not tell."""
    config = state.config
    if not config:
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
    told = [_does(policy, level, verdict) for level in (ONSET, DIVERGED)]
    words = ", ".join(part for part in told if part) or "alert only"
    if "rollback" in ops:
        words += f" ({left} of {policy.max_rollbacks} left)"
    if policy.on_suspect != "none":
        words += f", at a suspicion: {policy.on_suspect}"
    return words


def _does(policy: Policy, level: Level, verdict: Verdict) -> str:
    """What the policy does about a level; '' where that is only to alert."""
    op, args = policy.to(level.name)
    when = "now" if verdict.state == level.name else _WHEN[level.name]
    if op == "alert":
        return ""
    if op != "rollback":
        return f"{op}s {when}"
    method = args.get("method", "")
    return f"rolls back {when}" + (f", on with {method}" if method else "")


_WHEN = {ONSET.name: "at an onset", DIVERGED.name: "at a divergence"}

"""The standing verdict in words, the same on every surface."""

from math import isfinite
from typing import NamedTuple

from selffit.eventlog import kinds
from selffit.numbers import budget, count, plural, share
from selffit.run.folded.state import RunState
from selffit.run.judged.ahead import next_probe, rising_to
from selffit.run.judged.health import healthy_probes, limits
from selffit.run.judged.trouble import troubles
from selffit.run.judged.verdict import Verdict, verdict
from selffit.vocabulary import (
    COPY,
    DIVERGED,
    DOUBTFUL,
    EVIDENCE,
    HEALTHY,
    RECOVERED,
    ROLLED_BACK,
    SUSPECT,
    TRANSIENT,
    UNMEASURED,
    WEAKENED,
    disease_of,
)

COMING = "next probe"  # what is said of it begins so


class Part(NamedTuple):
    """A part of a sentence: its importance (1 stays longest), and its words, the longest first."""

    rank: int
    forms: tuple[str, ...]

    @property
    def words(self) -> str:
        """The part where there is room for it."""
        return self.forms[0]


def part(rank: int, *forms: str) -> Part:
    """Return a part from its words, the longest first; one that says nothing has none."""
    return Part(rank, tuple(form for form in forms if form))


def sentence(state: RunState, verdict: Verdict) -> str:
    """Return what stands in one sentence."""
    told = "; ".join(part.words for part in parts(state, verdict))
    if not told:
        return verdict.state
    joint = " " if told[0].islower() else ", "  # "onset at step 30", but "healthy, PGD .40"
    if verdict.state == UNMEASURED.name:
        joint = ": "
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
        found.append(part(8, f"branch {verdict.branch}"))
    return [one for one in found if one.forms]


def _unmeasured(state: RunState, verdict: Verdict) -> list[Part]:
    if state.ending is not None:
        return [part(1, "the run ended before its first probe"), part(2, *_measures(state))]
    return [part(1, "no probe has looked yet"), *_coming(state)]


def _measures(state: RunState) -> tuple[str, ...]:
    """What would say more of a run whose log has no probes."""
    if not state.saves:
        return ()
    command = f"selffit diagnose {state.run}"
    return (f"{command} measures its checkpoints", command)


def _healthy(state: RunState, verdict: Verdict) -> list[Part]:
    if not healthy_probes(state):
        none = "so far: no onset, robust accuracy has yet to come"
        return [part(2, none, "robust accuracy has yet to come"), *_now(state), *_coming(state)]
    return [*_normal(state), *_coming(state)]


def _doubtful(state: RunState, verdict: Verdict) -> list[Part]:
    whether = "whether it is robust"
    why = "; ".join(verdict.doubts)
    first = verdict.doubts[0] if verdict.doubts else ""
    return [part(1, f"{whether}: {why}", f"{whether}: {first}", whether), *_now(state, 3)]


def _normal(state: RunState) -> list[Part]:
    """The newest probe, held against what is usual at its budget."""
    probe, limit = state.current(kinds.RobustProbe), limits(state)[-1:]
    if probe is None or probe.nonfinite or not isfinite(probe.pgd) or not limit:
        return _now(state)
    pgd, at = f"PGD {share(probe.pgd)}", ""
    if isfinite(probe.eps):
        at = f" at eps {budget(probe.eps)}"
        final = rising_to(state)
        rising = f" (rising to {budget(final)})" if isfinite(final) else ""
    else:
        rising = ""
    if limit[0].state == HEALTHY.name:
        forms = (f"{pgd} is normal{at}{rising}", f"{pgd} is normal{at}", f"{pgd} normal", pgd)
    else:
        best = f" of best {share(limit[0].best)}" if isfinite(limit[0].best) else ""
        forms = (f"{pgd}{best}{at}{rising}", f"{pgd}{best}{at}", f"{pgd}{best}", pgd)
    return [part(2, *forms), part(6, f"FGSM {share(probe.fgsm)}" if isfinite(probe.fgsm) else "")]


def _coming(state: RunState, rank: int = 5, does: str = "") -> list[Part]:
    """When a probe looks next."""
    step = next_probe(state)
    if step is None or state.ending is not None or step < state.step:
        return []
    if not state.step and not len(state.all(kinds.RobustProbe)):
        return [part(rank, f"the first looks at step {count(step)}")]
    left = step - state.step
    if not left:
        return [part(rank, f"{COMING} is being made{does and ' and' + does}", f"{COMING} now")]
    steps = plural(left, "step")
    return [part(rank, f"{COMING} in {steps}{does}", f"{COMING} in {steps}", f"probe in {steps}")]


def _suspect(state: RunState, verdict: Verdict) -> list[Part]:
    return [
        _where("since", verdict.since),
        part(2, *moved_words(verdict.alert)),
        *_now(state, 4),
        *_coming(state, 3, " decides"),
    ]


def moved_words(alert: kinds.Alert | None) -> tuple[str, ...]:
    """The signals that a suspicion is about, then and now; the words of the log where it is not."""
    if alert is None:
        return ()
    told = alert.text.removeprefix("training signals moved: ")
    names = [name for name in EVIDENCE if f"{name}_usual" in alert.evidence]
    moved = [
        f"{EVIDENCE[name].label} {share(alert.evidence[f'{name}_usual'])} → "
        f"{share(alert.evidence[name])}"
        for name in names
        if name in alert.evidence
        and (name in told.lower() or EVIDENCE[name].label.lower() in told.lower())
    ]
    return (", ".join(moved), moved[0]) if moved else (told, told.partition(": ")[0])


def _found(state: RunState, verdict: Verdict) -> list[Part]:
    cause, first = cause_words(verdict.cause), ""
    if cause and verdict.state == RECOVERED.name:
        cause = f"from {cause}"
    if verdict.first and verdict.first != verdict.cause:
        first = f"{cause} (first {verdict.first})"
    onset, alert = verdict.onset, verdict.alert
    healthy = onset.healthy_step if onset is not None else None
    strong = alert.evidence.get("strong") if alert is not None else None
    return [
        _where("at", verdict.since),
        part(2, first, cause),
        part(
            3,
            f"a strong attack leaves {share(strong)}" if strong is not None else "",
            f"strong attack: {share(strong)}" if strong is not None else "",
        ),
        *_fall(state, onset),
        part(
            5,
            *(
                (
                    f"last healthy step {count(healthy)}",
                    f"last healthy {count(healthy)}",
                    f"healthy {count(healthy)}",
                )
                if healthy is not None
                else ()
            ),
        ),
    ]


def _fall(state: RunState, onset: kinds.Alert | None) -> list[Part]:
    """PGD accuracy before, at the onset, and now."""
    probe = state.current(kinds.RobustProbe)
    if onset is None or (probe is not None and probe.nonfinite):
        return _now(state, 3)
    best, then = onset.evidence.get("best"), onset.evidence.get("pgd")
    if best is None or then is None or probe is None:
        return _now(state, 3)
    now = probe.pgd if probe.step > onset.step else None
    since = "" if now is None or not isfinite(now) else f", now {share(now)}"
    newest = then if now is None or not isfinite(now) else now
    return [
        part(
            3,
            f"PGD {share(best)} → {share(then)}{since}",
            f"PGD {share(best)}→{share(then)}{since}",
            f"PGD {share(best)}→{share(newest)}",
            f"PGD {share(newest)}",
        ),
        part(6, f"FGSM now {share(probe.fgsm)}" if isfinite(probe.fgsm) else ""),
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
        _where("since", verdict.since),
        part(2, told),
        *_now(state, 3),
        part(
            5,
            *(
                (
                    f"last healthy step {count(last)}, PGD {share(alert.healthy_pgd)}",
                    f"healthy {count(last)}",
                )
                if last
                else ()
            ),
        ),
    ]


def _weakened(state: RunState, verdict: Verdict) -> list[Part]:
    best = f" from {share(verdict.weak.best)}" if verdict.weak is not None else ""
    return [
        _where("since", verdict.since),
        part(
            2,
            f"PGD has fallen{best} and FGSM with it: no catastrophic overfitting",
            f"PGD has fallen{best}, FGSM too",
        ),
        *_now(state, 3),
        *_coming(state),
    ]


def _rolled_back(state: RunState, verdict: Verdict) -> list[Part]:
    back = verdict.rollback
    if back is None:
        return []
    held = max(0, state.step - back.base if state.branch == back.branch else 0)
    steps, gone = plural(held, "step"), back.diverged
    method = f"{back.method} on {back.branch}" if back.method else back.branch
    probe, limit = state.current(kinds.RobustProbe), limits(state)[-1:]
    holds = limit and limit[0].state == HEALTHY.name and limit[0].step > back.base
    left = [
        cause_words(verdict.cause),
        "" if gone is None else f"a divergence since step {count(gone.about)}",
    ]
    left = [part for part in left if part]
    asked, base = count(back.asked), count(back.base)
    if holds and probe is not None:
        pgd = f"PGD {share(probe.pgd)}"
        now = (f"{method} holds {pgd} for {steps}", f"{method} holds {pgd}", f"holds {pgd}")
        since = [part(2, *now), part(6, f"FGSM {share(probe.fgsm)}")]
    else:
        begun = f"{method} for {steps}" if held else f"{method} begins"
        since = [part(2, begun, method), *_now(state, 3)]
    return [
        part(
            1,
            f"from {asked} of {back.left} to {base} by {back.by}",
            f"from {asked} to {base} by {back.by}",
            f"{asked} → {base}",
            f"to {base}",
        ),
        *since,
        part(7, f"left behind: {', '.join(left)}" if left else ""),
    ]


_PARTS = {
    DIVERGED.name: _diverged,
    WEAKENED.name: _weakened,
    UNMEASURED.name: _unmeasured,
    HEALTHY.name: _healthy,
    DOUBTFUL.name: _doubtful,
    SUSPECT.name: _suspect,
    TRANSIENT.name: _suspect,
    ROLLED_BACK.name: _rolled_back,
}


def _now(state: RunState, importance: int = 2) -> list[Part]:
    """The newest probe that stands."""
    probe = state.current(kinds.RobustProbe)
    if probe is not None and probe.nonfinite:
        return [part(importance, f"{not_finite(probe)} at step {count(probe.step)}")]
    if probe is None or not isfinite(probe.pgd):
        return []
    now = f"PGD {share(probe.pgd)}"
    both = f"{now}, FGSM {share(probe.fgsm)}" if isfinite(probe.fgsm) else now
    return [part(importance, f"{both} at step {count(probe.step)}", both, now)]


def _where(when: str, step: int | None) -> Part:
    return part(1, f"{when} step {_step(step)}", f"{when} {_step(step)}", _step(step))


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

"""The sentences of an alert, all in one place.

So they stay plain and say no more than was measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from selffit.detect.ahead import Ahead
from selffit.detect.alignment import Warned
from selffit.detect.robust_rule import HealthyLevel
from selffit.detect.signs import Sign
from selffit.detect.types import ProbePoint
from selffit.numbers import budget, count, share
from selffit.vocabulary import DISEASES, STEP


def suspect(names: Sequence[str], now: Mapping[str, float], usual: Mapping[str, float]) -> str:
    """Which signals moved, from what was usual to what they are now."""
    moved = "; ".join(
        f"{STEP[name].label} {share(usual[f'{name}_usual'])} → {share(now[name])}" for name in names
    )
    return f"training signals moved: {moved}"


def step(at: int) -> str:
    """What a step is called."""
    return f"step {count(at)}"


def onset(
    place: Callable[[int], str],
    point: ProbePoint,
    level: HealthyLevel | None,
    low: int | None,
    first: int | None,
) -> str:
    """That overfitting began, between the last healthy probe and the first that was not.

    place: what a step is called. level: what was healthy before, None: no comparable one; where it
    was measured at another budget, that is said. low: the last healthy step, None: unknown. first:
    the first fallen step, None where PGD never was healthy.
    """
    split = f"PGD accuracy {share(point.pgd)} while FGSM accuracy is {share(point.fgsm)}"
    split += f" (n={count(point.n)})"
    if first is None:
        return f"overfitted to the single-step attack: {split}; PGD never was healthy in this run"
    where = f"by {place(first)}"
    if low is not None:
        where = f"between {place(low)} and {place(first).partition(' ')[2]}"
    fall = _from(point, level) if level is not None else ", healthy before at a smaller budget"
    return f"catastrophic overfitting began {where}: {split}{fall}"


def _from(point: ProbePoint, level: HealthyLevel) -> str:
    """What the accuracy fell from, and at which budget that was, where it was another one."""
    elsewhere = math.isfinite(level.eps) and math.isfinite(point.eps) and level.eps != point.eps
    if not elsewhere:
        return f", from {share(level.pgd)}"
    at = f"{share(level.measured)} at eps {budget(level.eps)}, now {budget(point.eps)}"
    if level.pgd == level.measured:
        return f", from {at}"
    return f", from {share(level.pgd)} to be expected after {at}"


def unaligned(warned: Warned) -> str:
    """That the single step loses its direction at an unchanged budget."""
    now, then = warned.now, warned.then
    return (
        f"the single step loses its direction: sign alignment {share(now.align)}, "
        f"{share(then.align)} at {step(then.step)} with the same eps, and its energy went from "
        f"{share(then.energy)} to {share(now.energy)}"
    )


def ahead(seen: Ahead) -> str:
    """That little stands at a larger budget."""
    return (
        f"little stands beyond the budget: at eps {budget(seen.eps)} a few steps more than one "
        f"leave {share(seen.all)} of FGSM accuracy {share(seen.single)} (n={count(seen.n)})"
    )


def early(point: ProbePoint) -> str:
    """That PGD accuracy is lost before it ever was healthy."""
    split = f"PGD accuracy {share(point.pgd)} while FGSM accuracy is {share(point.fgsm)}"
    return f"{split} (n={count(point.n)}), before PGD ever was healthy: a collapse that may pass"


def advice(place: Callable[[int], str], low: int | None) -> str:
    """What to do about an onset; low: the last healthy step, None where none is known."""
    if low is None:
        return "no healthy state is known: start again with n-fgsm or a smaller eps"
    return f"roll back to a checkpoint no later than {place(low)} and switch to n-fgsm"


def recovered(point: ProbePoint, probes: int, level: float | None) -> str:
    """That PGD accuracy is back for so many probes, and what that leaves open."""
    return (
        f"{_back(point.pgd, level)} for {probes} probes, FGSM {share(point.fgsm)}: "
        "it may be a recovery or gradient masking; a stronger attack has to confirm it"
    )


def confirmed(weak: float, strong: float, n: int, level: float | None) -> str:
    """That a stronger attack on n images leaves the PGD accuracy as it is."""
    left = f"a stronger attack leaves {share(strong)} of it (n={count(n)})"
    return f"{_back(weak, level)}, and {left}: the network has recovered"


def masked(weak: float, strong: float, n: int, level: float | None) -> str:
    """That a stronger attack on n images takes away the PGD accuracy that came back."""
    fate = "its gradients are masked, it has not recovered"
    left = f"a stronger attack leaves {share(strong)} of it (n={count(n)})"
    return f"{_back(weak, level)}, but {left}: {fate}"


def seen_by_a_strong_attack(weak: float) -> str:
    """That an onset was found by a strong attack, and what the weaker one leaves."""
    return f"a strong attack saw it, the weaker one leaves {share(weak)}"


def unmasked(weak: float, strong: float, n: int) -> str:
    """That a PGD accuracy which looked well is not what a stronger attack on n images leaves."""
    return (
        f"PGD accuracy is {share(weak)}, but a stronger attack leaves {share(strong)} "
        f"(n={count(n)}): the gradients are masked, the network is not robust"
    )


def _back(pgd: float, level: float | None) -> str:
    of = f" of {share(level)} before" if level is not None else ""
    return f"PGD accuracy is back at {share(pgd)}{of}"


def disease(
    name: str,
    found: Mapping[str, Sign],
    clear: Sequence[str],
    values: Mapping[str, float],
    chance: float,
) -> str:
    """The verdict on a fallen network: first the signs that are there, then the others."""
    if not found:
        return f"{name}: no self-information was measured"
    n = min(sign.n for sign in found.values())
    there = [_sign(sign, found[sign], values, chance) for sign in clear]
    others = [_sign(sign, found[sign], values, chance) for sign in found if sign not in clear]
    if name in DISEASES and DISEASES[name].sure:
        why = DISEASES[name].meaning
    elif there:
        why = "the signs of self-fitting do not make two independent ones"
    else:
        why = "no sign of self-fitting is clear"
    told = [why]
    if there:
        told.append(", ".join(there))
    if others:
        told.append(("not clear: " if there else "") + ", ".join(others))
    return f"{name}: {'; '.join(told)} (n={count(n)})"


def _sign(name: str, sign: Sign, values: Mapping[str, float], chance: float) -> str:
    """One sign with its numbers and what they are measured against."""
    match name:
        case "gap":
            return (
                f"under its own perturbation {share(values['own'])} are right, under a healthy "
                f"network's {share(values['other'])}"
            )
        case "abnormal":
            return f"the attack lowers the loss of {share(values['abnormal'])} of the images"
        case "dip":
            return f"a small dose of it leaves {share(sign.effect)} less than none and than all"
        case "carrier":
            control = values.get("control_grey", math.nan)
            against = f"guessing {share(chance)}"
            if math.isfinite(control):
                against += f", a healthy network's {share(control)}"
            return f"on plain grey it is read right in {share(values['carrier_grey'])} ({against})"
        case "conflict":
            return (
                f"against another image it wins {share(values['conflict_self'])} to "
                f"{share(values['conflict_data'])}"
            )
        case "swap":
            return f"label swap {share(values['swap'])} (guessing {share(chance)})"
        case _:
            left = share(sign.control - sign.effect)
            return (
                f"without {sign.note} FGSM accuracy is {left}, without random ones "
                f"{share(sign.control)}"
            )


def too_early(text: str) -> str:
    """The verdict in place of `text` while self-fitting may still show."""
    values = text.partition("; ")[2]
    return f"undecided: no sign of self-fitting yet, but it may follow the fall; {values}"

"""What makes two lines no measurements of the same thing: said wherever they are shown together."""

from collections.abc import Callable, Sequence

from selffit.numbers import UNKNOWN, budget, count, known
from selffit.run.listing.row import SAME_BUDGET
from selffit_tui.model.compare.curves import Compared, Curve


def doubts(curves: Sequence[Curve], compared: Sequence[Compared]) -> list[str]:
    """Why these lines cannot be compared by these measures as if they were alike; in sentences."""
    probed = [curve for curve in curves if curve.final is not None]
    said: list[str] = []
    if any(one.probed for one in compared):
        said += _differ("different data", probed, lambda c: str(c.settings.get("data", UNKNOWN)))
    if any(one.attacked for one in compared):
        said += _budgets(probed)
        said += _differ("different attacks", probed, _attack)
    return said


def budgets_differ(curves: Sequence[Curve]) -> bool:
    """Whether the newest probes of these lines were made at different budgets."""
    found = [curve.budget for curve in curves if known(curve.budget)]
    return bool(found) and max(found) - min(found) > SAME_BUDGET * 1e3


def _budgets(curves: Sequence[Curve]) -> list[str]:
    said: list[str] = []
    if budgets_differ(curves):
        told = ", ".join(f"{c.letter} {budget(c.budget)}" for c in curves)
        said.append(
            f"different budgets: {told}; accuracies under attack are not the same measure there"
        )
    rising = [f"{c.letter} before step {count(step)}" for c in curves if (step := settled(c))]
    if rising:
        own = "its last ones" if len(rising) == 1 else "their last ones"
        said.append(f"accuracies of {', '.join(rising)} are at other budgets than {own}")
    return said


def settled(curve: Curve) -> int:
    """The step of the first probe from which on the budget is that of the newest one."""
    step = 0
    for probe in reversed(curve.probes):
        if known(probe.eps) and abs(probe.eps - curve.budget) > SAME_BUDGET * 1e3:
            break
        step = probe.step
    return step if curve.probes and step > curve.probes[0].step else 0


def _attack(curve: Curve) -> str:
    last = curve.final
    assert last is not None
    if not last.pgd_steps:
        return UNKNOWN
    constant = last.pgd_schedule == "constant"
    return f"PGD-{last.pgd_steps}" + ("" if constant else " with falling steps")


def _differ(what: str, curves: Sequence[Curve], of: Callable[[Curve], str]) -> list[str]:
    values = [of(curve) for curve in curves]
    if len({value for value in values if value != UNKNOWN}) < 2:
        return []
    told = ", ".join(f"{c.letter} {value}" for c, value in zip(curves, values, strict=True))
    return [f"{what}: {told}"]

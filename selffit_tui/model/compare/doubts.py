"""What makes two lines no measurements of the same thing: said wherever they are shown together."""

from collections.abc import Callable, Sequence

from selffit.numbers import UNKNOWN, budget, known
from selffit.run.row import SAME_BUDGET
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
    rising = [c.letter for c in curves if _rises(c)]
    if rising:
        said.append(
            f"eps changes on {', '.join(rising)}: the line has a gap where it does, for it is "
            "another measure from there"
        )
    return said


def _rises(curve: Curve) -> bool:
    found = [probe.eps for probe in curve.probes if known(probe.eps)]
    return bool(found) and max(found) - min(found) > SAME_BUDGET * 1e3


def _attack(curve: Curve) -> str:
    assert curve.final is not None
    return f"PGD-{curve.final.pgd_steps}" if curve.final.pgd_steps else UNKNOWN


def _differ(what: str, curves: Sequence[Curve], of: Callable[[Curve], str]) -> list[str]:
    values = [of(curve) for curve in curves]
    if len({value for value in values if value != UNKNOWN}) < 2:
        return []
    told = ", ".join(f"{c.letter} {value}" for c, value in zip(curves, values, strict=True))
    return [f"{what}: {told}"]

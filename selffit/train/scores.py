"""The numbers that outlive a probe: the run's summary, and robust accuracy as it is now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selffit.eventlog import kinds


def empty_summary() -> dict[str, Any]:
    """What the `end` record says when nothing was measured. Accuracies are at the final budget."""
    return dict.fromkeys(("clean", "fgsm", "pgd", "n", "best_pgd", "onset_step"))


class Summary:
    """What the `end` record says, kept up to date. Accuracies are at the final budget."""

    def __init__(self, values: dict[str, Any]) -> None:
        """`values` is changed in place, so whoever gave it can read it at any time."""
        self._values = values

    def probed(self, probe: kinds.RobustProbe) -> None:
        """Take in what a probe found."""
        last = probe.final or probe
        known = (self._values["best_pgd"], last.pgd)
        measured = [pgd for pgd in known if pgd is not None and pgd == pgd]  # NaN: not measured
        self._values.update(
            clean=probe.clean,
            fgsm=last.fgsm,
            pgd=last.pgd,
            n=probe.n,
            best_pgd=max(measured, default=None),
        )

    def fell(self, onset_step: int | None) -> None:
        """Take in an onset; the first one counts."""
        if self._values["onset_step"] is None:
            self._values["onset_step"] = onset_step

    def state(self) -> dict[str, Any]:
        """All numbers, by name."""
        return dict(self._values)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `state()` was taken."""
        self._values.update(state)


@dataclass
class LatestPgd:
    """PGD accuracy that the newest probe found at the budget of its step; None before the first."""

    value: float | None = None

    def state(self) -> float | None:
        """The accuracy."""
        return self.value

    def restore(self, state: float | None) -> None:
        """Go on where `state()` was taken."""
        self.value = state

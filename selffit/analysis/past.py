"""What the log of a run tells about its checkpoints.

The probes and alerts before each, and which one was healthy.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from selffit.control.ledger import Ledger
from selffit.eventlog.entries import Alert, Probe, SelfProbe
from selffit.eventlog.reader import RunReader
from selffit.run.run_dir import RunDir
from selffit.run.state import RunState, reduce_all

Entry = TypeVar("Entry", Alert, Probe, SelfProbe)

PROBE_COLUMNS = ("branch", "step", "clean", "fgsm", "pgd")
SELF_COLUMNS = ("branch", "step", "index")
_AT_ONCE = 10_000  # items of a log that are folded together


@dataclass(frozen=True)
class Past:
    """A run as its log has it now; empty where there is none."""

    state: RunState
    ledger: Ledger

    @classmethod
    def read(cls, run: RunDir) -> "Past":
        """Read the whole log once."""
        reader, state = RunReader(run.path), RunState(run=run.name)
        while items := reader.poll(_AT_ONCE):
            state = reduce_all(state, items)
        return cls(state, Ledger.fold(state.control))

    def probes(self, branch: str, step: int) -> list[Probe]:
        """Robust-accuracy probes that led to this step of this branch, by rising step."""
        return self._before(self.state.probes, branch, step)

    def selfs(self, branch: str, step: int) -> list[SelfProbe]:
        """Self-information probes that led to this step of this branch, by rising step."""
        return self._before(self.state.selfs, branch, step)

    def onset(self, branch: str, step: int) -> Alert | None:
        """The onset that was open at this step of this branch.

        None where there was none or it had recovered.
        """
        found = None
        for alert in self._before(self.state.alerts, branch, step):
            if alert.level == "onset":
                found = alert
            elif alert.level == "recovered":
                found = None
        return found

    def healthy(self) -> list[str]:
        """Checkpoints from before the first onset that were healthy, the newest first.

        Empty without an onset.
        """
        onset = next((alert for alert in self.state.alerts if alert.level == "onset"), None)
        if onset is None:
            return []
        last = onset.step if onset.healthy_step is None else onset.healthy_step
        known = [c for c in self.ledger.checkpoints.values() if c.healthy]
        mine = [
            (c.step, c.id)
            for c in known
            for line, end in self._line(onset.branch, last)
            if c.branch == line and c.step <= end
        ]
        return [id for _, id in sorted(mine, reverse=True)]

    def leads_to(self, branch: str, step: int, later: str, later_step: int) -> bool:
        """Whether a step of a branch lies before (or at) another, on the line that leads there."""
        return step <= dict(self._line(later, later_step)).get(branch, -1)

    def as_data(self) -> dict[str, Any]:
        """Probes and onsets between the checkpoints in columns, for a report."""
        state = self.state
        onsets = [
            (alert.branch, onset_step(alert)) for alert in state.alerts if alert.level == "onset"
        ]
        return {
            "onsets": {
                "branch": [branch for branch, _ in onsets],
                "step": [step for _, step in onsets],
            },
            "probes": {name: [getattr(p, name) for p in state.probes] for name in PROBE_COLUMNS},
            "selfs": {name: [getattr(p, name) for p in state.selfs] for name in SELF_COLUMNS},
        }

    def _before(self, entries: Iterable[Entry], branch: str, step: int) -> list[Entry]:
        line = dict(self._line(branch, step))
        mine = [
            entry for entry in entries if entry.branch in line and entry.step <= line[entry.branch]
        ]
        return sorted(mine, key=lambda entry: entry.step)

    def _line(self, branch: str, step: int) -> list[tuple[str, int]]:
        """The branches that lead to this step, each with the last of its steps that counts."""
        line = self.ledger.lineage(branch)
        if not line:
            return [(branch, step)]
        ends = [child.base_step for child in line[1:]]
        return [(here.name, end) for here, end in zip(line, [*ends, step], strict=True)]


def onset_step(alert: Alert) -> int:
    """Where an onset began; where it was noticed if the beginning is not known."""
    return alert.step if alert.onset_step is None else alert.onset_step

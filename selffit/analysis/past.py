"""What the log of a run tells about its checkpoints.

The probes and alerts before each, and which one was healthy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from selffit.eventlog import kinds
from selffit.run.folded.lineage import line_to
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.judged.summary import verdict_dict
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import sentence
from selffit.vocabulary import DIVERGED

E = TypeVar("E", bound=kinds.Event)

PROBE_COLUMNS = ("branch", "step", "clean", "fgsm", "pgd")
SELF_COLUMNS = ("branch", "step", "index")


@dataclass(frozen=True)
class Past:
    """A run as its log has it now; of a state without any event where there is none."""

    state: RunState

    @classmethod
    def read(cls, run: RunDir) -> "Past":
        """Read the whole log once."""
        return cls(Follower.of(run).read_all())

    def before(self, kind: type[E], branch: str, step: int) -> list[E]:
        """Events of a kind that led to this step of this branch, by rising step."""
        line = line_to(self.state.ledger, branch, step)
        mine = [event for event in self.state.all(kind) if line.holds(event.branch, event.step)]
        return sorted(mine, key=lambda event: event.step)

    def onset(self, branch: str, step: int) -> kinds.Alert | None:
        """The onset that was open at this step of this branch.

        None where there was none or it had recovered.
        """
        return self._open("onset", branch, step, lambda alert: alert.step)

    def diverged(self, branch: str, step: int) -> kinds.Alert | None:
        """The divergence that had begun before this step of this branch; None where it had not.

        It is known only later than it begins.
        """
        return self._open(DIVERGED.name, branch, step, lambda alert: alert.about)

    def _open(
        self, level: str, branch: str, step: int, at: Callable[[kinds.Alert], int]
    ) -> kinds.Alert | None:
        """The newest alert of a level that is open here; `at`: the step from which it counts."""
        line = line_to(self.state.ledger, branch, step)
        found = None
        for alert in self.state.all(kinds.Alert):
            if alert.level == level and line.holds(alert.branch, at(alert)):
                found = alert
            elif alert.level == "recovered" and line.holds(alert.branch, alert.step):
                found = None
        return found

    def healthy(self) -> list[str]:
        """Checkpoints from before the first onset that were healthy, the newest first.

        Empty without an onset.
        """
        if not self.onsets:
            return []
        first = self.onsets[0]
        last = first.step if first.healthy_step is None else first.healthy_step
        line = line_to(self.state.ledger, first.branch, last)
        known = self.state.ledger.checkpoints.values()
        mine = [(c.step, c.id) for c in known if c.healthy and line.holds(c.branch, c.step)]
        return [id for _, id in sorted(mine, reverse=True)]

    @property
    def onsets(self) -> list[kinds.Alert]:
        """Every onset, on whatever branch, in the order of the log."""
        return [alert for alert in self.state.all(kinds.Alert) if alert.level == "onset"]

    def leads_to(self, branch: str, step: int, later: str, later_step: int) -> bool:
        """Whether a step of a branch lies before (or at) another, on the line that leads there."""
        return line_to(self.state.ledger, later, later_step).holds(branch, step)

    def verdict(self) -> dict[str, Any] | None:
        """What stands in the run now, as `selffit status --json` has it, and in a sentence.

        None where there is no run.
        """
        if self.state.start is None:
            return None
        return {**verdict_dict(self.state), "text": sentence(self.state, verdict(self.state))}

    def as_data(self) -> dict[str, Any]:
        """Probes and onsets between the checkpoints in columns, for a report."""
        probes = self.state.all(kinds.RobustProbe)
        selfs = self.state.all(kinds.SelfProbe)
        return {
            "onsets": {
                "branch": [alert.branch for alert in self.onsets],
                "step": [alert.about for alert in self.onsets],
            },
            "probes": {name: [getattr(p, name) for p in probes] for name in PROBE_COLUMNS},
            "selfs": {name: [getattr(p, name) for p in selfs] for name in SELF_COLUMNS},
        }

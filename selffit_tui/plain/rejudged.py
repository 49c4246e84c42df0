"""A recorded run judged again by the rules of today, in words and as data."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from selffit.detect import RuleThresholds, TraceResult
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.clean import clean
from selffit.eventlog.fields import without_nan
from selffit.numbers import count, plural
from selffit.run.again.rerun import Judged
from selffit.run.again.rules import Heard
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.judged.told import judged
from selffit.run.judged.wording import cause_words
from selffit.vocabulary import DIVERGED, MASKED, ONSET, SIGN, SUSPECT

FOUND = (ONSET.name, MASKED.name)
MEASURE = "selffit diagnose measures the checkpoints of a run"


def parse_thresholds(given: Sequence[str]) -> RuleThresholds:
    """The thresholds of the rule on probes with these changes, each NAME=VALUE.

    Raises UserError.
    """
    names = [field.name for field in fields(RuleThresholds)]
    changes: dict[str, Any] = {}
    for text in given:
        name, _, value = text.partition("=")
        if name not in names:
            raise UserError(
                f"there is no threshold '{clean(name)}'; the rule has {', '.join(names)}"
            )
        kind = type(getattr(RuleThresholds(), name))
        try:
            changes[name] = kind(value)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise UserError(f"--set {name} needs {what}, not '{clean(value)}'") from None
    return replace(RuleThresholds(), **changes)


class Rejudged:
    """A run, what its log says, and what the rules of today say of the same measurements."""

    def __init__(self, run: RunDir, thresholds: RuleThresholds) -> None:
        self.name = run.name
        self.run = run
        self.state: RunState = Follower.of(run).read_all()
        self.heard = Heard.of(run.place, self.state, thresholds)
        self.found: Judged = self.heard.judged
        # what somebody else's log says is judged as a table of it would be, whole rows at a time
        self.table = judged(self.state, thresholds)
        if self.table is not None:
            self.found = replace(self.found, alerts=_as_table(self.found, self.table))

    @property
    def cannot_tell(self) -> str:
        """Why nothing can be said, "" where it can."""
        if self.table is not None:
            said = self.table.answer
            return said.text.removeprefix("cannot tell: ") if said.reasons else ""
        # a suspicion decides nothing without a probe
        if self.found.probes or any(alert.level != SUSPECT.name for alert in self.found.alerts):
            return ""
        return f"its log has no multi-step probe; {MEASURE}"

    @property
    def verdict(self) -> str:
        """The answer in a word: as of a trace."""
        if self.cannot_tell:
            return "cannot tell"
        levels = {alert.level for alert in self.found.alerts}
        if levels.intersection(FOUND):
            return "onset"
        if DIVERGED.name in levels:
            return "diverged"
        return "no onset" if self.table is None else self.table.answer.verdict

    @property
    def sentence(self) -> str:
        """The answer: the first collapse with its cause and when that was known."""
        if self.cannot_tell:
            return f"cannot tell: {self.cannot_tell}"
        first = next((alert for alert in self.found.alerts if alert.level in FOUND), None)
        if first is None and self.verdict == "diverged":
            first = next(a for a in self.found.alerts if a.level == DIVERGED.name)
            return f"diverged at step {count(first.about)}{self._where(first)}: {first.text}"
        if first is None:
            probes = plural(self.found.probes, "probe")
            return f"no onset in {probes}" if self.table is None else self.table.answer.text
        told = f"{first.level} at step {count(first.about)}{self._where(first)}"
        if not self.found.explained:
            return f"{told}; cannot tell the cause: no self-information was logged; {MEASURE}"
        named = [
            diagnosis
            for diagnosis in self.found.diagnoses
            if diagnosis.branch == first.branch and diagnosis.onset_step == first.about
        ]
        if not named:
            return told
        last = named[-1]
        since = next(one.step for one in named if one.disease == last.disease)
        signs = ", ".join(SIGN[name].label for name in last.signs if name in SIGN)
        by = f" by {signs}" if signs else ""
        return f"{told}; {cause_words(last.disease)}, as of step {count(since)}{by}"

    def _where(self, event: kinds.Event) -> str:
        return f" of {event.branch}" if len(self.state.ledger.branches) > 1 else ""

    def lines(self) -> list[str]:
        """What is found, in the order of the log, and where the log itself had something else."""
        told = [
            *((a.step, f"{a.level}, {a.text}", a) for a in self.found.alerts),
            *((d.step, f"verdict {d.text}", d) for d in self.found.diagnoses),
        ]
        lines = [
            f"step {count(step)}{self._where(event)}: {text}"
            for step, text, event in sorted(told, key=lambda entry: entry[0])
        ]
        leads = self.found.diagnoses[-1].leads if self.found.diagnoses else {}
        if leads:
            lines.append(f"steps from the onset until each sign was clear: {_leads(leads)}")
        before, now = self._serious(self.state.all(kinds.Alert)), self._serious(self.found.alerts)
        if before != now:
            lines.append(f"the log itself has: {'; '.join(before) or 'no onset'}")
        return lines

    def _serious(self, alerts: Sequence[kinds.Alert]) -> list[str]:
        return [
            f"{alert.level} at step {count(alert.about)}{self._where(alert)}"
            for alert in alerts
            if alert.level in (*FOUND, DIVERGED.name)
        ]

    def as_data(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "run": self.name,
            "verdict": self.verdict,
            "text": self.sentence,
            "probes": self.found.probes,
            "explained": self.found.explained,
            "alerts": [_event(alert) for alert in self.found.alerts],
            "diagnoses": [_event(diagnosis) for diagnosis in self.found.diagnoses],
            "logged": [_event(alert) for alert in self.state.all(kinds.Alert)],
        }


def _as_table(found: Judged, table: TraceResult) -> tuple[kinds.Alert, ...]:
    """The alerts of a run that was only told of: none where one cannot tell from its rows."""
    if table.answer.reasons:
        return ()
    diverged = table.diverged if table.answer.verdict == DIVERGED.name else None
    if diverged is None or any(alert.level == DIVERGED.name for alert in found.alerts):
        return found.alerts
    return (*found.alerts, diverged.alert())


def _event(event: kinds.Event) -> dict[str, Any]:
    return {"branch": event.branch, "step": event.step, **without_nan(event.data())}


def _leads(leads: Mapping[str, int]) -> str:
    return ", ".join(f"{SIGN[name].label} {count(-lead)}" for name, lead in leads.items())

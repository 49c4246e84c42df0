"""What the log says about commands: a fold over its control, checkpoint and branch events.

Which commands were decided, what the settings are, who changed them last, which branch is active:
after any crash the trainer learns it from here. The order of the log is the order of effect.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

from selffit.config import LIVE
from selffit.control.commands import HEALTHY, OPERATIONS, POLICY, SOUND, Command, is_id
from selffit.control.settings import SEED, ZEROED, live_settings
from selffit.eventlog import kinds
from selffit.eventlog.fields import mapping, text
from selffit.eventlog.history import History
from selffit.eventlog.latest import Latest
from selffit.eventlog.records import Notice, Record
from selffit.vocabulary import DIVERGED, ENDINGS, ONSET

_KEYS = frozenset((*LIVE, SEED, ZEROED))


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of settings at a step.

    `old` and `new` map what changed; a roll-back names every live setting.

    `branch` is the line of history that the change belongs to; for a roll-back that is the new
    branch, `step` its base step and `asked_on` the branch it was asked on. `failed`: it could not
    be carried out and was undone.
    """

    id: str
    op: str
    by: str
    step: int
    branch: str
    asked_on: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    version: int
    failed: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a command was decided: applied, rejected or failed; `text`: why, of the latter two."""

    how: str
    step: int
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A saved checkpoint, neither pruned nor found damaged. `pgd` is in [0, 1] or NaN.

    `sound`: it is from before whatever divergence its branch came to.
    """

    id: str
    branch: str
    step: int
    pgd: float
    healthy: bool
    sound: bool = True


@dataclass(frozen=True)
class Branch:
    """A line of history.

    `announced`: its `branch` event is in the log; if the active one's is not, the trainer was
    killed after it committed the roll-back, and writes the event when it starts again.
    """

    name: str
    parent: str = ""
    base_step: int = 0
    _: KW_ONLY
    ckpt: str = ""
    announced: bool = True


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The control state of a run, a function of its log; immutable: `after` gives the next one."""

    version: int = 0  # configuration version
    config: Mapping[str, Any] = field(default_factory=dict)  # of run.start
    layers: Mapping[str, int] = field(default_factory=dict)  # channels of each, from run.start
    overrides: Mapping[str, Any] = field(default_factory=dict)  # live settings that were changed
    outcomes: Latest[str, Outcome] = field(default_factory=Latest)  # by command id
    pending: Mapping[str, Command] = field(default_factory=dict)  # received, not decided yet
    history: History[Change] = field(default_factory=History)  # what changed settings
    branch: str = "main"  # the active one
    branches: Mapping[str, Branch] = field(default_factory=lambda: {"main": Branch("main")})
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=dict)
    paused: bool = False
    stopping: str = ""  # "", "soon", or "now" for stop with now
    ended: str = ""  # how the newest attempt ended, "" while it runs
    rollbacks: int = 0  # those by a policy that were not undone
    offers: tuple[str, ...] | None = None  # operations; None: all, for a trainer of ours

    @classmethod
    def fold(cls, items: Iterable[Record | Notice]) -> "Ledger":
        """Return the ledger of a log, given in the reader's order."""
        ledger = cls()
        for item in items:
            if isinstance(item, Record):
                ledger = ledger.after(kinds.of_record(item))
        return ledger

    def after(self, event: kinds.Event) -> "Ledger":
        """Return the ledger after one more event; this one, where it says nothing of control."""
        handler = _HANDLERS.get(type(event))
        if handler is None or event.at.stream != "trainer":
            return self
        changed = handler(self, event)
        return replace(self, **changed) if changed else self

    @property
    def settings(self) -> dict[str, Any]:
        """The live settings as the newest decision left them."""
        return {**live_settings(self.config), **self.overrides}

    @property
    def zeroed(self) -> Mapping[str, Any]:
        """The zeroed channels of each layer: {layer: {"channels": […]}}."""
        return mapping(self.overrides.get(ZEROED))

    def lineage(self, branch: str | None = None) -> list[Branch]:
        """The branches that lead to `branch` (the active one by default), oldest first."""
        line: list[Branch] = []
        name = self.branch if branch is None else branch
        while (here := self.branches.get(name)) is not None and here not in line:
            line.append(here)
            name = here.parent
        return line[::-1]

    def target(self, to: str) -> Checkpoint | None:
        """The checkpoint that a roll-back `to` means.

        An id, or the newest one of this history that is "healthy", or that is "sound".
        """
        if to not in (HEALTHY, SOUND):
            return self.checkpoints.get(to)
        line = self.lineage()
        ends = [child.base_step for child in line[1:]]
        for here, end in reversed(list(zip(line, [*ends, None], strict=True))):
            mine = [c for c in self.checkpoints.values() if c.branch == here.name]
            mine = [c for c in mine if (c.healthy if to == HEALTHY else c.sound)]
            mine = [c for c in mine if end is None or c.step <= end]
            if mine:
                return max(mine, key=lambda c: c.step)
        return None

    def next_branch(self) -> str:
        """The name of the next branch; one whose roll-back failed is not used again."""
        numbers = [
            int(name[1:]) for name in self.branches if name[:1] == "b" and name[1:].isdecimal()
        ]
        return f"b{max(numbers, default=0) + 1}"


Changed = dict[str, Any]  # new values of the ledger's fields


def _run_start(ledger: Ledger, event: kinds.RunStart) -> Changed:
    layers = {layer.name: layer.channels for layer in event.layers}
    # a stop was meant for the attempt that took it, and perhaps did not live to carry it out
    return {"config": event.config, "ended": "", "stopping": "", "layers": layers}


def _end(ledger: Ledger, event: kinds.End) -> Changed:
    ended = event.how or "ended"
    if ended in ENDINGS and ENDINGS[ended].code == 0:
        return {"ended": ended, "paused": False, "stopping": ""}
    return {"ended": ended}  # after anything else the next attempt goes on where this one was


def _hosted(ledger: Ledger, event: kinds.Hosted) -> Changed:
    return {"offers": event.offers}


def _received(ledger: Ledger, event: kinds.Received) -> Changed:
    if not is_id(event.id) or event.id in ledger.outcomes:
        return {}
    lasting = math.isnan(event.ttl)
    command = Command(
        id=event.id,
        op=event.op,
        args=dict(event.args),
        by=event.by,
        expect=event.expect,
        ttl=None if lasting else event.ttl,
        t=0.0 if lasting else event.sent,
    )
    return {"pending": {**ledger.pending, event.id: command}}


def _rejected(ledger: Ledger, event: kinds.Rejected) -> Changed:
    outcome = ledger.outcomes.get(event.id) or Outcome("rejected", event.step, event.reason)
    return _decided(ledger, event.id, outcome)


def _decided(ledger: Ledger, id: str, outcome: Outcome) -> Changed:
    pending = {other: command for other, command in ledger.pending.items() if other != id}
    return {"pending": pending, "outcomes": ledger.outcomes.with_value(id, outcome)}


def _applied(ledger: Ledger, event: kinds.Applied) -> Changed:
    known = ledger.outcomes.get(event.id)
    changed = _decided(ledger, event.id, known or Outcome("applied", event.step))
    if known is not None:
        return changed
    if event.op in ("pause", "resume"):
        changed["paused"] = event.op == "pause"
    elif event.op == "stop":
        changed["stopping"] = "now" if event.args.get("now") is True else "soon"
    elif event.op in OPERATIONS and OPERATIONS[event.op].changes:
        changed |= _changes(ledger, event)
    return changed


def _changes(ledger: Ledger, event: kinds.Applied) -> Changed:
    """A change of settings; a roll-back also begins a branch."""
    changed: Changed = {}
    home, at = event.branch, event.step
    if event.op == "rollback":
        home, ckpt = event.onto, text(event.args.get("to"))
        parent, _, base = ckpt.rpartition("-")
        at = int(base) if base.isdecimal() else 0
        begun = Branch(home, parent, at, ckpt=ckpt, announced=False)
        if home not in ledger.branches:
            changed["branches"] = {**ledger.branches, home: begun}
        changed["branch"] = home
        changed["rollbacks"] = ledger.rollbacks + (event.by == POLICY)
    old, new = _known(event.old), _known(event.new)
    version = max(ledger.version + 1, event.version)
    change = Change(
        id=event.id,
        op=event.op,
        by=event.by,
        step=at,
        branch=home,
        asked_on=event.branch,
        old=old,
        new=new,
        version=version,
    )
    changed["overrides"] = {**ledger.overrides, **new}
    changed["version"] = version
    changed["history"] = ledger.history.append(change)
    return changed


def _failed(ledger: Ledger, event: kinds.Failed) -> Changed:
    before = ledger.outcomes.get(event.id)
    if before is not None and before.how != "applied":
        pending = {id: c for id, c in ledger.pending.items() if id != event.id}
        return {"pending": pending}
    changed = _decided(ledger, event.id, Outcome("failed", event.step, event.reason))
    place = next((i for i, change in enumerate(ledger.history) if change.id == event.id), None)
    if place is None:
        return changed
    undone = ledger.history[place]
    version = max(ledger.version + 1, event.version)
    back = replace(undone, old=undone.new, new=undone.old, version=version, failed=True)
    changed["overrides"] = {**ledger.overrides, **undone.old}
    changed["version"] = version
    changed["history"] = History([*ledger.history[:place], back, *ledger.history[place + 1 :]])
    if undone.op == "rollback":
        changed["branch"] = undone.asked_on
        changed["rollbacks"] = ledger.rollbacks - (undone.by == POLICY)
    return changed


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in _KEYS}


def _branch(ledger: Ledger, event: kinds.BranchBegun) -> Changed:
    begun = Branch(event.name, event.parent, event.base_step, ckpt=event.ckpt)
    return {"branches": {**ledger.branches, event.name: begun}, "branch": event.name}


def _saved(ledger: Ledger, event: kinds.CheckpointSaved) -> Changed:
    home = event.of_branch or event.branch
    saved = Checkpoint(
        id=event.id,
        branch=home,
        step=event.of_step,
        pgd=event.pgd,
        healthy=event.healthy,
        sound=not event.diverged,
    )
    return {"checkpoints": {**ledger.checkpoints, event.id: saved}}


def _gone(ledger: Ledger, event: kinds.CheckpointPruned | kinds.CheckpointDamaged) -> Changed:
    left = {id: checkpoint for id, checkpoint in ledger.checkpoints.items() if id != event.id}
    return {"checkpoints": left}


def _alert(ledger: Ledger, event: kinds.Alert) -> Changed:
    """An onset casts doubt on the branch's checkpoints from after the last healthy probe.

    A divergence on those from after the last step that showed nothing of it: on all of them, where
    none did.
    """
    diverged, last = event.level == DIVERGED.name, event.onset_low
    if diverged:
        last = -1 if last is None else last
    elif event.healthy_step is not None:
        last = event.healthy_step
    if last is None or event.level not in (DIVERGED.name, ONSET.name):
        return {}
    doubtful = {
        id: replace(checkpoint, healthy=False, sound=checkpoint.sound and not diverged)
        for id, checkpoint in ledger.checkpoints.items()
        if checkpoint.branch == event.branch and checkpoint.step > last
    }
    return {"checkpoints": {**ledger.checkpoints, **doubtful}}


_HANDLERS: dict[type[kinds.Event], Callable[[Ledger, Any], Changed]] = {
    kinds.RunStart: _run_start,
    kinds.End: _end,
    kinds.Hosted: _hosted,
    kinds.Received: _received,
    kinds.Rejected: _rejected,
    kinds.Applied: _applied,
    kinds.Failed: _failed,
    kinds.BranchBegun: _branch,
    kinds.CheckpointSaved: _saved,
    kinds.CheckpointPruned: _gone,
    kinds.CheckpointDamaged: _gone,
    kinds.Alert: _alert,
}

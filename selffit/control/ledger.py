"""What the log says about commands: a fold over its control, checkpoint and branch records, and
nothing else.

Which commands were decided, what the settings are, who changed them last, which branch is active:
after any crash the trainer learns it from here. The order of the log is the order of effect.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from selffit.config import LIVE
from selffit.control.commands import OPERATIONS, Command, is_id
from selffit.control.former import args_today, op_today, settings_today
from selffit.control.settings import SEED, ZEROED, live_settings
from selffit.eventlog.records import Notice, Record, num
from selffit.eventlog.values import items, mapping, text, whole

_KEYS = frozenset((*LIVE, SEED, ZEROED))


@dataclass(frozen=True)
class Applied:
    """A change of settings at a step. `old` and `new` map what changed; a roll-back names every
    live setting.

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
    """How a command was decided: "applied", "rejected" or "failed"; `text` is the reason of the
    latter two.
    """

    how: str
    step: int
    text: str = ""


@dataclass(frozen=True)
class Checkpoint:
    """A saved checkpoint that has been neither pruned nor found damaged. `pgd` is in [0, 1] or NaN."""

    id: str
    branch: str
    step: int
    pgd: float
    healthy: bool


@dataclass(frozen=True)
class Branch:
    """A line of history. `announced`: its `branch` record is in the log; if the active one's is
    not, the trainer was killed after it committed the roll-back and writes the record when it
    starts again.
    """

    name: str
    parent: str = ""
    base_step: int = 0
    ckpt: str = ""
    announced: bool = True


@dataclass
class Ledger:
    """The control state of a run. It changes only by `note` and `add`, so it is a function of the
    log.
    """

    version: int = 0  # configuration version
    config: Mapping[str, Any] = field(default_factory=dict)  # of run.start
    layers: Mapping[str, int] = field(default_factory=dict)  # channels of each, from run.start
    # live settings that are not the configuration's
    overrides: dict[str, Any] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # by command id
    pending: dict[str, Command] = field(default_factory=dict)  # received, not decided yet
    # what changed settings, in the order of the log
    history: list[Applied] = field(default_factory=list)
    branch: str = "main"  # the active one
    branches: dict[str, Branch] = field(default_factory=lambda: {"main": Branch("main")})
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    paused: bool = False
    stopping: str = ""  # "", "soon", or "now" for stop with now
    ended: str = ""  # how the newest attempt ended, "" while it runs
    rollbacks: int = 0  # those by a policy that were not undone

    @classmethod
    def fold(cls, records: Iterable[Record | Notice]) -> "Ledger":
        """The ledger of a log, given in the reader's order."""
        ledger = cls()
        for record in records:
            ledger.add(record)
        return ledger

    def add(self, record: Record | Notice) -> None:
        """Take in one item of the log."""
        if isinstance(record, Record) and record.stream == "trainer":
            self.note(record.k, record.d, step=record.s, branch=record.b)

    def note(self, kind: str, data: Mapping[str, Any], *, step: int, branch: str) -> None:
        """Take in one record of the trainer's stream by its parts, as `EventWriter.emit` gets them."""
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, data, step, branch)

    @property
    def settings(self) -> dict[str, Any]:
        """The live settings as the newest decision left them."""
        return {**live_settings(self.config), **self.overrides}

    @property
    def zeroed(self) -> Mapping[str, Any]:
        """The zeroed channels of each layer: {layer: {"channels": […]}}."""
        return mapping(self.overrides.get(ZEROED))

    def last_change(self, name: str) -> Applied | None:
        """The newest change of one live setting, None while it is the configuration's."""
        for change in reversed(self.history):
            if name in change.new and change.old.get(name) != change.new[name]:
                return change
        return None

    def lineage(self, branch: str | None = None) -> list[Branch]:
        """The branches that lead to `branch` (the active one by default), oldest first."""
        line: list[Branch] = []
        name = self.branch if branch is None else branch
        while (here := self.branches.get(name)) is not None and here not in line:
            line.append(here)
            name = here.parent
        return line[::-1]

    def target(self, to: str) -> Checkpoint | None:
        """The checkpoint that a roll-back `to` means: an id, or "healthy", the newest healthy one
        of this history.
        """
        if to != "healthy":
            return self.checkpoints.get(to)
        line = self.lineage()
        ends = [child.base_step for child in line[1:]]
        for here, end in reversed(list(zip(line, [*ends, None], strict=True))):
            mine = [c for c in self.checkpoints.values() if c.healthy and c.branch == here.name]
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


def _run_start(ledger: Ledger, data: Mapping[str, Any], step: int, branch: str) -> None:
    ledger.config, ledger.ended = mapping(data.get("config")), ""
    layers = [mapping(layer) for layer in items(data.get("layers"))]
    ledger.layers = {text(layer.get("name")): whole(layer.get("channels")) for layer in layers}


def _end(ledger: Ledger, data: Mapping[str, Any], step: int, branch: str) -> None:
    ledger.ended = text(data.get("how")) or "ended"
    # after anything else the next attempt goes on where this one was
    if ledger.ended in ("finished", "stopped"):
        ledger.paused, ledger.stopping = False, ""


def _received(ledger: Ledger, data: Mapping[str, Any], step: int, branch: str) -> None:
    id, expect, ttl = text(data.get("id")), data.get("expect"), num(data.get("ttl"))
    if is_id(id) and id not in ledger.outcomes:
        ledger.pending[id] = Command(
            id=id,
            op=op_today(text(data.get("op"))),
            args=args_today(text(data.get("op")), mapping(data.get("args"))),
            by=text(data.get("by")),
            expect=None if expect is None else whole(expect),
            ttl=ttl if ttl == ttl else None,
            t=num(data.get("t")) if ttl == ttl else 0.0,
        )


def _rejected(ledger: Ledger, data: Mapping[str, Any], step: int, branch: str) -> None:
    id = text(data.get("id"))
    ledger.pending.pop(id, None)
    ledger.outcomes.setdefault(id, Outcome("rejected", step, text(data.get("reason"))))


def _applied(ledger: Ledger, data: Mapping[str, Any], step: int, branch: str) -> None:
    id, op, by = text(data.get("id")), op_today(text(data.get("op"))), text(data.get("by"))
    ledger.pending.pop(id, None)
    if id in ledger.outcomes:
        return
    ledger.outcomes[id] = Outcome("applied", step)
    args = mapping(data.get("args"))
    if op in ("pause", "resume"):
        ledger.paused = op == "pause"
    elif op == "stop":
        ledger.stopping = "now" if args.get("now") is True else "soon"
    elif op in OPERATIONS and OPERATIONS[op].changes:
        home, at = branch, step
        if op == "rollback":
            home = text(data.get("branch"))
            ckpt = text(args.get("to"))
            parent, _, base = ckpt.rpartition("-")
            at = int(base) if base.isdecimal() else 0
            ledger.branches.setdefault(home, Branch(home, parent, at, ckpt, announced=False))
            ledger.branch = home
            ledger.rollbacks += by == "policy"
        old, new = (_known(data.get(name)) for name in ("old", "new"))
        ledger.overrides.update(new)
        ledger.version = max(ledger.version + 1, whole(data.get("version")))
        ledger.history.append(Applied(id, op, by, at, home, branch, old, new, ledger.version))


def _failed(ledger: Ledger, data: Mapping[str, Any], step: int, branch: str) -> None:
    id = text(data.get("id"))
    ledger.pending.pop(id, None)
    before = ledger.outcomes.get(id)
    if before is not None and before.how != "applied":
        return
    ledger.outcomes[id] = Outcome("failed", step, text(data.get("reason")))
    for place, change in enumerate(ledger.history):
        if change.id == id:
            ledger.overrides.update(change.old)
            ledger.version = max(ledger.version + 1, whole(data.get("version")))
            ledger.history[place] = replace(
                change, old=change.new, new=change.old, version=ledger.version, failed=True
            )
            if change.op == "rollback":
                ledger.branch = change.asked_on
                ledger.rollbacks -= change.by == "policy"


def _known(values: Any) -> dict[str, Any]:
    today = settings_today(mapping(values))
    return {name: value for name, value in today.items() if name in _KEYS}


def _branch(ledger: Ledger, data: Mapping[str, Any], step: int, branch: str) -> None:
    name = text(data.get("name"))
    ledger.branches[name] = Branch(
        name, text(data.get("parent")), whole(data.get("base_step")), text(data.get("ckpt"))
    )
    ledger.branch = name


def _saved(ledger: Ledger, data: Mapping[str, Any], step: int, branch: str) -> None:
    id, home = text(data.get("id")), text(data.get("branch")) or branch
    healthy = data.get("healthy") is True
    ledger.checkpoints[id] = Checkpoint(
        id, home, whole(data.get("step")), num(data.get("pgd")), healthy
    )


def _gone(ledger: Ledger, data: Mapping[str, Any], step: int, branch: str) -> None:
    ledger.checkpoints.pop(text(data.get("id")), None)


def _alert(ledger: Ledger, data: Mapping[str, Any], step: int, branch: str) -> None:
    """An onset casts doubt on the branch's checkpoints from after the last healthy probe."""
    if data.get("level") != "onset":
        return
    last = num(mapping(data.get("healthy")).get("step", data.get("onset_low")))
    for id, checkpoint in ledger.checkpoints.items():
        if checkpoint.branch == branch and checkpoint.step > last:
            ledger.checkpoints[id] = replace(checkpoint, healthy=False)


_HANDLERS = {
    "run.start": _run_start,
    "end": _end,
    "ctl.received": _received,
    "ctl.rejected": _rejected,
    "ctl.applied": _applied,
    "ctl.failed": _failed,
    "branch": _branch,
    "ckpt.saved": _saved,
    "ckpt.pruned": _gone,
    "ckpt.damaged": _gone,
    "alert": _alert,
}

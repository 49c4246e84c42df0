"""A trainer without a network, which can be killed between any two of its steps.

It has a log (a list that survives, as synced records do), checkpoints that survive, and memory that
a crash takes away, and is built of the real inbox, ledger, admission and replay.
"""

from pathlib import Path
from typing import Any

from selffit.control import lines
from selffit.control.admission import admit, new_settings
from selffit.control.commands import Command
from selffit.control.inbox import Inbox, Rejected
from selffit.control.ledger import Ledger
from selffit.control.replay import replay_plan
from selffit.control.settings import live_settings
from selffit.eventlog import kinds
from selffit.eventlog.records import Record

CONFIG = {
    "eps": 0.1,
    "alpha": 0.1,
    "method": "fgsm",
    "weight_decay": 0.0,
    "probe_every": 50,
    "stop_epoch": 30.0,
}
LAYERS = [{"name": "conv1", "channels": 8}, {"name": "conv2", "channels": 4}]


class Killed(Exception):
    pass


class Disk:
    """What outlives a trainer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for folder in ("inbox", "done"):
            (path / "control" / folder).mkdir(parents=True)
        self.log: list[Record] = []
        self.checkpoints: dict[str, dict] = {}
        self.attempts = 0


class Trainer:
    """One attempt. `fuel` is how many more points it passes before it is killed; None for all."""

    def __init__(self, disk: Disk, now: float, fuel: int | None = None) -> None:
        self.disk, self.now, self.fuel = disk, now, fuel
        disk.attempts += 1
        self.inbox, self.ledger = Inbox(disk.path), Ledger.fold(disk.log)
        self.branch = self.ledger.branch
        self.put("run.start", {"config": CONFIG, "layers": LAYERS}, step=0)
        # killed right after the roll-back was committed
        if not self.ledger.branches[self.ledger.branch].announced:
            self.announce(self.ledger.branch)
        self.load()

    def point(self) -> None:
        if self.fuel is not None:
            self.fuel -= 1
            if self.fuel < 0:
                raise Killed

    def emit(self, event: kinds.Event, step: int | None = None) -> None:
        self.put(event.KIND.name, event.data(), step)

    def put(self, kind: str, data: dict[str, Any], step: int | None = None) -> None:
        self.point()
        step = self.step if step is None else step
        record = Record(
            1, self.disk.attempts, len(self.disk.log) + 1, self.now, kind, self.branch, step, data
        )
        self.disk.log.append(record)
        self.ledger = self.ledger.after(kinds.of_record(record))
        self.point()

    def announce(self, name: str) -> None:
        new = self.ledger.branches[name]
        here, self.branch = self.branch, name
        begun = kinds.BranchBegun(
            name=name, parent=new.parent, base_step=new.base_step, ckpt=new.ckpt
        )
        self.emit(begun, step=0)
        self.branch = here

    def load(self) -> None:
        """Start from the newest checkpoint of the active history."""
        line = self.ledger.lineage()
        self.branch, base = self.ledger.branch, line[-1].ckpt
        mine = [c for c in self.ledger.checkpoints.values() if c.branch == self.branch]
        best = max(mine, key=lambda c: c.step).id if mine else base
        saved = self.disk.checkpoints.get(best)
        fresh = live_settings(CONFIG)
        self.settings = dict(saved["settings"]) if saved else fresh
        self.step = saved["step"] if saved else 0
        self.start = self.step
        self.catch_up()

    def catch_up(self) -> None:
        """Changes that the log has at this step."""
        for step, change in replay_plan(self.ledger, self.branch, self.start):
            if step == self.step:
                self.settings.update(change.new)

    def save(self) -> None:
        id = f"{self.branch}-{self.step}"
        self.point()
        self.disk.checkpoints[id] = {"step": self.step, "settings": dict(self.settings)}
        saved = kinds.CheckpointSaved(
            id=id,
            of_step=self.step,
            of_branch=self.branch,
            pgd=0.5,
            healthy=self.step % 4 == 0,
        )
        self.emit(saved)

    def tick(self, now: float, steps: int) -> None:
        self.now = now
        self.commands()
        if not self.ledger.paused:
            for _ in range(steps):
                self.step += 1
                self.catch_up()

    def commands(self) -> None:
        polled = self.inbox.poll(self.now)
        self.point()
        for command in [*self.ledger.pending.values(), *polled]:
            if command.id not in self.ledger.outcomes:
                if isinstance(command, Rejected):
                    refused = kinds.Rejected(
                        id=command.id, rule=command.rule, reason=command.reason
                    )
                    self.emit(refused)
                else:
                    self.take(command)
            self.point()
            self.inbox.retire(command.id)
            self.point()

    def take(self, command: Command) -> None:
        refusal = admit(command, self.ledger, self.now)
        if refusal is not None:
            self.emit(lines.rejected(command, refusal))
            return
        if command.id not in self.ledger.pending:
            self.emit(lines.received(command))
        if command.op == "rollback":
            self.roll_back(command)
            return
        new = new_settings(command, self.ledger)
        self.emit(lines.applied(self.ledger, command, new))
        if command.by == "clumsy":  # its effect fails
            self.emit(lines.failed(self.ledger, command, "out of memory"))
        else:
            self.settings.update(new)
        self.point()

    def roll_back(self, command: Command) -> None:
        target = self.ledger.target(command.args["to"])
        assert target is not None
        saved, name = self.disk.checkpoints[target.id], self.ledger.next_branch()
        new = new_settings(command, self.ledger, at=saved["settings"])
        args = {**command.args, "to": target.id}
        self.emit(lines.applied(self.ledger, command, new, branch=name, args=args))
        if command.by == "clumsy" and not command.args["exact"]:
            self.emit(lines.failed(self.ledger, command, "out of memory"))
            return
        self.announce(name)
        if command.by == "clumsy":
            self.emit(lines.failed(self.ledger, command, "out of memory"))
            return
        self.branch, self.step, self.start, self.settings = name, saved["step"], saved["step"], new
        self.point()

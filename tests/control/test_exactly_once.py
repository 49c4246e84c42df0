"""Every command is applied exactly once or refused, whatever is killed and whenever: a model
against an oracle.

The model trainer has a log (a list that survives, as synced records do), checkpoints that survive,
and memory that a crash takes away. It is built of the real inbox, ledger, admission and replay, and
can be killed at every point between the five steps of a command. The oracle knows only what was
submitted and the log's `ctl.applied` lines.
"""

import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from selffit.control import lines
from selffit.control.admission import admit, new_settings
from selffit.control.commands import Command, new_command
from selffit.control.inbox import Inbox, Rejected
from selffit.control.ledger import Ledger
from selffit.control.replay import replay_plan
from selffit.control.settings import live_settings
from selffit.control.submit import submit
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
# settings that nothing else moves
SIMPLE = ("weight_decay", "lr_scale", "probe_every", "stop_epoch", "eps")
RAM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


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


# How a trainer lives on after something was sent: None leaves it alone; else the steps it makes and
# its fuel.
LIFE = st.one_of(st.none(), st.tuples(st.integers(0, 3), st.one_of(st.none(), st.integers(0, 25))))


class ExactlyOnce(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.disk = Disk(Path(tempfile.mkdtemp(dir=RAM)))
        self.trainer: Trainer | None = Trainer(self.disk, 1_000_000.0)
        self.now = 1_000_000.0
        self.submitted: dict[str, Command] = {}
        self.seen = {"ann": 0, "bob": 0}  # the version that each viewer last looked at

    def teardown(self) -> None:
        if hasattr(self, "disk"):
            shutil.rmtree(self.disk.path)

    def send(
        self,
        life,
        op: str,
        args: dict,
        by: str = "ann",
        *,
        expects: bool = False,
        ttl: float | None = None,
    ) -> None:
        self.now += 0.01
        expect = self.seen[by] if expects and by in self.seen else None
        command = new_command(op, args, by=by, expect=expect, ttl=ttl, t=self.now)
        self.submitted[command.id] = command
        submit(self.disk.path, command)
        self.live(life)

    def live(self, life) -> None:
        """Start the trainer where it is down, let it poll and go on; it may be killed anywhere."""
        if life is None:
            return
        steps, fuel = life
        try:
            if self.trainer is None:
                self.trainer = Trainer(self.disk, self.now, fuel)
            self.trainer.fuel = fuel
            self.trainer.tick(self.now, steps)
        except Killed:
            self.trainer = None

    @rule(
        life=LIFE,
        key=st.sampled_from(SIMPLE),
        value=st.integers(1, 5),
        by=st.sampled_from(["ann", "bob", "clumsy"]),
        expects=st.booleans(),
        ttl=st.sampled_from([None, None, 5.0]),
    )
    def change(self, life, key: str, value: int, by: str, expects: bool, ttl: float | None) -> None:
        amount = value if key in ("probe_every", "stop_epoch") else value / 8
        self.send(life, "set", {key: amount}, by, expects=expects, ttl=ttl)

    @rule(
        life=LIFE,
        layer=st.sampled_from(["conv1", "conv2", "conv3"]),
        channels=st.sets(st.integers(0, 4), min_size=1),
    )
    def zero(self, life, layer: str, channels: set[int]) -> None:
        self.send(life, "zero", {"layer": layer, "channels": sorted(channels)})

    @rule(life=LIFE, op=st.sampled_from(["pause", "resume", "resume", "unzero"]))
    def hold(self, life, op: str) -> None:
        self.send(life, op, {})

    @rule(
        life=LIFE,
        pick=st.integers(0, 20),
        by=st.sampled_from(["bob", "clumsy"]),
        expects=st.booleans(),
        lower=st.booleans(),
    )
    def rollback(self, life, pick: int, by: str, expects: bool, lower: bool) -> None:
        ids = [*self.disk.checkpoints, "healthy"] * 6 + ["main-999"]
        args = {"to": ids[pick % len(ids)]} | ({"lr_scale": 0.5, "exact": True} if lower else {})
        self.send(life, "rollback", args, by, expects=expects)

    @precondition(lambda self: bool(getattr(self, "submitted", None)))
    @rule(life=LIFE, data=st.data())
    def submit_again(self, life, data: st.DataObject) -> None:
        submit(self.disk.path, self.submitted[data.draw(st.sampled_from(sorted(self.submitted)))])
        self.live(life)

    @rule(
        name=st.sampled_from(["junk.txt", "c" + "0" * 20 + ".json"]),
        text=st.sampled_from([b"", b"{", b"[1]"]),
        life=LIFE,
    )
    def litter(self, name: str, text: bytes, life) -> None:
        (self.disk.path / "control" / "inbox" / name).write_bytes(text)
        self.live(life)

    @rule(by=st.sampled_from(["ann", "bob"]), seconds=st.sampled_from([0.0, 10.0]), life=LIFE)
    def look(self, by: str, seconds: float, life) -> None:
        self.seen[by] = Ledger.fold(self.disk.log).version
        self.now += seconds
        self.live(life)

    @precondition(lambda self: getattr(self, "trainer", None) is not None)
    @rule(fuel=st.sampled_from([None, None, 0, 1, 2]), life=LIFE)
    def save(self, fuel: int | None, life) -> None:
        assert self.trainer is not None
        try:
            self.trainer.fuel = fuel
            self.trainer.save()
        except Killed:
            self.trainer = None
        self.live(life)

    @rule(life=LIFE)
    def kill(self, life) -> None:
        self.trainer = None
        self.live(life)

    @invariant()
    def each_command_has_one_fate(self) -> None:
        if not hasattr(self, "disk"):
            return
        fates = Counter(r.d["id"] for r in self.disk.log if r.k in ("ctl.applied", "ctl.rejected"))
        assert all(count == 1 for count in fates.values()), fates
        received = [r.d["id"] for r in self.disk.log if r.k == "ctl.received"]
        assert len(received) == len(set(received))

    @invariant()
    def the_settings_are_what_the_oracle_says(self) -> None:
        if not hasattr(self, "disk"):
            return
        expected = self.oracle()
        ledger = Ledger.fold(self.disk.log)
        assert {key: ledger.settings[key] for key in SIMPLE} == {
            key: expected[key] for key in SIMPLE
        }
        assert {name: row["channels"] for name, row in ledger.zeroed.items()} == expected["zeroed"]
        assert ledger.paused == expected["paused"]
        if self.trainer is not None:
            assert self.trainer.ledger == ledger
            assert self.trainer.branch == ledger.branch

    def oracle(self) -> dict:
        """The settings by the meaning of the submitted commands, in the order in which the log
        applied them.
        """
        now: dict[str, Any] = {
            "weight_decay": 0.0,
            "lr_scale": 1.0,
            "probe_every": 50,
            "stop_epoch": 30.0,
            "eps": 0.1,
        }
        now |= {"zeroed": {}, "paused": False}
        version, before = 0, dict(now)
        for record in self.disk.log:
            if record.k == "ctl.failed":
                now, version = before, version + 1
            if record.k != "ctl.applied":
                continue
            command = self.submitted[record.d["id"]]
            if command.expect is not None:
                assert command.expect == version, "two viewers: the second was not refused"
            before, now = now, dict(now)
            version += command.op not in ("pause", "resume")
            assert record.d["op"] == command.op
            assert command.ttl is None or record.t - command.t <= command.ttl
            if command.op == "set":
                now |= command.args
            elif command.op == "zero":
                now["zeroed"] = {
                    **now["zeroed"],
                    command.args["layer"]: command.args["channels"],
                }
            elif command.op == "unzero":
                gone = command.args["layer"]
                now["zeroed"] = {
                    k: v for k, v in now["zeroed"].items() if gone is not None and k != gone
                }
            elif command.op == "rollback":
                then = self.disk.checkpoints[record.d["args"]["to"]]["settings"]
                now |= {key: then[key] for key in SIMPLE}
                now["zeroed"] = {name: row["channels"] for name, row in then["zeroed"].items()}
                now |= {key: value for key, value in command.args.items() if key in SIMPLE}
            else:
                now["paused"] = command.op == "pause"
        return now

    @rule()
    def settle(self) -> None:
        """Left alone, the trainer decides everything, empties the inbox and catches up with its own
        past.
        """
        if self.trainer is None:
            self.trainer = Trainer(self.disk, self.now)
        self.trainer.fuel = None
        self.trainer.tick(self.now, 0)
        assert self.trainer.ledger.pending == {}
        assert set(self.submitted) <= set(self.trainer.ledger.outcomes)
        assert os.listdir(self.disk.path / "control" / "inbox") == []
        while any(
            step > self.trainer.step
            for step, _ in replay_plan(self.trainer.ledger, self.trainer.branch, self.trainer.start)
        ):
            self.trainer.step += 1
            self.trainer.catch_up()
        assert self.trainer.settings == self.trainer.ledger.settings


def run(examples: int, steps: int) -> None:
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(ExactlyOnce, settings=profile)


def test_every_command_is_applied_exactly_once_or_refused():
    run(80, 40)


@pytest.mark.slow
def test_every_command_is_applied_exactly_once_or_refused_at_length():
    run(3000, 80)

"""Every command is applied exactly once or refused, whatever is killed and whenever: a model
against an oracle.

The model is `made_up.trainer`, which can be killed at every point between the five steps of a
command. The oracle knows only what was submitted and the log's `ctl.applied` lines.
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
from made_up.trainer import Disk, Killed, Trainer

from selffit.control.commands import Command, new_command
from selffit.control.ledger import Ledger
from selffit.control.replay import replay_plan
from selffit.control.submit import submit

# settings that nothing else moves
SIMPLE = ("weight_decay", "lr_scale", "probe_every", "stop_epoch", "eps")
RAM = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


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

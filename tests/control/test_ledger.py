"""What the log says about commands: whether one is admitted, and what a resumed trainer redoes."""

import math
from typing import Any

import pytest

from selffit.control import lines
from selffit.control.admission import admit, new_settings
from selffit.control.commands import Command, new_command
from selffit.control.ledger import Ledger
from selffit.control.refusal import RULES, Refusal
from selffit.control.replay import replay_plan
from selffit.eventlog import kinds
from selffit.eventlog.records import Notice, Record

CONFIG = {"eps": 0.1, "alpha": 0.1, "method": "fgsm", "holdout": 1000}
LAYERS = [{"name": "conv1", "channels": 8}, {"name": "conv2", "channels": 4}]


class Log:
    """A ledger and the records that made it."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.ledger = Ledger()
        self.put("run.start", {"config": CONFIG, "layers": LAYERS})

    def add(self, event: kinds.Event, step: int = 0, branch: str | None = None) -> None:
        """Log an event as the trainer does."""
        self.put(event.KIND.name, event.data(), step, branch)

    def put(
        self, kind: str, data: dict[str, Any], step: int = 0, branch: str | None = None
    ) -> None:
        """Log raw data of a kind."""
        home = branch or self.ledger.branch
        record = Record(1, 1, len(self.records) + 1, 0.0, kind, home, step, data)
        self.records.append(record)
        self.ledger = self.ledger.after(kinds.of_record(record))

    def apply(self, op, args=None, step=0, by="ann", at=None):
        command = new_command(op, args or {}, by=by, t=1000.0)
        assert admit(command, self.ledger, 1000.0) is None
        if op == "rollback":
            target = self.ledger.target(command.args["to"])
            assert target is not None
            new, branch = new_settings(command, self.ledger, at=at), self.ledger.next_branch()
            args = {**command.args, "to": target.id}
            self.add(lines.applied(self.ledger, command, new, branch=branch, args=args), step)
            begun = kinds.BranchBegun(
                name=branch, parent=target.branch, base_step=target.step, ckpt=target.id
            )
            self.add(begun, step, branch)
        else:
            new = new_settings(command, self.ledger)
            self.add(lines.applied(self.ledger, command, new), step)
        return command

    def save(self, step, healthy=True):
        branch = self.ledger.branch
        saved = kinds.CheckpointSaved(
            id=f"{branch}-{step}", of_branch=branch, of_step=step, pgd=0.4, healthy=healthy
        )
        self.add(saved, step)

    def refusal(self, op, args=None, now=1000.0, **kwargs):
        refusal = self.refused(new_command(op, args or {}, by="bob", t=1000.0, **kwargs), now)
        assert refusal.rule in RULES
        return refusal

    def refused(self, command: Command, now: float) -> Refusal:
        """Why the command is not admitted."""
        refusal = admit(command, self.ledger, now)
        assert refusal is not None
        return refusal

    def plan(self, from_step, branch=None):
        plan = replay_plan(self.ledger, branch or self.ledger.branch, from_step)
        return [(step, dict(change.new)) for step, change in plan]


@pytest.fixture
def log():
    return Log()


def test_settings_start_as_configured_and_follow_the_log(log):
    assert log.ledger.settings["eps"] == 0.1
    assert log.ledger.settings["lr_scale"] == 1.0
    log.apply("set", {"eps": 0.2}, step=40)
    assert (log.ledger.settings["eps"], log.ledger.settings["alpha"], log.ledger.version) == (
        0.2,
        0.2,
        1,
    )
    assert log.ledger.overrides == {"eps": 0.2, "alpha": 0.2}
    (change,) = log.ledger.history
    assert (change.by, change.step, change.old["alpha"]) == ("ann", 40, 0.1)
    assert "method" not in change.new


def test_a_pause_or_a_note_is_no_new_version(log):
    log.apply("pause")
    log.apply("note", {"text": "hm"})
    assert log.ledger.paused
    assert log.ledger.version == 0


def test_the_version_goes_on_over_attempts(log):
    log.apply("set", {"eps": 0.2})
    log.put("run.start", {"config": CONFIG, "layers": LAYERS})
    assert (log.ledger.version, log.ledger.settings["eps"]) == (1, 0.2)


def test_a_failure_restores_the_old_value_under_a_new_version(log):
    log.apply("set", {"weight_decay": 0.01})
    command = log.apply("set", {"eps": 0.2})
    log.add(lines.failed(log.ledger, command, "out of memory"))
    assert log.ledger.settings["eps"] == 0.1
    assert log.ledger.version == 3
    assert log.ledger.outcomes[command.id].how == "failed"
    assert log.plan(0) == [(0, {"weight_decay": 0.01})]


def test_what_was_received_only_is_pending_and_taken_up_again(log):
    command = new_command("set", {"eps": 0.2}, by="ann", expect=0, ttl=60, t=1000.0)
    log.add(lines.received(command))
    assert log.ledger.pending == {command.id: command}
    assert admit(command, log.ledger, 1001.0) is None
    refusal = log.refused(command, 1100.0)
    assert refusal.rule == "expired"
    log.add(lines.rejected(command, refusal))
    assert log.ledger.pending == {}


def test_a_command_is_decided_once(log):
    command = log.apply("set", {"eps": 0.2}, step=7)
    assert log.refused(command, 1000.0).rule == "duplicate"
    before = Ledger.fold(log.records)
    log.add(lines.applied(log.ledger, command, {"eps": 0.5}))
    log.put("ctl.rejected", {"id": command.id, "reason": "late"})
    assert log.ledger == before


def test_a_stale_command_hears_what_changed_and_who_did_it(log):
    log.apply("set", {"eps": 0.2}, step=40)
    refusal = log.refusal("set", {"eps": 0.3}, expect=0)
    assert refusal.rule == "stale"
    assert "ann applied set (eps 0.1 → 0.2" in refusal.reason
    assert "step 40" in refusal.reason
    assert log.refusal("pause", expect=9).rule == "stale"
    assert admit(new_command("set", {"eps": 0.3}, by="bob", expect=1), log.ledger, 0.0) is None


@pytest.mark.parametrize(
    ("op", "args", "rule", "says"),
    [
        ("resume", {}, "nothing-to-do", "not paused"),
        ("set", {"eps": 0.1}, "nothing-to-do", "already"),
        ("set", {"attack_steps": 3}, "bad-argument", "method=pgd"),
        ("set", {"probe_images": 5000}, "out-of-range", "held-out"),
        ("unzero", {}, "nothing-to-do", "nothing is zeroed"),
        ("zero", {"layer": "conv", "top": 1}, "bad-argument", "did you mean 'conv"),
        ("zero", {"layer": "conv2", "channels": [4]}, "out-of-range", "4 channels"),
        ("zero", {"layer": "conv2", "top": 4}, "out-of-range", "at least one"),
        ("rollback", {}, "no-checkpoint", "healthy"),
        ("rollback", {"to": "main-7"}, "no-checkpoint", "none has been saved"),
    ],
)
def test_what_makes_no_sense_now_is_refused(log, op, args, rule, says):
    refusal = log.refusal(op, args)
    assert refusal.rule == rule
    assert says in refusal.reason


def test_pausing_twice_is_nothing_to_do(log):
    log.apply("pause")
    assert log.refusal("pause").rule == "nothing-to-do"


def test_a_stop_may_only_be_hastened(log):
    log.apply("stop")
    assert log.refusal("stop").rule == "nothing-to-do"
    assert log.refusal("set", {"eps": 0.2}).rule == "ended"
    log.apply("stop", {"now": True})
    assert log.ledger.stopping == "now"
    assert log.refusal("stop", {"now": True}).rule == "nothing-to-do"


def test_after_the_end_everything_is_refused_until_the_run_is_resumed(log):
    log.apply("pause")
    log.apply("stop")
    log.put("end", {"how": "stopped"})
    assert log.refusal("probe").rule == "ended"
    log.put("run.start", {"config": CONFIG, "layers": LAYERS})
    assert (log.ledger.paused, log.ledger.stopping, log.ledger.ended) == (False, "", "")


def test_a_crash_forgets_no_pause_but_a_stop_is_over_with_its_attempt(log):
    log.apply("pause")
    log.apply("stop")
    log.put("end", {"how": "crashed"})
    log.put("run.start", {"config": CONFIG, "layers": LAYERS})
    assert (log.ledger.paused, log.ledger.stopping) == (True, "")


def test_zeroing_is_a_setting_per_layer(log):
    log.apply("zero", {"layer": "conv1", "channels": [3, 1]})
    log.apply("zero", {"layer": "conv2", "channels": [0]})
    assert log.ledger.zeroed["conv1"] == {"channels": [1, 3]}
    log.apply("unzero", {"layer": "conv1"})
    assert list(log.ledger.zeroed) == ["conv2"]
    log.apply("unzero")
    assert log.ledger.zeroed == {}
    assert log.ledger.version == 4


def test_healthy_means_the_newest_healthy_checkpoint_before_an_onset(log):
    for step in (100, 200, 300):
        log.save(step)
    assert log.ledger.target("healthy").id == "main-300"
    log.put(
        "alert", {"level": "onset", "healthy": {"step": 250, "pgd": 0.4}, "onset_low": 250}, 350
    )
    assert log.ledger.target("healthy").id == "main-200"
    assert log.ledger.target("main-300").id == "main-300"
    log.put("ckpt.damaged", {"id": "main-200", "reason": "hash"})
    assert log.ledger.target("healthy").id == "main-100"
    log.put("ckpt.pruned", {"id": "main-100"})
    assert log.ledger.target("healthy") is None


def test_healthy_looks_back_over_the_bases_of_branches_only(log):
    log.save(100)
    log.save(200)
    log.apply("rollback", {"to": "main-100"}, step=250, at=log.ledger.settings)
    assert log.ledger.target("healthy").id == "main-100"  # main-200 is not of this history
    log.save(150)
    assert log.ledger.target("healthy").id == "b1-150"


def test_a_rollback_is_a_new_branch_with_the_settings_of_its_checkpoint(log):
    log.apply("set", {"weight_decay": 0.01}, step=50)
    log.save(100)
    then = log.ledger.settings
    log.apply("set", {"weight_decay": 0.02}, step=150)
    log.apply("rollback", {"method": "n-fgsm"}, step=200, by="policy", at=then)
    ledger = log.ledger
    assert (ledger.branch, ledger.rollbacks, ledger.version) == ("b1", 1, 3)
    assert (ledger.settings["weight_decay"], ledger.settings["method"]) == (0.01, "n-fgsm")
    assert [branch.name for branch in ledger.lineage()] == ["main", "b1"]
    assert ledger.next_branch() == "b2"
    assert (ledger.branches["b1"].base_step, ledger.branches["b1"].ckpt) == (100, "main-100")


def test_a_rollback_that_was_committed_stands_without_its_branch_record(log):
    log.save(100)
    log.apply("rollback", step=150, at=log.ledger.settings)
    killed = Ledger.fold(log.records[:-1])
    assert killed.branch == "b1"
    assert not killed.branches["b1"].announced
    assert log.ledger.branches["b1"].announced
    assert killed.lineage()[-1].ckpt == "main-100"


def test_a_rollback_that_failed_leaves_the_branch_it_was_asked_on(log):
    log.save(100)
    command = log.apply("rollback", {"eps": 0.2}, step=150, by="policy", at=log.ledger.settings)
    log.add(lines.failed(log.ledger, command, "disk"), branch="b1")
    assert (log.ledger.branch, log.ledger.rollbacks, log.ledger.settings["eps"]) == ("main", 0, 0.1)
    assert log.ledger.next_branch() == "b2"


def test_the_plan_repeats_changes_at_their_steps_from_the_checkpoint_on(log):
    log.apply("set", {"weight_decay": 0.01}, step=50)
    log.apply("pause", step=60)
    log.apply("set", {"weight_decay": 0.02}, step=100)
    log.apply("set", {"lr_scale": 0.5}, step=150)
    assert log.plan(100) == [(100, {"weight_decay": 0.02}), (150, {"lr_scale": 0.5})]
    assert log.plan(151) == []


def test_a_later_decision_at_an_earlier_step_replaces_what_was_planned_after_it(log):
    log.apply("set", {"weight_decay": 0.01, "lr_scale": 0.5}, step=150)
    # after a crash, while steps 100 to 150 were done again
    log.apply("set", {"weight_decay": 0.03}, step=120)
    assert log.plan(100) == [(120, {"weight_decay": 0.03}), (150, {"lr_scale": 0.5})]


def test_a_value_that_was_named_is_kept_even_if_only_another_one_differs(log):
    log.apply("set", {"eps": 0.2, "alpha": 0.2}, step=150)
    log.apply("set", {"eps": 0.3, "alpha": 0.2}, step=120)
    assert log.plan(100) == [(120, {"eps": 0.3, "alpha": 0.2})]


def test_the_plan_of_a_branch_leaves_out_what_was_abandoned(log):
    log.apply("set", {"weight_decay": 0.01}, step=50)
    log.save(100)
    then = log.ledger.settings
    log.apply("set", {"weight_decay": 0.02}, step=150)
    log.apply("rollback", {"lr_scale": 0.5}, step=200, at=then)
    log.apply("set", {"weight_decay": 0.04}, step=130)
    plan = log.plan(100)
    assert [step for step, _ in plan] == [100, 130]
    assert (plan[0][1]["weight_decay"], plan[0][1]["lr_scale"]) == (0.01, 0.5)
    assert [step for step, _ in log.plan(40)] == [50, 100, 130]  # the base itself was damaged


def test_nonsense_in_a_log_is_not_an_error(log):
    for kind in (
        "run.start",
        "ctl.received",
        "ctl.rejected",
        "ctl.applied",
        "ctl.failed",
        "branch",
        "ckpt.saved",
        "alert",
        "end",
    ):
        log.put(kind, {}, branch="main")
        junk = {
            key: [math.nan]
            for key in (
                "id",
                "op",
                "args",
                "by",
                "new",
                "old",
                "version",
                "name",
                "healthy",
                "step",
            )
        }
        log.put(kind, junk, branch="main")
    log.put(
        "ctl.applied", {"id": "x", "op": "set", "new": {"__class__": 1, "eps": 0.3}}, branch="main"
    )
    assert set(log.ledger.overrides) == {"eps"}
    log.ledger.next_branch()
    log.ledger.lineage()
    assert isinstance(Ledger.fold([Notice("gap", "trainer", "f", 0, "")]), Ledger)


def test_a_pending_command_of_another_version_is_refused_not_an_error(log):
    log.put("ctl.received", {"id": "c" + "0" * 20, "op": "warp", "args": {}, "by": "ann"})
    (command,) = log.ledger.pending.values()
    assert log.refused(command, 0.0).rule == "unknown-op"


def test_the_ledger_of_a_supervisor_record_is_unchanged(log):
    record = Record(1, 1, 1, 0.0, "end", "main", 0, {"how": "stopped"}, stream="supervisor")
    before = Ledger.fold(log.records)
    assert log.ledger.after(kinds.of_record(record)) == before

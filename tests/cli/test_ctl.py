"""`selffit ctl` against a made-up trainer: what is sent, what is told, and with which exit code."""

import json
import os
import socket
import threading
import time

import msgspec
import pytest

from selffit.config import resolve
from selffit.control import lines
from selffit.control.admission import admit, new_settings
from selffit.control.commands import OPERATIONS, Command
from selffit.control.inbox import Inbox
from selffit.control.ledger import Ledger
from selffit.control.settings import live_settings
from selffit.eventlog import kinds
from selffit.eventlog.liveness import here
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir


class Trainer:
    """Takes commands as a trainer does, and trains nothing.

    `answers` False: it is there, but does not look.
    """

    def __init__(self, root, name="demo", answers=True, identity=None, fails=False):
        self.run = RunDir.create(root, name, {"config": resolve().as_dict()})
        self.ledger = Ledger()
        self.fails = fails
        self.log = EventWriter(
            self.run.path, "trainer", 1, opening={"run": name, **(identity or here().as_data())}
        )
        config = resolve().as_dict()
        self.emit(
            kinds.RunStart(
                config=config,
                steps_total=40,
                steps_per_epoch=20,
                device="cpu",
                device_name="",
                torch="",
                params=0,
                layers=(kinds.Layer(name="conv1", channels=16),),
            )
        )
        saved = kinds.CheckpointSaved(
            id="main-20", of_step=20, of_branch="main", pgd=0.4, healthy=True
        )
        self.emit(saved, 20)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)
        if answers:
            self.thread.start()

    def emit(self, event, step=0, branch="main"):
        self.log.emit(event, step=step, branch=branch)
        at = kinds.Place(branch=branch, step=step)
        self.ledger = self.ledger.after(msgspec.structs.replace(event, at=at))

    def work(self):
        inbox = Inbox(self.run.path)
        while not self.stop.wait(0.02):
            for item in inbox.poll():
                if not isinstance(item, Command):
                    self.emit(kinds.Rejected(id=item.id, rule=item.rule, reason=item.reason), 30)
                elif (refusal := admit(item, self.ledger, time.time())) is not None:
                    self.emit(lines.rejected(item, refusal), 30)
                else:
                    self.apply(item)
                inbox.retire(item.id)

    def apply(self, command):
        self.emit(lines.received(command), 30)
        if command.op != "rollback":
            new = new_settings(command, self.ledger)
            self.emit(lines.applied(self.ledger, command, new), 30)
        else:
            new = new_settings(command, self.ledger, at=live_settings(self.ledger.config))
            args = {**command.args, "to": "main-20"}
            self.emit(lines.applied(self.ledger, command, new, branch="b1", args=args), 30)
            begun = kinds.BranchBegun(name="b1", parent="main", base_step=20, ckpt="main-20")
            self.emit(begun, 20, "b1")
        if self.fails:
            self.emit(lines.failed(self.ledger, command, "no memory left"), 30)

    def close(self, how="finished"):
        self.stop.set()
        if self.thread.is_alive():
            self.thread.join()
        if how:
            self.emit(kinds.End(how=how))
        self.log.close("closed")


@pytest.fixture
def trainer(tmp_path):
    started = []

    def start(**options):
        started.append(Trainer(tmp_path / "runs", **options))
        return started[-1]

    yield start
    for one in started:
        one.close("")


@pytest.fixture
def ctl(monkeypatch, selffit, tmp_path):
    monkeypatch.setenv("SELFFIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)

    return lambda *args: selffit("ctl", *args)


def waiting(trainer):
    return sorted(os.listdir(trainer.run.inbox))


def test_a_setting_is_changed_and_the_step_is_told(ctl, trainer):
    one = trainer()
    code, out, err = ctl("demo", "set", "eps=8/255", "weight-decay=0.001")
    assert (code, err) == (0, "")
    assert out == "applied at step 30 of branch main: set eps 8/255, weight decay 0.001\n"
    assert one.ledger.settings["eps"] == 8 / 255 and waiting(one) == []


def test_json_has_everything_a_script_needs(ctl, trainer):
    trainer()
    code, out, _ = ctl(
        "latest", "rollback", "--to", "healthy", "--method", "n-fgsm", "--json", "--by", "ann"
    )
    told = json.loads(out)
    assert code == 0 and told.pop("id").startswith("c")
    assert told.pop("verdict")["state"] == "rolled back"
    assert told == {
        "op": "rollback",
        "state": "applied",
        "step": 30,
        "branch": "b1",
        "version": 1,
        "reason": None,
        "rule": None,
    }


@pytest.mark.parametrize(
    ("args", "op", "expected"),
    [
        (["pause"], "pause", {}),
        (["stop", "--now"], "stop", {"now": True}),
        (["checkpoint"], "checkpoint", {}),
        (["rollback", "--to", "main-20", "--exact"], "rollback", {"to": "main-20", "exact": True}),
        (
            ["rollback", "--eps", "0.1", "--lr-scale", "0.5"],
            "rollback",
            {"eps": 0.1, "lr_scale": 0.5},
        ),
        (
            ["rollback", "--method", "pgd", "--corner"],
            "rollback",
            {"method": "pgd", "corner": True},
        ),
        (
            ["rollback", "--no-corner", "--mix-signs", "0.25"],
            "rollback",
            {"corner": False, "mix_signs": 0.25},
        ),
        (
            ["set", "self-images=64", "causal_images=0"],
            "set",
            {"self_images": 64, "causal_images": 0},
        ),
        (["zero", "--layer", "conv1", "--top", "2"], "zero", {"layer": "conv1", "top": 2}),
        (["zero", "--layer", "conv1", "--channels", "5,3"], "zero", {"channels": [3, 5]}),
        (["unzero"], "unzero", {"layer": None}),
        (["suppress", "--layer", "conv1", "--top", "2"], "zero", {"layer": "conv1", "top": 2}),
        (["unsuppress", "--layer", "conv1"], "unzero", {"layer": "conv1"}),
        (["probe"], "probe", {}),
        (["note", "why not"], "note", {"text": "why not"}),
    ],
)
def test_every_operation_becomes_one_command_file(ctl, trainer, args, op, expected):
    one = trainer(answers=False)
    code, out, _ = ctl("demo", *args, "--no-wait", "--expect", 0, "--ttl", 60, "--by", "ann@lab")
    assert code == 0 and out.startswith("handed over: ")
    (name,) = waiting(one)
    sent = json.loads((one.run.inbox / name).read_text())
    assert (sent["op"], sent["by"], sent["expect"], sent["ttl"]) == (op, "ann@lab", 0, 60)
    assert expected.items() <= sent["args"].items()


def test_without_a_name_it_is_the_user_at_the_host(ctl, trainer):
    one = trainer(answers=False)
    assert ctl("demo", "pause", "--no-wait")[0] == 0
    assert json.loads((one.run.inbox / waiting(one)[0]).read_text())["by"].endswith(
        "@" + socket.gethostname()
    )
    assert json.loads((one.run.inbox / waiting(one)[0]).read_text())["expect"] is None


def test_what_the_trainer_refuses_gives_exit_code_3_and_the_reason(ctl, trainer):
    trainer()
    code, out, err = ctl("demo", "resume")
    assert (code, out) == (3, "")
    assert (
        err == "selffit: refused (nothing-to-do): the run is not paused; there is nothing to do\n"
    )


def test_corners_without_pgd_are_refused(ctl, trainer):
    trainer()
    code, _, err = ctl("demo", "set", "corner=true")
    assert code == 3 and "corner applies to pgd only, not to fgsm; add method=pgd" in err
    code, out, _ = ctl("demo", "set", "corner=true", "method=pgd")
    assert code == 0 and out.endswith(": set method pgd, corner yes\n")


def test_of_two_conflicting_changes_the_second_is_told_who_was_first(ctl, trainer):
    trainer()
    assert ctl("demo", "set", "eps=0.1", "--expect", 0, "--by", "ann")[0] == 0
    code, out, _ = ctl("demo", "set", "eps=0.2", "--expect", 0, "--by", "bob", "--json")
    told = json.loads(out)
    assert code == 3 and (told["state"], told["rule"]) == ("rejected", "stale")
    assert "ann applied set (eps" in told["reason"]


def test_a_change_that_failed_after_it_was_applied_is_no_success(ctl, trainer):
    trainer(fails=True)
    code, _, err = ctl("demo", "set", "eps=0.1")
    assert code == 3 and "failed and undone: no memory left" in err


def test_a_trainer_that_does_not_look_gives_exit_code_4(ctl, trainer):
    one = trainer(answers=False)
    code, out, err = ctl("demo", "pause", "--timeout", "0.2")
    assert (code, out) == (4, "")
    assert (
        "no answer after 0 s: the trainer runs but does not answer" in err
        and "may still be applied" in err
    )
    assert len(waiting(one)) == 1
    assert json.loads(ctl("demo", "pause", "--timeout", "0.1", "--json")[1])["state"] == "timeout"


def test_a_trainer_that_ends_without_an_answer_is_not_waited_for(ctl, trainer):
    one = trainer(answers=False)

    def crash():
        while not waiting(one):  # it ends after it was asked, however long that takes
            time.sleep(0.02)
        one.emit(kinds.End(how="crashed", reason="bang"))

    threading.Thread(target=crash, daemon=True).start()
    began = time.monotonic()
    code, _, err = ctl("demo", "pause")
    assert code == 4 and "the run has ended (crashed) without looking at it" in err
    assert time.monotonic() - began < 15


def test_a_run_that_has_ended_is_refused_at_once_and_nothing_is_written(ctl, trainer):
    one = trainer()
    one.close()
    code, _, err = ctl("demo", "pause")
    assert code == 3 and "the run has ended (finished); resume it first" in err
    code, out, _ = ctl("demo", "pause", "--no-wait", "--json")
    assert code == 3 and json.loads(out)["rule"] == "ended"
    assert waiting(one) == []


def test_a_run_whose_trainer_is_gone_is_refused_at_once(ctl, trainer, monkeypatch):
    monkeypatch.setattr("selffit.run.follow.GONE_SECONDS", 0.0)  # it went long ago
    dead = {**here().as_data(), "pid": 2**22 - 1}
    one = trainer(answers=False, identity=dead)
    code, _, err = ctl("demo", "pause")
    assert code == 3 and "the trainer is gone and nothing recorded why" in err
    assert waiting(one) == []


def test_an_inbox_that_cannot_be_written_is_said(ctl, trainer):
    one = trainer(answers=False)
    one.run.inbox.rmdir()
    code, _, err = ctl("demo", "pause")
    assert code == 2 and "has no control/inbox" in err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("set", "esp=0.1"), "did you mean 'eps'"),
        (("set", "eps=8"), "write 8/255, not 8"),
        (("set", "eps"), "is no KEY=VALUE"),
        (("set", "eps=1/255", "eps=2/255"), "given twice"),
        (("set", "batch_size=4"), "cannot change while a run trains"),
        (("set", "mix-signs=30"), "mix_signs must be in [0, 1]"),
        (("set", "corner=maybe"), "corner must be true or false"),
        (("set",), "Missing argument"),
        (("rollback", "--to", "yesterday"), "must be 'healthy', 'sound' or a checkpoint"),
        (("rollback", "--method", "fgms"), "did you mean 'fgsm'"),
        (("zero", "--layer", "conv1"), "needs either channels"),
        (("zero", "--layer", "conv1", "--channels", "a"), "must be a whole number"),
        (("pauze",), "Did you mean 'pause'"),
        (("note", " "), "must be a line of text"),
        (("note", "x" * 501), "shorten it"),
        (("pause", "--expect", "-1"), "expect must be"),
        (("pause", "--ttl", "-1"), "ttl must be"),
        (("pause", "--timeout", "-1"), "Invalid value"),
    ],
)
def test_bad_input_is_one_sentence_exit_code_2_and_nothing_sent(ctl, trainer, args, says):
    one = trainer(answers=False)
    code, out, err = ctl("demo", *args)
    assert (code, out) == (2, "")
    assert says in " ".join(err.replace("│", " ").split()) and "Traceback" not in err
    assert waiting(one) == []


def test_no_such_run(ctl):
    assert ctl("nosuch", "pause")[0] == 2


def test_the_help_names_the_operations_and_the_exit_codes(ctl):
    code, out, _ = ctl("--help")
    words = " ".join(out.split())
    assert code == 0 and all(f" {op} " in out for op in OPERATIONS) and "suppress" not in out
    assert "3 refused" in words and "4 no answer in time" in words
    assert "4 no answer in time" in " ".join(ctl("demo", "rollback", "--help")[1].split())

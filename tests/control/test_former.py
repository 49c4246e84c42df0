"""What earlier versions wrote is understood: commands, logs, checkpoints, policies, settings."""

import json

import pytest

from selffit.config import from_dict, resolve
from selffit.control.commands import Command, checked, new_id
from selffit.control.inbox import Inbox, Rejected
from selffit.control.ledger import Ledger
from selffit.control.policy import parse_policy
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.kinds import Place, of_data
from selffit_tui.words.commands import applied, asked, change

CONV1 = {"conv1": {"channels": [3, 5], "mode": "mask"}}
ARGS = {"layer": "conv1", "channels": [3, 5], "mode": "mask"}
ID = new_id(1.0)
APPLIED = {
    "id": ID,
    "op": "suppress",
    "args": ARGS,
    "by": "ann@lab",
    "old": {"suppress": {}},
    "new": {"suppress": CONV1},
    "version": 1,
}
RECEIVED = {"id": ID, "op": "suppress", "args": ARGS, "by": "ann@lab", "t": 1.0}


def ledger_of(*records):
    ledger = Ledger()
    for kind, data in records:
        ledger = ledger.after(of_data(kind, data, Place(step=7)))
    return ledger


def test_an_old_command_is_taken_as_the_one_of_today():
    command = checked(Command(ID, "suppress", ARGS, "ann"))
    assert (command.op, command.args) == ("zero", {"layer": "conv1", "channels": [3, 5]})
    undo = checked(Command(ID, "unsuppress", {"layer": None}, "ann"))
    assert (undo.op, undo.args) == ("unzero", {"layer": None})


@pytest.mark.parametrize(("mode", "says"), [("mask", ""), ("scale", "zero has no argument 'mode'")])
def test_an_old_file_in_the_inbox_is_read(tmp_path, mode, says):
    inbox = tmp_path / "control" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / f"{ID}.json").write_text(
        json.dumps({"id": ID, "op": "suppress", "args": ARGS | {"mode": mode}, "by": "ann"})
    )
    [found] = Inbox(tmp_path).poll(2.0)
    if says:
        assert isinstance(found, Rejected) and says in found.reason
    else:
        assert isinstance(found, Command)
        assert (found.op, found.args) == ("zero", {"layer": "conv1", "channels": [3, 5]})


def test_an_old_log_gives_the_settings_of_today():
    ledger = ledger_of(("ctl.received", RECEIVED))
    assert (ledger.pending[ID].op, "mode" in ledger.pending[ID].args) == ("zero", False)
    ledger = ledger_of(("ctl.received", RECEIVED), ("ctl.applied", APPLIED))
    assert ledger.zeroed == ledger.settings["zeroed"] == {"conv1": {"channels": [3, 5]}}
    assert ledger.history[0].op == "zero" and ledger.version == 1
    undone = {"id": ID, "op": "suppress", "new": {"suppress": {}}, "version": 2}
    assert ledger_of(("ctl.applied", APPLIED), ("ctl.failed", undone)).zeroed == {}


def test_an_old_log_reads_in_the_words_of_today():
    received = of_data("ctl.received", RECEIVED, Place())
    assert isinstance(received, kinds.Received)
    assert asked(received.op, received.args) == "zero 3,5 of conv1"
    undone = of_data("ctl.received", {"op": "unsuppress", "args": {"layer": None}}, Place())
    assert isinstance(undone, kinds.Received)
    assert asked(undone.op, undone.args) == "unzero channels"
    event = of_data("ctl.applied", APPLIED, Place())
    assert isinstance(event, kinds.Applied)
    assert applied(event) == "ann@lab: zero 3,5 of conv1; zeroed channels none → conv1 3,5"
    failed = of_data("ctl.failed", {"op": "suppress", "new": {"suppress": CONV1}}, Place())
    assert isinstance(failed, kinds.Failed)
    assert change(failed.new, {}) == "zeroed channels conv1 3,5"


def test_an_old_policy_is_understood():
    policy = parse_policy(on_suspect="suppress:conv1=2")
    assert (policy.on_suspect, policy.suspect) == ("zero", [{"layer": "conv1", "top": 2}])


def test_an_old_name_of_a_setting_is_read_from_run_json_and_presets_only(tmp_path):
    old = resolve().as_dict()
    old["on_watch"] = old.pop("on_suspect").replace("none", "probe")
    assert from_dict(old).on_suspect == "probe"
    preset = tmp_path / "mine.toml"
    preset.write_text('[policy]\non_watch = "checkpoint"\n')
    assert resolve(str(preset)).on_suspect == "checkpoint"
    with pytest.raises(UserError, match="unknown setting 'on_watch'"):
        resolve(None, {"on_watch": "probe"})

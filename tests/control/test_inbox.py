"""The inbox: what is handed on, what is rejected by which rule, and what happens to the files."""

import json
import os
import socket
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selffit.control.commands import Command, new_command
from selffit.control.inbox import MAX_BYTES, MAX_FILES, Inbox, Rejected
from selffit.control.refusal import RULES
from selffit.control.submit import submit
from selffit.errors import UserError
from selffit.eventlog.clean import clean

ID = "c" + "0" * 20
GOOD = {"id": ID, "op": "pause", "args": {}, "by": "ann"}


@pytest.fixture
def run(tmp_path):
    for folder in ("inbox", "done"):
        (tmp_path / "control" / folder).mkdir(parents=True)
    return tmp_path


def put(run, data, name=f"{ID}.json"):
    path = run / "control" / "inbox" / name
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


def only(run, **kwargs):
    (item,) = Inbox(run).poll(**kwargs)
    return item


def rejection(run, **kwargs):
    item = only(run, **kwargs)
    assert isinstance(item, Rejected)
    assert item.rule in RULES
    return item


def test_a_submitted_command_arrives_whole_and_once_retired_is_gone(run):
    command = new_command(
        "set", {"eps": "8/255", "alpha": "1.25eps"}, by="ann", expect=3, ttl=60, t=1000.0
    )
    submit(run, command)
    inbox = Inbox(run)
    assert inbox.poll(1001.0) == [command] == inbox.poll(1001.0)
    inbox.retire(command.id)
    assert inbox.poll() == []
    assert os.listdir(run / "control" / "done") == [f"{command.id}.json"]
    inbox.retire(command.id)  # again: nothing to do
    assert inbox.fault == ""


def test_commands_arrive_in_the_order_of_submission(run):
    sent = [new_command("note", {"text": str(n)}, by="ann", t=1000.0 + n) for n in range(5)]
    for command in reversed(sent):
        submit(run, command)
    assert Inbox(run).poll() == sent


def test_a_file_that_is_still_being_written_is_left_alone(run):
    put(run, b"{", f".{ID}.123")
    assert Inbox(run).poll() == []


def test_a_flood_is_taken_in_portions(run):
    for n in range(MAX_FILES + 3):
        submit(run, new_command("probe", by="ann", t=1000.0 + n))
    inbox = Inbox(run)
    first = inbox.poll()
    for item in first:
        inbox.retire(item.id)
    assert (len(first), len(inbox.poll())) == (MAX_FILES, 3)


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "bad-json"),
        (b"{", "bad-json"),
        (b"[1]", "bad-json"),
        (b"\xff\xfe", "bad-json"),
        (b'{"args":' * 5000, "bad-json"),
        (b"[" * 60_000, "bad-json"),
        (b'{"a":"\\ud800"}', "bad-json"),
        (b'{"t":' + b"9" * 5000 + b"}", "bad-json"),
        ({"args": {str(n): 1 for n in range(4000)} | {f"x{n}": 2 for n in range(200)}}, "bad-json"),
        (b"x" * (MAX_BYTES + 1), "too-large"),
        ({**GOOD, "by": 5}, "bad-command"),
        ({**GOOD, "by": ""}, "bad-command"),
        ({**GOOD, "by": "policy"}, "bad-command"),
        ({**GOOD, "args": []}, "bad-command"),
        ({**GOOD, "expect": 1.5}, "bad-command"),
        ({**GOOD, "expect": -1}, "bad-command"),
        ({**GOOD, "ttl": -1}, "bad-command"),
        ({**GOOD, "sudo": True}, "bad-command"),
        ({"id": ID}, "bad-command"),
        ({**GOOD, "id": "c" + "1" * 20}, "bad-id"),
        ({**GOOD, "op": "format"}, "unknown-op"),
        ({**GOOD, "op": "set", "args": {"eps": 8}}, "out-of-range"),
        ({**GOOD, "op": "set", "args": {"epss": 0.1}}, "bad-argument"),
        ({**GOOD, "t": 100.0, "ttl": 5}, "expired"),
    ],
)
def test_a_bad_file_is_rejected_under_its_rule_and_kept_for_inspection(run, data, rule):
    put(run, data)
    inbox = Inbox(run)
    (item,) = inbox.poll(now=200.0)
    assert isinstance(item, Rejected) and (item.id, item.rule) == (ID, rule)
    inbox.retire(item.id)
    assert inbox.poll() == []
    assert os.listdir(run / "control" / "done") == [f"{ID}.json"]


@pytest.mark.parametrize(
    "name",
    ["junk.txt", "pause.json", ID, ID.upper() + ".json", f"{ID}.json.json", "\udcff.json", "-rf"],
)
def test_a_file_with_another_name_is_rejected_and_moved_away(run, name):
    put(run, GOOD, name)
    inbox = Inbox(run)
    (item,) = inbox.poll()
    assert isinstance(item, Rejected) and item.rule == "bad-id"
    item.id.encode("utf-8")
    inbox.retire(item.id)
    assert inbox.poll() == []
    assert os.listdir(run / "control" / "done") == [name]


def test_a_link_is_removed_and_its_target_untouched(run, tmp_path):
    target = tmp_path / "secret"
    target.write_text(json.dumps(GOOD))
    link = run / "control" / "inbox" / f"{ID}.json"
    link.symlink_to(target)
    inbox = Inbox(run)
    (item,) = inbox.poll()
    assert isinstance(item, Rejected) and (item.id, item.rule) == (ID, "not-a-file")
    inbox.retire(ID)
    assert not os.path.lexists(link)
    assert target.read_text() == json.dumps(GOOD)
    assert os.listdir(run / "control" / "done") == []


def test_a_pipe_and_a_socket_do_not_block_and_are_removed(run, monkeypatch):
    os.mkfifo(run / "control" / "inbox" / f"{ID}.json")
    monkeypatch.chdir(run / "control" / "inbox")  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("x.json")
        inbox = Inbox(run)
        items = inbox.poll()
        rules = {isinstance(item, Rejected) and item.rule for item in items}
        assert rules == {"not-a-file", "bad-id"}
        for item in items:
            inbox.retire(item.id)
    assert os.listdir(run / "control" / "inbox") == []


@pytest.mark.parametrize("name", [f"{ID}.json", "stuff"])
def test_a_folder_is_reported_once_and_left_alone(run, name):
    folder = run / "control" / "inbox" / name
    folder.mkdir()
    inbox = Inbox(run)
    (item,) = inbox.poll()
    assert isinstance(item, Rejected) and item.rule in ("not-a-file", "bad-id")
    inbox.retire(item.id)
    assert inbox.poll() == []
    assert folder.is_dir()
    folder.rmdir()
    assert inbox.poll() == []
    put(run, GOOD, name)
    assert len(inbox.poll()) == 1  # the name is free again


def test_a_file_of_another_user_is_rejected(run, monkeypatch):
    put(run, GOOD)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert rejection(run).rule == "not-owner"


def test_a_file_that_cannot_be_moved_away_is_not_polled_again(run):
    put(run, GOOD)
    (run / "control" / "done").rmdir()
    inbox = Inbox(run)
    assert isinstance(inbox.poll()[0], Command)
    inbox.retire(ID)
    assert inbox.poll() == []


def test_a_lost_inbox_is_a_fault_and_not_an_error(run):
    inbox = Inbox(run)
    (run / "control" / "inbox").rmdir()
    assert inbox.poll() == []
    assert "No such file" in inbox.fault
    (run / "control" / "inbox").mkdir()
    assert inbox.poll() == []
    assert inbox.fault == ""


def test_an_inbox_that_is_a_link_is_not_followed(run, tmp_path):
    (run / "control" / "inbox").rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (run / "control" / "inbox").symlink_to(elsewhere)
    inbox = Inbox(run)
    assert inbox.poll() == []
    assert inbox.fault


def test_submitting_to_nothing_says_what_is_wrong(run, tmp_path, monkeypatch):
    command = new_command("pause", by="ann")
    with pytest.raises(UserError, match="is gone"):
        submit(tmp_path / "no-such-run", command)
    (run / "control" / "inbox").rmdir()
    with pytest.raises(UserError, match="no control/inbox"):
        submit(run, command)


@pytest.mark.parametrize(
    ("code", "says"), [(13, "only the owner"), (28, "free some space"), (30, "for writing")]
)
def test_a_disk_that_refuses_is_named_and_nothing_is_left_behind(run, monkeypatch, code, says):
    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(UserError, match=says):
        submit(run, new_command("pause", by="ann"))
    assert os.listdir(run / "control" / "inbox") == []


def test_submitting_twice_is_one_file(run):
    command = new_command("pause", by="ann")
    submit(run, command)
    submit(run, command)
    assert Inbox(run).poll() == [command]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {
        "id": st.just(ID),
        "op": st.sampled_from(["set", "rollback", "zero", "note", "stop"]),
        "by": st.just("ann"),
    },
    optional={"expect": JSON, "ttl": JSON, "t": JSON},
)
ARGS = st.dictionaries(
    st.sampled_from(
        [
            "eps",
            "alpha",
            "lr_scale",
            "method",
            "to",
            "exact",
            "layer",
            "channels",
            "top",
            "text",
            "now",
        ]
    )
    | st.text(max_size=8),
    JSON | st.sampled_from(["healthy", "1.25eps", "8/255", "conv1", [1, 2]]),
    max_size=3,
)


@settings(deadline=None, derandomize=True, database=None)
@given(
    st.binary(max_size=200)
    | st.builds(lambda fields, args: msgspec.json.encode(fields | {"args": args}), FIELDS, ARGS)
)
def test_whatever_lies_there_the_poll_neither_raises_nor_hands_on_nonsense(tmp_path_factory, data):
    run = tmp_path_factory.mktemp("run")
    (run / "control" / "inbox").mkdir(parents=True)
    put(run, data)
    item = only(run, now=1000.0)
    if isinstance(item, Rejected):
        assert item.rule in RULES
        assert clean(item.reason) == item.reason
    else:
        put(run, msgspec.json.encode(item))
        assert only(run, now=1000.0) == item  # normal already


def test_news_is_what_no_poll_has_seen_whether_or_not_the_rest_is_retired(run):
    inbox = Inbox(run)
    assert not inbox.has_news()
    put(run, b"half", name=".writing")
    assert not inbox.has_news()
    put(run, GOOD)
    assert inbox.has_news()
    assert len(inbox.poll()) == 1
    assert not inbox.has_news()  # it is being carried out
    inbox.retire(ID)
    assert not inbox.has_news()
    put(run, GOOD, name="another.json")
    assert inbox.has_news()
    assert not Inbox(run / "nowhere").has_news()


@pytest.mark.parametrize("off", [-3600.0, 3600.0])
def test_a_command_from_a_machine_with_a_wrong_clock_is_as_old_as_its_file(run, off):
    now = time.time()
    command = new_command("pause", by="ann", ttl=60, t=now + off)
    submit(run, command)
    (item,) = Inbox(run).poll(now=now + 1)
    assert isinstance(item, Command) and abs(item.t - now) < 30
    (late,) = Inbox(run).poll(now=now + 90)
    assert isinstance(late, Rejected) and late.rule == "expired"

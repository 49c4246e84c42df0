"""Whose a line and a folder are: ids of runs in their logs, and copies of their folders."""

import json
import os
import shutil
from pathlib import Path

import pytest

from selffit.control.commands import new_command
from selffit.control.submit import submit
from selffit.errors import UserError
from selffit.eventlog.folder import Folder
from selffit.eventlog.identity import RunId, id_of, is_copy
from selffit.eventlog.kinds import End, Phase
from selffit.eventlog.liveness import here
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice, Record
from selffit.eventlog.writer import EventWriter
from selffit.run.folded.state import RunState
from selffit.run.folded.word import state_word
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.judged.summary import status_dict
from selffit_tui.plain.lines import status_lines
from selffit_tui.plain.tell import tell


def make(root: Path, name: str) -> RunDir:
    return RunDir.create(root, name, {"config": {}})


def begin(run: RunDir) -> EventWriter:
    """A trainer's stream that has begun to train."""
    writer = EventWriter(run.place, "trainer", run.claim_attempt(here()))
    writer.put("phase", {"name": "training"}, critical=True)  # on the disk
    return writer


def read(run: Path) -> tuple[list[Record], list[Notice]]:
    items = RunReader(run).poll()
    return (
        [item for item in items if isinstance(item, Record)],
        [item for item in items if isinstance(item, Notice)],
    )


def test_every_line_carries_the_id_of_its_run(tmp_path: Path) -> None:
    run = make(tmp_path, "a")
    with begin(run) as writer:
        writer.put("host", {"cpu": 0.5})
    records, notices = read(run.path)
    assert {record.r for record in records} == {run.id.id} and not notices
    raw = (run.path / "log" / "trainer" / "000001-000000.jsonl").read_text().splitlines()
    assert all(list(json.loads(line))[-2:] == ["r", "c"] for line in raw)


def test_lines_of_another_run_are_left_out_and_named_once_a_file(tmp_path: Path) -> None:
    run, other = make(tmp_path, "a"), make(tmp_path, "b")
    begin(run).close("done")
    begin(other).close("done")
    theirs = other.path / "log" / "trainer" / "000001-000000.jsonl"
    ours = run.path / "log" / "trainer" / "000001-000000.jsonl"
    shutil.copy(theirs, ours.with_name("000001-000001.jsonl"))
    lines = ours.read_bytes().splitlines(keepends=True)
    spliced = theirs.read_bytes().splitlines(keepends=True)
    ours.write_bytes(b"".join([lines[0], *spliced, *lines[1:]]))
    records, notices = read(run.path)
    assert [record.k for record in records] == ["open", "phase", "seal"]
    assert {record.r for record in records} == {run.id.id}
    assert [notice.kind for notice in notices] == ["damaged", "damaged"]
    assert all(f"another run ({other.id.id})" in notice.text for notice in notices)


def test_a_writer_follows_its_folder_and_writes_nothing_into_a_successor(tmp_path: Path) -> None:
    run = make(tmp_path, "live").held()
    writer = EventWriter(run.place, "trainer", run.claim_attempt(here()), rotate_bytes=1)
    os.rename(run.path, tmp_path / "moved")
    successor = make(tmp_path, "live")
    for _ in range(3):  # each in a file of its own
        writer.emit(Phase(name="training"))
        writer.put("alert", {}, critical=True)
    assert run.claim_attempt(here()) == 2
    writer.close("done")
    assert not list((successor.path / "log").iterdir()) and successor.newest_attempt() == 0
    assert len([r for r in read(tmp_path / "moved")[0] if r.k == "phase"]) == 3
    assert not run.gone
    shutil.rmtree(tmp_path / "moved")
    assert run.gone
    with pytest.raises(UserError, match="the folder of run live is gone"):
        run.claim_attempt(here())
    assert not (tmp_path / "moved").exists() and successor.newest_attempt() == 0


def test_what_is_left_of_a_run_that_was_half_deleted_is_gone_too(tmp_path: Path) -> None:
    run = make(tmp_path, "live").held()
    assert not run.gone
    (run.path / "run.json").unlink()
    assert run.gone


def word(run: RunDir) -> str:
    follower = Follower.of(run)
    state = follower.read_all()
    told = status_dict(state, follower.word(), state.t)
    return f"{told['state']} of {told['copy_of']}" if told["copy_of"] else told["state"]


def test_a_copy_of_a_live_run_is_called_one_and_takes_no_commands(tmp_path: Path) -> None:
    run = make(tmp_path, "live")
    writer = begin(run)
    shutil.copytree(run.path, tmp_path / "copy")
    copy = RunDir.open(tmp_path / "copy")
    assert (word(run), word(copy)) == ("training", "copy of live")
    assert Follower.of(copy).source is not None
    with pytest.raises(UserError, match="copy is a copy of a run"):
        submit(copy.path, new_command("pause", {}, by="test"))
    assert not list(copy.inbox.iterdir())
    submit(run.path, new_command("pause", {}, by="test"))

    os.rename(run.path, tmp_path / "renamed")
    renamed = RunDir.open(tmp_path / "renamed")
    assert word(renamed) == "training" and not renamed.is_copy
    writer.emit(End(how="stopped"))
    writer.close("stopped")
    shutil.copytree(renamed.path, tmp_path / "archive")
    assert word(RunDir.open(tmp_path / "archive")) == "stopped of live"


def test_a_copy_of_an_ended_run_is_told_as_one_and_the_run_itself_is_not(tmp_path: Path) -> None:
    run = make(tmp_path, "first")
    with begin(run) as writer:
        writer.emit(End(how="stopped"))
    shutil.copytree(run.path, tmp_path / "second")
    told = {}
    for name in ("first", "second"):
        found = tell(RunDir.open(tmp_path / name))
        told[name] = status_lines(found.summary, found.stands)[0]
        assert found.summary["copy_of"] == {"first": None, "second": "first"}[name]
    assert "stopped, copy of first" in told["second"] and "copy" not in told["first"]


def test_seen_from_another_host_a_run_that_was_heard_of_just_now_is_no_copy() -> None:
    state = RunState(attempt=2, elsewhere=2, heard=1000.0, phase="training")
    assert state_word(state, True, 1001.0) == state_word(state, False, 1001.0) == "copy"
    assert state_word(state, None, 1001.0) == "training", "folders may have other numbers there"
    assert state_word(state, None, 1100.0) == "copy"
    assert state_word(RunState(attempt=3, elsewhere=2, phase="data"), True, 1.0) == "data"


def test_an_attempt_makes_a_copy_a_run_of_its_own(tmp_path: Path) -> None:
    run = make(tmp_path, "live")
    begin(run).close("killed")
    shutil.copytree(run.path, tmp_path / "copy")
    copy = RunDir.open(tmp_path / "copy")
    assert copy.is_copy and copy.id == run.id
    begin(copy).close("done")
    assert copy.id.id != run.id.id and copy.id.origins == (run.id.id,)
    assert not copy.is_copy and word(copy) != "copy of live"
    [origin] = copy.info()["origins"]
    assert (origin["name"], origin["attempt"]) == ("live", 1)
    records, notices = read(copy.path)
    assert {record.r for record in records} == {run.id.id, copy.id.id}
    assert [notice.kind for notice in notices] == ["elsewhere"]
    run.claim_attempt(here())
    assert run.id.origins == (), "the original stays what it is"


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"id": 7},
        {"id": "x"},
        {"id": "0123456789AB"},
        {"origins": 3},
        {"origins": [1, {"id": []}]},
    ],
)
def test_ids_that_are_none_count_as_none(tmp_path: Path, info: dict[str, object]) -> None:
    (tmp_path / "run.json").write_text(json.dumps(info))
    with Folder.root(tmp_path) as folder:
        assert id_of(folder) == RunId() and not is_copy(folder)

"""Runs that have ended: what is left in their folders is told, and only of files as they were."""

import shutil
import time

import pytest
from made_up import folder as made_up_folder
from made_up import run as synthetic

from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.listing import cache, memory
from selffit.run.listing.roster import Roster
from selffit.supervisor import Supervisor
from selffit_tui.plain.tell import tell

NEVER = "its log was read"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run that has ended, with what its supervisor leaves."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made_up_folder.write_run(tmp_path / "runs", "fallen", synthetic.TOTAL, 620)
    run = RunDir.open(tmp_path / "runs" / "fallen")
    memory.leave(run)
    return run


@pytest.fixture
def unread(monkeypatch):
    """Nobody reads a log."""

    def fail(self, *args):
        raise AssertionError(NEVER)

    monkeypatch.setattr(Follower, "poll", fail)


def as_its_log_says(run, monkeypatch):
    """How a run is told by its log alone."""
    with monkeypatch.context() as patched:
        patched.setattr(memory, "remembered", lambda run, prints: None)
        patched.setattr(memory, "keep", lambda run, prints, told: None)
        told = tell(run)
        roster = Roster(run.path.parent)
        roster.look()
        roster.read(roster.unread, 60.0)
    row = next(row for row in roster.rows if row.name == run.name)
    return {**told.summary, "data_age_s": 0}, told.stands, repr(row)  # NaN is itself


def as_told(run):
    told = tell(run)
    roster = Roster(run.path.parent)
    roster.look()
    roster.read(roster.unread, 60.0)
    row = next(row for row in roster.rows if row.name == run.name)
    return {**told.summary, "data_age_s": 0}, told.stands, repr(row)  # NaN is itself


def is_read(run):
    """Whether what is left counts for nothing, so that the log is read."""
    return memory.remembered(run, cache.prints(run.path)) is None


def test_a_run_is_told_as_its_log_says_without_reading_it(run, monkeypatch, request):
    expected = as_its_log_says(run, monkeypatch)
    request.getfixturevalue("unread")
    assert as_told(run) == expected
    heard = max(event.t for event in synthetic.events(synthetic.TOTAL, 620))
    assert abs(tell(run).summary["data_age_s"] - (time.time() - heard)) < 60


@pytest.mark.parametrize("how", (shutil.copytree, shutil.move))
def test_so_is_one_that_was_copied_or_renamed_under_the_name_that_it_has_now(
    run, monkeypatch, how, request
):
    other = run.path.with_name("other")
    how(run.path, other)
    expected = as_its_log_says(RunDir.open(other), monkeypatch)
    request.getfixturevalue("unread")
    told = as_told(RunDir.open(other))
    assert told == expected and told[0]["run"] == "other" and "name='other'" in told[2]


def test_a_copy_whose_log_tells_its_folder_is_called_one(tmp_path, monkeypatch):
    from selffit.eventlog.writer import EventWriter

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = RunDir.create(tmp_path / "runs", "first", {})
    with EventWriter(run.path, "trainer", 1) as log:
        log.put("end", {"how": "finished"}, step=1, critical=True)
    memory.leave(run)
    shutil.copytree(run.path, run.path.with_name("second"))
    second = RunDir.open(run.path.with_name("second"))
    expected = as_its_log_says(second, monkeypatch)
    assert not is_read(second)
    assert as_told(second) == expected and expected[0]["copy_of"] == "first"
    assert as_told(run)[0]["copy_of"] is None


@pytest.mark.parametrize("harm", ("log", "run.json", "same size", "attempt", "more", "less"))
def test_of_other_files_it_says_nothing(run, harm):
    (segment,) = (run.path / "log" / "trainer").glob("*.jsonl")
    if harm == "log":
        segment.write_bytes(segment.read_bytes() + b"half")
    elif harm == "same size":
        data = segment.read_bytes()
        segment.write_bytes(data[:-5] + bytes([data[-5] ^ 1]) + data[-4:])
    elif harm == "run.json":
        (run.path / "run.json").write_text('{"v":1,"created":1}')
    elif harm == "attempt":
        (run.path / "attempts" / "000009.json").write_text("{}")
    elif harm == "more":
        segment.with_name("000002-000000.jsonl").write_bytes(b"")
    else:
        shutil.rmtree(segment.parent)
    assert is_read(run)


@pytest.mark.parametrize("harm", ("flipped", "cut", "empty", "link", "folder", "older"))
def test_what_is_not_whole_counts_for_nothing(run, harm, tmp_path, monkeypatch):
    file = run.path / memory.FILE
    data = file.read_bytes()
    if harm in ("link", "folder"):
        file.rename(tmp_path / "elsewhere")
    if harm == "link":
        file.symlink_to(tmp_path / "elsewhere")
    elif harm == "folder":
        file.mkdir()
    elif harm == "older":
        monkeypatch.setattr(cache, "_code", lambda: b"0.0.1 of old")
    else:
        changed = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
        file.write_bytes({"flipped": changed, "cut": data[:-1], "empty": b""}[harm])
    assert is_read(run)
    assert tell(run).summary["state"] == "finished"


def test_of_a_run_that_goes_on_nothing_is_left(tmp_path):
    made_up_folder.write_run(tmp_path, "live", 300, 1_000)
    run = RunDir.open(tmp_path / "live")
    memory.leave(run)
    assert not (run.path / memory.FILE).exists()


def test_a_supervisor_leaves_it(tmp_path, monkeypatch):
    import sys

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = RunDir.create(tmp_path, "short", {})
    exit = Supervisor(run).run_all(0, [sys.executable, "-c", "raise SystemExit(1)"])
    assert exit.how == "crashed"
    assert not is_read(run)
    assert tell(run).summary["state"] == "crashed"


def test_a_supervisor_ends_as_it_would_where_nothing_can_be_left(tmp_path, monkeypatch):
    import sys

    def fail(run):
        raise RuntimeError("no")

    monkeypatch.setattr(memory, "leave", fail)
    run = RunDir.create(tmp_path, "short", {})
    exit = Supervisor(run).run_all(0, [sys.executable, "-c", "raise SystemExit(1)"])
    assert exit.how == "crashed" and not (run.path / memory.FILE).exists()

"""Whether a run lives, as a follower sees it: by its heartbeat first, whatever clocks may show."""

import json
import os
import time

import pytest
from made_up.records import record, start, steps

from selffit.eventlog.liveness import here
from selffit.run import follow
from selffit.run.folded.clocks import clock_words, writer_ahead
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.folded.word import LOST_AFTER
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower

NOW = 1_800_000_000.0


class Elsewhere:
    """A log on another machine: what comes is put into `new`."""

    def __init__(self, items, alive=None, ahead=0.0):
        self.new, self.is_there, self.files_say = list(items), alive, ahead

    def poll(self, limit=None):
        items, self.new = self.new, []
        return items

    def restart(self):
        """Nothing is kept."""

    def size(self):
        return 0, 0.0

    def begun(self):
        return 0.0

    def alive(self, state):
        return self.is_there

    def ahead(self, state, now):
        return self.files_say


def beat(t):
    return record("host", {"cpu": 0.5}, t=t)


def follower(heard, **source):
    found = Follower(Elsewhere([start(), steps(0, t=heard)], **source), clock=lambda: NOW)
    found.read_all()
    return found


@pytest.fixture
def watched(monkeypatch):
    """Nobody waits for a heartbeat."""
    monkeypatch.setattr(follow, "WATCH_SECONDS", 0.0)


def test_a_fresh_heartbeat_is_life_where_the_process_cannot_be_seen():
    one = follower(NOW - 1)
    assert one.word() == "training" and not one.over() and not one.in_doubt()


def test_an_old_heartbeat_is_death_only_after_one_was_waited_for(monkeypatch):
    one = follower(NOW - LOST_AFTER - 5)
    assert one.word() == "lost" and one.in_doubt() and not one.over()
    monkeypatch.setattr(follow, "WATCH_SECONDS", 0.0)
    assert one.over() and "65 s" in one.loss() and f"{LOST_AFTER:g} s" in one.loss()


def test_silence_for_days_needs_no_watching():
    one = follower(NOW - 3 * 86_400)
    assert one.word() == "lost" and not one.in_doubt() and one.over()


@pytest.mark.parametrize("off", [-3600.0, 3600.0])
def test_a_clock_that_is_wrong_is_neither_silence_nor_future_once_a_beat_has_come(off):
    one = follower(NOW + off - 1)
    one.source.new = [beat(NOW + off)]
    one.poll()
    assert one.ahead == off and one.now() == NOW + off
    assert one.word() == "training" and not one.in_doubt()


def test_a_log_that_the_disk_held_back_once_does_not_change_the_clock():
    one = follower(NOW - 1)
    for t in (NOW - 20, NOW, NOW):
        one.source.new = [beat(t)]
        one.poll()
    assert one.ahead == 0.0


def test_without_a_beat_the_times_of_the_files_tell_the_clock():
    one = follower(NOW - 3600, ahead=-3599.0)
    assert one.word() == "training" and one.ahead == -3599.0


def test_a_process_that_is_certainly_gone_is_lost_at_once(monkeypatch):
    one = follower(NOW - 1, alive=False)
    assert one.word() == "training"  # its supervisor may still have a word to say
    monkeypatch.setattr(follow, "GONE_SECONDS", 0.5)
    assert one.word() == "lost" and one.over()
    assert one.loss() == "the trainer is gone and nothing recorded why"


@pytest.fixture
def run(tmp_path):
    """A run whose attempt was claimed and heard of a minute later."""
    run = RunDir.create(tmp_path, "r", {"config": {}})
    run.claim_attempt(here())
    (run.path / "log" / "trainer").mkdir()
    (run.path / "log" / "trainer" / "000001-000000.jsonl").touch()
    return run


def ahead(run, clock, *, disk, heard, now):
    """What is told of a writer whose clock shows `clock` when the disk's shows `disk`."""
    claim = run.path / "attempts" / "000001.json"
    claim.write_text(json.dumps({**here().as_data(), "t": clock}))
    os.utime(claim, (disk, disk))
    log = run.path / "log" / "trainer" / "000001-000000.jsonl"
    os.utime(log, (disk + heard, disk + heard))
    state = reduce_all(RunState(), [start(), steps(0, t=clock + 60)])
    return writer_ahead(run.path, state, now)


def test_the_files_of_an_attempt_tell_whether_its_clock_is_right(run):
    t = time.time()
    assert ahead(run, t, disk=t, heard=60, now=t + 61) == pytest.approx(0)
    assert ahead(run, t + 900, disk=t, heard=60, now=t + 61) == pytest.approx(900)
    assert ahead(run, t - 900, disk=t, heard=60, now=t + 61) == pytest.approx(-900)
    # the viewer's clock is behind that of the disk: what was written now lies in its future
    assert ahead(run, t, disk=t, heard=60, now=t - 40) == pytest.approx(100)


def test_a_copy_of_a_log_says_nothing_of_the_clock(run):
    t = time.time()
    assert ahead(run, t - 9000, disk=t, heard=0, now=t) == 0.0


def test_a_difference_of_clocks_is_said_with_its_sign():
    assert clock_words(0.0, "node7") == ""
    assert clock_words(-7300, "node7") == "the clock of node7 differs by 2 h: it is behind"
    assert clock_words(40, "").endswith("ahead")

"""A run whose log stays empty: what lies beside it tells whether it can still be starting."""

import json
import os
import shutil
import subprocess
import time

import pytest

from selffit.eventlog.liveness import for_pid, here
from selffit.run.folded.state import RunState
from selffit.run.folded.word import LOST_AFTER, SILENT_AFTER
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.listing.glance import glance


@pytest.fixture
def run(tmp_path):
    return RunDir.create(tmp_path, "r", {"config": {}})


@pytest.fixture
def gone():
    """A process that has ended."""
    with subprocess.Popen(["sleep", "60"]) as process:
        found = for_pid(process.pid)
        process.kill()
    return found


def looked_at(run, after):
    """A follower that comes so many seconds after the run was made."""
    found = Follower.of(run)
    found._clock = lambda: run.created() + after
    found.read_all()
    return found


def claimed(run, seconds_later):
    """The run with its first claim moved in time."""
    claim = run.path / "attempts" / "000001.json"
    about = json.loads(claim.read_text())
    claim.write_text(json.dumps({**about, "t": run.created() + seconds_later}))


def test_a_run_that_was_just_made_is_starting(run):
    assert looked_at(run, 1.0).word() == "starting"


def test_one_that_nobody_claims_is_silent_and_then_lost(run):
    assert looked_at(run, SILENT_AFTER + 1).word() == "silent"
    found = looked_at(run, LOST_AFTER + 60)
    assert found.word() == "lost" and "no event 2 min after it was begun" in found.loss()


def test_one_whose_supervisor_has_gone_is_lost_at_once(run, gone):
    run.claim_attempt(gone)
    found = looked_at(run, 5.0)
    assert found.word() == "lost" and found.over() and "is gone" in found.loss()


def test_one_whose_supervisor_lives_is_starting_and_then_silent_but_never_lost(run):
    run.claim_attempt(here())
    assert looked_at(run, 1.0).word() == "starting"
    assert looked_at(run, 10 * LOST_AFTER).word() == "silent"


def test_an_attempt_counts_from_its_own_beginning(run, gone):
    elsewhere = {**gone.as_data(), "boot": "another"}
    run.claim_attempt(gone.from_data(elsewhere))
    claimed(run, 3600.0)
    assert looked_at(run, 3610.0).word() == "starting"
    assert looked_at(run, 3600.0 + LOST_AFTER + 1).word() == "lost"


def test_a_copy_does_not_live_by_the_process_of_its_original(run, tmp_path):
    run.claim_attempt(here())
    shutil.copytree(run.path, tmp_path / "copy")
    assert looked_at(RunDir.open(tmp_path / "copy"), 5.0).word() == "lost"


def test_a_log_that_cannot_be_read_is_called_that_and_not_lost(run):
    os.rmdir(run.path / "log")
    (run.path / "log").write_text("no folder")
    found = looked_at(run, 10 * LOST_AFTER)
    assert found.word() == "unreadable" and found.over()


def test_a_glance_says_the_same(run):
    os.utime(run.path)
    found = glance(run)
    found._clock = lambda: time.time() + LOST_AFTER + 1
    found.read_all()
    assert found.word() == "lost"


def test_what_lies_beside_a_log_is_no_part_of_its_state(run):
    assert looked_at(run, 1.0).state == RunState(run="r")

"""Who may go on with a run, and when: never two at once, never beside a trainer that lives."""

import threading
import time

import msgspec
import pytest

from selffit.config import resolve
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.liveness import here
from selffit.eventlog.writer import EventWriter
from selffit.run import follow, resumable
from selffit.run.folder.run_dir import RunDir
from selffit.run.resumable import Finished, taken_over

ELSEWHERE = {**here().as_data(), "host": "node7", "boot": "another"}


@pytest.fixture
def run(tmp_path):
    return RunDir.create(tmp_path, "r", {"config": resolve().as_dict()})


@pytest.fixture
def quick(monkeypatch):
    """Half a second of silence is death, and a beat is waited for as long."""
    monkeypatch.setattr(resumable, "LOST_AFTER", 0.5)
    monkeypatch.setattr(resumable, "WATCH_SECONDS", 0.2)
    monkeypatch.setattr(follow, "GONE_SECONDS", 0.0)


def attempt(run, identity=ELSEWHERE, how=""):
    """One attempt's log, left open in the sense of the run unless it ended."""
    log = EventWriter(run.path, "trainer", run.claim_attempt(here()), opening=identity)
    log.emit(kinds.Phase(name="training"))
    if how:
        log.emit(kinds.End(how=how))
        log.close(how)
    return log


def test_a_run_that_has_ended_or_never_began_is_free_at_once(run):
    assert taken_over(run) == 0
    attempt(run, how="stopped")
    assert taken_over(run) == 1


def test_a_run_that_has_finished_leaves_nothing_to_do(run):
    attempt(run, how="finished")
    with pytest.raises(Finished, match="nothing to resume"):
        taken_over(run)


def test_a_living_process_is_not_replaced_unless_somebody_takes_over(run):
    log = attempt(run, here().as_data())
    with pytest.raises(UserError, match=r"run r is \w+ \(attempt 1 on .*--take-over"):
        taken_over(run, hint="; watch it")
    said: list[str] = []
    assert taken_over(run, take_over=True, tell=said.append) == 1
    assert "taking run r over from attempt 1" in said[0]
    log.close("")


def test_a_run_that_is_just_finishing_is_waited_for_and_then_leaves_nothing_to_do(run):
    log = attempt(run, here().as_data())
    log.emit(kinds.Phase(name="finishing"))
    log.emit(kinds.CheckpointSaved(id="main-9", of_step=9))  # on the disk when this returns
    said: list[str] = []

    def end(seconds):
        log.emit(kinds.End(how="finished"))

    with pytest.raises(Finished, match="nothing to resume"):
        taken_over(run, take_over=True, tell=said.append, sleep=end)
    assert len(said) == 1 and "just finishing; waiting for its end" in said[0]
    log.close("")


def test_one_that_does_not_come_to_its_end_is_taken_over_with_a_word_about_it(run, monkeypatch):
    monkeypatch.setattr(resumable, "FINISHING_SECONDS", 1.0)
    log = attempt(run, here().as_data())
    log.emit(kinds.Phase(name="finishing"))
    log.emit(kinds.CheckpointSaved(id="main-9", of_step=9))
    said: list[str] = []
    assert taken_over(run, take_over=True, tell=said.append, sleep=lambda seconds: None) == 1
    waits, lost, taking = said
    assert "waiting" in waits and "will be done again" in lost and "taking run r over" in taking
    log.close("")


def test_what_is_impossible_here_is_told_before_anything_is_said_or_taken(run):
    log = attempt(run, here().as_data())
    said: list[str] = []

    def impossible():
        raise UserError("no such data")

    with pytest.raises(UserError, match="no such data"):
        taken_over(run, take_over=True, tell=said.append, check=impossible)
    assert said == [] and run.newest_attempt() == 1
    log.close("")


def test_a_run_of_a_vanished_machine_is_free_after_a_stated_silence(run, quick):
    attempt(run).close("")
    said: list[str] = []
    begin = time.monotonic()
    assert taken_over(run, tell=said.append) == 1
    assert 0.1 < time.monotonic() - begin < 20
    assert not said or ("node7" in said[0] and "0.5 s of silence" in said[0])


def test_a_run_that_is_heard_from_a_machine_we_cannot_see_lives(run, monkeypatch):
    """As in a container: the table of processes does not show the trainer, its log grows."""
    log = attempt(run)
    stop = threading.Event()

    def beats():
        while not stop.wait(0.05):
            log.emit(kinds.Host(cpu=0.5))

    thread = threading.Thread(target=beats)
    thread.start()
    try:
        with pytest.raises(UserError, match="on node7"):
            taken_over(run)
    finally:
        stop.set()
        thread.join()
        log.close("")


def test_a_killed_trainer_of_this_machine_is_free_at_once(run, quick):
    attempt(run, msgspec.structs.replace(here(), pid=2**22 - 1).as_data()).close("")
    assert taken_over(run, sleep=lambda seconds: pytest.fail("it waited")) == 1


def test_of_two_who_resume_one_wins(run):
    attempt(run, how="killed")
    after = taken_over(run)
    assert run.claim_attempt(here(), after) == 2
    with pytest.raises(UserError, match="somebody else has just started attempt 2"):
        run.claim_attempt(here(), after)
    assert run.newest_attempt() == 2


def test_an_attempt_that_is_just_being_started_is_left_alone(run):
    attempt(run, how="killed")
    run.claim_attempt(here())
    with pytest.raises(UserError, match="attempt 2 of run r is just being started"):
        taken_over(run)


def test_a_successor_is_seen_without_a_free_descriptor(run, monkeypatch):
    first = run.claim_attempt(here())
    assert run.successor(first) == 0
    run.claim_attempt(here())

    def none_left(path):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("os.listdir", none_left)
    assert run.successor(first) == 2

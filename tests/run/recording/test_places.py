"""Places in a run as people name them."""

import pytest
from made_up.rollback import rolled_back
from made_up.run import records

from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.run.recording.places import position_at
from selffit.run.recording.recording import Recording


@pytest.fixture(scope="module")
def fallen():
    """A run with an onset at step 620 that was rolled back from 702 to 558 of main, onto b1."""
    recording = Recording()
    recording.append(rolled_back().records)
    return recording


def state(recording, place):
    return recording.state_at(position_at(recording, place))


def test_a_step_is_the_last_position_at_which_it_is_reached(fallen):
    there = state(fallen, "310")
    assert (there.branch, there.step) == ("main", 310)
    assert there.last(kinds.RobustProbe).step == 310  # what was measured there is known
    assert state(fallen, "309").step <= 309


def test_a_step_is_on_the_line_that_leads_to_the_newest_branch(fallen):
    assert state(fallen, "600").branch == "b1"  # begun at 558
    assert state(fallen, "500").branch == "main"
    assert state(fallen, "main:600").branch == "main"
    assert state(fallen, "b1:500").branch == "main"  # where b1 came from


@pytest.mark.parametrize("said", ["1 310", "1_310", "1\u00a0310", "1\u202f310"])
def test_a_step_may_be_written_as_it_is_shown(said):
    recording = Recording()
    recording.append(records())
    with pytest.raises(UserError, match="step 1\u00a0310 is beyond the end: main has reached 868"):
        position_at(recording, said)


def test_an_onset_comes_with_the_probe_that_it_was_raised_at(fallen):
    there = state(fallen, "onset")
    assert there.all(kinds.Alert).last.level == "onset"
    assert there.last(kinds.ChannelProbe).step == there.all(kinds.Alert).last.step == 651
    assert position_at(fallen, "alert:2") == position_at(fallen, "onset")
    assert len(state(fallen, "alert:1").all(kinds.Alert)) == 1


def test_a_checkpoint_is_there_once_it_is_saved(fallen):
    position = position_at(fallen, "checkpoint:main-310")
    assert "main-310" in fallen.state_at(position).ledger.checkpoints
    assert "main-310" not in fallen.state_at(position - 1).ledger.checkpoints


@pytest.mark.parametrize("said", ["0:05", "5s", "5 s", "5.0s", "0:00:05"])
def test_a_time_counts_from_the_first_event(fallen, said):
    position = position_at(fallen, said)
    assert fallen.time_at(position) <= fallen.started + 5 < fallen.time_at(position + 1)


def test_start_and_end(fallen):
    assert (position_at(fallen, "start"), position_at(fallen, " end ")) == (0, len(fallen))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("9999", "b1 has reached 8"),
        ("main:9999", "main has reached 702"),
        ("b7:5", "there is no branch 'b7' in this run; it has main, b1"),
        ("alert:3", r"alert:1 \(suspect at step 588\), alert:2 \(onset at step 620\)"),
        ("alert:x", "there is no alert x"),
        ("alert:0", "there is no alert 0"),
        ("checkpoint:main-311", "there are main-62, main-124"),
        ("9:00:00", "9:00:00 is beyond the end: the log covers 0:1"),
        ("soon", "give a step, BRANCH:STEP"),
        ("", "'' is no place"),
        ("-5", "'-5' is no place"),
        ("1:99", "there is no branch '1'"),
        ("٣", "is no place"),
        ("onset\x1b[2J", "is no place"),
    ],
)
def test_what_there_is_not_is_said_with_what_there_is(fallen, said, told):
    with pytest.raises(UserError, match=told) as error:
        position_at(fallen, said)
    assert "\x1b" not in str(error.value)


def test_a_run_without_an_onset_says_what_it_has():
    recording = Recording()
    recording.append(records(600))
    with pytest.raises(UserError, match=r"no onset in this run; .*suspect at step 588.* 600"):
        position_at(recording, "onset")
    recording = Recording()
    recording.append(records(100))
    with pytest.raises(UserError, match="it has no alerts"):
        position_at(recording, "onset")
    with pytest.raises(UserError, match="no checkpoint was saved"):
        position_at(recording, "checkpoint:main-5")


@pytest.mark.parametrize("said", ["5", "onset", "alert:1", "1:00"])
def test_an_empty_log_has_no_place_but_its_ends(said):
    with pytest.raises(UserError, match="holds no event yet"):
        position_at(Recording(), said)
    assert position_at(Recording(), "end") == 0

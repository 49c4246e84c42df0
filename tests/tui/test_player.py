"""What the keys of the clock do to a view of a recording: units, marks, places."""

import pytest
from made_up import rollback
from made_up import run as synthetic
from made_up.records import steps

from selffit.errors import UserError
from selffit.run.folded.state import RunState
from selffit.run.recording.recording import Recording
from selffit_tui.model.player import Player
from selffit_tui.model.replay import CHOICES, looks
from selffit_tui.model.scene import Snapshot


def playing(records, player=None):
    """A player that has been given a recording of these records."""
    recording = Recording(RunState(run="x"))
    recording.append(records)
    player = player or Player()
    player.take(Snapshot(recording.newest, True, 1, None, 0.0, recording, len(recording)))
    return player


@pytest.fixture(scope="module")
def fell():
    return synthetic.records(702)


@pytest.fixture(scope="module")
def saved():
    return rollback.rolled_back().records


def test_a_step_back_from_the_newest_state_is_held_there(fell):
    player = playing(fell)
    assert player.clock.live and player.drawn() is player.newest
    assert player.step(-1, 0.0)
    drawn = player.drawn()
    assert not player.clock.live and not player.clock.playing
    assert drawn.state.step == 700 and drawn.position < player.newest.position


def test_a_step_back_and_one_forth_is_where_it_was(fell):
    for unit in range(4):
        player = playing(fell)
        for _ in range(unit):
            player.next_unit()
        player.step(-3, 0.0)
        here = player.clock.position
        assert player.step(-1, 0.0) and player.step(1, 0.0)
        assert player.clock.position == here


def test_steps_go_by_blocks_probes_and_epochs(fell):
    player = playing(fell)
    player.go(player.position("310"), 0.0)
    wanted = {"block": 300, "probe": 279, "epoch": 260}
    for unit, step in wanted.items():
        while player.unit != unit:
            player.next_unit()
        player.go(player.position("310"), 0.0)
        player.step(-1, 0.0)
        assert player.drawn().state.step == step, unit


def test_steps_forth_end_at_the_newest_state_and_go_no_further(fell):
    player = playing(fell)
    player.step(-2, 0.0)
    assert player.step(10, 0.0)
    while not player.clock.live:
        assert player.step(1, 0.0)
    assert not player.step(1, 0.0) and player.clock.live


def test_there_is_nothing_before_the_beginning(fell):
    player = playing(fell)
    player.go(0, 0.0)
    assert not player.step(-1, 0.0) and player.drawn().state.start is None


def test_marks_are_gone_to_in_the_order_in_which_they_became_known(saved):
    player = playing(saved)
    gone = []
    while player.mark(-1, 0.0):
        replay = player.replay()
        gone.append((looks(replay.mark)[0], replay.branch, replay.mark.step))
    assert gone == [
        ("applied", "b1", 558),
        ("applied", "main", 702),
        ("onset", "main", 620),
        ("suspect", "main", 588),
    ]


def test_a_mark_on_an_abandoned_branch_selects_that_branch(saved):
    player = playing(saved)
    assert player.newest.state.line.branch == "b1"
    while player.replay().mark is None or player.replay().mark.kind != "onset":
        player.mark(-1, 0.0)
    state = player.drawn().state
    assert state.branch == "main" and state.line.branch == "main"


def test_a_filter_chooses_which_marks(saved):
    player = playing(saved)
    names = []
    for _ in CHOICES:
        names.append(player.choice.name)
        player.end()
        assert player.mark(-1, 0.0)
        if player.choice.name == "alert":
            assert player.replay().mark.kind == "onset"
        if player.choice.name == "checkpoint":
            assert player.replay().mark.kind == "checkpoint"
        player.next_choice()
    assert names == ["mark", "alert", "act", "checkpoint"]


def test_a_place_is_gone_to_as_it_is_named(fell):
    player = playing(fell)
    player.go(player.position("onset"), 0.0)
    moment = player.replay().mark
    assert moment.kind == "onset" and moment.step == 620
    assert player.replay().step == 651  # where it became known
    with pytest.raises(UserError, match="beyond the end"):
        player.position("9999")
    player.go(player.position("epoch:5"), 0.0)
    assert player.replay().step == 310
    with pytest.raises(UserError, match="there is no epoch 'x'"):
        player.position("epoch:x")
    player.go(player.position("end"), 0.0)
    assert player.clock.live


def test_the_state_at_a_place_is_the_one_that_a_live_view_had(fell):
    player = playing(fell)
    player.go(player.position("onset"), 0.0)
    position = player.clock.position
    assert player.drawn().state == playing(fell[:position]).newest.state


def test_another_log_is_shown_from_its_end(fell):
    player = playing(fell)
    player.step(-3, 0.0)
    playing(synthetic.records(100), player)
    assert player.clock.live and player.drawn().state.step == 100


def test_a_recording_that_grows_leaves_a_held_view_where_it_is(fell):
    recording = Recording(RunState(run="x"))
    recording.append(fell)
    player = Player()
    player.take(Snapshot(recording.newest, True, 1, None, 0.0, recording, len(recording)))
    player.play(5.0)
    drawn = player.drawn().state
    recording.append([steps(702, t=synthetic.START + 99)])
    player.take(Snapshot(recording.newest, True, 1, None, 0.0, recording, len(recording)))
    assert player.drawn().state == drawn
    player.play(6.0)
    player.pass_time(7.0)
    assert not player.clock.live  # on from there: it has not caught up
    player.end()
    assert player.drawn().state is recording.newest


def test_as_fast_as_it_draws_goes_by_the_chosen_unit(fell):
    player = playing(fell)
    player.begin_with(player.position("310"), float("inf"), True, 0.0)
    player.pass_time(0.1)
    assert player.drawn().state.step == 320

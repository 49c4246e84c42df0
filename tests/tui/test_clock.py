"""The clock of a view: a pure function of what was pressed, and when."""

import pytest
from made_up.records import alert, probe, record, steps

from selffit.run.folded.state import RunState
from selffit.run.recording.recording import Recording
from selffit_tui.model.clock import FASTEST, IDLE, SPEEDS, SQUEEZED, Clock, speed_words


def tape(*times):
    """A recording with a block of steps at each of these seconds."""
    found = Recording(RunState())
    found.append(steps(10 * index, t=1000.0 + t) for index, t in enumerate(times))
    return found


EVERY_SECOND = tape(*range(21))


def at(position, now=0.0, tape=EVERY_SECOND, **more):
    """A clock that plays from a position."""
    return Clock(position=position, t=tape.time_at(position), now=now, **more)


def test_a_clock_begins_at_the_newest_item_and_stays_there_while_the_recording_grows():
    growing = tape(0, 1)
    clock = Clock()
    assert clock.live and clock.place(growing) == 2
    growing.append([steps(20, t=1005.0)])
    assert clock.passed(growing, 99.0) is clock and clock.place(growing) == 3


def test_held_it_stands_still_while_the_recording_grows():
    growing = tape(0, 1)
    clock = Clock().held(growing, 50.0)
    growing.append(steps(20 + i, t=1002.0 + i) for i in range(5))
    assert not clock.live and clock.passed(growing, 99.0) is clock and clock.place(growing) == 2


@pytest.mark.parametrize(("speed", "position"), [(0.25, 2), (1.0, 5), (4.0, 17)])
def test_it_plays_recorded_seconds_at_its_speed(speed, position):
    # the first item is one second after position 0, at t = 1000
    assert at(1, speed=speed).passed(EVERY_SECOND, 4.0).place(EVERY_SECOND) == position


def test_many_short_frames_are_one_long_one():
    clock = at(1, speed=2.0)
    for frame in range(1, 31):
        clock = clock.passed(EVERY_SECOND, frame * 0.1)
    assert clock.t == pytest.approx(at(1, speed=2.0).passed(EVERY_SECOND, 3.0).t)
    assert clock.place(EVERY_SECOND) == 7


def test_at_the_end_it_is_live_again():
    clock = at(1, speed=64.0).passed(EVERY_SECOND, 1.0)
    assert clock.live and clock.speed == 64.0


def test_space_holds_a_live_view_and_plays_on_from_there_until_it_has_caught_up():
    growing = tape(*range(5))
    held = Clock().toggled(growing, 10.0)
    assert not held.live and not held.playing
    growing.append(steps(100 + i, t=1005.0 + i) for i in range(10))
    playing = held.toggled(growing, 20.0)
    assert playing.playing and playing.place(growing) == 5
    assert playing.passed(growing, 23.0).place(growing) == 8
    assert playing.passed(growing, 40.0).live


def test_space_on_a_held_clock_at_the_very_end_is_live():
    held = Clock().held(EVERY_SECOND, 0.0)
    assert held.toggled(EVERY_SECOND, 5.0).passed(EVERY_SECOND, 5.1).live


def test_a_new_speed_counts_from_when_it_was_chosen():
    clock = at(1).faster(2, EVERY_SECOND, 2.0)
    assert clock.speed == 4.0 and clock.t == EVERY_SECOND.time_at(3)
    assert clock.passed(EVERY_SECOND, 3.0).t == EVERY_SECOND.time_at(3) + 4.0


def test_speeds_end_at_both_ends():
    clock = at(1)
    assert clock.faster(-9, EVERY_SECOND, 0.0).speed == SPEEDS[0] == 0.25
    assert clock.faster(99, EVERY_SECOND, 0.0).speed == SPEEDS[-1] == FASTEST
    assert [speed_words(speed) for speed in SPEEDS[1:4]] == ["0.5×", "1×", "2×"]
    assert speed_words(FASTEST) == "max"


def test_as_fast_as_it_draws_is_a_step_a_picture_whatever_time_it_takes():
    clock = at(1, speed=FASTEST)
    after = clock.passed(EVERY_SECOND, 100.0, lambda position: position + 3)
    assert after.place(EVERY_SECOND) == 4
    assert after.passed(EVERY_SECOND, 100.0, lambda position: None).live


def test_a_gap_without_events_is_squeezed_and_said():
    gap = tape(0, 1, 301, 302)
    clock = at(2, tape=gap)
    assert clock.gap(gap) == 300.0
    half = clock.passed(gap, SQUEEZED / 2)
    assert half.t == pytest.approx(1151.0) and half.place(gap) == 2 and half.gap(gap) == 300.0
    after = clock.passed(gap, SQUEEZED)
    assert after.place(gap) == 3 and after.gap(gap) == 0.0
    assert at(1, tape=tape(0, IDLE, 20)).gap(tape(0, IDLE, 20)) == 0.0


def test_heartbeats_fill_no_gap():
    heart = Recording(RunState())
    beats = [record("host", {"cpu": 0.5}, t=1001.0 + 2 * i) for i in range(100)]
    heart.append([steps(0, t=1000.0), *beats, steps(10, t=1201.0), steps(20, t=1202.0)])
    clock = at(1, tape=heart)
    assert clock.gap(heart) == 201.0
    assert clock.passed(heart, SQUEEZED).t == pytest.approx(1201.0)


def test_it_goes_neither_before_the_beginning_nor_behind_the_end():
    clock = Clock().at(-5, EVERY_SECOND, 0.0)
    assert clock.place(EVERY_SECOND) == 0 and not clock.playing
    assert clock.at(999, EVERY_SECOND, 0.0).place(EVERY_SECOND) == 21


def test_what_moves_a_playing_clock_lets_it_play():
    assert at(1).at(9, EVERY_SECOND, 3.0).playing
    assert not Clock().at(9, EVERY_SECOND, 3.0).playing  # a live view is held where it is put


def test_time_never_runs_back_with_our_clock():
    clock = at(5, now=100.0)
    assert clock.passed(EVERY_SECOND, 50.0).place(EVERY_SECOND) == 5


def test_a_recording_without_any_item_is_at_its_end():
    empty = Recording(RunState())
    assert Clock().toggled(empty, 0.0).place(empty) == 0
    assert Clock().held(empty, 0.0).toggled(empty, 1.0).passed(empty, 2.0).live


def test_other_kinds_of_events_count_as_well():
    mixed = Recording(RunState())
    mixed.append([probe(0, 0.5, t=1000.0), alert("onset", 10, t=1009.0), probe(20, 0.1, t=1018.0)])
    assert at(1, tape=mixed).gap(mixed) == 0.0

"""Replay equals live: the state at every position of a recording is the one that was there."""

import os
import random
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up.histories import histories
from made_up.run import records, write

from selffit.eventlog import kinds
from selffit.eventlog.bulk import Bulk
from selffit.eventlog.encode import to_json
from selffit.eventlog.framing import seal
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice, Record, Unread
from selffit.eventlog.tail import Skimmed
from selffit.run.folded.state import RunState, reduce, reduce_all
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower, singly
from selffit.run.in_time import TimedSource
from selffit.run.judged.summary import status_dict
from selffit.run.recorded import Recorded
from selffit.run.recording import recording as recording_module
from selffit.run.recording.recording import UNITS, Recording

SAMPLED = 10  # positions of a real log that the quick test looks at


def states(items):
    """The state after each item, as somebody had it who watched."""
    found = [RunState()]
    for item in items:
        found.append(reduce(found[-1], item))
    return found


@contextmanager
def short_segments():
    """Segments of a few items, so that a short log has many."""
    before, recording_module.SEGMENT = recording_module.SEGMENT, 7
    try:
        yield
    finally:
        recording_module.SEGMENT = before


def recorded_in(items, sizes):
    """A recording that has grown by slices of these sizes, one after the other."""
    recording, begin = Recording(), 0
    while begin < len(items):
        size = sizes[begin % len(sizes)]
        recording.append(items[begin : begin + size])
        begin += size
    return recording


@given(items=histories(), places=st.lists(st.integers(0, 70), max_size=12))
def test_passing_places_gives_the_states_that_are_found_one_by_one(items, places):
    with short_segments():
        recording = recorded_in(items, [9])
    passed = list(recording.states(sorted(places)))
    assert passed == [recording.state_at(place) for place in sorted(places)]
    told = [item.k if isinstance(item, Record) else "" for item in items]
    assert [recording.kind_at(place) for place in range(1, len(items) + 1)] == told


@settings(max_examples=50)
@given(items=histories(), sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_the_state_at_every_position_is_the_one_that_was_there(items, sizes):
    with short_segments():
        recording, live = recorded_in(items, sizes), states(items)
    assert len(recording) == len(items)
    for position, state in enumerate(live):
        found = recording.state_at(position)
        assert found == state
        assert recording.place_at(position) == (state.branch, state.step)
        assert status_dict(found, "", 0.0) == status_dict(state, "", 0.0)
    assert recording.newest == live[-1]


@given(items=histories(40), cut=st.integers(0, 40), data=st.data())
def test_looking_back_changes_nothing_of_what_comes(items, cut, data):
    with short_segments():
        recording, live = Recording(), states(items)
        recording.append(items[:cut])
        places = data.draw(st.lists(st.integers(0, min(cut, len(items))), max_size=6))
        seen = {place: recording.state_at(place) for place in places}
        for state in seen.values():  # somebody goes on from there on a way of his own
            reduce_all(state, items[-3:])
        recording.append(items[cut:])
    assert recording.newest == live[-1]
    assert all(state == live[place] for place, state in seen.items())


@given(items=histories(), step=st.integers(0, 150))
def test_a_step_of_a_branch_is_the_last_position_that_had_not_gone_beyond_it(items, step):
    recording, live = recorded_in(items, [9]), states(items)
    for branch in recording.branches:
        there = [
            position
            for position, state in enumerate(live)
            if position and state.branch == branch and state.step <= step
        ]
        found = recording.position_of(branch, step)
        if there:
            assert found == there[-1]
        else:  # it began later: where the branch that it came from was
            assert found is not None and live[found].step <= step
    assert recording.position_of("nowhere", step) is None
    assert recording.last_step(live[-1].branch) >= live[-1].step


@given(items=histories())
def test_going_by_units_passes_the_same_positions_both_ways(items):
    recording = recorded_in(items, [9])
    for unit in UNITS:
        forth, position = [], 0
        while (following := recording.next_position(position, unit)) is not None:
            assert following > position
            forth.append(position := following)
        back, position = [], len(recording) + 1
        while (before := recording.previous_position(position, unit)) is not None:
            back.append(position := before)
        assert forth == back[::-1] == recording.positions(unit)


def test_what_a_probe_measured_is_one_look():
    recording = Recording()
    recording.append(records())
    found = recording.positions("probe")
    live = states(records())
    probes = [len(state.all(kinds.RobustProbe)) for state in live]
    assert [probes[position] for position in found] == list(range(1, max(probes) + 1))
    onset = next(moment for moment in recording.moments if moment.kind == "onset")
    whole = next(position for position in found if position >= onset.position)
    assert recording.state_at(onset.position).last(kinds.CausalProbe) is None
    assert recording.state_at(whole).last(kinds.CausalProbe) is not None


def test_epochs_end_with_the_block_that_ends_them():
    recording = Recording()
    recording.append(records())
    epochs = [recording.state_at(position).epoch for position in recording.positions("epoch")]
    assert [int(epoch) for epoch in epochs] == list(range(1, 14))
    assert all(epoch % 1 < 20 / 62 for epoch in epochs)


def test_time_is_that_of_the_log_and_leads_back_to_the_position():
    items = records()
    recording = recorded_in(items, [50])
    live = states(items)
    for position in range(1, len(items) + 1):
        assert recording.time_at(position) == live[position].t
        assert recording.time_at(recording.position_at_time(live[position].t)) == live[position].t
    assert recording.position_at_time(recording.started - 1) == 0
    assert recording.time_at(0) == recording.started == live[-1].started


def test_moments_tell_once_how_an_attempt_ended():
    recording = Recording()
    recording.append(records())
    told = [(moment.kind, moment.step) for moment in recording.moments]
    assert told == [("suspect", 588), ("onset", 620), ("ended", 868)]
    onset = recording.moments[1]
    levels = [
        [alert.level for alert in recording.state_at(position).all(kinds.Alert)]
        for position in (onset.position - 1, onset.position)
    ]
    assert levels == [["suspect"], ["suspect", "onset"]]


def test_a_replaced_log_is_recorded_anew(tmp_path):
    write(tmp_path, 100)
    follower = Follower(TimedSource(tmp_path), "x", record=True)
    while follower.poll(50):
        pass
    before = follower.recording
    assert before is not None
    for file in (tmp_path / "log" / "trainer").iterdir():
        file.write_bytes(b"")
    while follower.poll(50):
        pass
    assert follower.recording is not None and follower.recording is not before
    assert len(before) > len(follower.recording)
    assert follower.state == follower.recording.newest


def write_log(folder, stream, lines):
    """A stream of lines given as (attempt, t, kind, data)."""
    files: dict[int, list[bytes]] = {}
    for attempt, t, kind, data in lines:
        of = files.setdefault(attempt, [])
        head = b'{"v":1,"a":%d,"q":%d,"t":%.3f,"k":"%b","b":"main","s":0,"d":%b'
        of.append(seal(head % (attempt, len(of) + 1, t, kind.encode(), to_json(data))))
    (folder / "log" / stream).mkdir(parents=True, exist_ok=True)
    for attempt, of in files.items():
        (folder / "log" / stream / f"{attempt:06d}-000000.jsonl").write_bytes(b"".join(of))


def test_what_the_supervisor_said_stands_where_it_happened(tmp_path):
    opened = {"run": "x", "pid": 1}
    trainer = [(1, 2.0, "open", opened), (1, 3.0, "run.start", {}), (2, 7.0, "open", opened)]
    told = [
        (1, 1.0, "sup.spawn", {"pid": 1}),
        (1, 5.0, "sup.exit", {"how": "crashed", "again": True}),
    ]
    # the clock of the machine is set back: an attempt still comes behind the one before it
    told += [(2, 4.0, "sup.spawn", {"pid": 2}), (2, 9.0, "sup.exit", {"how": "finished"})]
    write_log(tmp_path, "trainer", trainer)
    write_log(tmp_path, "supervisor", told)
    for limit in (None, 1, 2, 3):
        source = TimedSource(tmp_path)
        found: list[Record | Notice | Unread] = []
        while new := list(singly(source.poll(limit))):
            found += new
        order = [(item.k, item.a) for item in found if not isinstance(item, Notice)]
        assert order == [
            ("sup.spawn", 1),
            ("open", 1),
            ("run.start", 1),
            ("sup.exit", 1),
            ("sup.spawn", 2),
            ("open", 2),
            ("sup.exit", 2),
        ]
    (tmp_path / "run.json").write_text('{"v":1,"name":"x","created":1}')
    recording = Recorded.of(RunDir(tmp_path)).recording
    assert recording.state_at(4).restarting and not recording.state_at(6).restarting


def test_the_same_is_read_in_any_order(tmp_path):
    write(tmp_path, 868)
    recording = Recording()
    recording.append(TimedSource(tmp_path).poll())
    ending = recording.newest.ending
    assert recording.newest.step == 868 and ending is not None and ending.how == "finished"
    assert len(recording) == len(RunReader(tmp_path).poll())


def test_one_thread_appends_while_another_looks_anywhere():
    items = [item for _ in range(12) for item in records()]
    live = [RunState()]
    for item in items:
        live.append(reduce(live[-1], item))
    recording = Recording()

    def feed():
        for begin in range(0, len(items), 5):
            recording.append(items[begin : begin + 5])

    feeding = Thread(target=feed)
    feeding.start()
    rng, looked = random.Random(5), 0
    while feeding.is_alive() or not looked:
        position = rng.randint(0, len(recording))
        assert recording.state_at(position) == live[position]
        assert recording.place_at(position) == (live[position].branch, live[position].step)
        looked += 1
    feeding.join()
    assert recording.newest == live[-1]


def test_many_lines_at_once_are_recorded_as_one_by_one(tmp_path):
    from benchmarks.replay import lines

    (tmp_path / "log" / "trainer").mkdir(parents=True)
    log = b"".join(lines(6000))
    (tmp_path / "log" / "trainer" / "000001-000000.jsonl").write_bytes(log)
    source, bulk, single = TimedSource(tmp_path), Recording(), Recording()
    items: list[Skimmed] = []
    while new := source.poll(1000):
        bulk.append(new)
        single.append(list(singly(new)))
        items += new
    assert any(isinstance(item, Bulk) for item in items)
    assert len(bulk) == len(single) >= 6000
    assert bulk.newest == single.newest and bulk.moments == single.moments
    for unit in UNITS:
        assert bulk.positions(unit) == single.positions(unit)
    rng = random.Random(4)
    for position in [*range(0, 6000, 97), *(rng.randrange(6000) for _ in range(40))]:
        assert bulk.place_at(position) == single.place_at(position)
        assert bulk.time_at(position) == single.time_at(position)
        assert bulk.kind_at(position) == single.kind_at(position)
        assert bulk.state_at(position) == single.state_at(position)


def _check_real(folder: Path, positions) -> None:
    source, recording = TimedSource(folder), Recording()
    items: list[Skimmed] = []
    while new := source.poll(1000):
        items += singly(new)
        recording.append(new)
    assert len(recording) == len(items)
    state, before = RunState(), 0
    for position in sorted(positions(len(items))):
        state, before = reduce_all(state, items[before:position]), position
        found = recording.state_at(position)
        assert found == state
        assert status_dict(found, "training", state.t) == status_dict(state, "training", state.t)


def _real_runs() -> list[str]:
    folder = Path(os.environ.get("SELFFIT_DATA", "")) / "runs"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else ["any"]


@pytest.mark.parametrize("name", _real_runs())
def test_a_real_run_is_replayed_as_it_was(real_data, name):
    rng = random.Random(name)
    _check_real(
        real_data / "runs" / name,
        lambda length: {length, *(rng.randrange(length) for _ in range(SAMPLED))},
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", _real_runs())
def test_a_real_run_is_replayed_as_it_was_at_every_position(real_data, name):
    _check_real(real_data / "runs" / name, lambda length: range(length + 1))


def test_example_runs_are_replayed_as_they_were():
    runs = sorted((Path(__file__).parents[3] / "runs").glob("example-*"))
    assert runs
    for folder in runs:
        _check_real(folder, lambda length: range(0, length + 1, 17))

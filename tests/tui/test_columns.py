"""Arrays of signals and probes, extended while a run goes on."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up.histories import histories

from selffit.run.folded.state import RunState, reduce_all
from selffit.run.recording.recording import Recording
from selffit_tui.model.series import Columns, smooth


def test_growing_block_by_block_equals_taking_all_at_once(made_up):
    records = made_up.records(400)
    grown, state = Columns(), RunState()
    for start in range(0, len(records), 7):
        state = reduce_all(state, records[start : start + 7])
        grown.take(state)
    whole = Columns()
    whole.take(state)
    assert whole.signals.steps.tolist() == list(range(400))
    for name in whole.signals.names:
        assert np.array_equal(
            grown.signals.column(name), whole.signals.column(name), equal_nan=True
        )
    assert np.array_equal(grown.probes.column("pgd"), whole.probes.column("pgd"))
    assert grown.concentration["conv2"].length == whole.concentration["conv2"].length > 3


def drawn(columns):
    """All that panels draw of the arrays."""
    tracks = [columns, *columns.abandoned]
    told = [
        (
            track.signals.steps.tolist(),
            [track.signals.column(name).tolist() for name in track.signals.names],
            track.probes.steps.tolist(),
            [track.probes.column(name).tolist() for name in track.probes.names],
            [probe.step for probe in track.channels],
            {
                name: (table.steps.tolist(), table.column("gini").tolist())
                for name, table in track.concentration.items()
            },
        )
        for track in tracks
    ]
    ends = (columns.signals.end, columns.probes.end, columns.last_step)
    return repr((columns.line, columns.marks, ends, told))  # as text NaN equals NaN


@settings(max_examples=60)
@given(items=histories(), places=st.lists(st.integers(0, 60), min_size=1, max_size=12))
def test_going_back_and_forth_ends_in_the_same_arrays_as_going_there_at_once(items, places):
    recording, columns = Recording(), Columns()
    recording.append(items)
    for place in places:
        state = recording.state_at(place)
        columns.take(state)
        fresh = Columns()
        fresh.take(state)
        assert drawn(columns) == drawn(fresh)


def test_an_older_state_takes_back_what_it_does_not_have(made_up):
    records, columns = made_up.records(400), Columns()
    recording = Recording()
    recording.append(records)
    columns.take(recording.newest)
    columns.take(recording.state_at(40))
    assert columns.signals.steps[-1] < 300
    columns.take(reduce_all(RunState(), records[:60]))  # of another run, for all that is known
    assert columns.signals.steps[-1] < 400


def test_a_resumed_attempt_replaces_the_steps_it_repeats(record):
    def block(step, value, attempt):
        return record("steps", {"n": 4, "cols": {"abnormal": [value] * 4}}, step, a=attempt)

    columns = Columns()
    columns.take(reduce_all(RunState(), [block(0, 0.1, 1), block(4, 0.2, 1), block(2, 0.9, 2)]))
    assert columns.signals.steps.tolist() == [0, 1, 2, 3, 4, 5]
    assert columns.signals.column("abnormal").tolist() == pytest.approx([0.1] * 2 + [0.9] * 4)


def test_what_is_no_number_is_a_gap(record):
    cols = {
        "abnormal": [0.1, "NaN", None, "x", [1]],
        "pertalign": [1.0],
        "loss_adv": ["Infinity"] * 5,
    }
    columns = Columns()
    columns.take(reduce_all(RunState(), [record("steps", {"n": 5, "cols": cols})]))
    assert [math.isnan(value) for value in columns.signals.column("abnormal")] == [
        False,
        True,
        True,
        True,
        True,
    ]
    assert [math.isnan(value) for value in columns.signals.column("pertalign")] == [
        False,
        True,
        True,
        True,
        True,
    ]
    assert np.isinf(columns.signals.column("loss_adv")).all()


def test_a_block_that_claims_more_steps_than_it_has_is_cut(record):
    columns = Columns()
    columns.take(
        reduce_all(RunState(), [record("steps", {"n": 10**9, "cols": {"abnormal": [0.1, 0.2]}})])
    )
    assert columns.signals.length == 2


def test_smoothing_is_the_mean_of_the_last_values_and_keeps_gaps():
    values = np.array([1.0, 3.0, np.nan, 5.0, 7.0])
    assert smooth(values, 2)[[0, 1, 3, 4]].tolist() == [1.0, 2.0, 5.0, 6.0]
    assert np.isnan(smooth(values, 2)[2])

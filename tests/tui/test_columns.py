"""Arrays of signals and probes, extended while a run goes on."""

import math

import numpy as np
import pytest

from selffit.run.state import RunState, reduce_all
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


def test_an_older_state_starts_over(made_up):
    records, columns = made_up.records(400), Columns()
    columns.take(reduce_all(RunState(), records))
    columns.take(reduce_all(RunState(), records[:40]))
    assert columns.signals.steps[-1] < 300


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

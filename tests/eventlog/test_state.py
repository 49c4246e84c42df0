"""The reducer: a run's state as a pure function of its events."""

import itertools
import math

from hypothesis import given
from hypothesis import strategies as st

from selffit.eventlog.history import History
from selffit.eventlog.records import Notice, Record
from selffit.eventlog.state import RunState, reduce, reduce_all
from selffit.eventlog.summary import run_state_word, seconds_left, status_dict

COUNTER = itertools.count(1)


def record(kind, data, step=0, *, attempt=1, t=100.0, stream="trainer"):
    return Record(v=1, a=attempt, q=next(COUNTER), t=t, k=kind, b="main", s=step, d=data, stream=stream)


def start(**config):
    return record(
        "run.start", {"config": {"method": "fgsm", "eps": 0.16, **config}, "steps_total": 200, "steps_per_epoch": 50}
    )


def steps(first, n=10, t=100.0, **cols):
    cols = {"eps": [0.1] * n, "lr": [0.5] * n, **cols}
    return record("steps", {"n": n, "cols": cols, "img_s": 1000.0, "epoch": (first + n) / 50}, first, t=t)


def probe(step, pgd, **more):
    return record("probe.robust", {"n": 512, "eps": 0.1, "clean": 0.9, "fgsm": 0.5, "pgd": pgd, **more}, step)


def alert(level, step=10, **more):
    return record("alert", {"level": level, "text": f"{level}!", "evidence": {"gap": 0.8}, **more}, step)


def test_a_block_of_steps_moves_step_epoch_and_settings():
    state = reduce_all(RunState(), [start(lr=0.1), steps(0), steps(10, eps=[0.1] * 9 + [0.12])])
    assert (state.step, state.epoch) == (20, 0.4)
    assert state.setting("eps") == 0.12
    assert state.setting("method") == "fgsm"
    assert state.steps_total == 200


def test_folding_one_by_one_equals_folding_at_once_and_leaves_older_states_alone():
    items = [start(), steps(0), probe(10, 0.4), alert("watch"), steps(10), probe(20, 0.01), alert("onset", 20)]
    states = [RunState()]
    for item in items:
        states.append(reduce(states[-1], item))
    for length, state in enumerate(states):
        assert state == reduce_all(RunState(), items[:length])
    assert len(states[3].probes) == 1
    assert len(states[-1].probes) == 2


def test_the_order_between_streams_does_not_matter():
    trainer = [record("open", {"run": "r", "pid": 7}), start(), steps(0), record("end", {"how": "finished"}, 10)]
    supervisor = [
        record("open", {"run": "r", "pid": 6}, stream="supervisor"),
        record("sup.exit", {"how": "finished", "text": "done"}, stream="supervisor", t=200.0),
    ]
    one = reduce_all(RunState(), trainer + supervisor)
    other = reduce_all(RunState(), supervisor + trainer)
    assert one.ending == other.ending
    assert (one.step, one.identity, one.t) == (other.step, other.identity, other.t)


def test_a_probe_during_an_eps_schedule_keeps_both_budgets():
    state = reduce(RunState(), probe(5, 0.6, final={"eps": 0.16, "fgsm": 0.2, "pgd": 0.1}))
    assert (state.probes[0].eps, state.probes[0].final_eps, state.probes[0].final_pgd) == (0.1, 0.16, 0.1)
    state = reduce(state, probe(6, 0.6, final=None))
    assert math.isnan(state.probes[1].final_pgd)


def test_channels_are_kept_per_layer_through_time():
    layers = [{"name": "conv1", "dominance": [0.5, -0.5], "si": [1, 1], "di": [1, 1], "rand": [1, "NaN"], "gini": 0.1}]
    state = reduce(RunState(), record("probe.channels", {"n": 64, "layers": layers}, 7))
    layer = state.channels[0].layer("conv1")
    assert list(layer.dominance) == [0.5, -0.5]
    assert math.isnan(layer.rand[1])
    assert state.channels[0].layer("conv9") is None


def test_an_alert_keeps_its_evidence_and_the_last_healthy_point():
    state = reduce(RunState(), alert("onset", 20, onset_step=18, healthy={"step": 10, "pgd": 0.4}))
    assert (state.alerts[0].level, state.alerts[0].onset_step) == ("onset", 18)
    assert (state.alerts[0].healthy_step, state.alerts[0].healthy_pgd) == (10, 0.4)
    assert state.alerts[0].evidence == {"gap": 0.8}


def test_how_a_run_ended_is_the_supervisors_word_first():
    state = reduce_all(
        RunState(), [start(), record("sup.exit", {"how": "killed", "stderr": ["x"]}, stream="supervisor")]
    )
    assert run_state_word(state, False, 101.0) == "killed"
    assert state.ending.stderr == ("x",)


def test_a_new_attempt_is_not_ended_by_the_end_of_the_one_before():
    ended = reduce_all(RunState(), [start(), record("sup.exit", {"how": "crashed"}, stream="supervisor")])
    again = reduce(ended, record("open", {"run": "r"}, attempt=2))
    assert again.ending is None
    assert run_state_word(again, True, 101.0) == "starting"


def test_words_for_a_silent_and_a_lost_run():
    state = reduce_all(RunState(), [start(), steps(0, t=100.0)])
    assert run_state_word(state, True, 1000.0) == "training"
    assert run_state_word(state, False, 100.5) == "lost"
    assert run_state_word(state, None, 110.0) == "training"
    assert run_state_word(state, None, 200.0) == "silent"


def test_the_time_left_follows_the_recent_pace_with_pauses_counted():
    state = reduce_all(RunState(), [start(), steps(0, t=100.0), steps(10, t=101.0), steps(20, t=102.0)])
    assert seconds_left(state) == (200 - 30) * 0.1


def test_dropped_metrics_and_reader_notices_are_counted():
    notice = Notice(kind="torn", stream="trainer", file="x", offset=5, text="torn tail of 9 bytes")
    state = reduce_all(RunState(), [record("log.gap", {"dropped": 3}), record("log.gap", {"dropped": 4}), notice])
    assert state.dropped == 7
    assert state.notices.last == notice


def test_status_has_no_nan_in_its_json():
    state = reduce_all(RunState(), [start(), probe(0, "NaN"), alert("watch", confidence="NaN")])
    status = status_dict(state, "training", 101.0)
    assert status["last"]["pgd"] is None
    assert status["alerts"][0]["confidence"] is None
    assert status["settings"] == {"method": "fgsm", "eps": 0.16, "alpha": None, "lr": None}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KINDS = [
    "open",
    "phase",
    "run.start",
    "steps",
    "probe.robust",
    "probe.channels",
    "alert",
    "host",
    "log.gap",
    "end",
    "sup.exit",
    "?",
]
KEYS = [
    "n",
    "cols",
    "config",
    "layers",
    "final",
    "healthy",
    "evidence",
    "how",
    "stderr",
    "dropped",
    "name",
    "eps",
    "steps_total",
]


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(KEYS), json_values))
def test_no_data_whatever_breaks_the_reducer_or_the_status(kind, data):
    state = reduce_all(RunState(), [record(kind, data, 3)])
    status_dict(state, run_state_word(state, None, 101.0), 101.0)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers())))
def test_a_history_continued_twice_is_two_histories(moves):
    """Against plain tuples: any older version can be continued, and none of them changes."""
    versions, models = [History()], [()]
    for base, item in moves:
        base = min(base, len(versions) - 1)
        versions.append(versions[base].append(item))
        models.append((*models[base], item))
    assert [tuple(version) for version in versions] == models


def on(branch, item):
    return Record(v=1, a=item.a, q=next(COUNTER), t=item.t, k=item.k, b=branch, s=item.s, d=item.d)


def test_a_roll_back_makes_its_branch_the_active_one_and_keeps_the_abandoned_part():
    before = reduce_all(RunState(), [start(), steps(0), probe(10, 0.4), steps(10), probe(20, 0.01)])
    applied = record("ctl.applied", {"op": "rollback", "new": {"method": "n-fgsm", "eps": 0.1}, "branch": "b1"}, 20)
    after = reduce_all(before, [applied, on("b1", record("branch", {"name": "b1", "parent": "main"}, 10))])
    assert (after.branch, after.step) == ("b1", 10)
    assert after.setting("method") == "n-fgsm"
    assert [entry.step for entry in after.probes] == [10, 20]
    again = reduce(after, on("b1", probe(20, 0.5)))
    assert [(entry.branch, entry.step) for entry in again.probes] == [("main", 10), ("main", 20), ("b1", 20)]


def test_what_a_resumed_attempt_does_again_is_not_shown_twice():
    items = [
        start(),
        steps(0),
        alert("watch", 8),
        probe(10, 0.4),
        steps(10),
        probe(20, 0.3),
        alert("onset", 20),
        steps(20),
    ]
    before = reduce_all(RunState(), items)
    resumed = record("resumed", {"ckpt": "main-10", "step": 10, "branch": "main"}, 10, attempt=2)
    state = reduce(before, resumed)
    assert state.step == 10
    assert [entry.step for entry in state.probes] == [10]
    assert [entry.step for entry in state.steps] == [0]
    assert [entry.step for entry in state.alerts] == [8]
    assert len(before.steps) == 3


def test_a_failed_change_brings_the_old_values_back():
    state = reduce_all(RunState(), [start(), record("ctl.applied", {"new": {"method": "pgd"}})])
    assert state.setting("method") == "pgd"
    assert reduce(state, record("ctl.failed", {"new": {"method": "fgsm"}})).setting("method") == "fgsm"

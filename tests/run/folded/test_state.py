"""The reducer: a run's state as a pure function of its events."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up.folding import kept, only
from made_up.records import (
    alert,
    on,
    probe,
    record,
    roll_back,
    start,
    steps,
)

from selffit.eventlog import kinds
from selffit.eventlog.history import History
from selffit.eventlog.liveness import here
from selffit.eventlog.records import Notice
from selffit.run.folded.state import RunState, reduce, reduce_all
from selffit.run.folded.word import LOST_AFTER, SILENT_AFTER, state_word
from selffit.run.judged.summary import seconds_left, status_dict


def test_a_block_of_steps_moves_step_epoch_and_settings():
    state = reduce_all(RunState(), [start(lr=0.1), steps(0), steps(10, eps=[0.1] * 9 + [0.12])])
    assert (state.step, state.epoch) == (20, 0.4)
    assert state.setting("eps") == 0.12
    assert state.setting("method") == "fgsm"
    assert state.steps_total == 200


def test_folding_one_by_one_equals_folding_at_once_and_leaves_older_states_alone():
    items = [start(), steps(0), probe(10, 0.4), alert("suspect"), steps(10), probe(20, 0.01)]
    items.append(alert("onset", 20))
    states = [RunState()]
    for item in items:
        states.append(reduce(states[-1], item))
    for length, state in enumerate(states):
        assert state == reduce_all(RunState(), items[:length])
    assert len(states[3].all(kinds.RobustProbe)) == 1
    assert len(states[-1].all(kinds.RobustProbe)) == 2


def test_the_order_between_streams_does_not_matter():
    trainer = [
        record("open", {"run": "r", "host": "here", "boot": "b", "pid": 7, "pstart": 5}),
        start(),
        steps(0),
        record("end", {"how": "finished"}, 10),
    ]
    supervisor = [
        record("open", {"run": "r", "pid": 6}, stream="supervisor"),
        record("sup.exit", {"how": "finished", "text": "done"}, stream="supervisor", t=200.0),
    ]
    one = reduce_all(RunState(), trainer + supervisor)
    other = reduce_all(RunState(), supervisor + trainer)
    assert one.ending == other.ending
    assert (one.step, one.now, one.t) == (other.step, other.now, other.t)
    assert one.now.identity is not None and one.now.identity.pid == 7


def test_a_probe_during_an_eps_schedule_keeps_both_budgets():
    state = reduce(RunState(), probe(5, 0.6, final={"eps": 0.16, "fgsm": 0.2, "pgd": 0.1}))
    found = only(state.all(kinds.RobustProbe))
    assert (found.eps, found.final_eps, found.final_pgd) == (0.1, 0.16, 0.1)
    state = reduce(state, probe(6, 0.6, final=None))
    assert math.isnan(state.all(kinds.RobustProbe)[1].final_pgd)


def test_channels_are_kept_per_layer_through_time():
    conv1 = {"name": "conv1", "dominance": [0.5, -0.5], "si": [1, 1], "di": [1, 1]}
    layers = [{**conv1, "rand": [1, "NaN"], "gini": 0.1}]
    found = kept(kinds.ChannelProbe, record("probe.channels", {"n": 64, "layers": layers}, 7))
    layer = found.layer("conv1")
    assert list(layer.dominance) == [0.5, -0.5]
    assert math.isnan(layer.rand[1])
    assert found.layer("conv9") is None


def test_an_alert_keeps_its_evidence_and_the_last_healthy_point():
    onset = alert("onset", 20, onset_step=18, healthy={"step": 10, "pgd": 0.4})
    told = kept(kinds.Alert, onset)
    assert (told.level, told.onset_step) == ("onset", 18)
    assert (told.healthy_step, told.healthy_pgd) == (10, 0.4)
    assert told.evidence == {"gap": 0.8}


def test_how_a_run_ended_is_the_supervisors_word_first():
    killed = record("sup.exit", {"how": "killed", "stderr": ["x"]}, stream="supervisor")
    state = reduce_all(RunState(), [start(), killed])
    assert state_word(state, False, 101.0) == "killed"
    assert state.ending is not None and state.ending.stderr == ("x",)


def test_a_new_attempt_is_not_ended_by_the_end_of_the_one_before():
    crashed = record("sup.exit", {"how": "crashed"}, stream="supervisor")
    ended = reduce_all(RunState(), [start(), crashed])
    again = reduce(ended, record("open", {"run": "r"}, attempt=2))
    assert again.ending is None
    assert state_word(again, True, 101.0) == "starting"


def test_words_for_a_silent_and_a_lost_run():
    state = reduce_all(RunState(), [start(), steps(0, t=100.0)])
    assert state_word(state, False, 100.5) == "lost"
    assert state_word(state, None, 110.0) == "training"
    assert state_word(state, None, 100.0 + SILENT_AFTER + 1) == "silent"
    assert state_word(state, None, 100.0 + LOST_AFTER + 1) == "lost"
    # its process is there, but stopped, or held up by its machine
    assert state_word(state, True, 1000.0) == "silent"
    # a clock that is behind makes nothing of the future
    assert state_word(state, None, 50.0) == "training"


def test_an_attempt_is_not_judged_by_the_clock_of_the_one_before():
    ahead = [start(), steps(0, t=9000.0), record("sup.exit", {"how": "killed"}, t=9001.0)]
    state = reduce_all(RunState(), [*ahead, record("open", {"run": "r"}, attempt=2, t=100.0)])
    assert (state.t, state.heard) == (9001.0, 100.0)
    assert state_word(state, None, 100.0 + LOST_AFTER + 1) == "lost"


def test_what_the_supervisor_said_when_it_began_is_no_news_of_a_trainer():
    log = [start(), steps(0, t=100.0), record("sup.spawn", {"pid": 7}, t=60.0, stream="supervisor")]
    assert reduce_all(RunState(), log).heard == 100.0
    log.append(record("sup.exit", {"how": "killed"}, t=103.0, stream="supervisor"))
    assert reduce_all(RunState(), log).heard == 103.0


def test_a_run_whose_supervisor_dies_between_two_attempts_is_lost():
    me = here()
    watcher = record("open", {"run": "r", **me.as_data()}, stream="supervisor")
    exit = record("sup.exit", {"how": "killed", "again": True}, stream="supervisor", t=101.0)
    state = reduce_all(RunState(), [start(), watcher, exit])
    assert state.now.identity == me and state_word(state, True, 102.0) == "restarting"
    assert state_word(state, False, 102.0) == "lost"
    assert state_word(state, None, 101.0 + LOST_AFTER + 1) == "lost"


def test_the_time_left_follows_the_recent_steps_without_probes_and_pauses():
    blocks = [steps(0, t=100.0), steps(10, t=101.0), steps(20, t=600.0)]
    state = reduce_all(RunState(), [start(), *blocks])
    assert seconds_left(state) == pytest.approx((200 - 30) * 0.05)


def test_the_time_left_is_unknown_until_this_attempt_has_done_steps():
    state = reduce_all(RunState(), [start(), steps(0), steps(10)])
    again = reduce(state, record("open", {"run": "r"}, attempt=2))
    assert math.isnan(seconds_left(again))
    slower = record("steps", {**steps(0).d, "sec": 2.0}, 20, attempt=2)
    assert seconds_left(reduce(again, slower)) == pytest.approx((200 - 30) * 0.2)


def test_the_time_left_does_not_count_what_another_branch_took():
    state = reduce_all(RunState(), [start(), steps(0), steps(10), *roll_back("b1", base=10)])
    assert math.isnan(seconds_left(state))
    state = reduce(state, on("b1", record("steps", {**steps(0).d, "sec": 1.0}, 10)))
    assert seconds_left(state) == pytest.approx((200 - 20) * 0.1)


def test_dropped_metrics_and_reader_notices_are_counted():
    notice = Notice(kind="torn", stream="trainer", file="x", offset=5, text="torn tail of 9 bytes")
    gaps = [record("log.gap", {"dropped": dropped}) for dropped in (3, 4)]
    state = reduce_all(RunState(), [*gaps, notice])
    assert state.dropped == 7
    assert state.notices.last == notice


def test_status_has_no_nan_in_its_json():
    state = reduce_all(RunState(), [start(), probe(0, "NaN"), alert("suspect", confidence="NaN")])
    status = status_dict(state, "training", 101.0)
    assert status["last"]["pgd"] is None
    assert status["alerts"][0]["confidence"] is None
    assert status["settings"] == {"method": "fgsm", "eps": 0.16, "alpha": None, "lr": None}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KINDS = [
    *("open", "phase", "run.start", "steps", "probe.robust", "probe.channels", "probe.self"),
    *("probe.strong", "probe.causal", "probe.images", "diagnosis", "alert", "host", "log.gap"),
    *("end", "sup.exit", "?"),
]
KEYS = [
    *("n", "cols", "config", "layers", "final", "healthy", "evidence", "how", "stderr", "dropped"),
    *("name", "eps", "steps_total", "values", "index", "components", "reference", "dose", "mix"),
    *("base", "rows", "single", "shape", "classes", "disease", "onset_step", "lead"),
]


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(KEYS), json_values))
def test_no_data_whatever_breaks_the_reducer_or_the_status(kind, data):
    state = reduce_all(RunState(), [record(kind, data, 3)])
    json.dumps(status_dict(state, state_word(state, None, 101.0), 101.0), allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers())))
def test_a_history_continued_twice_is_two_histories(moves):
    """Against plain tuples: any older version can be continued, and none of them changes."""
    versions: list[History[int]] = [History()]
    models: list[tuple[int, ...]] = [()]
    for base, item in moves:
        base = min(base, len(versions) - 1)
        versions.append(versions[base].append(item))
        models.append((*models[base], item))
    assert [tuple(version) for version in versions] == models


def test_the_epoch_goes_back_with_a_roll_back():
    back = roll_back("b1", base=50, asked=100)
    state = reduce_all(RunState(), [start(), steps(0, 100), *back])
    assert (state.step, state.epoch) == (50, 1.0)


def test_a_roll_back_makes_its_branch_the_active_one_and_keeps_the_abandoned_part():
    before = reduce_all(RunState(), [start(), steps(0), probe(10, 0.4), steps(10), probe(20, 0.01)])
    change = {"op": "rollback", "new": {"method": "n-fgsm", "eps": 0.1}, "branch": "b1"}
    applied = record("ctl.applied", change, 20)
    begun = on("b1", record("branch", {"name": "b1", "parent": "main"}, 10))
    after = reduce_all(before, [applied, begun])
    assert (after.branch, after.step) == ("b1", 10)
    assert after.setting("method") == "n-fgsm"
    assert [entry.step for entry in after.all(kinds.RobustProbe)] == [10, 20]
    again = reduce(after, on("b1", probe(20, 0.5)))
    places = [(entry.branch, entry.step) for entry in again.all(kinds.RobustProbe)]
    assert places == [("main", 10), ("main", 20), ("b1", 20)]


def test_what_a_resumed_attempt_does_again_is_not_shown_twice():
    items = [start(), steps(0), alert("suspect", 8), probe(10, 0.4)]
    items += [steps(10), probe(20, 0.3), alert("onset", 20), steps(20)]
    before = reduce_all(RunState(), items)
    resumed = record("resumed", {"ckpt": "main-10", "step": 10, "branch": "main"}, 10, attempt=2)
    state = reduce(before, resumed)
    assert state.step == 10
    assert [entry.step for entry in state.all(kinds.RobustProbe)] == [10]
    assert [entry.step for entry in state.all(kinds.Steps)] == [0]
    assert [entry.step for entry in state.all(kinds.Alert)] == [8]
    assert len(before.all(kinds.Steps)) == 3


def test_a_failed_change_brings_the_old_values_back():
    change = {"id": "a" * 8, "op": "set", "args": {"method": "pgd"}, "by": "me", "version": 1}
    applied = {**change, "old": {"method": "fgsm"}, "new": {"method": "pgd"}}
    state = reduce_all(RunState(), [start(), record("ctl.applied", applied)])
    assert state.setting("method") == "pgd"
    failed = {"id": "a" * 8, "op": "set", "reason": "…", "new": {"method": "fgsm"}, "version": 2}
    assert reduce(state, record("ctl.failed", failed)).setting("method") == "fgsm"

"""The reducer: a run's state as a pure function of its events."""

import base64
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up.records import (
    alert,
    diagnosis,
    on,
    probe,
    record,
    roll_back,
    self_probe,
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


def only(history):
    (entry,) = history
    return entry


def kept(kind, item):
    """The one event of a kind that a state made of this item alone has."""
    return only(reduce(RunState(), item).all(kind))


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


# ---- what explains a collapse --------------------------------------------------------------------
def strong(step, **more):
    data = {"n": 256, "eps": 0.16, "steps": 50, "restarts": 2, "pgd": 0.01, "weak": 0.3}
    return record("probe.strong", {**data, **more}, step)


LEFT = {"clean": 0.9, "fgsm": 0.2, "pgd": 0.1, "carrier": 0.1}


def causal(step, **more):
    left = LEFT
    data = {
        "n": 64,
        "n_rank": 64,
        "eps": 0.16,
        "base": {**left, "fgsm": 0.9, "swap": 0.1},
        "rows": [
            {"stage": "conv1", "group": "self", "share": 0.1, "channels": 2, **left, "swap": 0.1}
        ],
        "single": [{"layer": "conv1", "channel": 3, "dominance": 0.7, **left}],
    }
    return record("probe.causal", {**data, **more}, step)


def encoded(*rows):
    return [base64.b64encode(bytes(row)).decode() for row in rows]


# 2 × 3 pixels; 129 is -127
X, DELTA = encoded([0, 255, 7], [1, 2, 3]), encoded([127, 129, 0], [1, 255, 0])


def image(**more):
    guesses = {"clean": [4, 0.9], "own": [2, 0.8], "carrier": [4, 0.7]}
    return {"y": 4, "x": X, "delta": DELTA, **guesses, **more}


def images(step, **more):
    data = {
        "shape": [1, 2, 3],
        "eps": 0.16,
        "attack": "fgsm",
        "classes": ["a", "b"],
        "rows": [image()],
    }
    return record("probe.images", {**data, **more}, step)


def test_self_information_is_kept_with_values_components_and_curves():
    entry = kept(kinds.SelfProbe, self_probe(620))
    assert (entry.branch, entry.step) == ("main", 620)
    assert (entry.n, entry.full, entry.why) == (128, True, "interval")
    assert (entry.eps, entry.attack, entry.reference_step, entry.index) == (0.16, "fgsm", 100, 0.56)
    assert entry.values == {"carrier_grey": 0.82, "abnormal": 0.98}
    assert entry.components == {"carrier": 0.8, "abnormal": 0.98}
    factors, accuracies = entry.doses
    assert list(factors) == [0.0, 0.5, 1.0]
    assert list(accuracies) == pytest.approx([0.9, 0.2, 0.9])
    assert [len(axis) for axis in entry.mixes] == [0, 0]


def test_without_a_reference_network_there_is_no_reference_step():
    assert kept(kinds.SelfProbe, self_probe(5, reference=None)).reference_step is None


def test_a_curve_with_axes_of_different_lengths_keeps_the_points_that_have_both():
    curve = {"k": [0, 1, 2], "acc": [0.5, "NaN"]}
    factors, accuracies = kept(kinds.SelfProbe, self_probe(5, dose=curve)).doses
    assert list(factors) == [0, 1]
    assert accuracies[0] == 0.5 and math.isnan(accuracies[1])


def test_a_strong_attack_is_kept_beside_the_weak_one():
    entry = kept(kinds.StrongProbe, strong(620))
    assert (entry.step, entry.n, entry.steps, entry.restarts) == (620, 256, 50, 2)
    assert (entry.eps, entry.pgd, entry.weak) == (0.16, 0.01, 0.3)


def test_the_causal_check_keeps_groups_and_single_channels():
    entry = kept(kinds.CausalProbe, causal(620))
    assert (entry.n, entry.n_rank, entry.base.fgsm, entry.base.swap) == (64, 64, 0.9, 0.1)
    row = only(entry.rows)
    assert (row.stage, row.group, row.share, row.channels) == ("conv1", "self", 0.1, 2)
    assert {name: row.value(name) for name in (*LEFT, "swap")} == {**LEFT, "swap": 0.1}
    single = entry.channel("conv1", 3)
    assert single.dominance == 0.7 and math.isnan(single.swap)
    assert {name: single.value(name) for name in LEFT} == LEFT
    assert entry.channel("conv1", 4) is None and entry.channel("conv2", 3) is None


def test_images_are_bytes_in_the_order_of_their_rows():
    entry = kept(kinds.ImageStrip, images(620))
    assert (entry.shape, entry.classes) == ((1, 2, 3), ("a", "b"))
    assert (entry.eps, entry.attack) == (0.16, "fgsm")
    shown = only(entry.images)
    assert (shown.y, shown.clean, shown.own, shown.carrier) == (4, (4, 0.9), (2, 0.8), (4, 0.7))
    assert list(shown.x) == [0, 255, 7, 1, 2, 3]
    assert list(memoryview(shown.delta).cast("b")) == [127, -127, 0, 1, -1, 0]


def test_a_diagnosis_keeps_disease_evidence_and_lead():
    entry = kept(kinds.Diagnosis, diagnosis(620))
    assert (entry.disease, entry.index) == ("self-fitting", 0.56)
    assert (entry.onset_step, entry.index_step, entry.lead) == (620, 589, 31)
    assert (entry.components, entry.evidence) == ({"carrier": 0.8}, {"carrier_z": 27.0})
    entry = kept(kinds.Diagnosis, diagnosis(620, index_step=None, lead=None))
    assert (entry.index_step, entry.lead) == (None, None)
    assert kept(kinds.Diagnosis, diagnosis(620, lead=-31)).lead == -31


def test_an_onset_has_its_disease_and_older_ones_have_none():
    state = reduce_all(RunState(), [alert("onset", 20, disease="self-fitting"), alert("onset", 30)])
    assert [entry.disease for entry in state.all(kinds.Alert)] == ["self-fitting", ""]


def test_channels_of_an_older_log_have_no_carrier_response():
    layers = [{"name": "new", "car": [1, 2], "rho": 0.9, "agree": 0.5}, {"name": "old"}]
    new, old = kept(kinds.ChannelProbe, record("probe.channels", {"layers": layers})).layers
    assert (list(new.car), new.rho, new.agree) == ([1, 2], 0.9, 0.5)
    assert len(old.car) == 0 and math.isnan(old.rho) and math.isnan(old.agree)


@pytest.mark.parametrize(
    "shape",
    [
        *(None, "123", [], [1, 2], [1, 2, 3, 1], [0, 2, 3], [-1, 2, 3], [1, 2, 4], [1, 2, 257]),
        *([1e9] * 3, ["1", 2, 3]),
    ],
)
def test_images_that_do_not_fit_their_shape_are_left_out(shape):
    assert kept(kinds.ImageStrip, images(5, shape=shape)).images == ()


@pytest.mark.parametrize(
    "bad",
    [
        {"x": X[:1]},
        {"x": [*X, X[0]]},
        {"x": ["?", X[1]]},
        {"x": ["AAA", X[1]]},  # no whole number of bytes
        {"x": [X[0], None]},
        {"x": "".join(X)},
        {"x": ["é" * 4, X[1]]},
        {"delta": None},
        {"delta": {}},
        {"delta": [1, 2]},
    ],
)
def test_an_image_with_unreadable_pixels_is_left_out_and_the_others_stay(bad):
    rows = [image(**bad), None, 7, image(y=1)]
    shown = kept(kinds.ImageStrip, images(5, rows=rows)).images
    assert [entry.y for entry in shown] == [1]


def test_a_guess_that_is_none_is_class_minus_one():
    guesses = {"clean": None, "own": [1], "carrier": ["x", "NaN"]}
    shown = only(kept(kinds.ImageStrip, images(5, rows=[image(**guesses)])).images)
    assert shown.clean[0] == shown.own[0] == -1 and math.isnan(shown.clean[1])
    assert shown.carrier[0] == 0 and math.isnan(shown.carrier[1])


@pytest.mark.parametrize("junk", [None, "NaN", [], {}, [[]], {"carrier": {}}, 1e400, 10**400, True])
def test_junk_in_every_field_gives_an_entry_without_numbers(junk):
    for make, kind in (
        (self_probe, kinds.SelfProbe),
        (strong, kinds.StrongProbe),
        (causal, kinds.CausalProbe),
        (images, kinds.ImageStrip),
        (diagnosis, kinds.Diagnosis),
    ):
        data = dict.fromkeys(make(5).d, junk)
        entry = kept(kind, record(make(5).k, data, 5))
        assert (entry.branch, entry.step) == ("main", 5)
        if hasattr(entry, "index"):
            assert not math.isfinite(entry.index)
            assert all(math.isnan(value) for value in entry.components.values())


def test_rows_that_are_no_objects_have_neither_names_nor_numbers():
    rows = [None, 3, {"stage": 7, "share": "x"}]
    entry = kept(kinds.CausalProbe, causal(5, rows=rows, single="ab"))
    for row in entry.rows:
        assert (row.stage, row.channels) == ("", 0)
        assert math.isnan(row.share) and math.isnan(row.pgd)
    assert entry.single == ()


def test_a_resumed_attempt_drops_what_comes_again_from_every_history():
    items = [start()]
    for step in (10, 20):
        items += [probe(step, 0.4), self_probe(step), strong(step), causal(step), images(step)]
        items += [diagnosis(step), alert("suspect", step)]
        items += [record("probe.channels", {"layers": []}, step), record("probe.align", {}, step)]
        items += [record("probe.ahead", {}, step)]
        items += [record("probe.referee", {}, step)]
    resumed = record("resumed", {"branch": "main"}, 10, attempt=2)
    state = reduce(reduce_all(RunState(), items), resumed)
    made_again = [kind for kind in kinds.KINDS.values() if kind.KIND.on_branch]
    told = {kind: [entry.step for entry in state.all(kind)] for kind in made_again}
    del told[kinds.Steps]  # nothing was trained
    assert len(told) == 11 and told == {kind: [10] for kind in told}


def test_status_has_the_newest_self_information_and_what_it_means():
    assert status_dict(reduce(RunState(), start()), "training", 101.0)["selfinfo"] is None
    probes = [self_probe(600, index=0.1), self_probe(620, index="NaN")]
    state = reduce_all(RunState(), [start(), *probes])
    told = status_dict(state, "training", 101.0)["selfinfo"]
    assert (told["step"], told["index"], told["disease"], told["lead"]) == (620, None, None, None)
    later = [diagnosis(620, disease="undecided"), diagnosis(650), self_probe(650)]
    state = reduce_all(state, later)
    assert status_dict(state, "training", 101.0)["selfinfo"] == {
        "step": 650,
        "n": 128,
        "index": 0.56,
        "components": {"carrier": 0.8, "abnormal": 0.98},
        "disease": "self-fitting",
        "onset_step": 620,
        "index_step": 589,
        "lead": 31,
    }


def test_status_leaves_the_disease_of_an_abandoned_branch_behind():
    state = reduce_all(RunState(), [start(), self_probe(620), diagnosis(620)])
    state = reduce(state, on("b1", record("branch", {"name": "b1", "parent": "main"}, 580)))
    assert status_dict(state, "training", 101.0)["selfinfo"] is None
    state = reduce(state, on("b1", self_probe(580, index=0.01)))
    told = status_dict(state, "training", 101.0)["selfinfo"]
    assert (told["step"], told["index"], told["disease"]) == (580, 0.01, None)


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

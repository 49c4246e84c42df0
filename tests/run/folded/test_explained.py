"""What a run's state keeps of the events that explain a collapse."""

import base64
import math

import pytest
from made_up.folding import kept, only
from made_up.records import (
    alert,
    diagnosis,
    on,
    probe,
    record,
    self_probe,
    start,
)

from selffit.eventlog import kinds
from selffit.run.folded.state import RunState, reduce, reduce_all
from selffit.run.judged.summary import status_dict


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

"""Tables of epochs: the answers, the third one among them, and the public labelled traces."""

import csv
import math
from pathlib import Path

import pytest
from made_up.tables import HEADER, NAMES, rows, write

from selffit.detect import Detector, RuleThresholds, detect_trace, point_of
from selffit.detect.offline import TraceResult
from selffit.detect.traces import Reading, read_traces
from selffit.eventlog import kinds
from selffit.eventlog.reader import RunReader
from selffit.run.folded.state import RunState, reduce_all

NAN = math.nan


def answered(folder: Path, text: str) -> TraceResult:
    return detect_trace(write(folder, text))


# ---- answers -------------------------------------------------------------------------------------
def test_an_onset_is_reported_by_name_epoch_and_alerts(tmp_path):
    data = answered(tmp_path, HEADER + rows()).as_data()
    assert (data["trace"], data["verdict"], data["onset"]) == ("run-3", "onset", 8)
    assert data["text"] == "onset at epoch 8"
    assert [(a["epoch"], a["level"], a["onset_low"]) for a in data["alerts"]] == [(8, "onset", 7)]
    assert "epoch 7" in data["alerts"][0]["advice"]


def test_a_healthy_trace_has_no_onset_and_says_of_how_many_rows_and_images(tmp_path):
    data = answered(tmp_path, HEADER + rows(fallen=0)).as_data()
    assert (data["verdict"], data["onset"], data["alerts"]) == ("no onset", None, [])
    assert data["text"] == "no onset in 8 rows of 1\u00a0000 images"
    assert (data["rows"], data["judged"], data["images"]) == (8, 8, [1000, 1000])
    assert data["reasons"] == data["notes"] == data["assumed"] == data["left_out"] == []


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("length", [5, 10])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_fall_in_the_first_epochs_of_a_short_training_is_found(tmp_path, first, length, at):
    text = HEADER + rows(start=first, healthy=at, fallen=length - at)
    assert answered(tmp_path, text).onset == first + at


def test_epochs_before_the_network_ever_was_robust_are_no_level_to_fall_from(tmp_path):
    """PGD .12 of an untrained network is guessing."""
    start = "0,.13,.12,.12\n1,.30,.15,.06\n2,.42,.30,.20\n"
    assert answered(tmp_path, HEADER + start + rows(3, fallen=0)).answer.verdict == "no onset"


def test_a_trace_that_never_was_healthy_has_an_alert_but_no_onset_epoch(tmp_path):
    result = answered(tmp_path, HEADER + "".join(f"{e},0.7,0.9,0.0\n" for e in range(12)))
    assert (result.onset, result.answer.verdict) == (None, "onset")
    assert "from the start" in result.answer.text
    assert [a.level for a in result.alerts] == ["transient", "onset"]


def test_a_collapse_that_passed_before_pgd_ever_was_healthy_is_named(tmp_path):
    start = "0,.2,.13,.12\n1,.3,.29,.0\n2,.3,.28,.22\n"
    result = answered(tmp_path, HEADER + start + rows(3, fallen=0))
    assert (result.onset, result.answer.verdict) == (None, "no onset")
    assert [(a.level, a.step) for a in result.alerts] == [("transient", 1)]
    assert "an early collapse" in result.answer.notes[0] and "epoch 1" in result.answer.notes[0]


def test_a_fall_of_fgsm_and_pgd_together_is_named_and_neither_onset_nor_health(tmp_path):
    weak = "".join(f"{e},.5,.14,.12\n" for e in range(8, 14))
    result = answered(tmp_path, HEADER + rows(fallen=0) + weak)
    assert (result.onset, result.answer.verdict) == (None, "weakened")
    assert result.as_data()["weakened"] == {"since": 8, "best": 0.45}
    back = answered(tmp_path, HEADER + rows(fallen=0) + weak + rows(14, fallen=0))
    assert back.answer.verdict == "no onset" and "it came back" in back.answer.notes[0]


def test_divergence_is_named_with_its_epoch(tmp_path):
    gone = "".join(f"{e},.1,.1,.1\n" for e in range(8, 12))
    data = answered(tmp_path, HEADER + rows(fallen=0) + gone).as_data()
    assert (data["verdict"], data["onset"]) == ("diverged", None)
    assert data["diverged"] == {"since": 8, "sign": "at chance"}
    assert data["text"].startswith("diverged at epoch 8: clean accuracy fell from .70 to .10")


def test_a_low_clean_accuracy_of_many_classes_is_no_divergence(tmp_path):
    """Ten classes are assumed, but the images still matter: clean and PGD accuracy differ."""
    weak = "".join(f"{e},.11,.05,.01\n" for e in range(11, 14))
    result = answered(tmp_path, HEADER + rows() + weak)
    assert result.answer.verdict == "onset" and result.answer.notes == ()


def test_a_loss_that_is_not_finite_is_divergence(tmp_path):
    text = "epoch,train_loss,clean_acc,fgsm_acc,pgd_acc\n"
    text += "".join(f"{e},{'nan' if e > 5 else 1.3},.7,.5,.45\n" for e in range(9))
    assert answered(tmp_path, text).answer.text == "diverged at epoch 6: its loss is nan"


def test_missing_measurements_are_skipped(tmp_path):
    text = HEADER + rows(fallen=0) + "8,nan,NaN,nan\n9,,,\n\n10,0.6,0.8,0.02\n"
    assert answered(tmp_path, text).onset == 10


def test_columns_n_and_eps_are_used(tmp_path):
    text = HEADER.strip() + ",n,eps\n0,.7,.5,.4,600,8/255\n1,.7,.5,.4,,\n"
    [trace] = read_traces(write(tmp_path, text), Reading(n=99))
    assert [(p.n, p.eps == 8 / 255) for p in trace.points] == [(600, True), (99, False)]
    levels = HEADER.strip() + ",eps\n0,.7,.5,.4,8\n"
    [trace] = read_traces(write(tmp_path, levels), Reading(n=99))
    assert trace.points[0].eps == 8 / 255 and "255" in trace.assumed[0]


def test_n_given_by_hand_decides_how_sure_a_dip_is(tmp_path):
    path = write(tmp_path, HEADER + rows(fallen=0) + "8,0.7,0.50,0.15\n" + rows(start=9, fallen=0))
    assert detect_trace(path, n=60).onset is None
    assert detect_trace(path, n=1000).onset == 8


# ---- one cannot tell -----------------------------------------------------------------------------
def lines(*found: tuple[float, float, float], start: int = 0) -> str:
    return HEADER + "".join(
        f"{e}," + ",".join("" if v != v else f"{v}" for v in row) + "\n"
        for e, row in enumerate(found, start)
    )


HELD = (0.7, 0.5, 0.45)
CANNOT = {
    "too_few_rows": lines(HELD, HELD),
    "never_above_chance": lines(*[(0.3, 0.12, 0.05)] * 9),
    "nothing_measured": lines(*[(0.7, 0.5, NAN)] * 9),
    "no_fgsm": lines(*[(0.7, NAN, 0.45)] * 6, *[(0.6, NAN, 0.02)] * 4),
    "not_measured": lines(*[HELD] * 6, *[(0.7, NAN, 0.02)] * 4),
    "exchanged": lines(*[(0.7, 0.41, 0.5)] * 9),
    "not_measured ": HEADER + rows(0, 9, 0) + rows(60, 9, 0),
    "begins_late": lines(*[(0.7, 0.6, 0.2)] * 9, start=75),
    "ends_too_early": lines(*[(0.2, 0.13, 0.12)] * 4, (0.3, 0.29, 0.0)),
}


@pytest.mark.parametrize("code", CANNOT)
def test_where_one_cannot_tell_the_reason_is_said_and_nothing_reassuring(tmp_path, code):
    result = answered(tmp_path, CANNOT[code])
    assert (result.answer.verdict, result.onset, result.alerts) == ("cannot tell", None, ())
    assert code.strip() in [reason.code for reason in result.answer.reasons]
    assert result.answer.text.startswith("cannot tell: ")
    assert f"({result.answer.judged} row" in result.answer.text


def test_measurements_that_end_early_leave_the_rest_open(tmp_path):
    for cells in (",,", "nan,nan,nan"):
        end = "".join(f"{e},{cells}\n" for e in range(8, 12))
        result = answered(tmp_path, HEADER + rows(fallen=0) + end)
        assert [reason.code for reason in result.answer.reasons] == ["not_measured"]
        assert "from epoch 8 on (4 rows" in result.answer.text
        assert ("NaN" in result.answer.text) == ("nan" in cells)
    one = answered(tmp_path, HEADER + rows(fallen=0) + "8,,,\n")
    assert one.answer.verdict == "no onset" and "8 of 9 rows" in one.answer.notes[0]


@pytest.mark.parametrize(
    "names", [(0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)], ids=lambda n: str(n)
)
@pytest.mark.parametrize("fallen", [0, 4])
def test_exchanged_columns_are_seen_whichever_they_are(tmp_path, names, fallen):
    order = [NAMES[1 + i] for i in names]
    text = ",".join(["epoch", *order]) + "\n" + rows(fallen=fallen)
    assert [r.code for r in answered(tmp_path, text).answer.reasons] == ["exchanged"]


def test_columns_exchanged_before_a_late_collapse_are_seen_by_a_few_rows(tmp_path):
    """Before it FGSM and PGD differ by less than noise."""
    found = [(0.7, 0.44, 0.45)] * 20 + [(0.7, 0.01, 0.8)] * 3
    assert answered(tmp_path, lines(*found)).answer.reasons[0].code == "exchanged"


def test_after_a_collapse_fgsm_accuracy_may_lie_above_clean_accuracy(tmp_path):
    assert answered(tmp_path, HEADER + rows(healthy=4, fallen=20)).onset == 4


def test_too_few_images_for_a_fall_to_stand_out_are_said(tmp_path):
    path = write(tmp_path, HEADER + rows(fallen=0))
    assert detect_trace(path, n=16).answer.reasons[0].code == "too_few_images"
    assert detect_trace(path, n=60).answer.verdict == "no onset"


def test_without_fgsm_accuracy_what_pgd_says_alone_is_judged_and_that_is_said(tmp_path):
    sinking = [(0.7 + 0.002 * i, NAN, 0.52 - 0.003 * i) for i in range(60)]
    result = answered(tmp_path, lines(*sinking))
    assert result.answer.verdict == "no onset"  # PGD never was below half its best
    assert "judged without FGSM accuracy" in result.answer.notes[0]


def test_fgsm_accuracy_now_and_then_is_enough(tmp_path):
    found = [(0.7, 0.5 if e % 5 == 0 else NAN, 0.45) for e in range(12)]
    found += [(0.6, 0.8 if e % 5 == 0 else NAN, 0.02) for e in range(12, 17)]
    result = answered(tmp_path, lines(*found))
    assert (result.onset, result.alerts[0].step) == (12, 15)


def test_a_table_that_begins_late_and_healthy_is_judged_from_there(tmp_path):
    result = answered(tmp_path, HEADER + rows(start=60, healthy=4))
    assert result.onset == 64
    assert "begins at epoch 60" in result.answer.notes[0]


# ---- public traces -------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def labelled(real_data: Path) -> list[tuple[Path, str]]:
    found = []
    for labels in sorted((real_data / "co_traces").glob("*/labels.csv")):
        with labels.open(newline="") as file:
            found += [
                (labels.parent / f"{r['trace']}.csv", r["onset_epoch"])
                for r in csv.DictReader(file)
            ]
    return found


def verdicts(traces, **options):
    """(missed or more than 3 epochs off, false alarms) over the labelled traces."""
    wrong, false = [], []
    for path, label in traces:
        result = detect_trace(path, **options)
        onset = result.onset
        if label:
            if onset is None or abs(onset - int(label)) > 3:
                wrong.append((path.parent.name, path.stem, label, onset))
        elif result.answer.verdict in ("onset", "diverged"):
            false.append((path.parent.name, path.stem, result.answer.text))
    return wrong, false


@pytest.mark.parametrize("n", [200, 1000, 10_000])
def test_every_labelled_onset_is_found_and_nothing_else(labelled, n):
    assert len(labelled) == 126 and sum(bool(label) for _, label in labelled) == 21
    assert verdicts(labelled, n=n) == ([], [])


def test_no_label_less_trace_gets_any_alert_at_all(labelled):
    for path, label in labelled:
        if not label:
            result = detect_trace(path)
            assert (result.alerts, result.answer.verdict) == ((), "no onset"), path


@pytest.mark.parametrize(
    "moved",
    [
        {"fallen": 0.2},
        {"fallen": 0.52},
        {"gap": 0.0},
        {"gap": 0.30},
        {"opened": 0.3},
        {"opened": 1.0},
        {"level": 0.02},
        {"level": 0.20},
        {"over_chance": 0.0},
        {"over_chance": 0.12},
        {"z_fall": 2.0},
        {"z_fall": 15.0},
        {"z_gap": 0.0},
        {"z_gap": 12.0},
        {"luck": 0.0},
        {"luck": 4.0},
        {"restored": 0.6},
        {"restored": 0.9},
        {"blind_probes": 1},
        {"blind_pgd": 0.3},
        {"blind_fgsm": 0.3},
    ],
    ids=lambda moved: "-".join(f"{k}-{v}" for k, v in moved.items()),
)
def test_every_threshold_can_be_moved_far_without_losing_a_trace(labelled, moved):
    assert verdicts(labelled, thresholds=RuleThresholds(**moved)) == ([], [])


@pytest.mark.slow
def test_the_recorded_runs_get_the_onsets_that_they_were_given_and_no_other(real_data):
    """Through the rule as it is now: a healthy n-fgsm run, and a rescue after its roll-back."""
    told = {}
    for run in sorted((real_data / "runs").iterdir()):
        reader, items = RunReader(run), []
        while new := reader.poll(10_000):
            items += new
        state = reduce_all(RunState(), items)
        detectors: dict[str, Detector] = {}
        told[run.name] = [
            (probe.branch, alert.level, alert.onset_step)
            for probe in state.all(kinds.RobustProbe)
            for alert in detectors.setdefault(probe.branch, Detector(chance=0.1)).probe(
                point_of(probe)
            )
        ]
    assert told == {
        "fgsm8": [("main", "onset", 6754)],
        "nfgsm8": [],
        "rescue8": [("main", "onset", 5508)],
        "selffit16": [("main", "onset", 3718)],
    }

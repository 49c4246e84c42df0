"""CSV traces: what is read, what is refused and in which words, and the public labelled traces."""

import csv
import os
from pathlib import Path

import pytest

from selffit.detect import RuleThresholds, detect_trace
from selffit.detect.traces import read_trace
from selffit.errors import UserError

HEADER = "epoch,clean_acc,fgsm_acc,pgd_acc\n"


def write(folder, text, name="run-3.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rows(start=0, healthy=8, fallen=3):
    lines = [f"{start + i},0.7,0.50,0.45" for i in range(healthy)]
    lines += [f"{start + healthy + i},0.6,0.80,0.02" for i in range(fallen)]
    return "\n".join(lines) + "\n"


# ---- reading -------------------------------------------------------------------------------------
def test_an_onset_is_reported_by_name_epoch_and_alerts(tmp_path):
    data = detect_trace(write(tmp_path, HEADER + rows())).as_data()
    assert (data["trace"], data["onset"]) == ("run-3", 8)
    assert [(a["epoch"], a["level"], a["onset_low"]) for a in data["alerts"]] == [(8, "onset", 7)]
    assert "epoch 7" in data["alerts"][0]["advice"]


def test_a_healthy_trace_has_no_onset(tmp_path):
    assert detect_trace(write(tmp_path, HEADER + rows(fallen=0))).as_data() == {
        "trace": "run-3",
        "onset": None,
        "alerts": [],
    }


def test_column_order_extra_columns_spaces_bom_and_crlf_do_not_matter(tmp_path):
    text = "﻿lr , PGD_acc,epoch,fgsm_acc,seed,clean_acc\r\n"
    text += "\r\n".join(
        f"0.1, {p} ,{e},{f},x,0.7" for e, (f, p) in enumerate([(0.5, 0.45)] * 8 + [(0.8, 0.02)])
    )
    assert detect_trace(write(tmp_path, text)).onset == 8


def test_a_trace_may_start_at_any_epoch(tmp_path):
    assert detect_trace(write(tmp_path, HEADER + rows(start=60, healthy=2))).onset == 62


def test_the_first_epochs_only_teach_the_level(tmp_path):
    result = detect_trace(write(tmp_path, HEADER + rows(healthy=3, fallen=6)))
    assert (result.onset, result.alerts[0].onset_low) == (5, 2)


def test_missing_measurements_are_skipped(tmp_path):
    text = HEADER + rows(fallen=0) + "8,nan,NaN,nan\n9,,,\n\n10,0.6,0.8,0.02\n"
    assert detect_trace(write(tmp_path, text)).onset == 10


def test_a_trace_that_never_was_healthy_has_an_alert_but_no_onset_epoch(tmp_path):
    result = detect_trace(
        write(tmp_path, HEADER + "".join(f"{e},0.7,0.9,0.0\n" for e in range(12)))
    )
    assert result.onset is None
    assert [a.level for a in result.alerts] == ["onset"]


def test_columns_n_and_eps_are_used(tmp_path):
    text = HEADER.strip() + ",n,eps\n0,.7,.5,.4,600,0.03\n1,.7,.5,.4,,\n"
    points = read_trace(write(tmp_path, text), 99)
    assert [(p.n, p.eps == 0.03) for p in points] == [(600, True), (99, False)]


def test_n_given_by_hand_decides_how_sure_a_dip_is(tmp_path):
    path = write(tmp_path, HEADER + rows(fallen=0) + "8,0.7,0.50,0.15\n" + rows(start=9, fallen=0))
    assert detect_trace(path, n=60).onset is None
    assert detect_trace(path, n=1000).onset == 8


# ---- refusing ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text, words",
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        (HEADER, "no rows"),
        ("epoch,clean_acc,fgsm_acc\n0,1,1\n", "line 1: missing column pgd_acc"),
        ("trace,onset_epoch\na,3\n", "missing column epoch, clean_acc, fgsm_acc, pgd_acc"),
        ("epoch,clean_acc,fgsm_acc,pgd_acc,pgd_acc\n0,1,1,1,1\n", "appears twice"),
        (
            HEADER + "0,70.1,50.2,45.3\n",
            "line 2: clean_acc = 70.1 looks like percent; divide accuracies",
        ),
        (HEADER + "0,1.2,0.5,0.4\n", "not an accuracy"),
        (HEADER + "0,0.7,0.5,-0.4\n", "not an accuracy"),
        (HEADER + "0,0.7,0.5,0.4\n1,0.7,0.5,high\n", "line 3: pgd_acc = 'high' is not a number"),
        (HEADER + "0,0.7,0.5,inf\n", "infinite"),
        (HEADER + "nan,0.7,0.5,0.4\n", "epoch"),
        (HEADER + "0.5,0.7,0.5,0.4\n", "whole number"),
        (HEADER + "-1,0.7,0.5,0.4\n", "whole number"),
        (HEADER + "0,0.7,0.5,0.4\n2,0.7,0.5,0.4\n1,0.7,0.5,0.4\n", "line 4: epoch 1 after epoch 2"),
        (HEADER + "3,0.7,0.5,0.4\n3,0.7,0.5,0.4\n", "epoch 3 after epoch 3"),
        (HEADER + "0,0.7,0.5\n", "line 2: 3 cells under 4 columns"),
        (HEADER + "0,0.7,0.5,0.4,9\n", "line 2: 5 cells under 4 columns"),
        (HEADER + "0,0.7,0.5,nan\n", "missing in every row"),
        (HEADER + '0,"0.7,0.5,0.4\n', "not a CSV table"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "line 1: not text"),
        (b"epoch,clean_acc\n0,\x00\x01", "line 2: not text"),
        ("epoch,clean_acc,fgsm_acc,pgd_acc,eps\n0,.7,.5,.4,8\n", "8/255"),
        ("epoch,clean_acc,fgsm_acc,pgd_acc,n\n0,.7,.5,.4,0\n", "number of images"),
    ],
)
def test_a_file_that_is_no_trace_is_refused_with_its_name_and_a_reason(tmp_path, text, words):
    path = write(tmp_path, text)
    with pytest.raises(UserError) as error:
        detect_trace(path)
    assert words in str(error.value) and str(path) in str(error.value)


def test_a_missing_file_a_directory_and_a_bad_n_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        detect_trace(tmp_path / "none.csv")
    with pytest.raises(UserError, match="directory"):
        detect_trace(tmp_path)
    with pytest.raises(UserError, match="not a file name"):
        detect_trace("a\0b.csv")
    with pytest.raises(UserError, match="at least 1"):
        detect_trace(write(tmp_path, HEADER + rows()), n=0)


# ---- the public labelled traces ------------------------------------------------------------------
def labelled():
    root = os.environ.get("SELFFIT_DATA")
    if not root or not (Path(root) / "co_traces").is_dir():
        pytest.skip(
            "SELFFIT_DATA does not name a folder with co_traces: no labelled public traces here"
        )
    found = []
    for labels in sorted((Path(root) / "co_traces").glob("*/labels.csv")):
        with labels.open(newline="") as file:
            found += [
                (labels.parent / f"{r['trace']}.csv", r["onset_epoch"])
                for r in csv.DictReader(file)
            ]
    return found


def verdicts(**options):
    """(missed or more than 3 epochs off, false alarms, traces) over the labelled traces."""
    wrong, false = [], []
    traces = labelled()
    for path, label in traces:
        onset = detect_trace(path, **options).onset
        if label:
            if onset is None or abs(onset - int(label)) > 3:
                wrong.append((path.parent.name, path.stem, label, onset))
        elif onset is not None:
            false.append((path.parent.name, path.stem, onset))
    return wrong, false, traces


@pytest.mark.parametrize("n", [200, 1000, 10_000])
def test_every_labelled_onset_is_found_and_nothing_else(n):
    wrong, false, traces = verdicts(n=n)
    assert len(traces) == 126 and sum(bool(label) for _, label in traces) == 21
    assert (wrong, false) == ([], [])


def test_no_label_less_trace_gets_any_onset_alert_at_all():
    for path, label in labelled():
        if not label:
            assert not [a for a in detect_trace(path).alerts if a.level == "onset"], path


@pytest.mark.parametrize(
    "moved",
    [
        {"fallen": 0.2},
        {"fallen": 0.52},
        {"gap": 0.0},
        {"gap": 0.30},
        {"level": 0.02},
        {"level": 0.20},
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
def test_every_threshold_can_be_moved_far_without_losing_a_trace(moved):
    wrong, false, _ = verdicts(thresholds=RuleThresholds(**moved))
    assert (wrong, false) == ([], [])

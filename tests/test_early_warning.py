"""The open set of step-level traces: the table of the documents is what the detector says of it."""

from pathlib import Path

import pytest

from studies.early_warning import AIM, CALIBRATION, FOLDER, PER_EPOCH, judged, read, table

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def told():
    return judged()


def test_the_set_is_small_and_holds_collapses_and_sound_runs_of_every_set(told):
    traces = list(FOLDER.iterdir())
    assert sum(trace.stat().st_size for trace in traces) <= 1_000_000
    assert {one.name.partition("-")[0] for one in told} == set(PER_EPOCH)
    for of in (CALIBRATION, {one.name for one in told} - CALIBRATION):
        assert {one.onset is None for one in told if one.name in of} == {True, False}


def test_the_table_of_the_document_is_what_the_detector_says_today(told):
    document = (ROOT / "docs" / "early-warning.md").read_text()
    for line in table(told):
        assert line in document, "run studies/early_warning.py again"


def test_the_warnings_lead_and_are_seldom_false(told):
    fell = [one for one in told if one.onset is not None]
    sound = [one for one in told if one.onset is None]
    assert sum(one.in_time(one.early) for one in fell) >= 0.9 * len(fell)
    assert sum(one.suspected is not None for one in sound) <= 0.1 * len(sound)
    assert AIM >= 40


def test_a_trace_has_every_training_step_its_looks_and_its_probes():
    rows = read(FOLDER / "strokes-fgsm-0.csv.gz")
    steps = [step for step, row in rows.items() if "loss_adv" in row]
    assert steps == list(range(1092))
    assert [step for step, row in rows.items() if "ahead_pgd" in row] == list(range(52, 1093, 52))
    assert all(0 <= row["pgd"] <= row["fgsm"] <= 1 for row in rows.values() if "pgd" in row)

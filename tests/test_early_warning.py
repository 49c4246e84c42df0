"""The open set of step-level traces: the table of the documents is what the detector says of it."""

from pathlib import Path

import pytest

from studies.early_traces import read
from studies.early_warning import (
    AIM,
    CHANGED_AFTER,
    CHOSEN_ON,
    FOLDER,
    interval,
    judged,
    table,
)

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def told():
    return judged()


def test_the_set_is_small_and_holds_collapses_and_sound_runs_of_every_set(told):
    traces = list(FOLDER.iterdir())
    assert sum(trace.stat().st_size for trace in traces) <= 1_700_000
    sets = {one.name.partition("-")[0] for one in told}
    assert sets >= {"patterns", "strokes", "mnist", "cifar10"}
    assert {one.name for one in told} >= CHOSEN_ON | CHANGED_AFTER


def test_the_table_of_the_document_is_what_the_detector_says_today(told):
    document = (ROOT / "docs" / "early-warning.md").read_text()
    for line in table(told):
        assert line in document, "run studies/early_warning.py again"


def test_the_warnings_lead_and_are_seldom_false(told):
    fell = [one for one in told if one.onset is not None]
    sound = [one for one in told if one.onset is None]
    assert sum(one.in_time(one.early) for one in fell) >= 0.85 * len(fell)
    assert sum(one.in_time(one.suspected) for one in fell) >= 0.9 * len(fell)
    assert sum(one.early is not None for one in sound) <= 0.1 * len(sound)
    assert AIM >= 40


def test_a_trace_has_every_training_step_its_looks_and_its_probes():
    rows = read(FOLDER / "strokes-fgsm-0.csv.gz")
    assert [step for step, row in rows.items() if "loss_adv" in row] == list(range(1092))
    assert [step for step, row in rows.items() if "ahead_n" in row] == list(range(65, 1092, 65))
    # while the budget rises nobody looks at the alignment
    aligned = [step for step, row in rows.items() if "align" in row]
    assert aligned == list(range(858, 1093, 26))
    assert all(0 <= row["pgd"] <= row["fgsm"] <= 1 for row in rows.values() if "pgd" in row)


def test_the_interval_of_a_rate_is_exact():
    assert interval(0, 10) == pytest.approx((0, 0.308), abs=1e-3)
    assert interval(9, 10) == pytest.approx((0.555, 0.997), abs=1e-3)
    assert interval(10, 10) == pytest.approx((0.692, 1), abs=1e-3)


def test_runs_of_one_kind_are_summed_whatever_their_seeds(told):
    kin = {one.kin for one in told if one.name.startswith("strokes")}
    assert kin >= {"strokes-fgsm", "strokes-n-fgsm", "strokes-n-fgsm-e0.2", "strokes-rs-fgsm"}

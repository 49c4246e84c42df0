"""Runs and branches laid over each other: alignment, doubts, differences, export."""

import csv
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from made_up.looks import SETS, plain_text
from made_up.records import probe, record, start

from selffit.run.folded.state import RunState, reduce_all
from selffit_tui.draw.spans import width_of
from selffit_tui.model.compare.curves import ALIGNED, MEASURES, NAMES, curves_of
from selffit_tui.model.compare.doubts import doubts, settled
from selffit_tui.model.compare.export import COLUMNS, as_csv, as_data, points
from selffit_tui.model.compare.scene import CompareScene, CompareView, on_axis
from selffit_tui.model.compare.table import RESULTS, as_text, differences, results
from selffit_tui.panels.compare.chart import charts_lines
from selffit_tui.panels.compare.head import head_lines
from selffit_tui.panels.compare.table import CompareTable, table_lines
from selffit_tui.plain.compared import comparison_lines

PGD = MEASURES[NAMES.index("pgd")]
CLEAN = MEASURES[NAMES.index("clean")]


def state(items, name="run"):
    return reduce_all(RunState(run=name), items)


@pytest.fixture(scope="module")
def fallen(made_up):
    return curves_of("A", "fallen", state(made_up.records(868)), "finished")[0]


@pytest.fixture(scope="module")
def healthy(made_up):
    return curves_of("B", "healthy", state(made_up.records(868, 5_000)), "finished")[0]


@pytest.fixture(scope="module")
def branches(acted_on):
    return curves_of("C", "rescued", state(acted_on.rolled_back().records), "training", ())


def scene(curves, glyphs="braille", **view):
    return CompareScene(curves=tuple(curves), view=CompareView(**view), glyphs=SETS[glyphs])


def test_a_run_has_one_line_the_one_that_stands(acted_on):
    (curve,) = curves_of("A", "r", state(acted_on.rolled_back().records), "training")
    assert (curve.letter, curve.branch, curve.active, curve.label) == ("A", "b1", True, "r:b1")
    steps = curve.points(PGD).steps
    assert list(steps) == sorted(set(steps))


def test_each_branch_is_a_line_with_a_letter_of_its_run(branches):
    main, b1 = branches
    assert [c.letter for c in branches] == ["C1", "C2"] and main.ink == b1.ink == "C"
    assert (main.active, b1.active) == (False, True) and main.word == "left behind"
    assert main.onset is not None and b1.onset is None
    assert main.settings["method"] == "fgsm" and b1.settings["method"] == "n-fgsm"
    shared = [p.step for p in main.probes if p.step < b1.probes[-1].step]
    assert shared[0] == b1.probes[0].step == 0  # what leads to a branch belongs to it
    assert b1.signals.length > 0


def test_lines_are_aligned_by_step_epoch_or_onset(fallen, healthy):
    steps = np.array([0.0, 620.0, 868.0])
    assert on_axis(fallen, "step", steps).tolist() == [0, 620, 868]
    assert on_axis(fallen, "epoch", steps).tolist() == [0, 10, 14]
    assert on_axis(fallen, "onset", steps).tolist() == [-620, 0, 248]
    assert not len(on_axis(healthy, "onset", steps))
    picture = scene([fallen, healthy], aligned="onset")
    assert picture.on_axis == (fallen,) and picture.left_out == (healthy,)
    text = plain_text(charts_lines(picture, 100, 20))
    assert "not drawn (no onset): B" in text and "by onset" in text


def test_two_budgets_are_never_silently_the_same_measure(fallen):
    small = [start(), *(probe(step, 0.4) for step in (0, 10, 20))]
    other = curves_of("B", "small", state(small), "finished")[0]
    assert other.budget != fallen.budget
    said = " ".join(doubts([fallen, other], [PGD]))
    assert "different budgets: A .350, B" in said and "not the same measure" in said
    assert "accuracies of A before step 713 are at other budgets" in said
    assert "different budgets" not in " ".join(doubts([fallen, other], [CLEAN]))
    assert not doubts([other, other], [PGD])
    picture = scene([fallen, other])
    assert "different budgets" in plain_text(head_lines(picture, 100))
    assert "@.350" in plain_text(charts_lines(picture, 100, 20))
    assert any("different budgets" in line for line in comparison_lines([fallen, other], PGD))
    assert as_data([fallen, other], [PGD], "step")["doubts"]


def test_the_step_from_which_a_budget_holds(fallen):
    step = settled(fallen)
    assert step and [p.eps for p in fallen.probes if p.step >= step] == [fallen.budget] * len(
        [p for p in fallen.probes if p.step >= step]
    )


def test_where_the_final_budget_changes_the_line_has_a_gap():
    items = [
        start(),
        *(probe(step, 0.4) for step in (0, 10)),
        record("probe.robust", {"n": 8, "eps": 0.3, "clean": 0.9, "fgsm": 0.5, "pgd": 0.2}, 20),
    ]
    (curve,) = curves_of("A", "r", state(items), "finished")
    assert np.isnan(curve.points(PGD).values).tolist() == [False, False, True, False]
    assert not np.isnan(curve.points(CLEAN).values).any()


def test_only_settings_that_differ_are_told(branches, fallen):
    found = dict(differences(branches))
    assert found["method"] == ["fgsm", "n-fgsm"] and "data" not in found and "eps" not in found
    assert differences([fallen]) == [] and differences([fallen, fallen]) == []
    assert as_text("eps", 8 / 255) == "8/255" and as_text("augment", None) == "-"
    assert as_text("zeroed", {"a\x1b": [1, 2]}) == "a\\x1b 1,2"
    assert as_text("final_bn", True) == "yes" and as_text("epochs", 30.0) == "30"


def test_the_results_of_a_line(fallen):
    (row,) = results([fallen])
    told = dict(zip((title for title, _ in RESULTS), row, strict=True))
    assert told["run"] == "fallen" and told["onset"] == "620" and told["cause"] == "self-fitting"
    assert float(told["PGD"]) < 0.1 < float(told["best PGD"])


def test_what_is_drawn_can_be_exported(fallen, healthy):
    rows = list(csv.DictReader(io.StringIO(as_csv(points([fallen, healthy], [PGD], "epoch")))))
    assert tuple(rows[0]) == COLUMNS and {row["line"] for row in rows} == {"A", "B"}
    last = [row for row in rows if row["line"] == "A"][-1]
    assert (last["step"], last["x"], last["n"]) == ("868", "14.0", "512")
    assert float(last["value"]) == fallen.final.pgd
    some = list(points([fallen], [PGD], "step", (600.0, 700.0)))
    assert {row["step"] for row in some} <= set(range(600, 701)) and some
    data = json.loads(json.dumps(as_data([fallen, healthy], [PGD], "step"), allow_nan=False))
    assert [line["line"] for line in data["lines"]] == ["A", "B"]
    assert data["lines"][0]["onset_step"] == 620 and data["points"]


def test_a_name_is_no_sum_in_a_spreadsheet(made_up):
    (curve,) = curves_of("A", "=1+1", state(made_up.records(100)), "finished")
    assert "'=1+1" in as_csv(points([curve], [PGD], "step"))


@pytest.mark.parametrize("glyphs", SETS)
def test_charts_and_tables_fill_every_size_exactly(glyphs, fallen, healthy, branches):
    curves = [fallen, healthy, *branches]
    for view in (
        {},
        {"multiples": True},
        {"aligned": "epoch", "cursor": 3.5, "zoom": 2},
        {"aligned": "onset", "measure": NAMES.index("loss_adv")},
        {"measure": NAMES.index("pertalign"), "scroll": 4},
    ):
        for some in (curves, curves[:1], []):
            picture = scene(some, glyphs, **view)
            for width in (0, 5, 30, 45, 80, 131):
                for height in (0, 1, 3, 7, 12, 25):
                    for lines in (
                        charts_lines(picture, width, height),
                        CompareTable({}).draw(picture, width, height),
                    ):
                        assert len(lines) == height
                        assert {width_of(line) for line in lines} <= {width}
    text = plain_text([*charts_lines(picture, 100, 20), *table_lines(picture, 90)], ascii=True)
    assert glyphs != "ascii" or text.isascii()


def test_without_colours_letters_tell_the_lines_apart(fallen, healthy):
    text = plain_text(charts_lines(scene([fallen, healthy]), 100, 24), ascii=True)
    plot = [line[11:-14] for line in text.split("\n")[1:-3]]
    assert sum(line.count("A") for line in plot) >= 2 and sum(line.count("B") for line in plot) >= 2


def test_every_measure_and_alignment_can_be_asked_for(fallen):
    for compared in MEASURES:
        found = fallen.points(compared)
        assert len(found.steps) == len(found.values) and np.isfinite(found.values).any()
    assert all(fallen.shift(aligned) is not None for aligned in ALIGNED)
    assert math.isfinite(fallen.best.pgd)


def test_a_run_without_anything_is_a_line_without_anything():
    (curve,) = curves_of("A", "empty", RunState(), "starting")
    assert curve.onset is None and curve.shift("epoch") is None
    assert "nothing was measured" in plain_text(charts_lines(scene([curve]), 80, 20))
    assert results([curve])[0][1:] == ["starting", *["-"] * 6, "-", "-", "-"][: len(RESULTS) - 1]
    assert comparison_lines([curve], PGD)


def test_in_a_narrow_table_values_that_differ_stand_beside_each_other(fallen):
    items = [start(method="n-fgsm", data_dir="/somewhere/far/away/from/here"), probe(0, 0.4)]
    other = curves_of("B", "small", state(items), "finished")[0]
    lines = plain_text(table_lines(scene([fallen, other]), 41)).split("\n")
    head = next(line for line in lines if line.startswith("differs in"))
    assert head.split() == ["differs", "in", "A", "B"]
    method = next(line for line in lines if line.startswith("method"))
    assert method.split()[1:] == ["fgsm", "n-fgsm"]
    assert max(map(len, lines)) <= 41


def test_the_branch_of_a_long_name_stays_in_the_table(branches):
    long = [replace(curve, run="a-run-with-a-name-that-is-long") for curve in branches]
    told = plain_text(table_lines(scene(long), 76))
    assert ":b1" in told and ":main" in told

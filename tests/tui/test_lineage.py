"""Branches: what belongs to the active line, what a roll-back left behind, and how it is drawn."""

from dataclasses import replace

import numpy as np
import pytest
from made_up.looks import SETS, plain_text

from selffit.control.ledger import Branch, Ledger
from selffit.run.folded.lineage import ActiveLine, Piece, line_of
from selffit.run.folded.state import RunState, reduce_all
from selffit.run.judged.verdict import verdict
from selffit_tui.model.marks import INTERVENTION, Mark, neighbour_mark
from selffit_tui.model.series import Columns
from selffit_tui.panels.accuracy import accuracy_lines
from selffit_tui.panels.alerts import alert_lines
from selffit_tui.panels.channels import channel_lines
from selffit_tui.panels.header import header_lines
from selffit_tui.panels.signals import signal_lines

INF = float("inf")


def columns_of(records):
    columns = Columns()
    columns.take(reduce_all(RunState(), records))
    return columns


def test_the_line_goes_through_every_ancestor_up_to_where_it_was_left():
    branches = {
        "main": Branch("main"),
        "b1": Branch("b1", "main", 500),
        "b2": Branch("b2", "b1", 620),
        "b3": Branch("b3", "main", 400),
    }
    ledger = Ledger(branches=branches, branch="b2")
    line = line_of(ledger, "b2")
    assert line == ActiveLine((Piece("main", 500), Piece("b1", 620), Piece("b2")))
    assert line.holds("main", 500) and not line.holds("main", 501) and not line.holds("b3", 401)
    ledger = replace(ledger, branch="b3")
    assert line_of(ledger, "b3") == ActiveLine((Piece("main", 400), Piece("b3")))


def test_a_log_without_roll_backs_is_one_line_whatever_its_branch_is_called():
    assert line_of(Ledger(), "main") == ActiveLine()
    assert line_of(Ledger(), "other") == ActiveLine((Piece("other"),))


def test_after_a_roll_back_the_curves_are_the_parents_then_the_branchs(acted_on):
    log = acted_on.rolled_back()
    columns = columns_of(log.records)
    assert columns.signals.steps.tolist() == list(range(818))
    assert columns.signals.column("abnormal")[600:].max() < 0.2  # main had fallen there
    at = columns.probes
    assert at.at("pgd", 700) > 0.7 and len(set(at.steps.tolist())) == len(at.steps)
    assert [probe.branch for probe in columns.channels if probe.step >= 558] == ["b1"] * 9
    (past,) = columns.abandoned
    assert past.signals.steps[0] == 558 and past.signals.steps[-1] == 699
    assert past.probes.steps[0] == 558 and past.probes.column("pgd")[-1] < 0.2


@pytest.mark.parametrize("slice", [1, 7, 60])
def test_growing_slice_by_slice_gives_the_same_line_as_all_at_once(acted_on, slice):
    log = acted_on.rolled_back()
    log.ask("rollback", {"to": "main-620"}, 818)
    log.add("steps", {"n": 2, "cols": {"abnormal": [0.5, 0.6]}}, 620)
    records = log.records
    whole, grown, state = columns_of(records), Columns(), RunState()
    for start in range(0, len(records), slice):
        state = reduce_all(state, records[start : start + slice])
        grown.take(state)
    assert grown.signals.steps.tolist() == whole.signals.steps.tolist() == list(range(622))
    for table, other in ((grown.signals, whole.signals), (grown.probes, whole.probes)):
        for name in table.names:
            assert np.array_equal(table.column(name), other.column(name), equal_nan=True)
    assert len(grown.abandoned) == len(whole.abandoned) == 2
    assert grown.marks == whole.marks and grown.channels == whole.channels
    assert grown.line == ActiveLine((Piece("main", 620), Piece("b2")))


def test_an_older_state_has_its_own_line_again(acted_on):
    log = acted_on.rolled_back()
    columns = columns_of(log.records)
    columns.take(reduce_all(RunState(), log.records[:60]))
    assert columns.line == ActiveLine() and columns.abandoned == []
    assert all(mark.level != INTERVENTION for mark in columns.marks)


def test_marks_of_what_was_left_behind_are_not_live_and_can_be_jumped_to(acted_on):
    found = columns_of(acted_on.rolled_back().records).marks
    assert found == [
        Mark(558, INTERVENTION),
        Mark(588, "suspect", False),
        Mark(620, "onset", False),
        Mark(702, INTERVENTION, False),
    ]
    assert neighbour_mark(found, None, -1) == 702 and neighbour_mark(found, 558, 1) == 588
    assert neighbour_mark(found, 558, -1) is None


def test_saving_and_probing_leave_no_mark(acted_on):
    log = acted_on.with_checkpoints(300)
    for op, args in (
        ("probe", {}),
        ("checkpoint", {}),
        ("set", {"eps": "8/255"}),
        ("note", {"text": "hm"}),
    ):
        log.ask(op, args, 300)
    assert columns_of(log.records).marks == [Mark(300, INTERVENTION)]


def test_an_onset_stands_until_a_roll_back_to_before_it(acted_on, made_up):
    def standing(records):
        found = verdict(reduce_all(RunState(), records))
        return (found.state, found.since) if found.fallen else None

    assert standing(acted_on.with_checkpoints(702).records) == ("onset", 620)
    assert standing(acted_on.rolled_back().records) is None
    late = acted_on.with_checkpoints(702)
    late.ask("rollback", {"to": "main-682"}, 702)
    assert standing(late.records) == ("onset", 620)


@pytest.mark.parametrize("glyphs", SETS)
def test_what_was_left_behind_is_drawn_dotted_in_a_style_of_its_own(acted_on, scene, glyphs):
    whole = scene(acted_on.rolled_back().records, glyphs=SETS[glyphs])
    for lines in (accuracy_lines(whole, 72, 17), signal_lines(whole, 72, 13)):
        styles = {style for line in lines for text, style in line if text.strip()}
        assert {style for style in styles if style.startswith("past")}
    assert "dotted: left behind" in plain_text(accuracy_lines(whole, 72, 17))
    before = scene(acted_on.with_checkpoints(702).records, glyphs=SETS[glyphs])
    styles = {style for line in accuracy_lines(before, 72, 17) for _, style in line}
    assert not [style for style in styles if style.startswith("past")]
    assert all(sum(len(text) for text, _ in line) == 72 for line in accuracy_lines(whole, 72, 17))


def test_the_header_names_the_branch_and_no_onset_that_was_left_behind(acted_on, scene):
    text = plain_text(header_lines(scene(acted_on.rolled_back().records), 120, 5))
    assert "n-fgsm" in text and "branch b1" in text and "ONSET" not in text
    narrow = plain_text(header_lines(scene(acted_on.rolled_back().records, narrow=True), 80, 5))
    assert " b1 " in narrow
    assert "ONSET  step 620  on main, left behind" in plain_text(
        alert_lines(scene(acted_on.rolled_back().records), 60, 12)
    )


def test_a_paused_run_says_so_by_word_and_symbol(acted_on, scene):
    log = acted_on.with_checkpoints(300)
    log.ask("pause", {}, 300)
    log.add("phase", {"name": "paused"}, 300)
    text = plain_text(header_lines(scene(log.records), 120, 5))
    assert "‖ PAUSED" in text and "ETA" not in text


def test_zeroed_channels_are_marked_in_the_ranking(acted_on, scene):
    log = acted_on.with_checkpoints(300)
    log.ask("zero", {"layer": "conv1", "channels": [4, 15]}, 300)
    for glyphs, symbol in (("braille", "×"), ("ascii", "x")):
        lines = plain_text(channel_lines(scene(log.records, glyphs=SETS[glyphs]), 60, 24)).split(
            "\n"
        )
        marked = [line for line in lines if line[1:2] == symbol]
        assert f"{symbol} 2 zeroed" in lines[0] and [
            int(line[2:].split()[1]) for line in marked
        ] in ([4, 15], [15, 4])

"""The panels of self-information and of the dose curve, drawn from made-up probes before and after
an onset.
"""

import math
from dataclasses import replace

import pytest
from made_up.looks import SETS, plain_text
from made_up.selfinfo import ONSET, alone, diagnosis_data, row, run_records, self_data
from rich.cells import cell_len

from selffit.eventlog.records import Record
from selffit_tui.draw.glyphs import ASCII, BRAILLE
from selffit_tui.model.scene import View
from selffit_tui.panels.dose import dose_lines
from selffit_tui.panels.parts.bars import history_rows, share_bar
from selffit_tui.panels.parts.charting import LEFT, RIGHT, plot
from selffit_tui.panels.selfinfo import self_lines
from selffit_tui.panels.signals import signal_lines


# ---- self-information
def test_rows_show_the_newest_values_with_bars_and_history(scene, whole_run):
    lines = self_lines(scene(whole_run, alone()), 80, 19)
    assert row(lines, "own").rstrip("│ ").endswith(".95") and row(lines, "grey carrier").rstrip(
        "│ "
    ).endswith(".82")
    assert (
        row(lines, "own").count("█")
        > row(lines, "clean").count("█")
        > row(lines, "label swap").count("█")
    )
    # its history: chance, then high
    assert "▁▁▁▁" in row(lines, "grey carrier") and "▇" in row(lines, "grey carrier")
    text = plain_text(lines)
    assert "n 128" in text and "step 682" in text and "other network: step 558" in text
    assert "index .59" in text and "!! self-fitting  index moved 62 steps before the onset" in text


def test_a_small_panel_keeps_the_most_telling_rows(scene, whole_run):
    text = plain_text(self_lines(scene(whole_run), 36, 8))
    for name in ("clean", "own delta", "grey carrier", "conflict self", "abnormal probe"):
        assert f" {name} " in text
    assert "label swap" not in text and "random signs" not in text
    assert "!! self-fitting" in text and "62 steps before the onset" in text


def test_a_large_panel_says_what_each_row_is_and_shows_the_full_set_with_its_step(scene, whole_run):
    text = plain_text(self_lines(scene(whole_run, alone()), 118, 36))
    assert "signs  abnormal probe .98  carrier .80  conflict .44  swap .02" in text
    assert (
        "grey + own delta" in text
        and "our operational definition" in text
        and "it reads itself" in text
    )
    assert " full set of step 620 " in text and "step 682" in text
    full = row(self_lines(scene(whole_run, alone()), 118, 36), "class pattern")
    assert full.rstrip("│ ").endswith(".83")


def test_full_only_values_come_from_the_newest_full_set_before_the_cursor(scene, whole_run):
    lines = self_lines(scene(whole_run, alone(cursor=500)), 118, 36)
    assert " full set of step 310 " in plain_text(lines) and "step 496" in plain_text(lines)
    assert row(lines, "mean carrier").rstrip("│ ").endswith(".11")
    early = plain_text(self_lines(scene(whole_run, alone(cursor=200)), 118, 36))
    assert "full set" not in early and "step 186" in early


def test_the_cursor_picks_the_probe_and_hides_a_later_diagnosis(scene, whole_run):
    text = plain_text(self_lines(scene(whole_run, alone(cursor=619)), 80, 19))
    assert (
        "step 558" in text
        and "self-fitting" not in text
        and "no onset so far" in text
        and "index .02" in text
    )
    # histories go on
    assert "▇" in row(self_lines(scene(whole_run, alone(cursor=619)), 80, 19), "grey carrier")
    assert "no healthy one" in text  # there was no other network to compare with
    assert "self-fitting" in plain_text(self_lines(scene(whole_run, alone(cursor=620)), 80, 19))
    before = plain_text(self_lines(scene(whole_run, alone(cursor=10)), 60, 14))
    assert "no self-information before the cursor" in before


def test_a_lag_is_told_from_a_lead_however_short_the_line(scene, made_up, record):
    items = run_records(made_up, record, ONSET - 1)
    late = [*items, record("diagnosis", diagnosis_data(-62), ONSET)]
    assert "index moved 62 steps after the onset" in plain_text(
        self_lines(scene(late, alone()), 80, 19)
    )
    assert "62 steps after the onset" in plain_text(self_lines(scene(late), 36, 8))
    never = [*items, record("diagnosis", diagnosis_data(None), ONSET)]
    assert "the index has not moved" in plain_text(self_lines(scene(never), 36, 8))


def test_an_onset_without_a_diagnosis_is_not_called_healthy(scene, made_up, record):
    items = run_records(made_up, record, ONSET - 1)
    items.append(record("alert", {"level": "onset", "onset_step": 600}, 610))
    assert "onset, not diagnosed yet" in plain_text(
        self_lines(scene(items, alone(cursor=605)), 80, 19)
    )
    assert "no onset so far" in plain_text(self_lines(scene(items, alone(cursor=599)), 80, 19))


def test_other_diseases_and_a_recovery_are_named(scene, made_up, record):
    items = run_records(made_up, record, ONSET - 1)
    masking = [*items, record("diagnosis", diagnosis_data(None, "gradient masking"), ONSET)]
    assert "!! gradient masking" in plain_text(self_lines(scene(masking, alone()), 80, 19))
    undecided = [*items, record("diagnosis", diagnosis_data(None, "undecided"), ONSET)]
    assert "? cause undecided" in plain_text(self_lines(scene(undecided, alone()), 80, 19))
    recovered = [*masking, record("alert", {"level": "recovered"}, ONSET + 31)]
    assert "recovered from gradient masking" in plain_text(
        self_lines(scene(recovered, alone()), 80, 19)
    )


def test_only_the_active_line_counts(scene, whole_run):
    log = [*whole_run]
    base = {"name": "b1", "parent": "main", "base_step": 558, "ckpt": "main-558"}
    log.append(Record(1, 1, len(log) + 1, log[-1].t, "branch", "b1", 558, base, "trainer"))
    back = plain_text(self_lines(scene(log, alone()), 80, 19))
    assert "step 558" in back and "self-fitting" not in back and ".95" not in back
    assert "step 310" in plain_text(dose_lines(scene(log, alone("dose")), 80, 19))
    healthy = self_data(589, fallen=False)
    log.append(Record(1, 1, len(log) + 1, log[-1].t, "probe.self", "b1", 589, healthy, "trainer"))
    assert "step 589" in plain_text(self_lines(scene(log, alone()), 80, 19))


def test_histories_keep_a_change_that_lasts_one_probe_and_hold_values_between_probes(
    scene, made_up, record
):
    items = [record("run.start", made_up.run_start())]
    values = {step: 0.98 if step == 399 else 0.0 for step in range(1, 801, 2)}
    for step, abnormal in values.items():
        items.append(record("probe.self", self_data(step, values={"abnormal": abnormal}), step))
    drawn = row(self_lines(scene(items, alone()), 80, 19), "abnormal")
    assert drawn.count("█") == 1  # in its history; the newest value, 0, has no bar
    sparse = [
        items[0],
        items[1],
        record("probe.self", self_data(800, values={"abnormal": 0.0}), 800),
    ]
    assert "▁" * 25 in row(self_lines(scene(sparse, alone()), 80, 19), "abnormal")


def test_bars_are_full_at_one_and_notched_at_chance():
    def drawn(value, chance=math.nan, glyphs=ASCII):
        return "".join(text for text, _ in share_bar(value, 10, "self", glyphs, chance))

    assert [drawn(value) for value in (0.0, 0.5, 1.0, 7.0, math.nan)] == [
        "          ",
        "#####     ",
        "##########",
        "##########",
        "          ",
    ]
    assert drawn(0.55, glyphs=BRAILLE) == "█████▌    "
    assert drawn(0.5, 0.1) == "#:###     " and drawn(0.0, 0.1) == " :        "


def test_histories_have_eight_levels_a_line(scene, whole_run):
    place = replace(plot(scene(whole_run), 4 + LEFT + RIGHT), marks={}, cursor=None)
    assert plain_text(history_rows([0.0, 0.5, 1.0, math.nan], 1, "self", place, BRAILLE)) == "▁▄█ "
    assert (
        plain_text(history_rows([0.0, 0.5, 1.0, math.nan], 2, "self", place, BRAILLE))
        == "  █ \n▁██ "
    )


def test_in_an_overview_the_histories_lie_below_the_plots_of_the_other_charts(
    scene, whole_run, record
):
    whole = scene([*whole_run, record("steps", {"n": 2, "cols": {"abnormal": [0.9, 0.9]}}, 700)])
    below = plain_text(self_lines(whole, 72, 12)).splitlines()[2:11]
    above = plain_text(signal_lines(whole, 72, 14)).splitlines()[1:11]
    assert (
        {line.index("│", 1) for line in below} == {line.index("│", 1) for line in above} == {LEFT}
    )
    assert [line[1:LEFT].rstrip() for line in below[:2]] == ["clean", "signs"]
    onset = plot(whole, 70).cell(ONSET)
    carrier = below[4][LEFT + 1 :]
    assert carrier[onset - 1] == "▁" and carrier[onset] == "▇"


def test_an_empty_panel_says_why(scene, made_up, record):
    items = run_records(made_up, record, 0)
    assert "no self-information yet" in plain_text(self_lines(scene(items), 60, 12))
    assert "with every probe" in plain_text(self_lines(scene(items), 60, 12))
    off = plain_text(self_lines(scene(run_records(made_up, record, 0, self_images=0)), 60, 12))
    assert "probes are off" in off and "--self-images 128 turns them on" in off
    ended = [*items, record("end", {"how": "finished"}, 40)]
    assert "the run ended with no self-information" in plain_text(self_lines(scene(ended), 60, 12))
    assert "the run ended with no full set" in plain_text(dose_lines(scene(ended), 60, 12))


def test_a_log_that_lies_is_drawn_all_the_same(scene, made_up, record):
    items = [record("run.start", made_up.run_start())]
    items += [
        record(
            "probe.self",
            {"values": {"own": "x", "clean": 1e9, "swap": -3.0}, "index": None, "components": [1]},
            5,
        ),
        record(
            "probe.self",
            {"full": True, "values": 7, "dose": {"k": [0, 1], "acc": [None]}, "mix": "no"},
            6,
        ),
        record(
            "diagnosis", {"disease": "\x1b[2J→é", "text": "\u202e" + "w" * 200, "lead": "soon"}, 6
        ),
    ]
    for panel in (self_lines, dose_lines):
        for glyphs in SETS.values():
            lines = panel(scene(items, alone(), glyphs), 60, 20)
            assert "\x1b" not in plain_text(lines) and "\u202e" not in plain_text(lines)
            assert glyphs is not ASCII or plain_text(lines, ascii=True).isascii()


# ---- dose  -------------------------------------------------------------------------------


# ---- both  -------------------------------------------------------------------------------
@pytest.mark.parametrize("glyphs", SETS)
@pytest.mark.parametrize("upto", [0, 62, 310, 702])
def test_both_panels_fill_every_size_exactly(glyphs, upto, scene, made_up, record):
    items = run_records(made_up, record, upto)
    for view in (View(), alone(), alone(cursor=330)):
        whole = scene(items, view, SETS[glyphs])
        for width in (0, 1, 2, 7, 9, 20, 36, 44, 60, 78, 80, 118, 160):
            for height in (0, 1, 2, 3, 5, 8, 9, 12, 14, 19, 36, 60):
                for panel in (self_lines, dose_lines):
                    lines = panel(whole, width, height)
                    assert len(lines) == height
                    assert all(
                        sum(cell_len(text) for text, _ in line) == width for line in lines
                    ), (width, height)


def test_in_ascii_both_panels_are_ascii(scene, whole_run):
    for view in (View(), alone(cursor=650)):
        whole = scene(whole_run, view, ASCII)
        for size in ((36, 8), (72, 9), (118, 36)):
            assert (
                plain_text(self_lines(whole, *size), ascii=True).isascii()
                and plain_text(dose_lines(whole, *size), ascii=True).isascii()
            )

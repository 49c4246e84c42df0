"""The panel of the dose curve, drawn from made-up probes before and after an onset."""

from made_up.looks import plain_text
from made_up.selfinfo import alone, run_records, self_data

from selffit_tui.model.scene import View
from selffit_tui.panels.dose import dose_lines


def test_the_dose_is_printed_where_it_is_drawn_beside_the_one_before_the_onset(scene, whole_run):
    lines = plain_text(dose_lines(scene(whole_run, alone("dose")), 60, 14)).splitlines()
    ticks = next(line for line in lines if " k " in line and "1.5" in line)
    now, before = lines[lines.index(ticks) + 1 :][:2]
    assert " 620 " in now and " 310 " in before
    for tick, value, earlier in (
        (" .5", ".21", ".56"),
        ("1 ", ".95", ".39"),
        ("1.5", ".85", ".22"),
    ):
        at = ticks.index(tick, 10)
        assert value in now[at - 3 : at + 6] and earlier in before[at - 3 : at + 6]
    text = "\n".join(lines)
    assert (
        "dotted: step 310" in text and "mixed with random signs" in text and "step 620" in lines[0]
    )
    shares = lines[-2].split()
    assert shares[-6:-1] == [".95", ".78", ".34", ".43", ".56"]


def test_the_curve_dips_before_the_full_dose_and_one_is_marked(scene, whole_run):
    drawn = dose_lines(scene(whole_run, alone("dose")), 60, 30)
    marked = {line.index("┊") for line in plain_text(drawn).splitlines() if "┊" in line}
    assert marked == {40}  # k = 1: two thirds along the plot, which begins at 9
    styled = [
        [(text, style) for text, style in line if style == "fgsm" and text.strip()]
        for line in drawn
    ]
    assert any(styled)
    past = [text for line in drawn for text, style in line if style == "past" and text.strip()]
    assert past  # the earlier set is dimmed


def test_before_the_onset_the_dose_is_compared_with_the_set_before(scene, made_up, record):
    items = run_records(made_up, record, 558)
    items.append(record("probe.self", self_data(558, True), 558))
    text = plain_text(dose_lines(scene(items, alone("dose")), 80, 19))
    assert "step 558" in text and "dotted: step 310" in text
    first = plain_text(dose_lines(scene(items, alone("dose", cursor=400)), 80, 19))
    assert "step 310" in first and "dotted" not in first


def test_after_the_onset_it_is_compared_with_the_last_set_before_it(scene, whole_run, record):
    items = [*whole_run, record("probe.self", self_data(690, True), 690)]
    text = plain_text(dose_lines(scene(items, alone("dose")), 80, 19))
    assert "step 690" in text and "dotted: step 310" in text


def test_without_a_full_set_the_dose_says_how_to_get_one(scene, made_up, record):
    items = run_records(made_up, record, 248)
    text = plain_text(dose_lines(scene(items), 60, 12))
    assert (
        "no full set yet" in text
        and "selffit ctl strokes-fgsm-7f3a probe" in text
        and "onset" in text
    )
    whole = run_records(made_up, record)
    assert "no full set before the cursor" in plain_text(
        dose_lines(scene(whole, View(cursor=100)), 60, 12)
    )

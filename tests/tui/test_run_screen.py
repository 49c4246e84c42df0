"""The Run screen, driven by keys: its state after each, and what it shows."""

import re

from selffit_tui.panels.widget import LineWidget


def test_leaving_says_that_training_goes_on(drive, made_up):
    async def leave(app, pilot):
        await pilot.press("q")

    outcome = drive(made_up.records(300), leave).outcome
    assert outcome.going_on and outcome.code == 0 and not outcome.refused


def test_leaving_an_ended_run_says_how_it_ended(drive, made_up):
    async def leave(app, pilot):
        await pilot.press("ctrl+c")

    outcome = drive(made_up.records(), leave).outcome
    assert not outcome.going_on and outcome.code == 0
    assert outcome.text.startswith(
        "strokes-fgsm-7f3a: finished; onset at step 620; self-fitting; PGD"
    )


def test_a_run_that_was_refused_ends_the_view_with_the_reason(drive, record):
    async def wait(app, pilot):
        await pilot.pause(0.1)

    items = [
        record("open", {"run": "x", "host": "h"}),
        record("phase", {"name": "data"}),
        record("end", {"how": "refused", "reason": "no such data set; pass --download"}),
    ]
    outcome = drive(items, wait).outcome
    assert outcome.refused == "no such data set; pass --download" and outcome.code == 2


def test_a_refusal_after_the_start_is_shown_and_stays(drive, made_up, record, shown):
    async def look(app, pilot):
        assert "REFUSED" in shown(app) and app.is_running

    drive([*made_up.records(100), record("end", {"how": "refused", "reason": "why"})], look)


def test_the_layer_picker_goes_round_both_ways(drive, made_up, shown):
    async def pick(app, pilot):
        assert "conv1 (16)  1/2" in shown(app)
        await pilot.press("l")
        assert "conv2 (32)  2/2" in shown(app)
        await pilot.press("f9")
        assert "conv1 (16)" in shown(app)
        await pilot.press("L")
        assert "conv2 (32)" in shown(app)

    drive(made_up.records(400), pick)


def test_the_change_of_rank_can_be_taken_since_earlier_probes(drive, made_up, shown):
    async def baseline(app, pilot):
        wanted = [
            "the probe before, step 651",
            "3 probes earlier, step 589",
            "10 probes earlier, step 372",
            "the first probe, step 0",
        ]
        await pilot.press("3")  # alone, where there is room to say it beside a channel's own effect
        for words in [*wanted, wanted[0]]:
            assert f"chg since {words}" in shown(app)
            await pilot.press("d")

    drive(made_up.records(702), baseline)


def test_zooming_narrows_the_window_around_the_cursor(drive, made_up, shown):
    async def zoom(app, pilot):
        whole = app.run_screen.scene().window(100)
        await pilot.press("left_square_bracket", "plus", "plus")
        near = app.run_screen.scene().window(100)
        assert near.width < whole.width / 2 and near.start < 620 < near.end
        assert "zoom 4×" in shown(app)
        await pilot.press("minus")
        assert app.run_screen.view.zoom == 1
        await pilot.press("home")
        assert app.run_screen.scene().window(100) == whole

    drive(made_up.records(702), zoom)


def test_smoothing_keeps_the_raw_line_and_is_said(drive, made_up, shown):
    async def smooth(app, pilot):
        raw = set(re.findall("[⠁-⣿]", shown(app)))
        await pilot.press("s", "y")
        text = shown(app)
        assert "smoothed  log axis" in text and set(re.findall("[⠁-⣿]", text)) - raw
        panel = app.run_screen.query_one("#signals", LineWidget)
        styles = {segment.style for strip in panel._strips for segment in strip}
        assert {app.run_screen._inks["raw"], app.run_screen._inks["strong"]} <= styles

    drive(made_up.records(702), smooth)


def test_a_suspicion_stands_in_the_header_until_a_probe_has_looked(drive, made_up, shown):
    async def look(app, pilot):
        first.append(shown(app).splitlines()[0])

    first: list[str] = []
    records = made_up.records(588)
    last_alert = max(i for i, item in enumerate(records) if item.k == "alert")
    drive(records[: last_alert + 1], look)
    drive(records, look)
    assert first[0].startswith(" ! SUSPECT since step 588 │ abnormal batch .02 → .31 │")
    assert first[1].startswith(" ✓ healthy │ PGD .75 is normal at eps .296")

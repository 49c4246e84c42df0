"""The Run screen, driven by keys: its state after each, and what it shows."""

import re
from dataclasses import replace

import pytest
from made_up.looks import plain_text

from selffit_tui.draw.glyphs import ASCII, BRAILLE
from selffit_tui.model.scene import Snapshot
from selffit_tui.panels.dose import DosePanel
from selffit_tui.panels.heat import HeatPanel
from selffit_tui.panels.images import ImagePanel
from selffit_tui.panels.list import TABS
from selffit_tui.panels.selfinfo import SelfPanel
from selffit_tui.panels.widget import LineWidget
from selffit_tui.screens.help import HelpScreen, legend
from selffit_tui.screens.keyhelp import help_lines
from selffit_tui.screens.keys import RUN_KEYS, shown_keys

HOSTILE = "[/b][red]\x1b[2J\u202eevil\u2066 \x9b31m"


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


def test_a_narrow_terminal_shows_one_panel_under_tabs(drive, made_up, shown):
    async def tabs(app, pilot):
        text = shown(app)
        assert "TRAINING" in text and "PGD .07" in text and "!! ONSET at 620" in text
        assert (
            "accuracy on 512 held-out images" in text
            and "─ signals" in text
            and "─ alerts ─" not in text
        )
        for key, title in (
            ("4", "─ alerts ─"),
            ("3", "─ dominance"),
            ("5", "─ what happened"),
            ("2", "─ signals"),
        ):
            await pilot.press(key)
            assert title in shown(app) and "accuracy on" not in shown(app)
        await pilot.press("tab")
        assert app.run_screen.view.panel == "channels"
        await pilot.press("N", "f12")
        assert app.run_screen.view.panel == "overview"

    drive(made_up.records(702), tabs, size=(80, 24))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
def test_the_panels_that_explain_open_by_either_of_their_keys(drive, made_up, shown, size):
    async def open_each(app, pilot):
        for panel in (SelfPanel, DosePanel, ImagePanel, HeatPanel):
            for key in panel.keys:
                await pilot.press("0", key)
                text = shown(app)
                assert app.run_screen.view.panel == panel.name and f"─ {panel.title}" in text
                assert "accuracy on held-out" not in text and "─ alerts" not in text
        app.run_screen.look(app.run_screen.view.showing(TABS[-1]))
        await pilot.press("tab")
        assert app.run_screen.view.panel == "overview"
        await pilot.press("N")
        assert app.run_screen.view.panel == TABS[-1]

    drive(made_up.records(702), open_each, size=size)


@pytest.mark.parametrize("panel", "36789")
def test_a_panel_that_explains_bears_every_size(drive, made_up, panel):
    async def resize(app, pilot):
        await pilot.press(panel)
        for width, height in (
            (80, 24),
            (1, 1),
            (3, 50),
            (300, 2),
            (30, 8),
            (200, 70),
            (120, 40),
            (12, 12),
        ):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        assert app.is_running

    drive(made_up.records(702), resize)


def test_the_chosen_tab_is_named_however_narrow_the_terminal_is(drive, made_up, shown):
    async def look(app, pilot):
        for width in (130, 100, 80, 60, 40):
            await pilot.resize_terminal(width, 24)
            for key, name in (("4", "4 alerts!!"), ("9", "9 heat")):
                await pilot.press(key)
                assert any(name in line and "1" in line for line in shown(app).split("\n")[:6])

    drive(made_up.records(702), look, size=(80, 24))


@pytest.mark.parametrize("readonly", [False, True])
def test_the_footer_fits_into_eighty_columns(drive, made_up, shown, readonly):
    async def look(app, pilot):
        footer = shown(app).rstrip("\n").split("\n")[-1]
        assert footer.endswith("? help") and len(footer) <= 80 and "tab panel" in footer

    drive(made_up.records(702), look, size=(80, 24), readonly=readonly)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_footer_repeats_no_key_of_the_timeline(drive, made_up, shown, size):
    async def look(app, pilot):
        *_, timeline, footer = shown(app).rstrip("\n").split("\n")
        assert "space hold" in timeline and "space" not in footer and "[ ]" not in footer
        await pilot.press("left_square_bracket")  # a mark takes the place of the keys
        await pilot.pause()
        *_, timeline, footer = shown(app).rstrip("\n").split("\n")
        assert "space" not in timeline and "space play" in footer

    drive(made_up.records(702), look, size=size)


def test_a_resized_terminal_is_rearranged(drive, made_up, shown):
    async def resize(app, pilot):
        for width, height in ((80, 24), (1, 1), (3, 50), (300, 2), (30, 8), (200, 70), (120, 40)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        assert "─ dominance" in shown(app)

    drive(made_up.records(702), resize)


def test_the_help_lists_every_key_and_comes_back(drive, made_up, shown):
    async def look(app, pilot):
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert f"{shown_keys(RUN_KEYS[0], False):<17}{RUN_KEYS[0].help}" in shown(app)
        text = plain_text(help_lines(RUN_KEYS, legend(BRAILLE), 108, BRAILLE))
        assert all(f"{shown_keys(key, False):<17}{key.help}" in text for key in RUN_KEYS)
        await pilot.press("escape")
        assert app.screen is app.run_screen

    drive(made_up.records(50), look, size=(100, 80))


def test_every_command_has_two_keys_and_none_needs_what_terminals_take():
    for key in RUN_KEYS:
        free = [
            name
            for name in key.keys
            if name not in ("ctrl+q", "ctrl+s", "ctrl+b", "ctrl+a", "ctrl+c")
        ]
        assert len(free) >= 2, key.id
    every = [name for key in RUN_KEYS for name in key.keys]
    assert len(every) == len(set(every))


def test_the_help_says_why_it_is_drawn_in_ascii():
    lines = help_lines(RUN_KEYS, legend(ASCII), 76, ASCII, "the locale LC_ALL=C is not UTF-8")
    text = plain_text(lines, ascii=True)
    assert "because the locale LC_ALL=C is not UTF-8" in text and text.isascii()
    assert "because" not in plain_text(help_lines(RUN_KEYS, legend(BRAILLE), 76, BRAILLE, ""))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_hostile_text_anywhere_in_a_log_is_only_text(drive, made_up, record, shown, size, glyphs):
    evil = {
        name: HOSTILE
        for name in (
            "text",
            "advice",
            "level",
            "name",
            "note",
            "how",
            "reason",
            "device_name",
            "data",
            "why",
        )
    }
    start = made_up.run_start()
    start["config"] |= {"method": HOSTILE, "data": HOSTILE, "model": HOSTILE, "seed": HOSTILE}
    layer = {
        "name": HOSTILE,
        "dominance": [0.1, "NaN", None],
        "gini": HOSTILE,
        "rho": HOSTILE,
        "car": HOSTILE,
    }
    picture = {
        "y": 0,
        "x": ["AA=="],
        "delta": ["AA=="],
        "clean": [0, HOSTILE],
        "own": HOSTILE,
        "carrier": [99, 1],
    }
    items = [
        record("open", {"run": HOSTILE, "host": "elsewhere"}),
        record("run.start", start | {"device_name": HOSTILE}),
        record(
            "steps",
            {"n": 2, "cols": {"abnormal": [HOSTILE, 0.1]}, "epoch": "NaN", "img_s": "Infinity"},
            1,
        ),
        record(
            "probe.robust",
            {"clean": HOSTILE, "fgsm": 0.5, "pgd": "Infinity", "n": 5, "final": HOSTILE},
            2,
        ),
        record("probe.channels", {"layers": [layer, HOSTILE]}, 2),
        record(
            "probe.self",
            {"full": True, "attack": HOSTILE, "values": {HOSTILE: 1}, "dose": HOSTILE},
            2,
        ),
        record(
            "probe.causal",
            {"rows": [{"stage": HOSTILE, "group": HOSTILE, "share": 0.1}], "single": HOSTILE},
            2,
        ),
        record(
            "probe.images",
            {"shape": [1, 1, 1], "rows": [picture], "classes": [HOSTILE], "attack": HOSTILE},
            2,
        ),
        record("probe.strong", {"pgd": HOSTILE, "n": HOSTILE}, 2),
        record(
            "alert",
            {"level": "onset", "evidence": {HOSTILE: 1.0}, "text": HOSTILE, "disease": HOSTILE},
            2,
        ),
        record(
            "diagnosis",
            {"disease": HOSTILE + "2", "text": HOSTILE, "onset_step": 2, "lead": HOSTILE},
            2,
        ),
        record("alert", evil, 3),
        record(HOSTILE, evil, 3),
        record(
            "sup.exit",
            {"how": "crashed", "text": HOSTILE, "stderr": [HOSTILE]},
            stream="supervisor",
        ),
    ]

    async def look(app, pilot):
        for key in "123456789l":
            await pilot.press(key)
            text = shown(app)
            assert all(character.isprintable() or character == "\n" for character in text)
            assert "evil" in text or key in "12l"
            assert text.isascii() or glyphs == "braille"

    drive(items, look, size=size, glyphs=glyphs)


def test_the_clock_repaints_the_header_only(drive, made_up):
    async def tick(app, pilot):
        painted = []
        for panel in app.run_screen.query(LineWidget):
            panel.refresh = lambda *regions, _id=panel.id: painted.append((_id, regions))
        app.run_screen._clock = lambda: made_up.START + 32.0
        app.run_screen.tick()
        assert [name for name, _ in painted] == ["age"]
        (region,) = painted[0][1]
        assert region.height == 1 and region.width <= 4

    drive(made_up.records(300), tick)


def test_a_run_elsewhere_is_silent_when_its_heartbeat_stops(drive, made_up, shown):
    async def look(app, pilot):
        assert "? SILENT" in shown(app) and re.search("data [345]. s ago", shown(app))

    drive(made_up.records(300), look, alive=None, now=made_up.START + 50)


def test_a_run_elsewhere_is_lost_when_its_heartbeat_does_not_come_back(drive, made_up, shown):
    async def look(app, pilot):
        assert "? LOST  nothing was heard of the trainer on elsewhere for 2 min" in shown(app)
        assert "data 2 min ago" in shown(app)

    drive(made_up.records(300), look, alive=None, now=made_up.START + 150)


def test_a_clock_that_differs_is_said_and_is_no_silence(drive, made_up, shown):
    async def look(app, pilot):
        now = app.run_screen.newest
        app.run_screen.take(replace(now, ahead=-600.0))
        await pilot.pause()
        assert "its clock is 10 min behind" in shown(app) and "SILENT" not in shown(app)

    drive(made_up.records(300), look, (160, 40), now=made_up.START + 610)


def test_a_trainer_that_is_gone_without_a_word_is_lost(drive, made_up, shown):
    async def look(app, pilot):
        app.run_screen.take(Snapshot(app.run_screen.newest.state, False, 1, None))
        await pilot.pause()
        assert "? LOST" in shown(app) and "nothing recorded why" in shown(app)

    drive(made_up.records(300), look)


def test_a_log_that_was_replaced_is_read_again(drive, made_up):
    from selffit.eventlog.records import Notice

    async def replace(app, pilot):
        source = app.feed._follower.source
        source.items = [*source.items, Notice("restarted", "trainer", "f", 0, "replaced")]
        real_restart = source.restart

        def restart():
            source.items = made_up.records(60)
            real_restart()

        source.restart = restart
        for _ in range(100):
            await pilot.pause(0.05)
            if app.run_screen.newest.state.step == 60:
                break
        assert (
            app.run_screen.newest.state.step == 60 and len(app.run_screen.newest.state.notices) == 0
        )
        assert app.run_screen._columns.signals.steps[-1] == 59

    drive(made_up.records(300), replace)


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


def test_a_defect_in_the_reading_thread_ends_the_view_instead_of_looking_like_a_quiet_run(
    drive, made_up
):
    async def fail(app, pilot):
        def poll(limit):
            raise RuntimeError("a defect")

        app.feed._follower.source.poll = poll
        await pilot.pause(1.0)

    with pytest.raises(RuntimeError, match="a defect"):
        drive(made_up.records(60), fail)

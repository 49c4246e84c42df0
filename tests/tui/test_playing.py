"""The clock of the Run screen, driven by keys: hold, steps, marks, places, speeds, acting."""

import re

import pytest
from textual.events import Key

from selffit.run.folded.state import RunState, reduce
from selffit_tui.app.app import RunApp, Start
from selffit_tui.intervene.screen import InterveneScreen
from selffit_tui.model.scene import OVERVIEW
from selffit_tui.screens.goto import GoToScreen

NAMES = {
    "@": "at",
    "\n": "enter",
    "\x1b": "escape",
    "?": "question_mark",
    "]": "right_square_bracket",
}


def first(text):
    return text.splitlines()[0]


def timeline(text):
    """The lines between the panels and the footer."""
    return "\n".join(text.splitlines()[-3:-1])


async def read(app, pilot, records, step):
    """The log grows to these records."""
    app.feed._follower.source.items = records
    for _ in range(200):
        await pilot.pause(0.02)
        if app.run_screen.newest.state.step == step:
            break
    await pilot.pause(0.05)


class Ticks:
    """Our time, which passes when it is told to."""

    def __init__(self, screen):
        self.now = 0.0
        self._screen = screen
        screen.ticks = lambda: self.now

    def pass_(self, seconds):
        self.now += seconds
        self._screen.frame()


def test_a_held_view_stays_where_it_is_while_the_run_goes_on_and_says_so(drive, made_up, shown):
    async def hold(app, pilot):
        ticks = Ticks(app.run_screen)
        await pilot.press("space")
        await read(app, pilot, made_up.records(720), 720)
        text = shown(app)
        assert app.run_screen.drawn.state.step == 300
        assert "held at 300" in timeline(text) and "HELD 420 steps behind" in text
        assert "now: !! ONSET" in first(text)  # an alert is never held back
        assert "10 probes" in text and "400" not in text.splitlines()[15]
        await pilot.press("space")
        ticks.pass_(1.0)
        assert 300 < app.run_screen.drawn.state.step < 400  # on from there, at recorded speed
        await pilot.press("e")
        assert app.run_screen.drawn is app.run_screen.newest and "live at 720" in shown(app)

    drive(made_up.records(300), hold)


def test_what_is_held_plays_until_it_has_caught_up_and_is_live_again(drive, made_up, shown):
    async def play(app, pilot):
        ticks = Ticks(app.run_screen)
        await pilot.press("left_square_bracket", "left_square_bracket", "space")
        assert "1× at 588" in timeline(shown(app))
        await pilot.press("greater_than_sign", "greater_than_sign")
        ticks.pass_(0.25)
        assert "4× at 6" in timeline(shown(app)) and "REPLAY 4×" in shown(app)
        ticks.pass_(60.0)
        assert "live at 7" in timeline(shown(app)) and "REPLAY" not in shown(app)

    drive(made_up.records(702), play)


def test_every_panel_shows_what_was_known_then(drive, made_up, shown):
    async def back(app, pilot):
        await pilot.press("at", *"300", "enter")
        text = shown(app)
        assert "at step 300" in text and "step 300/868" in text
        assert not re.search("ONSET|SUSPECT", "\n".join(text.splitlines()[1:-3]))

    drive(made_up.records(702), back)


def test_alerts_come_again_at_their_moment(drive, made_up, shown):
    async def play(app, pilot):
        ticks = Ticks(app.run_screen)
        await pilot.press("at", *"580", "enter", "space")
        seen: list[str] = []
        while not app.run_screen.player.clock.live:
            words = first(shown(app)).split()[1]
            seen += [words] if words not in seen[-1:] else []
            ticks.pass_(0.4)
        assert seen == ["healthy", "ONSET"]

    drive(made_up.records(), play)


def test_the_end_of_a_run_that_is_played_again_is_no_news(drive, made_up, shown):
    async def back(app, pilot):
        await pilot.press("at", *"300", "enter")
        assert "ONSET" not in shown(app).upper().split("TIMELINE")[0].splitlines()[0]
        assert "TRAINING" in shown(app) and "FINISHED" not in shown(app)
        await pilot.press("end")
        assert "FINISHED" in shown(app)

    drive(made_up.records(), back)


def test_marks_are_gone_to_from_the_newest_on_and_a_bell_rings_behind_the_last(
    drive, acted_on, shown
):
    async def jump(app, pilot):
        rung = []
        app.bell = lambda: rung.append(app.run_screen.player.clock.position)
        said = []
        for _ in range(4):
            await pilot.press("left_square_bracket")
            said.append(timeline(shown(app)))
        assert "branch b1 begins at step 558" in said[0]
        assert "rolled back to main-558" in said[1]
        assert "catastrophic overfitting began" in said[2]
        assert "training signals moved" in said[3]
        assert not rung
        await pilot.press("semicolon")
        assert rung == [app.run_screen.player.clock.position]

    drive(acted_on.rolled_back().records, jump, size=(160, 40))


def test_a_step_back_over_a_roll_back_is_on_the_branch_that_was_left(drive, acted_on, shown):
    async def back(app, pilot):
        text = shown(app)
        assert "branch b1" in text and first(text).startswith(" ◆ rolled back")
        await pilot.press("left_square_bracket", "left_square_bracket", "left")
        text = shown(app)
        assert "ONSET" in first(text) and "branch b1" not in "\n".join(text.splitlines()[:3])
        assert app.run_screen.scene().line.branch == "main"
        assert not app.run_screen._columns.abandoned
        await pilot.press("left", "left")
        rails = timeline(shown(app)).splitlines()
        assert "┼" in rails[1] and "┼" not in rails[0]  # the clock is on the rail left behind
        await pilot.press(*["right"] * 4)
        assert app.run_screen.scene().line.branch == "b1"

    drive(acted_on.rolled_back().records, back)


def test_the_unit_of_a_step_and_the_choice_of_marks_are_said(drive, made_up, shown):
    async def choose(app, pilot):
        for unit in ("block", "probe", "epoch", "event"):
            assert f"←→ {unit}" in timeline(shown(app))
            await pilot.press("u")
        for choice in ("mark", "alert", "act", "checkpoint"):
            assert f"[ ] {choice}" in timeline(shown(app))
            await pilot.press("f")

    drive(made_up.records(702), choose)


def test_a_place_that_there_is_not_is_refused_where_it_is_typed(drive, made_up, shown):
    async def go(app, pilot):
        screen = app.run_screen
        await pilot.press("at", *"9999", "enter")
        assert isinstance(app.screen, GoToScreen)
        assert "beyond the end" in shown(app)
        await pilot.press("ctrl+u", *"onset", "enter")
        assert "ONSET" in first(shown(app))
        await pilot.press("at", "escape", "escape")
        await pilot.pause()
        assert screen.player.clock.live

    drive(made_up.records(702), go)


def test_a_run_is_played_from_its_beginning_or_any_place(made_up, drive, shown):
    def look(start):
        found = []

        async def wait(app, pilot):
            found.append(app.run_screen.player.clock)
            found.append(shown(app))

        app = drive(made_up.records(), wait, start=start)
        return app, *found

    _, clock, text = look(Start(speed=4.0))
    assert clock.playing and clock.position is not None and "4× at 0" in timeline(text)
    _, clock, text = look(Start(at="onset", playing=False))
    assert not clock.playing and "held at 651" in timeline(text)


def test_a_place_to_begin_at_that_there_is_not_ends_the_view(made_up, drive):
    async def wait(app, pilot):
        await pilot.pause(0.2)

    app: RunApp = drive(made_up.records(), wait, start=Start(at="alert:9"))
    assert app.outcome.code == 2 and "there is no alert 9" in app.outcome.refused


def test_in_the_past_of_a_live_run_acting_is_branching_from_there(drive, acted_on, shown):
    async def act(app, pilot):
        await pilot.press("at", *"600", "enter", "i")
        assert isinstance(app.screen, InterveneScreen)
        text = shown(app)
        assert "main-558 is the newest checkpoint up to step 600 of main" in text
        dialog = app.screen.dialog
        assert dialog.action.op == "rollback" and dialog.edits[0].text == "main-558"

    drive(acted_on.with_checkpoints(702).records, act)


def test_where_no_checkpoint_is_left_there_is_nothing_to_branch_from(drive, acted_on, shown):
    async def act(app, pilot):
        await pilot.press("at", *"20", "enter", "i")
        assert "no checkpoint is left from step 20 of main or before it" in shown(app)

    drive(acted_on.with_checkpoints(702).records, act)


def test_in_an_ended_run_nobody_is_left_to_act(drive, made_up, shown):
    async def act(app, pilot):
        await pilot.press("at", *"300", "enter", "i", "i")
        assert app.screen is app.run_screen
        (said,) = app._notifications
        assert "nobody is left to take commands" in said.message

    drive(made_up.records(), act)


def test_pictures_are_drawn_only_while_it_plays(drive, made_up):
    async def play(app, pilot):
        screen = app.run_screen
        assert screen._frames is None
        await pilot.press("left", "left")
        assert screen._frames is None
        await pilot.press("space")
        assert screen._frames is not None
        await pilot.press("space")
        assert screen._frames is None

    drive(made_up.records(702), play)


@pytest.mark.parametrize("size", [(45, 30), (80, 24), (200, 60)])
def test_the_past_bears_every_size(drive, acted_on, size):
    async def resize(app, pilot):
        await pilot.press("left_square_bracket", "left_square_bracket", "space")
        for width, height in ((80, 24), (1, 1), (3, 50), (300, 2), (30, 20), size):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        assert app.is_running

    drive(acted_on.rolled_back().records, resize, size=size)


def test_other_rules_are_a_table_and_a_row_of_marks(drive, made_up, shown):
    async def judge(app, pilot):
        await pilot.press("w")
        for _ in range(100):
            await pilot.pause(0.02)
            if not app.run_screen.player.judging:
                break
        await pilot.pause()
        text = shown(app)
        assert "rule     fires at step" in text and re.search(r"robust +651 +\+0 steps", text)
        assert re.search(r"half +620 +false alarm", text)
        assert "whatever the budget" in text
        await pilot.press("escape")
        await pilot.pause()
        row = shown(app).splitlines()[-2]
        assert re.search("[gdhr]", row.split("  ")[0] + row[:70]) and "robust +0" in row
        await pilot.press("at", *"300", "enter")
        assert "none of the other rules has fired" in shown(app)
        await pilot.press("w", "x")
        await pilot.pause()
        assert "other rules" not in shown(app)

    drive(made_up.records(), judge)


def test_a_log_is_judged_again_once_it_has_grown(drive, made_up):
    async def judge(app, pilot):
        async def done():
            for _ in range(100):
                await pilot.pause(0.02)
                if not app.run_screen.player.judging:
                    return

        await pilot.press("w")
        await done()
        assert not app.run_screen.player.rules
        await pilot.press("escape")
        await read(app, pilot, made_up.records(720), 720)
        await pilot.press("w")
        await done()
        assert "robust" in {one.rule for one in app.run_screen.player.rules}

    drive(made_up.records(300), judge)


def test_a_roll_back_turns_the_line_where_its_branch_begins(drive, acted_on):
    """Between the command and the branch the run stands where it was, on every surface."""
    records = acted_on.rolled_back().records
    state = RunState()
    for item in records:
        state = reduce(state, item)
        assert state.line.branch == state.branch
        piece = state.line.pieces[-1]
        branch = state.ledger.branches.get(piece.branch)
        assert branch is None or state.step >= branch.base_step

    async def step(app, pilot):
        seen = set()
        for _ in range(30):
            await pilot.press("left")
            screen = app.run_screen
            scene = screen.scene()
            seen.add((scene.line.branch, scene.state.step))
            assert (scene.replay.branch, scene.replay.step) == (scene.line.branch, scene.state.step)
        assert {branch for branch, _ in seen} == {"main", "b1"}

    drive(records, step)


def test_keys_typed_ahead_are_for_the_screen_that_those_before_them_open(drive, made_up):
    """A chunk of keys, as a fast typist or a paste sends it, without a pause between them."""

    def typed(app, keys):
        for key in keys:
            app.post_message(Key(NAMES.get(key, key), key))

    async def go(app, pilot):
        screen = app.run_screen
        typed(app, "@300\n]")
        for _ in range(20):
            await pilot.pause()
        assert app.screen is screen and screen.view.panel == OVERVIEW  # 3 and 0 chose no panel
        assert screen.player.replay().step > 300 and screen.player.replay().mark is not None
        typed(app, "?\x1b@0\n")
        for _ in range(20):
            await pilot.pause()
        assert app.screen is screen and screen.player.replay().step == 0

    drive(made_up.records(702), go)

"""Acting on the run from its screen: the dialog, what it sends, and the life of a request."""

import json
import re
from types import SimpleNamespace

import pytest
from made_up.looks import dialog_box

from selffit.control import lines
from selffit.control.commands import Command
from selffit.eventlog import kinds
from selffit.run.folded.state import RunState, reduce_all
from selffit_tui.intervene.dialog import CONFIRM, FORM, LIST
from selffit_tui.intervene.screen import InterveneScreen
from selffit_tui.screens.help import HelpScreen

HOSTILE = "[/b][red]\x1b[2J\u202eevil\u2066 \x9b31m"


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / "strokes-fgsm-7f3a"
    (folder / "control" / "inbox").mkdir(parents=True)
    return folder


@pytest.fixture
def acting(drive, run_dir):
    """Runs the app on a log that can grow, with a clock that can be set."""

    def run(log, steps, **options):
        clock = SimpleNamespace(now=log.records[-1].t + 1)

        async def go(app, pilot):
            async def grow():
                app.feed._follower.source.items = list(log.records)
                for _ in range(100):
                    await pilot.pause(0.03)
                    if len(app.run_screen.newest.state.events) == len(
                        reduce_all(RunState(), log.records).events
                    ):
                        break
                await pilot.pause()

            await steps(
                SimpleNamespace(
                    app=app, pilot=pilot, grow=grow, clock=clock, log=log, run_dir=run_dir
                )
            )

        return drive(log.records, go, run_dir=run_dir, clock=lambda: clock.now, **options)

    return run


async def sent(at):
    """The command files in the inbox, once the newest request has been written."""
    for _ in range(100):
        await at.pilot.pause(0.02)
        if all(request.written or request.error for request in at.app.run_screen.acting.requests):
            break
    await at.pilot.pause()
    return [
        json.loads(file.read_text())
        for file in sorted((at.run_dir / "control" / "inbox").glob("*.json"))
    ]


def strip(text):
    """The request bar: the lines between the panels, or the timeline, and the footer."""
    above = text.rstrip("\n").split("\n")[:-1]
    start = max(number for number, line in enumerate(above) if line.startswith(("╰", "+"))) + 1
    below = [line for line in above[start:] if not line.lstrip().startswith(("├", "╰", "|", "+"))]
    return " ".join(" ".join(below).split())


def test_with_an_onset_the_box_opens_on_the_recommended_action(acting, acted_on, shown, snapshot):
    async def look(at):
        await at.pilot.press("i")
        await at.pilot.pause()
        dialog = at.app.screen.dialog
        assert (
            dialog.index == 0
            and dialog.action.recommended
            and dialog.action.id == "rollback-healthy"
        )
        drawn = dialog_box(dialog, "braille", 92)
        assert all(line in shown(at.app) for line in drawn.splitlines())
        snapshot("dialog-list", drawn)

    acting(acted_on.with_checkpoints(702), look)


@pytest.mark.parametrize(
    ("name", "keys", "glyphs"),
    [
        ("dialog-confirm", ("enter",), "braille"),
        ("dialog-form", ("down", "enter", "tab", *"n-fgsn"), "braille"),
        ("dialog-form-ascii", ("down", "enter", "tab", *"n-fgsn"), "ascii"),
    ],
)
def test_snapshot_of_a_stage(acting, acted_on, shown, snapshot, name, keys, glyphs):
    async def look(at):
        await at.pilot.press("i", *keys)
        await at.pilot.pause()
        assert shown(at.app).isascii() or glyphs == "braille"
        snapshot(name, dialog_box(at.app.screen.dialog, glyphs, 76))

    acting(acted_on.with_checkpoints(702), look, size=(80, 24), glyphs=glyphs)


def test_what_costs_work_is_sent_only_after_a_yes(acting, acted_on):
    async def roll_back(at):
        await at.pilot.press("i", "enter")
        assert at.app.screen.dialog.stage == CONFIRM and await sent(at) == []
        await at.pilot.press("enter", "x", "n")
        assert at.app.screen.dialog.stage == LIST and await sent(at) == []
        await at.pilot.press("enter", "y")
        (command,) = await sent(at)
        assert at.app.screen is at.app.run_screen
        assert command["op"] == "rollback" and command["expect"] == 0
        assert command["args"] == {"to": "main-558", "exact": False, "method": "n-fgsm"}
        assert re.fullmatch(r".+@.+", command["by"])

    acting(acted_on.with_checkpoints(702), roll_back)


def test_what_costs_nothing_is_sent_at_once_whatever_the_version(acting, acted_on):
    async def pause(at):
        await at.pilot.press("f11", "down", "down", "enter")
        (command,) = await sent(at)
        assert (command["op"], command["expect"]) == ("pause", None)

    acting(acted_on.with_checkpoints(702), pause)


def test_a_form_is_checked_while_it_is_filled_in(acting, acted_on, shown):
    async def change_eps(at):
        at.app.run_screen.action_intervene("eps")
        await at.pilot.pause()
        assert at.app.screen.dialog.stage == FORM and "did you" not in shown(at.app)
        await at.pilot.press("8")
        assert "write 8/255, not" in shown(at.app)
        await at.pilot.press("enter")
        assert at.app.screen.dialog.stage == FORM and await sent(at) == []
        await at.pilot.press(*"/255")
        assert "eps .350 → 8/255, alpha .350 → 8/255" in shown(at.app)
        await at.pilot.press("enter")
        (command,) = await sent(at)
        assert command["args"] == {"eps": 8 / 255} and command["expect"] == 0

    acting(acted_on.with_checkpoints(702), change_eps)


def test_the_life_of_a_request_comes_from_the_log(acting, acted_on, shown):
    async def live(at):
        await at.pilot.press("i", "enter", "y")
        (file,) = await sent(at)
        assert strip(shown(at.app)) == "◆ roll back to main-558, method n-fgsm requested"
        command, log = Command(**file), at.log
        log.emit(lines.received(command), 702)
        await at.grow()
        assert strip(shown(at.app)).endswith("requested → received")
        log.emit(lines.applied(log.ledger, command, {"method": "n-fgsm"}, branch="b1"), 702)
        log.branch = "b1"
        begun = kinds.BranchBegun(name="b1", parent="main", base_step=558, ckpt="main-558")
        log.emit(begun, 558)
        await at.grow()
        assert strip(shown(at.app)).endswith(
            "requested → received → applied at step 702, on as branch b1"
        )
        at.clock.now += 60
        at.app.run_screen.tick()
        await at.pilot.pause()
        assert strip(shown(at.app)) == ""

    acting(acted_on.with_checkpoints(702), live)


def test_where_there_is_little_room_the_newest_stage_of_a_request_is_told(acting, acted_on, shown):
    async def live(at):
        await at.pilot.press("i", "enter", "y")
        (file,) = await sent(at)
        command, log = Command(**file), at.log
        log.emit(lines.received(command), 702)
        await at.grow()
        assert strip(shown(at.app)).endswith("◆ roll back to main-558, method… received")
        log.emit(lines.applied(log.ledger, command, {"method": "n-fgsm"}, branch="b1"), 702)
        await at.grow()
        assert strip(shown(at.app)).endswith("◆ applied at step 702, on as branch b1")
        assert "requested" not in strip(shown(at.app))

    acting(acted_on.with_checkpoints(702), live, size=(45, 30))


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
@pytest.mark.parametrize("glyphs", ["braille", "ascii"])
def test_a_refusal_is_shown_with_its_reason_however_hostile(acting, acted_on, shown, size, glyphs):
    async def refuse(at):
        at.app.run_screen.action_intervene("pause")
        await at.pilot.press("enter")
        (file,) = await sent(at)
        reason = f"since you looked (version 0, now 1): {HOSTILE} applied set (eps 0.35 → 0.2)"
        at.log.add(
            "ctl.rejected",
            {"id": file["id"], "op": "pause", "by": HOSTILE, "rule": "stale", "reason": reason},
            702,
        )
        await at.grow()
        text = shown(at.app)
        assert "requested" in text and "refused" in text and "evil" in strip(text)
        assert all(character.isprintable() or character == "\n" for character in text)
        assert text.isascii() or glyphs == "braille"
        await at.pilot.press("escape")
        await at.pilot.pause(0.1)
        assert "refused  " not in shown(at.app).split("\n")[-2]

    acting(acted_on.with_checkpoints(702), refuse, size=size, glyphs=glyphs)


def test_an_inbox_that_cannot_be_written_is_said_until_it_is_dismissed(
    acting, acted_on, shown, run_dir
):
    async def send(at):
        (run_dir / "control" / "inbox").rmdir()
        at.app.run_screen.action_intervene("probe")
        await at.pilot.press("enter")
        await sent(at)
        assert "not sent" in strip(shown(at.app)) and "has no control/inbox" in strip(shown(at.app))
        at.clock.now += 3600
        at.app.run_screen.tick()
        await at.pilot.pause()
        assert "not sent" in strip(shown(at.app))
        await at.pilot.press("escape")
        await at.pilot.pause(0.1)
        assert "not sent" not in shown(at.app)

    acting(acted_on.with_checkpoints(702), send)


@pytest.mark.parametrize(
    ("alive", "says"),
    [
        (True, "the trainer's process is there, but has written nothing"),
        (False, "the trainer is gone and nothing recorded why"),
    ],
)
def test_no_answer_for_ten_seconds_says_what_is_wrong(acting, acted_on, shown, alive, says):
    async def wait(at):
        at.app.run_screen.action_intervene("probe")
        await at.pilot.press("enter")
        await sent(at)
        at.app.feed._follower.source.alive_now = alive
        at.clock.now += 11
        for _ in range(120):
            at.app.run_screen.tick()
            await at.pilot.pause(0.05)
            if says in strip(shown(at.app)):
                break
        assert "no answer for 11 s" in strip(shown(at.app)) and says in strip(shown(at.app))

    acting(acted_on.with_checkpoints(702), wait)


def test_when_somebody_else_was_faster_the_person_looks_again(acting, acted_on, shown):
    async def race(at):
        await at.pilot.press("i", "enter")
        at.log.ask("set", {"eps": 0.2}, 702, by="bob@lab")
        await at.grow()
        dialog = at.app.screen.dialog
        assert (dialog.stage, dialog.version) == (LIST, 1) and await sent(at) == []
        assert "bob@lab: eps .350 → 51/255" in " ".join(shown(at.app).split())
        await at.pilot.press("enter", "y")
        (command,) = await sent(at)
        assert command["expect"] == 1

    acting(acted_on.with_checkpoints(702), race)


def test_those_who_only_watch_find_no_way_to_act(acting, acted_on, shown):
    async def watch(at):
        assert "act" not in shown(at.app).split("\n")[-2].split() and "i: act" not in shown(at.app)
        await at.pilot.press("i", "f11")
        assert at.app.screen is at.app.run_screen
        await at.pilot.press("colon")
        await at.pilot.pause(0.1)
        await at.pilot.press(*"roll back")
        await at.pilot.pause(0.3)
        await at.pilot.press("enter")
        await at.pilot.pause(0.1)
        assert not isinstance(at.app.screen, InterveneScreen)
        await at.pilot.press("escape")
        await at.pilot.press("question_mark")
        assert isinstance(at.app.screen, HelpScreen) and "roll back" not in shown(at.app)

    acting(acted_on.with_checkpoints(702), watch, readonly=True)


def test_nothing_can_be_done_to_a_run_that_has_ended(drive, made_up):
    async def act(app, pilot):
        await pilot.press("i", "f11")
        assert app.screen is app.run_screen

    drive(made_up.records(), act)


def test_the_palette_finds_an_intervention_by_its_name(acting, acted_on):
    async def find(at):
        await at.pilot.press("colon")
        await at.pilot.pause(0.1)
        await at.pilot.press(*"weight")
        await at.pilot.pause(0.3)
        await at.pilot.press("enter")
        await at.pilot.pause(0.1)
        assert isinstance(at.app.screen, InterveneScreen)
        assert (at.app.screen.dialog.action.id, at.app.screen.dialog.stage) == (
            "weight_decay",
            FORM,
        )

    acting(acted_on.with_checkpoints(702), find)


def test_enter_in_a_palette_where_nothing_was_typed_does_not_leave(drive, made_up):
    async def hasty(app, pilot):
        await pilot.press("colon")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert app.is_running and not app._exit

    drive(made_up.records(), hasty)

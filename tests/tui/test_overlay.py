"""The card over the panels: how a run comes up, and how it ended while somebody looked."""

import pytest
from made_up import run as synthetic
from made_up.records import record

from selffit.eventlog.records import Notice
from selffit.run.folded.state import RunState, reduce_all
from selffit_tui.draw.glyphs import BRAILLE
from selffit_tui.words.startup import coming_up, lines

PHASES = ("starting", "imports", "data", "model")


def rising(number):
    spawned = record("sup.spawn", {"pid": 1, "pstart": 1.0}, t=100.0, stream="supervisor")
    told = [record("phase", {"name": name}, t=101.0 + i) for i, name in enumerate(PHASES)]
    return [spawned, *told[:number]]


def text(items, now):
    state = reduce_all(RunState(), items)
    return ["".join(part for part, _ in line) for line in lines(state, now, BRAILLE.symbols)]


def test_before_the_first_word_the_supervisor_is_waited_for():
    assert text([], 100.0)[-1].endswith("its supervisor comes up")


def test_each_step_says_how_long_it_took_and_the_present_one_goes_on():
    told = text(rising(2), 104.5)
    done, now = BRAILLE.symbols["recovered"], BRAILLE.symbols["running"]
    assert told[0] == f" {done} the trainer is spawned  1.0 s"
    assert told[1] == f" {done} its process comes up, the log is opened  1.0 s"
    assert told[2] == f" {now} torch is imported  2.5 s"
    assert told[3] == "   the images are read"


def test_a_step_that_takes_long_says_why():
    assert "first time" in "".join(text(rising(2), 120.0))


def test_a_run_that_has_measured_something_is_up():
    assert coming_up(reduce_all(RunState(), rising(4)))
    assert not coming_up(reduce_all(RunState(), synthetic.records(100)))


def test_a_run_that_comes_up_says_so_on_the_screen(drive, shown):
    seen = []

    async def look(app, pilot):
        seen.append(shown(app))
        await pilot.press("escape")
        seen.append(shown(app))

    drive(rising(2), look, size=(80, 24), now=104.5)
    assert "is coming up" in seen[0] and "torch is imported  2.5 s" in seen[0]
    assert "is coming up" not in seen[1]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 12), (10, 3)])
def test_an_end_that_comes_while_somebody_looks_is_a_card_that_esc_closes(drive, shown, size):
    items, seen = synthetic.records(), []

    async def look(app, pilot):
        assert not app.overlay.display
        app.feed._follower.source.items += items[-2:]
        for _ in range(200):
            await pilot.pause(0.02)
            if app.run_screen.newest.state.ending is not None:
                break
        await pilot.pause(0.1)
        seen.append(shown(app))
        await pilot.press("escape")
        await pilot.pause()
        seen.append(shown(app))

    drive(items[:-2], look, size=size)
    if size[0] >= 80:
        assert "strokes-fgsm-7f3a: finished after" in seen[0]
        assert "final   clean .98" in seen[0] and "next    " in seen[0]
    assert "finished after" not in seen[1]


def test_whoever_opens_a_run_that_has_ended_sees_the_run(drive, shown):
    seen = []

    async def look(app, pilot):
        seen.append(shown(app))

    drive(synthetic.records(), look)
    assert "finished after" not in seen[0]


def test_the_card_of_an_ended_run_comes_when_it_is_asked_for(drive, shown):
    seen = []

    async def look(app, pilot):
        for key in ("E", "escape", "E"):
            await pilot.press(key)
            await pilot.pause()
            seen.append("finished after" in shown(app))

    drive(synthetic.records(), look)
    assert seen == [True, False, True]


def test_a_log_that_nobody_can_read_is_not_coming_up():
    newer = Notice("version", "trainer", "000001-000000.jsonl", 0, "written in format 7")
    assert coming_up(reduce_all(RunState(), [])) and not coming_up(reduce_all(RunState(), [newer]))

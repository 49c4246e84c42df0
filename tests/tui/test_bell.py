"""A viewer calls: it rings and titles its terminal for what comes, not for what was there."""

import asyncio
import json
import sys
from pathlib import Path

from made_up import run as synthetic

from selffit.eventlog import kinds
from selffit.eventlog.writer import EventWriter
from selffit_tui.app.bell import BELL, GIVE_TITLE_BACK, KEEP_TITLE, Bell, title

CALLING = b"\x1b]2;!! selffit strokes-fgsm-7f3a\x1b\\\x07"


def test_a_title_keeps_control_characters_to_itself():
    assert title("a\x1b]0;b\x07", calling=True).count("\x1b") == 2
    assert title("x" * 500, calling=False) == f"\x1b]2;selffit {'x' * 80}\x1b\\"


def test_the_title_is_kept_before_and_brought_back_after():
    written: list[str] = []
    bell = Bell(written.append)
    bell.leave()
    bell.seen()
    assert written == []
    bell.ring("r")
    bell.ring("r")
    bell.seen()
    bell.leave()
    told = [title("r", calling=True) + BELL] * 2
    assert written == [KEEP_TITLE, *told, title("r", calling=False), GIVE_TITLE_BACK]


def test_who_wants_no_bell_hears_none():
    written: list[str] = []
    bell = Bell(written.append, on=False)
    bell.ring("r")
    bell.leave()
    assert written == []


def test_a_terminal_is_rung_for_an_onset_that_comes_and_not_for_one_that_was_there(in_terminal):
    terminal = in_terminal()  # a run with an onset
    terminal.wait_for("ONSET")
    terminal.read(1.0)
    assert b"\x1b]2;" not in terminal.output and KEEP_TITLE.encode() not in terminal.output
    run_dir = terminal.process.args[-1]
    with EventWriter(Path(run_dir), "trainer", 2) as log:
        log.emit(kinds.Alert(level="diverged", text="it came apart", onset_step=700), step=710)
        terminal.wait_for(CALLING.decode("latin-1"))
        size = len(terminal.output)
        terminal.send(b"s")
        terminal.wait_for("\x1b]2;selffit strokes-fgsm-7f3a", since=size)
    terminal.send(b"q")
    assert terminal.wait() == 0
    assert terminal.output.count(CALLING) == 1 and GIVE_TITLE_BACK.encode() in terminal.output


def test_watching_runs_a_command_for_what_comes(tmp_path):
    from selffit_tui.app.app import RunApp

    run_dir = tmp_path / "strokes-fgsm-7f3a"
    run_dir.mkdir()
    synthetic.write(run_dir, 702)
    got = tmp_path / "got"
    code = f"import sys; open({str(got)!r}, 'a').write(sys.stdin.read())"
    app = RunApp(run_dir, fps=50.0, notify=[sys.executable, "-c", code])

    async def go():
        async with app.run_test() as pilot:
            while app.run_screen.newest.loading is not None:
                await pilot.pause(0.02)
            app.caller.look(app.run_screen.newest)
            with EventWriter(run_dir, "trainer", 2) as log:
                log.emit(kinds.Alert(level="masked", text="it is not back"), step=710)
                while len(app.run_screen.newest.state.all(kinds.Alert)) < 3:
                    await pilot.pause(0.02)

    asyncio.run(go())
    app.caller.finish()
    assert [json.loads(line)["event"] for line in got.read_text().splitlines()] == ["masked"]

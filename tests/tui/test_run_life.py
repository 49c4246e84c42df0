"""The Run screen while the trainer lives, is silent, is lost, or the log changes under it."""

import re
from dataclasses import replace

import pytest

from selffit_tui.model.scene import Snapshot
from selffit_tui.panels.widget import LineWidget


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

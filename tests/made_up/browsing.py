"""The Runs screen and the Compare screen without a terminal, driven by keys."""

import asyncio

from made_up import folder as made_up_folder
from made_up.looks import SETS
from selffit.run.folder.run_dir import RunDir
from selffit_tui.app.app import RunsApp
from selffit_tui.model.compare.scene import CompareView
from selffit_tui.screens.compare import CompareScreen
from selffit_tui.screens.runs import RunsScreen

NOW = made_up_folder.CREATED + 600.0
SIZES = {"120x40": (120, 40), "80x24": (80, 24)}


async def until(pilot, holds):
    for _ in range(400):
        if holds():
            break
        await pilot.pause(0.02)
    assert holds()
    await pilot.pause()


def drive(app, steps, size=(120, 40)):
    async def go():
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: ready(app.screen))
            await at_rest(app, pilot)
            await steps(app, pilot)

    asyncio.run(go())
    return app


async def at_rest(app, pilot):
    """Waits until the layout of what was read has been drawn: nothing changes any more."""
    before, alike = None, 0
    for _ in range(200):
        await pilot.pause(0.02)
        now = [strip.text for strip in app.screen._compositor.render_strips()]
        alike = alike + 1 if now == before else 0
        before = now
        if alike >= 3:
            return


def ready(screen):
    if isinstance(screen, RunsScreen):
        return screen.rows.rows and not screen.rows.unread
    return not isinstance(screen, CompareScreen) or not screen.to_read


def list_app(root, glyphs="braille", colours="256"):
    # a relative folder: pictures of it are the same wherever it lies
    folder = root.relative_to(root.parent)
    return RunsApp(folder, clock=lambda: NOW, colours=colours, glyphs=SETS[glyphs])


def compare_app(root, *names, view=None, glyphs="braille"):
    runs = {letter: RunDir.open(root / name) for letter, name in zip("ABC", names, strict=False)}
    view = view or CompareView(branches=len(runs) == 1)
    return RunsApp(root, runs, view=view, clock=lambda: NOW, colours="256", glyphs=SETS[glyphs])

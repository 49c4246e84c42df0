"""A picture of a comparison without a terminal."""

import time
from collections.abc import Mapping
from pathlib import Path

from textual.pilot import Pilot

from selffit.errors import UserError
from selffit.named_file import check_place, write_whole
from selffit.run.folder.run_dir import RunDir
from selffit_tui.app.app import RunsApp
from selffit_tui.app.screenshot import LOAD_SECONDS
from selffit_tui.draw.glyphs import BRAILLE
from selffit_tui.draw.picture import offline, size_of
from selffit_tui.model.compare.scene import CompareView
from selffit_tui.screens.compare import CompareScreen


def save_comparison(
    runs: Mapping[str, RunDir],
    branches: Mapping[str, tuple[str, ...]],
    view: CompareView,
    target: Path,
    size: str = "120x40",
    light: bool = False,
) -> None:
    """Writes the Compare screen of runs by letter as an SVG file, once all logs have been read.

    `light`: on light paper. Raises UserError for an impossible size, or a file that cannot be
    written.
    """
    wanted = size_of(size)
    check_place(target, "--screenshot")
    app = RunsApp(
        Path(), runs, branches=branches, view=view, colours="256", glyphs=BRAILLE, light=light
    )
    pictures: list[str] = []

    async def shoot(pilot: Pilot[object]) -> None:
        begin = time.monotonic()
        while time.monotonic() - begin < LOAD_SECONDS:
            screen = app.screen
            if isinstance(screen, CompareScreen) and not screen.to_read:
                break
            await pilot.pause(0.05)
        await pilot.pause(0.1)
        pictures.append(app.export_screenshot(title="selffit: compare"))
        app.exit()

    app.run(headless=True, size=wanted, auto_pilot=shoot)
    if not pictures:
        raise UserError("the comparison could not be drawn")
    write_whole(target, offline(pictures[0]), "--screenshot")

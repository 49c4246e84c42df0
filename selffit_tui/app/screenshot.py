"""A picture of the Run screen without a terminal.

For reports, and for looking at a run from a script.
"""

import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from selffit.config import nearest
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.named_file import check_place, write_whole
from selffit_tui.app.app import RunApp, Start
from selffit_tui.draw.glyphs import BRAILLE
from selffit_tui.draw.picture import offline, size_of
from selffit_tui.model.scene import OVERVIEW
from selffit_tui.panels.list import NAMES

LOAD_SECONDS = 60.0


def check_panel(name: str) -> None:
    """Raises UserError for a panel that does not exist."""
    if name not in NAMES:
        raise UserError(f"there is no panel '{clean(name)[:40]}'; {nearest(name[:40], NAMES)}")


async def loaded(app: RunApp, pilot: Pilot[object]) -> None:
    """Returns once the whole log has been read, or after a while."""
    begin = time.monotonic()
    while time.monotonic() - begin < LOAD_SECONDS and app.run_screen.newest.loading is not None:
        await pilot.pause(0.05)


def save_screenshot(
    run_dir: Path,
    target: Path,
    size: str = "120x40",
    panel: str = OVERVIEW,
    at: str | None = None,
    light: bool = False,
    *,
    clock: Callable[[], float] = time.time,
) -> None:
    """Writes the screen as an SVG file, `size` columns × rows, once the whole log has been read.

    `panel` is the one that is shown alone, `at` a place to show instead of the newest; `light`: on
    light paper; `clock`: the wall clock in seconds. Raises UserError for an impossible size, a
    panel or a place that does not exist, or a file that cannot be written.
    """
    check_panel(panel)
    columns_rows = size_of(size)
    check_place(target, "--screenshot")
    start = None if at is None else Start(at=at, playing=False)
    app = RunApp(run_dir, colours="256", glyphs=BRAILLE, start=start, light=light, clock=clock)
    pictures: list[str] = []

    async def shoot(pilot: Pilot[object]) -> None:
        await loaded(app, pilot)
        app.run_screen.look(app.run_screen.view.showing(panel))
        await pilot.pause(0.1)
        pictures.append(app.export_screenshot(title=f"selffit: {clean(run_dir.name)}"))
        app.exit()

    app.run(headless=True, size=columns_rows, auto_pilot=shoot)
    if app.outcome.refused and at is not None:
        raise UserError(app.outcome.refused)
    if not pictures:
        raise UserError(f"the screen of {run_dir.name} could not be drawn")
    write_whole(target, offline(pictures[0]), "--screenshot")

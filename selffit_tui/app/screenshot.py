"""A picture of the Run screen without a terminal.

For reports, and for looking at a run from a script.
"""

import time
from pathlib import Path

from textual.pilot import Pilot

from selffit.config import nearest
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.named_file import check_place, write_whole
from selffit_tui.app.app import RunApp
from selffit_tui.draw.glyphs import BRAILLE
from selffit_tui.draw.picture import offline, picture_size
from selffit_tui.model.scene import OVERVIEW
from selffit_tui.panels.list import NAMES

LOAD_SECONDS = 60.0


def save_screenshot(
    run_dir: Path, target: Path, size: str = "120x40", panel: str = OVERVIEW
) -> None:
    """Writes the screen as an SVG file, `size` columns × rows, once the whole log has been read.

    `panel` is the one that is shown alone. Raises UserError for an impossible size, a panel that
    does not exist or a file that cannot be written.
    """
    if panel not in NAMES:
        raise UserError(f"there is no panel '{panel}'; {nearest(panel, NAMES)}")
    wanted = picture_size(size)
    check_place(target, "--screenshot")
    app = RunApp(run_dir, colours="256", glyphs=BRAILLE)
    pictures: list[str] = []

    async def shoot(pilot: Pilot[object]) -> None:
        begin = time.monotonic()
        while time.monotonic() - begin < LOAD_SECONDS and (
            app.run_screen.newest.loading is not None
        ):
            await pilot.pause(0.05)
        app.run_screen.action_panel_named(panel)
        await pilot.pause(0.1)
        pictures.append(app.export_screenshot(title=f"selffit: {clean(run_dir.name)}"))
        app.exit()

    app.run(headless=True, size=wanted, auto_pilot=shoot)
    if not pictures:
        raise UserError(f"the screen of {run_dir.name} could not be drawn")
    write_whole(target, offline(pictures[0]), "--screenshot")

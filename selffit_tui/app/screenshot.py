"""A picture of the Run screen without a terminal.

For reports, and for looking at a run from a script.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

from selffit.config import nearest
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.named_file import check_place, write_whole
from selffit_tui.app.app import RunApp
from selffit_tui.draw.glyphs import BRAILLE
from selffit_tui.model.scene import OVERVIEW
from selffit_tui.panels.list import NAMES

LOAD_SECONDS = 60.0
_SIZE = re.compile(r"([0-9]{1,3})[x×]([0-9]{1,3})")


def offline(svg: str) -> str:
    """The picture without the fonts that it would fetch from the network.

    Whoever looks has a monospaced one.
    """
    return re.sub(r"@font-face\s*\{[^}]*\}", "", svg).replace("Fira Code", "DejaVu Sans Mono")


def save_screenshot(
    run_dir: Path,
    target: Path,
    size: str = "120x40",
    panel: str = OVERVIEW,
    *,
    clock: Callable[[], float] = time.time,
) -> None:
    """Writes the screen as an SVG file, `size` columns × rows, once the whole log has been read.

    `panel` is the one that is shown alone; `clock`: the wall clock in seconds. Raises UserError for
    an impossible size, a panel that does not exist or a file that cannot be written.
    """
    if panel not in NAMES:
        raise UserError(f"there is no panel '{panel}'; {nearest(panel, NAMES)}")
    match = _SIZE.fullmatch(size.strip().lower())
    if match is None or not (20 <= int(match[1]) <= 400 and 6 <= int(match[2]) <= 200):
        raise UserError(
            f"--size must be columns x rows, such as 120x40 (at least 20x6), not '{size}'"
        )
    check_place(target, "--screenshot")
    app = RunApp(run_dir, colours="256", glyphs=BRAILLE, clock=clock)
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

    app.run(headless=True, size=(int(match[1]), int(match[2])), auto_pilot=shoot)
    if not pictures:
        raise UserError(f"the screen of {run_dir.name} could not be drawn")
    write_whole(target, offline(pictures[0]), "--screenshot")

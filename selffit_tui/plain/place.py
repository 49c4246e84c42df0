"""What an end card has to know of a run beside its log: its name, its folder, its weights."""

import os
from contextlib import suppress

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.run.folder.run_dir import RunDir
from selffit_tui.talk import named
from selffit_tui.words.end_card import Place


def place_of(run: RunDir) -> Place:
    """Looks at the folder now; what cannot be read is not known."""
    preset = ""
    with suppress(UserError):
        preset = str(run.info().get("preset") or "")
    weights = False
    with suppress(OSError):
        weights = any(entry.is_dir() for entry in os.scandir(run.ckpt))
    return Place(
        name=clean(run.name),
        run=named(run.path),
        folder=clean(os.path.relpath(run.path)),
        preset=preset,
        weights=weights,
    )

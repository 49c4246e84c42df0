"""What is written of a comparison that is on show, by the ending of the file's name."""

import json
from pathlib import Path

from selffit.errors import UserError
from selffit_tui.model.compare.export import as_csv, as_data, points
from selffit_tui.model.compare.scene import CompareScene


def exported(scene: CompareScene, kind: str) -> str:
    """What is seen of a scene as a text of that kind: `.csv` or `.json`."""
    compared, span = scene.compared(99), None
    if scene.view.zoom:
        window = scene.window(200)
        span = (window.start, window.end)
    if kind == ".csv":
        return as_csv(points(scene.on_axis, compared, scene.view.aligned, span))
    data = as_data(scene.curves, compared, scene.view.aligned, span)
    return json.dumps(data, allow_nan=False, indent=1) + "\n"


def path_of(text: str) -> Path:
    """The file of a name that was typed."""
    return Path(text.strip()).expanduser()


def kind_of(text: str) -> str:
    """The ending of that name, which says what is written. Raises UserError for another."""
    kind = path_of(text).suffix.lower()
    if kind not in (".csv", ".json", ".svg"):
        raise UserError("the name has to end in .csv, .json or .svg")
    return kind

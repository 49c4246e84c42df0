"""TensorBoard event files, through TensorBoard's own reader (`selffit[export]`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from selffit.errors import UserError
from selffit.exchange.source import Source, by_place, table_of
from selffit.exchange.tags import ABOUT, column_of
from selffit.exchange.write import run_name
from selffit.extras import needed

MOST_TAGS = 2000


def tensorboard_sources(path: Path) -> list[Source]:
    """Return the runs in an event file, or in the folders below one. Raises UserError."""
    needed("tensorboard", "export", f"{path} holds TensorBoard event files")
    folders = [path] if path.is_file() else sorted({f.parent for f in path.rglob("*tfevents*")})
    found = [(folder, *_read(folder)) for folder in folders]
    if ours := [(folder, series, about) for folder, series, about in found if about]:
        return [_native(path, ours)]
    full = [(folder, series) for folder, series, _ in found if series]
    if not full:
        raise UserError(
            f"{path}: no scalars in its event files; they are empty, damaged, or hold images only"
        )
    return [
        Source(
            table=by_place(folder, series),
            name=run_name(folder),
            format="TensorBoard event files",
        )
        for folder, series in full
    ]


def _read(folder: Path) -> tuple[dict[str, list[tuple[float, float]]], dict[str, Any]]:
    """The scalars of a folder by tag, and what selffit wrote about its own export."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    try:
        reader.Reload()
        tags = reader.Tags()
    except Exception as error:  # the reader raises whatever its parsers do
        raise UserError(
            f"{folder}: cannot be read as TensorBoard events ({type(error).__name__}: "
            f"{str(error)[:200]}); copy the file again"
        ) from None
    names = [*tags["scalars"], *tags["tensors"]]
    if len(names) > MOST_TAGS:
        raise UserError(f"{folder}: more than {MOST_TAGS} tags")
    series = {
        tag: [(float(one.step), float(one.value)) for one in reader.Scalars(tag)]
        for tag in tags["scalars"]
    }
    about: dict[str, Any] = {}
    for tag in tags["tensors"]:
        arrays = [(one.step, make_ndarray(one.tensor_proto)) for one in reader.Tensors(tag)]
        if tag == ABOUT and arrays:
            about = _about(arrays[-1][1])
        elif all(array.size == 1 and array.dtype.kind in "fiu" for _, array in arrays):
            series[tag] = [(float(step), float(array.item())) for step, array in arrays]
    return series, about


def _about(array: Any) -> dict[str, Any]:
    try:
        found = json.loads(array.reshape(-1)[0])
    except (ValueError, IndexError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _native(path: Path, parts: list[tuple[Path, Any, dict[str, Any]]]) -> Source:
    """Our own export: a folder a branch."""
    branches: dict[str, tuple[str, int]] = {}
    columns = ["branch", "step"]
    rows: list[dict[str, object]] = []
    settings: dict[str, Any] = {}
    for _, series, about in sorted(parts, key=lambda part: int(part[2].get("order") or 0)):
        branch = str(about.get("branch", "main"))
        config = about.get("config")
        settings = dict(config) if isinstance(config, dict) else {}
        settings["steps_per_epoch"] = about.get("steps_per_epoch") or 0
        settings["classes"] = about.get("classes") or 0
        if branch != "main":
            branches[branch] = (str(about.get("parent", "main")), int(about.get("base_step") or 0))
        # the budget of a probe and that of a step are called alike: a row of its own for each
        by_step: dict[tuple[float, str], dict[str, object]] = {}
        for tag, points in series.items():
            name, kind = column_of(tag), tag.partition("/")[0]
            if name not in columns:
                columns.append(name)
            for step, value in points:
                by_step.setdefault((step, kind), {})[name] = value
        rows += [
            {"branch": branch, "step": step, **by_step[step, kind]}
            for step, kind in sorted(by_step)
        ]
    cells = [(i, [row.get(name) for name in columns]) for i, row in enumerate(rows, 1)]
    for lacking in ("clean_acc", "fgsm_acc", "pgd_acc", "n", "eps"):
        if lacking not in columns:
            raise UserError(f"{path}: an export of selffit without {lacking}; export it again")
    return Source(
        table=table_of(path, columns, cells),
        name=run_name(path),
        format="selffit's own export (TensorBoard)",
        settings=settings,
        branches=branches,
        native=True,
    )

"""A run in other people's formats, each through the library of that format."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from math import inf, isfinite, isnan
from pathlib import Path
from typing import Any

import selffit
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.exchange.tables import Sheet, alerts, branches, probes, steps
from selffit.exchange.tags import ABOUT, tag_of
from selffit.extras import needed
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit.run.judged.summary import verdict_dict
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import sentence


def to_csv(sheet: Sheet) -> str:
    """Return a sheet as CSV: an empty cell was not measured, nan or inf was not finite."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in sheet.columns])
    writer.writerows([_cell(value) for value in row] for row in sheet.rows)
    return out.getvalue()


def to_json(state: RunState, run: RunDir) -> str:
    """Return a run as one JSON document: what its columns are, and all its sheets.

    null was not measured; "NaN", "Infinity" and "-Infinity" were, and were not finite.
    """
    sheets = (probes(state), steps(run), alerts(state))
    table, signals, raised = sheets
    document = {
        "selffit": selffit.__version__,
        **about(state, run),
        "verdict": {**verdict_dict(state), "text": sentence(state, verdict(state))},
        "branches": branches(state),
        "units": {
            one.name: {
                column.name: {"unit": column.unit, "meaning": column.meaning}
                for column in one.columns
            }
            for one in sheets
        },
        "probes": _objects(table),
        "steps": _columns(signals),
        "alerts": _objects(raised),
        "interventions": [
            {
                "op": one.op,
                "by": one.by,
                "step": one.step,
                "branch": one.branch,
                "new": _finite(dict(one.new)),
                "failed": one.failed,
            }
            for one in state.ledger.history
        ],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def about(state: RunState, run: RunDir) -> dict[str, Any]:
    """Return what a run is, as plain JSON values."""
    start = state.start
    return {
        "run": run.name,
        "config": _finite(dict(state.config)),
        "classes": start.classes if start is not None else 0,
        "steps_per_epoch": start.steps_per_epoch if start is not None else 0,
    }


def to_parquet(sheet: Sheet, path: Path) -> None:
    """Write a sheet as Parquet, units and meanings with its columns. Raises UserError."""
    needed("pyarrow", "export", "--parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {str: pa.string(), int: pa.int64(), float: pa.float64()}
    fields = [
        pa.field(
            column.name,
            types[column.type],
            metadata={"unit": column.unit, "meaning": column.meaning},
        )
        for column in sheet.columns
    ]
    schema = pa.schema(fields, metadata={"selffit": selffit.__version__, "table": sheet.name})
    arrays = [
        pa.array([row[i] for row in sheet.rows], type=field.type) for i, field in enumerate(fields)
    ]
    table = pa.Table.from_arrays(arrays, schema=schema)
    _whole(path, "--parquet", lambda draft: pq.write_table(table, draft))


def to_tensorboard(state: RunState, run: RunDir, path: Path) -> None:
    """Write a folder of event files: a run of TensorBoard a branch. Raises UserError.

    Scalars are single-precision there; what was not measured has no point.
    """
    needed("tensorboard", "export", "--tensorboard")
    _whole(path, "--tensorboard", lambda draft: _write_events(state, run, draft))


def _write_events(state: RunState, run: RunDir, path: Path) -> None:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.plugins.text.metadata import create_summary_metadata
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    sheets = (probes(state), steps(run))
    for order, branch in enumerate(branches(state)):
        writer = EventFileWriter(str(path / str(branch["name"])))
        told = json.dumps({**about(state, run), "branch": branch["name"], **branch, "order": order})
        text = TensorProto(dtype=7, string_val=[told.encode()])  # DT_STRING
        text.tensor_shape.dim.add().size = 1
        meta = create_summary_metadata(display_name="about", description="")
        value = Summary.Value(tag=ABOUT, tensor=text, metadata=meta)
        writer.add_event(Event(wall_time=state.started, step=0, summary=Summary(value=[value])))
        for sheet in sheets:
            places = {column.name: i for i, column in enumerate(sheet.columns)}
            numbers = [
                (i, tag_of(column.name, sheet.name))
                for i, column in enumerate(sheet.columns)
                if column.type is not str and column.name not in ("step", "base_step")
            ]
            for row in sheet.rows:
                if row[places["branch"]] != branch["name"]:
                    continue
                values = [
                    Summary.Value(tag=tag, simple_value=float(row[i]))
                    for i, tag in numbers
                    if row[i] is not None
                ]
                writer.add_event(
                    Event(
                        wall_time=state.started,
                        step=row[places["step"]],
                        summary=Summary(value=values),
                    )
                )
        writer.close()


def _whole(path: Path, option: str, write: Callable[[Path], object]) -> None:
    """Write a file or folder under another name, then rename it. Raises UserError."""
    if path.is_dir() and any(path.iterdir()):
        raise UserError(f"cannot write {option} {clean(str(path))}: there is a folder already")
    draft = path.absolute().with_name(f".selffit-{secrets.token_hex(8)}")
    try:
        write(draft)
        if path.is_dir():
            path.rmdir()
        os.replace(draft, path)
    except OSError as error:
        why = error.strerror or str(error)
        raise UserError(
            f"cannot write {option} {clean(str(path))}: {why}; name a place in a folder that "
            "exists and that you can write to"
        ) from error
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def _objects(sheet: Sheet) -> list[dict[str, Any]]:
    names = [column.name for column in sheet.columns]
    return [dict(zip(names, map(_json, row), strict=True)) for row in sheet.rows]


def _columns(sheet: Sheet) -> dict[str, list[Any]]:
    return {
        column.name: [_json(row[i]) for row in sheet.rows] for i, column in enumerate(sheet.columns)
    }


def _json(value: Any) -> Any:
    if not isinstance(value, float) or isfinite(value):
        return value
    if isnan(value):
        return "NaN"
    return "Infinity" if value == inf else "-Infinity"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(item) for item in value]
    return _json(value)

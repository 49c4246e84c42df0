"""Offline runs of W&B (`run-….wandb`), through its own messages (`selffit[wandb]`).

The file is a log of records in the framing of LevelDB's: a header of 7 bytes, then blocks of 32
KiB of chunks, each with checksum, length and type (whole, first, middle, last). A record is a
message of `wandb.proto`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selffit.errors import UserError
from selffit.exchange.source import Source, table_of
from selffit.exchange.write import run_name
from selffit.extras import needed

_MAGIC = b":W&B"
_HEADER = 7
_BLOCK = 32 * 1024
_CHUNK = struct.Struct("<IHB")  # checksum, length, type
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
MOST_BYTES = 1 << 30
_OWN = ("_runtime", "_timestamp", "_step")
# settings that people's scripts give, by the name in the log; those in levels of 255 where above 1
_SETTINGS = {
    "eps": ("eps", "epsilon"),
    "alpha": ("alpha",),
    "lr": ("lr", "lr_max", "learning_rate"),
    "epochs": ("epochs",),
    "batch_size": ("batch_size",),
    "seed": ("seed",),
    "method": ("method", "attack"),
}


def wandb_source(path: Path) -> Source:
    """Return an offline run. Raises UserError."""
    needed("wandb", "wandb", f"{path} is an offline run of W&B")
    from google.protobuf.message import DecodeError
    from wandb.proto import wandb_internal_pb2 as messages

    made: Any = vars(messages)["Record"]  # made when that is loaded: no type knows it
    rows: list[tuple[int, dict[str, Any]]] = []
    columns: dict[str, None] = {}
    name, left = "", 0
    config: dict[str, Any] = {}
    for data in _records(path):
        record: Any = made()
        try:
            record.ParseFromString(data)
        except DecodeError:
            left += 1
            continue
        if record.HasField("run"):
            name = record.run.display_name or record.run.run_id
            config |= {one.key: _json(one.value_json) for one in record.run.config.update}
        elif record.HasField("history"):
            told = {
                one.key or "/".join(one.nested_key): _json(one.value_json)
                for one in record.history.item
            }
            row = {k: v for k, v in told.items() if _is_number(v) and k not in _OWN}
            columns |= dict.fromkeys(row)
            rows.append((len(rows) + 1, {"step": record.history.step.num, **row}))
    if not rows:
        raise UserError(f"{path}: holds no history: nothing was logged, or the file is damaged")
    kept = [column for column in columns if column != "step"]
    said = [f"{left} records that cannot be read"] if left else []
    return Source(
        table=table_of(
            path,
            ["step", *kept],
            [(number, [row.get(one) for one in ("step", *kept)]) for number, row in rows],
            left_out=said,
        ),
        name=run_name(Path(name)) if name else run_name(path),
        format="an offline run of W&B",
        settings=settings_of(config),
    )


def settings_of(config: dict[str, Any]) -> dict[str, Any]:
    """Settings by the names of the log; budgets above 1 are in levels of 255."""
    found: dict[str, Any] = {}
    for name, keys in _SETTINGS.items():
        value = next((config[key] for key in keys if config.get(key) is not None), None)
        if isinstance(value, str) and name != "method":
            try:
                value = float(value)
            except ValueError:
                continue
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        if name in ("eps", "alpha") and isinstance(value, int | float) and value > 1:
            value = value / 255
        found[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    return found


def _records(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    if not raw.startswith(_MAGIC) or len(raw) > MOST_BYTES:
        raise UserError(f"{path}: no offline run of W&B; name a file run-….wandb")
    at, part = _HEADER, b""
    while at + _CHUNK.size <= len(raw):
        left = _BLOCK - at % _BLOCK
        if left < _CHUNK.size:
            at += left
            continue
        _, length, kind = _CHUNK.unpack_from(raw, at)
        data = raw[at + _CHUNK.size : at + _CHUNK.size + length]
        at += _CHUNK.size + length
        if kind not in (_WHOLE, _FIRST, _MIDDLE, _LAST):
            return  # what follows a tear is not understood
        part = data if kind in (_WHOLE, _FIRST) else part + data
        if kind in (_WHOLE, _LAST):
            yield part


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

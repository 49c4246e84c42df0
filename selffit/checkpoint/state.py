"""state.json: all that a resumed training needs besides tensors, in JSON that loses nothing."""

import math
from typing import Any

import msgspec

from selffit.checkpoint.errors import Damaged
from selffit.errors import UserError

FORMAT_VERSION = 1

_FLOAT, _TUPLE = "$float", "$tuple"


class CheckpointState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything is as it was after `step` optimiser steps.

    settings     the live ones in effect, zeroed channels included
    version      configuration version: how many commands have changed settings
    optimizer    the optimiser's structure, from `tensors.state_to_files`
    parts        what the trainer's parts remember (the detector, the summary …), by name. In the
                 file they stand beside the other fields; those of other writers are kept too

    Values are None, bool, int (64 bits), float, str, list, tuple, and dict with str keys that do
    not start with "$".
    """

    step: int
    branch: str
    attempt: int
    settings: dict[str, Any]
    version: int
    optimizer: dict[str, Any] = {}
    format: int = FORMAT_VERSION
    parts: dict[str, Any] = {}

    def encode(self) -> bytes:
        """One line of JSON. Raises TypeError for values of other kinds."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__ if name != "parts"}
        return msgspec.json.encode(_pack(self.parts | fields)) + b"\n"

    @classmethod
    def decode(cls, data: bytes, id: str) -> "CheckpointState":
        """Raises Damaged (of checkpoint `id`), or UserError when a newer selffit wrote it."""
        try:
            fields = _unpack(msgspec.json.decode(data))
            if not isinstance(fields, dict):
                raise Damaged(id, "state.json holds no object")
            if isinstance(version := fields.get("format"), int) and version > FORMAT_VERSION:
                raise UserError(
                    f"checkpoint {id} was written by a newer selffit; update selffit to use it"
                )
            known = set(cls.__struct_fields__) - {"parts"}
            parts = {name: value for name, value in fields.items() if name not in known}
            return msgspec.convert(
                {name: fields[name] for name in fields.keys() & known} | {"parts": parts}, cls
            )
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise Damaged(id, f"state.json cannot be read: {fault}") from fault


def _pack(value: object) -> object:
    """JSON has no infinities, NaN or tuples: those become objects with one key, `$` before it."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else {_FLOAT: repr(float(value))}
        case tuple():
            return {_TUPLE: [_pack(item) for item in value]}
        case list():
            return [_pack(item) for item in value]
        case dict():
            if bad := [key for key in value if not isinstance(key, str) or key.startswith("$")]:
                raise TypeError(f"no keys for state.json: {bad}")
            return {key: _pack(item) for key, item in value.items()}
    raise TypeError(f"state.json cannot hold a {type(value).__name__}")


def _unpack(value: Any) -> Any:
    match value:
        case list():
            return [_unpack(item) for item in value]
        case {"$float": "nan" | "inf" | "-inf" as name, **rest} if not rest:
            return float(name)
        case {"$tuple": list() as items, **rest} if not rest:
            return tuple(_unpack(item) for item in items)
        case dict():
            return {key: _unpack(item) for key, item in value.items()}
    return value

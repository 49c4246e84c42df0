"""Names that earlier versions used for commands and settings, as those of today.

Logs, checkpoints, inboxes and policies may still hold them; every reader of those passes through
here. Channels were `suppress`ed or masked, with a mode; now they are `zero`ed. Shares
had a zero before the point.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from selffit.config.table import OLD_NAMES
from selffit.eventlog.fields import mapping

OPS = {"suppress": "zero", "unsuppress": "unzero"}
SETTINGS = {"suppress": "zeroed"}
_SHARE = re.compile(r"(?<![\w.,/])([-+]?)0(\.\d\d)(?![\w.])")
_GONE = "mode"  # of what an operation or the setting held; it had one value


def op_today(op: str) -> str:
    """The name of an operation."""
    return OPS.get(op, op)


def args_today(op: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the operation that is or was called `op`."""
    gone = _GONE if op in OPS and args.get(_GONE) == "mask" else None
    return {name: value for name, value in args.items() if name != gone}


def forms(op: str, args: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """An operation with its arguments, as it is called today and as it was called before."""
    yield op, args
    yield from ((old, {**args, _GONE: "mask"}) for old, today in OPS.items() if today == op)


def settings_today(values: Mapping[str, Any]) -> dict[str, Any]:
    """Live settings; what is not of an earlier version stays as it is."""
    return {
        SETTINGS.get(name, name): _layers(value) if name in SETTINGS else value
        for name, value in values.items()
    }


def config_today(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a `run.start`, under the names that they have today."""
    return {OLD_NAMES.get(name, name): value for name, value in config.items()}


def sentence_today(text: str) -> str:
    """What the detector said, its shares written as they are today: .31, where it was 0.31."""
    return _SHARE.sub(r"\1\2", text)


def _layers(zeroed: Any) -> Any:
    if not isinstance(zeroed, Mapping):
        return zeroed
    return {
        layer: {name: value for name, value in mapping(what).items() if name != _GONE}
        for layer, what in zeroed.items()
    }

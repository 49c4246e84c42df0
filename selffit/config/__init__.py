"""The run configuration: its table of settings, how values are read and come together."""

from selffit.config.parsing import (
    TRUTH,
    OutOfRange,
    nearest,
    parse_number,
    parse_setting,
    parse_size,
)
from selffit.config.resolve import from_dict, preset_names, resolve, settled
from selffit.config.table import (
    DEFAULT_PRESET,
    FALLING_STEPS,
    FIELDS,
    HELDOUT,
    HOST,
    LIVE,
    READ,
    ROLLBACK,
    RunConfig,
)

__all__ = [
    "DEFAULT_PRESET",
    "FALLING_STEPS",
    "FIELDS",
    "HELDOUT",
    "HOST",
    "LIVE",
    "READ",
    "ROLLBACK",
    "TRUTH",
    "OutOfRange",
    "RunConfig",
    "from_dict",
    "nearest",
    "parse_number",
    "parse_setting",
    "parse_size",
    "preset_names",
    "resolve",
    "settled",
]

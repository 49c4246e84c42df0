"""Raw values of settings (text, TOML, JSON) as typed ones in their ranges, or a refusal."""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from selffit.config.table import FIELDS, Numbers
from selffit.errors import UserError

TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def nearest(name: str, valid: Iterable[str]) -> str:
    """What to say after an unknown name: the nearest valid one, or all of them."""
    names = list(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"valid: {', '.join(names)}"


def parse_number(text: str) -> float:
    """'0.16', '8/255' or '1e-3' as a float. Raises ValueError, ZeroDivisionError."""
    upper, slash, lower = text.partition("/")
    return float(upper) / float(lower) if slash else float(text)


def parse_size(name: str, raw: Any, eps: float, auto: float) -> float:
    """A step size in pixels: a number, a multiple of eps ('1.25eps'), or 'auto'.

    Its range is not checked. Raises UserError.
    """
    if isinstance(raw, str):
        text = raw.strip().lower().replace("·", "").replace("*", "")
        if text == "auto":
            return auto
        if text.endswith("eps"):
            try:
                return parse_number(text[:-3] or "1") * eps
            except (ValueError, ZeroDivisionError) as error:
                raise UserError(
                    f"{flag(name)} '{raw}' is no step size; write 10/255, 1.25eps or auto"
                ) from error
    value = float(_convert(name, raw))
    return auto if value == -1.0 else value


class OutOfRange(UserError):
    """A value of the right type that is outside its range or is none of the choices."""


def parse_setting(name: str, raw: Any, shown: str = "") -> Any:
    """One raw value (text, or a TOML or JSON value) as the type of the field `name`, in its range.

    `shown` is what messages call the setting, by default its command-line flag. Raises UserError,
    and its kind OutOfRange for a value of the right type.
    """
    value = _convert(name, raw, shown)
    check_range(name, value, shown)
    return value


def flag(name: str) -> str:
    """The command-line option of a setting."""
    return "--" + name.replace("_", "-")


def _convert(name: str, raw: Any, shown: str = "") -> Any:
    """One raw value (text from the command line, TOML, JSON) as the field's type.

    Raises UserError.
    """
    kind = FIELDS[name].type
    if kind == Numbers:
        return _numbers(name, raw, shown)
    try:
        if kind is bool:
            if isinstance(raw, str):
                return TRUTH[raw.lower()]
            if not isinstance(raw, bool):
                raise ValueError
            return raw
        if isinstance(raw, bool):
            raise ValueError
        if kind is str:
            if isinstance(raw, list):
                return ",".join(str(part) for part in raw)
            str(
                raw
            ).encode()  # a ValueError for bytes of a name that are no text: no log holds them
            return str(raw)
        number = parse_number(raw) if isinstance(raw, str) else float(raw)
        if not math.isfinite(number) or (kind is int and number != int(number)):
            raise ValueError
        return int(number) if kind is int else number
    except (ValueError, KeyError, TypeError, ZeroDivisionError, OverflowError) as error:
        want = {
            bool: "true or false",
            int: "a whole number",
            float: "a number such as 0.1 or 8/255",
            str: "text",
        }
        raise UserError(f"{shown or flag(name)} must be {want[kind]}, not {raw!r}") from error  # type: ignore[index]


def _numbers(name: str, raw: Any, shown: str = "") -> Numbers:
    """'0.49,0.48,0.45', '1/0.247', a number, or a list of such. Raises UserError."""
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, (list, tuple)):
        parts = [parts]
    try:
        if any(isinstance(part, bool) for part in parts):
            raise ValueError
        numbers = tuple(
            parse_number(part) if isinstance(part, str) else float(part)
            for part in parts
            if part != "" or len(parts) > 1
        )
        if not all(map(math.isfinite, numbers)):
            raise ValueError
    except (ValueError, TypeError, ZeroDivisionError) as error:
        example = FIELDS[name].metadata["example"]
        raise UserError(
            f"{shown or flag(name)} must be numbers such as {example}, not {raw!r}"
        ) from error
    return numbers


def check_range(name: str, value: Any, shown: str = "") -> None:
    """Raises OutOfRange for a typed value that the setting `name` cannot have."""
    meta = FIELDS[name].metadata
    if meta["choices"] and value not in meta["choices"]:
        raise OutOfRange(
            f"unknown {name.replace('_', ' ')} '{value}'; {nearest(str(value), meta['choices'])}"
        )
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, (int, float)) and not meta["low"] <= number <= meta["high"]:
            low, high = f"{meta['low']:g}", f"{meta['high']:g}"
            span = f"at least {low}" if high == "inf" else f"in [{low}, {high}]"
            hint = " (pixels are in [0, 1]: write 8/255, not 8)" if meta["pixels"] else ""
            raise OutOfRange(f"{shown or flag(name)} must be {span}, not {number:g}{hint}")

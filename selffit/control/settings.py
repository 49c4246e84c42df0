"""The settings that may change while a run trains: values, ranges, and what a `set` makes of them.

Live settings are a flat mapping: the names of `LIVE`; `zeroed`, the channels that are held at zero,
as {layer: {"channels": [int, …]}}; and `seed`. Values are absolute, so applying one twice changes
nothing.
"""

from collections.abc import Mapping
from typing import Any

from selffit.config import FIELDS, HELDOUT, LIVE, OutOfRange, parse_setting, parse_size
from selffit.control.refusal import Refusal
from selffit.errors import UserError
from selffit.methods.catalogue import METHODS, OF_THE_METHOD, users

# of '1.25eps': only a bound on nonsense, the pixel value has a range of its own
ALPHA_FACTOR_MAX = 1000.0
MAX_VALUE = 100  # characters of a value
ZEROED = "zeroed"
# of the random streams; a roll-back gives its branch one of its own, nobody can `set` it
SEED = "seed"


def live_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The live settings at the start of a run with this (flat) configuration.

    Defaults for what it does not name.
    """
    settings = {name: config.get(name, FIELDS[name].default) for name in (*LIVE, SEED)}
    return {**settings, ZEROED: {}}


def parse_live(name: str, raw: Any) -> Any:
    """The value of a setting of `LIVE`, typed and in its range; alpha may stay 'auto' or '1.25eps'.

    Raises Refusal.
    """
    if isinstance(raw, str) and len(raw) > MAX_VALUE:
        raise Refusal(
            "bad-argument", f"{name} is {len(raw)} characters long; give a number or a name"
        )
    try:
        if name == "alpha" and isinstance(raw, str):
            return _alpha_text(raw)
        return parse_setting(name, raw, shown=name)
    except OutOfRange as error:
        raise Refusal("out-of-range", str(error)) from None
    except UserError as error:
        raise Refusal("bad-argument", str(error)) from None


def _alpha_text(raw: str) -> Any:
    text = raw.strip().lower().replace(" ", "")
    if text == "auto":
        return text
    if not text.endswith("eps"):
        return parse_setting("alpha", raw, shown="alpha")
    factor = float(parse_size("alpha", text, eps=1.0, auto=1.0))
    if not 0 <= factor <= ALPHA_FACTOR_MAX:
        raise OutOfRange(f"alpha must be between 0 and {ALPHA_FACTOR_MAX:g} times eps, not '{raw}'")
    return f"{factor!r}eps"


def changed(
    now: Mapping[str, Any], args: Mapping[str, Any], config: Mapping[str, Any]
) -> dict[str, Any]:
    """The live settings after `set` with checked `args` on the settings `now`.

    The same mapping if nothing differs. What is not named follows: a new method (or number of
    steps) brings its own step size and start, and turns off what it does not use, a new eps keeps
    the ratio alpha/eps. `config` is the run's configuration, for what does not change. Raises
    Refusal for values that are fine alone but not together.
    """
    new = {**now, **{name: args[name] for name in LIVE if name in args}}
    method = METHODS[new["method"]]
    for name in OF_THE_METHOD:
        if name in method.uses or name == "alpha":  # a step size waits for a method that uses it
            continue
        if args.get(name):
            those = users(name)
            raise Refusal(
                "bad-argument",
                f"{name} applies to {', '.join(those)} only, not to {method.name}; "
                f"add method={those[0]}",
            )
        if FIELDS[name].type is bool:
            new[name] = False
    other_attack = new["method"] != now["method"] or new["attack_steps"] != now["attack_steps"]
    if new["method"] != now["method"] and "start" not in args:
        new["start"] = "default"
    auto = method.default_alpha(new["eps"], new["attack_steps"])
    if "alpha" in args:
        new["alpha"] = parse_size("alpha", args["alpha"], new["eps"], auto)
    elif other_attack:
        new["alpha"] = auto
    elif new["eps"] != now["eps"]:
        new["alpha"] = now["alpha"] * (new["eps"] / now["eps"]) if now["eps"] > 0 else auto
    parse_live("alpha", new["alpha"])  # a multiple of eps may be too large in pixels
    for name in HELDOUT:
        if name in args and new[name] > config.get("holdout", FIELDS["holdout"].default):
            raise Refusal(
                "out-of-range",
                f"{name} {new[name]} is more than the held-out images; give a smaller number",
            )
    return new


def differing(now: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `new` that are not the same in `now`."""
    return {name: value for name, value in new.items() if name not in now or now[name] != value}

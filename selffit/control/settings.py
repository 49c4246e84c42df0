"""The settings that may change while a run trains: their values, their ranges, and what a `set`
makes of them.

Live settings are a flat mapping: the names of `LIVE`; `suppress`, the channels that are masked, as
{layer: {"channels": [int, …], "mode": "mask"}}; and `seed`. Values are absolute, so applying one
twice changes nothing.
"""

from collections.abc import Mapping
from typing import Any

from selffit.config import FIELDS, OutOfRange, default_alpha, parse_setting, parse_size
from selffit.control.refusal import Refusal
from selffit.errors import UserError

# of '1.25eps': only a bound on nonsense, the pixel value has a range of its own
ALPHA_FACTOR_MAX = 1000.0
MAX_VALUE = 100  # characters of a value
LIVE = (
    "eps",
    "alpha",
    "lr_scale",
    "weight_decay",
    "method",
    "attack_steps",
    "start",
    "mix_signs",
    "corner",
    "probe_every",
    "probe_images",
    "channel_images",
    "self_images",
    "causal_images",
    "stop_epoch",
)
IMAGE_COUNTS = ("probe_images", "channel_images", "self_images", "causal_images")
SUPPRESS = "suppress"
# of the random streams; a roll-back gives its branch one of its own, nobody can `set` it
SEED = "seed"


def live_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The live settings at the start of a run with this (flat) configuration; defaults for what it
    does not name.
    """
    settings = {name: config.get(name, FIELDS[name].default) for name in (*LIVE, SEED)}
    return {**settings, SUPPRESS: {}}


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
    """The live settings after `set` with checked `args` on the settings `now`; the same mapping if
    nothing differs.

    What is not named follows: a new method (or number of steps) brings its own step size and start,
    without pgd there are no corners, a new eps keeps the ratio alpha/eps. `config` is the run's
    configuration, for what does not change. Raises Refusal for values that are fine alone but not
    together.
    """
    new = {**now, **{name: args[name] for name in LIVE if name in args}}
    if new["method"] != "pgd":
        for name in ("attack_steps", "corner"):
            if args.get(name):
                raise Refusal(
                    "bad-argument",
                    f"{name} applies to pgd only, not to {new['method']}; add method=pgd",
                )
        new["corner"] = False
    other_attack = new["method"] != now["method"] or new["attack_steps"] != now["attack_steps"]
    if new["method"] != now["method"] and "start" not in args:
        new["start"] = "default"
    auto = default_alpha(new["method"], new["eps"], new["attack_steps"])
    if "alpha" in args:
        new["alpha"] = parse_size("alpha", args["alpha"], new["eps"], auto)
    elif other_attack:
        new["alpha"] = auto
    elif new["eps"] != now["eps"]:
        new["alpha"] = now["alpha"] * (new["eps"] / now["eps"]) if now["eps"] > 0 else auto
    parse_live("alpha", new["alpha"])  # a multiple of eps may be too large in pixels
    for name in IMAGE_COUNTS:
        if name in args and new[name] > config.get("holdout", FIELDS["holdout"].default):
            raise Refusal(
                "out-of-range",
                f"{name} {new[name]} is more than the held-out images; give a smaller number",
            )
    return new


def differing(now: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `new` that are not the same in `now`."""
    return {name: value for name, value in new.items() if name not in now or now[name] != value}

"""What somebody's loop is watched by: settings of the log that are about attack and probes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selffit.config import FIELDS, RunConfig, resolve
from selffit.errors import UserError

EVERY = 500  # steps between probes, where nobody has said how long an epoch is
_PROBES = tuple(name for name, one in FIELDS.items() if one.metadata["group"] == "probes")
_POLICY = ("on_co", "on_suspect", "on_diverged", "max_rollbacks")
# the others are the loop's own affair
WATCHING = ("method", "eps", "alpha", "attack_steps", "corner", "block_steps", *_PROBES, *_POLICY)


def settings_of(
    eps: float | str, method: str, held: int, per_epoch: int, said: Mapping[str, Any]
) -> RunConfig:
    """Return the settings to watch by: what was said, else the defaults of our own trainings.

    held: number of held-out images. per_epoch: steps of an epoch, 0 where that was not said.
    Raises UserError.
    """
    for name in said:
        if name not in WATCHING:
            free = ", ".join(name for name in WATCHING if name not in ("method", "eps"))
            raise UserError(f"Monitor({name}=…): is nothing that it goes by; there is {free}")
    usual: dict[str, Any] = {name: FIELDS[name].default for name in _PROBES}
    for name in _PROBES:
        if FIELDS[name].metadata["heldout"]:
            usual[name] = min(int(usual[name]), held)
    if not per_epoch:
        usual["probe_every"] = EVERY
    fixed = {"holdout": min(held, 100_000), "method": method, "eps": eps, "eps_ramp": 0.0}
    return resolve(None, {**usual, **fixed, **said})

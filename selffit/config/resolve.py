"""From presets, options and run.json to a `RunConfig` whose values go together."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from selffit.config.parsing import (
    check_range,
    flag,
    nearest,
    parse_setting,
    parse_size,
)
from selffit.config.table import (
    DEFAULT_PRESET,
    FALLING_STEPS,
    FIELDS,
    GROUPS,
    HELDOUT,
    OLD_NAMES,
    RunConfig,
)
from selffit.data.catalogue import DATA_SETS, DEFAULT_DIR
from selffit.errors import UserError
from selffit.methods import catalogue as methods
from selffit.methods.catalogue import METHODS
from selffit.models import catalogue as models


def preset_names() -> list[str]:
    """The presets that come with the package, in alphabetical order."""
    return sorted(
        p.name[:-5] for p in files("selffit.presets").iterdir() if p.name.endswith(".toml")
    )


def load_preset(name: str) -> dict[str, Any]:
    """The settings of a preset as a flat mapping.

    `name` is a shipped preset or a path to a TOML file. Raises UserError for an unknown preset,
    unreadable TOML, or a table or key that does not exist.
    """
    names = preset_names()
    if name in names:
        text, where = (
            files("selffit.presets").joinpath(f"{name}.toml").read_text("utf-8"),
            f"preset '{name}'",
        )
    elif name.endswith(".toml") or "/" in name:
        where = f"preset file {name}"
        try:
            text = Path(name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read {where}: {error}; give a readable TOML file") from error
    else:
        raise UserError(f"unknown preset '{name}'; {nearest(name, names)}")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where} is not valid TOML: {error}") from error
    flat: dict[str, Any] = {}
    for group, table in tables.items():
        if group not in GROUPS:
            raise UserError(f"{where} has an unknown table [{group}]; {nearest(group, GROUPS)}")
        if not isinstance(table, dict):
            raise UserError(f"{where}: '{group}' must be a table, written [{group}]")
        known = [n for n, f in FIELDS.items() if f.metadata["group"] == group]
        for old, value in table.items():
            key = OLD_NAMES.get(str(old), str(old))
            if key not in known:
                home = FIELDS[key].metadata["group"] if key in FIELDS else None
                hint = f"it belongs into [{home}]" if home else nearest(key, list(FIELDS))
                raise UserError(f"{where} has an unknown key '{key}' in [{group}]; {hint}")
            flat[key] = value
    return flat


def resolve(preset: str | None = None, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """The configuration of a run: defaults, then the preset, then what the command line gives.

    Values may be text ('8/255', '1.25eps'); the result is fully typed, `alpha` and `probe_alpha` in
    pixel units at the final eps. Raises UserError for unknown names and impossible values.
    """
    overrides = {key: value for key, value in (overrides or {}).items() if value is not None}
    for key in overrides:
        if key not in FIELDS:
            raise UserError(f"unknown setting '{key}'; {nearest(key, list(FIELDS))}")
    base = load_preset(preset or DEFAULT_PRESET)
    for what, theirs in (
        ("method", methods.OF_THE_METHOD),
        ("model", models.OF_THE_MODEL),
        ("lr_schedule", ("momentum_low",)),
        ("optimizer", ("momentum_low",)),
    ):
        own = base.get(what, FIELDS[what].default)
        if overrides.get(what, own) != own:  # another one brings its own
            base = {name: value for name, value in base.items() if name not in theirs}
    raw = {**base, **overrides}
    sizes = {name: raw.pop(name, "auto") for name in ("alpha", "probe_alpha")}
    config = RunConfig(**{name: parse_setting(name, value) for name, value in raw.items()})
    _check_effect(config, overrides)
    auto = METHODS[config.method].default_alpha(config.eps, config.attack_steps)
    alpha = parse_size("alpha", sizes["alpha"], config.eps, auto)
    probe_alpha = parse_size("probe_alpha", sizes["probe_alpha"], config.eps, FALLING_STEPS)
    check_range("alpha", alpha)
    check_range("probe_alpha", probe_alpha)
    config = replace(config, alpha=alpha, probe_alpha=probe_alpha)
    _check_together(config)
    for name in HELDOUT:
        if name in raw:
            _check_count(config, name)
    return config


def _check_effect(config: RunConfig, overrides: Mapping[str, Any]) -> None:
    """Raises UserError for what was asked for and means nothing to this method or network.

    A switch that stays as it is by default is not asked for.
    """
    theirs = [("method", name, methods.users(name)) for name in methods.OF_THE_METHOD]
    theirs += [("model", name, models.users(name)) for name in models.OF_THE_MODEL]
    for what, name, users in theirs:
        chosen, field = getattr(config, what), FIELDS[name]
        idle = field.type is bool and getattr(config, name) == field.default
        if name in overrides and chosen not in users and not idle:
            raise UserError(
                f"{flag(name)} has no effect with {chosen}; leave it out or choose "
                f"--{what} {' or '.join(users)}"
            )


def settled(config: RunConfig) -> RunConfig:
    """The same as run.json keeps it: the images are in the same folder wherever one stands."""
    if DATA_SETS[config.data].generator and not config.data_dir:
        return config
    folder = Path(config.data_dir or DEFAULT_DIR).expanduser()
    return replace(config, data_dir=os.path.abspath(folder))


def _check_together(config: RunConfig) -> None:
    """Values that are fine alone but impossible together."""
    marks = list(config.lr_milestones)
    if marks != sorted(marks) or any(mark <= 0 for mark in marks):
        shown = ",".join(f"{mark:g}" for mark in marks)
        raise UserError(f"--lr-milestones must be positive and rising, not '{shown}'")
    if config.lr_schedule == "step" and not config.lr_milestones:
        raise UserError("--lr-schedule step needs --lr-milestones, e.g. --lr-milestones 80,90")
    if config.momentum_low:
        if (config.lr_schedule, config.optimizer) != ("triangular", "sgd"):
            raise UserError(
                "--momentum-low cycles with --lr-schedule triangular and --optimizer sgd; leave it "
                "out with others"
            )
        if config.momentum_low > config.momentum:
            raise UserError(
                f"--momentum-low {config.momentum_low:g} is above --momentum {config.momentum:g}; "
                "lower the one or raise the other"
            )
    if config.train_images and config.batch_size > config.train_images:
        raise UserError(
            f"--batch-size {config.batch_size} is larger than --train-images "
            f"{config.train_images}; "
            "lower the one or raise the other"
        )
    for name in HELDOUT:
        if not FIELDS[name].metadata["at_most"]:
            _check_count(config, name)
    device = config.device
    if device not in ("auto", "cpu", "cuda") and not (
        device.startswith("cuda:") and device[5:].isdigit()
    ):
        raise UserError(f"unknown device '{device}'; valid: auto, cpu, cuda, cuda:N")
    if config.data_dir and "\0" in config.data_dir:
        raise UserError("--data-dir must not contain a NUL character")


def _check_count(config: RunConfig, name: str) -> None:
    """Raises UserError for a probe of more images than are held out."""
    if getattr(config, name) > config.holdout:
        raise UserError(
            f"{flag(name)} {getattr(config, name)} is larger than --holdout {config.holdout}"
        )


def from_dict(data: Mapping[str, Any]) -> RunConfig:
    """The configuration that `as_dict` stored. Raises UserError where this version has no such."""
    data = {OLD_NAMES.get(key, key): value for key, value in data.items()}
    unknown = [key for key in data if key not in FIELDS]
    if unknown:
        raise UserError(
            f"run.json has an unknown setting '{unknown[0]}'; it was written by another version"
        )
    config = RunConfig(**{name: parse_setting(name, value) for name, value in data.items()})
    _check_together(config)
    return config

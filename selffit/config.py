"""The typed run configuration: one table of settings that presets, the command line and run.json
share.

A setting is a field of `RunConfig` made with `setting()`. The command line builds its options from
the same fields, so a new setting is one line here and nothing elsewhere. Preset files are TOML
whose tables are the groups below and whose keys are the field names.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from selffit.errors import UserError

METHODS = ("fgsm", "rs-fgsm", "n-fgsm", "pgd")
MODELS = ("small", "preact-resnet18", "resnet18")
EMBEDDED_SETS = ("patterns", "strokes")
DATA_SETS = (*EMBEDDED_SETS, "cifar10", "cifar100", "svhn", "mnist", "fashion-mnist")
GROUPS = ("data", "model", "attack", "training", "probes", "checkpoints", "policy", "run")
DEFAULT_PRESET = "patterns"


def setting(
    default: Any,
    group: str,
    help: str,
    *,
    choices: tuple[str, ...] = (),
    low: float = -math.inf,
    high: float = math.inf,
) -> Any:
    """A `RunConfig` field with what people need to know about it; `low` and `high` are inclusive."""
    meta = {"group": group, "help": help, "choices": choices, "low": low, "high": high}
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides how a run trains. Pixels and budgets are in units of [0, 1]."""

    data: str = setting("patterns", "data", "image set", choices=DATA_SETS)
    data_dir: str = setting(
        "", "data", "folder of downloaded sets, in torchvision's layout (default: ./data)"
    )
    download: bool = setting(False, "data", "download the set into --data-dir when it is missing")
    train_images: int = setting(0, "data", "number of training images, 0 = all", low=0)
    holdout: int = setting(
        1000, "data", "training images held out for the probes", low=16, high=100_000
    )
    augment: str = setting("none", "data", "augmentation", choices=("none", "crop", "crop-flip"))

    model: str = setting("small", "model", "network", choices=MODELS)
    width: int = setting(
        0, "model", "channels of the first convolution, 0 = the network's own", low=0, high=1024
    )
    input_mean: float = setting(
        0.0, "model", "the network sees (x − input_mean)·input_scale", low=0, high=1
    )
    input_scale: float = setting(
        1.0, "model", "the network sees (x − input_mean)·input_scale", low=1e-3, high=1e3
    )

    method: str = setting("fgsm", "attack", "training attack", choices=METHODS)
    eps: float = setting(8 / 255, "attack", "budget (L∞), e.g. 8/255 or 0.16", low=0, high=1)
    alpha: float = setting(
        -1.0, "attack", "step size: 10/255, 1.25eps, or auto (the method's own)", low=0, high=2
    )
    attack_steps: int = setting(
        10, "attack", "steps of pgd (other methods take one)", low=1, high=1000
    )
    start: str = setting(
        "default", "attack", "start of the attack", choices=("default", "zero", "random")
    )
    eps_ramp: float = setting(
        0.0, "attack", "share of training over which eps rises linearly from 0", low=0, high=1
    )
    corner: bool = setting(
        False, "attack", "project the perturbation of pgd to the corners of the ball"
    )
    mix_signs: float = setting(
        0.0,
        "attack",
        "share of the perturbation's entries that random signs replace",
        low=0,
        high=1,
    )
    attack_bn: str = setting(
        "train", "attack", "batch-norm mode while the attack is made", choices=("train", "eval")
    )

    epochs: float = setting(
        30.0, "training", "passes over the training images", low=1e-3, high=10_000
    )
    stop_epoch: float = setting(
        0.0,
        "training",
        "end training after this epoch without changing the schedules, 0 = at --epochs",
        low=0,
        high=10_000,
    )
    batch_size: int = setting(128, "training", "images a step", low=1, high=65_536)
    optimizer: str = setting("sgd", "training", "optimiser", choices=("sgd", "adam"))
    lr: float = setting(0.1, "training", "peak learning rate", low=0, high=100)
    lr_scale: float = setting(
        1.0, "training", "factor on the scheduled learning rate", low=1e-6, high=100
    )
    momentum: float = setting(0.9, "training", "momentum (sgd)", low=0, high=0.9999)
    weight_decay: float = setting(0.0, "training", "weight decay", low=0, high=1)
    clip_grad: float = setting(0.0, "training", "largest gradient norm, 0 = no clipping", low=0)
    lr_schedule: str = setting(
        "constant",
        "training",
        "triangular is 0→lr→0 with the peak at --lr-turn, linear falls to 0 from --lr-turn on, "
        "step is ×lr-gamma at each of --lr-milestones",
        choices=("constant", "triangular", "linear", "step"),
    )
    lr_turn: float = setting(
        0.5, "training", "share of training at which lr peaks or starts to fall", low=0, high=1
    )
    lr_warmup: int = setting(0, "training", "steps over which lr rises linearly from 0", low=0)
    lr_milestones: str = setting("", "training", "epochs of the step schedule, e.g. 80,90")
    lr_gamma: float = setting(0.1, "training", "factor of the step schedule", low=0, high=1)
    precision: str = setting(
        "auto",
        "training",
        "auto = bf16 autocast on CUDA, fp32 elsewhere",
        choices=("auto", "fp32", "bf16"),
    )

    probe_every: int = setting(
        0, "probes", "steps between robust-accuracy probes, 0 = once an epoch", low=0
    )
    probe_images: int = setting(512, "probes", "held-out images of a probe", low=16, high=100_000)
    probe_steps: int = setting(10, "probes", "PGD steps of a probe", low=1, high=1000)
    probe_alpha: float = setting(
        -1.0,
        "probes",
        "PGD step size of a probe: 2/255, 0.25eps, or auto (2.5·eps/steps)",
        low=0,
        high=2,
    )
    channel_images: int = setting(
        256, "probes", "held-out images of a channel probe, 0 = no channel probes", low=0
    )
    self_images: int = setting(
        128,
        "probes",
        "held-out images of a self-information probe, 0 = none, not even after an onset",
        low=0,
    )
    causal_images: int = setting(
        256,
        "probes",
        "held-out images of the causal check of channels after an onset, 0 = no check",
        low=0,
    )

    checkpoint_every: int = setting(
        0, "checkpoints", "steps between checkpoints, 0 = with every interval probe", low=0
    )
    keep: int = setting(
        3,
        "checkpoints",
        "newest checkpoints to keep beside pinned ones, 0 = save on request only",
        low=0,
        high=10_000,
    )

    on_co: str = setting(
        "alert",
        "policy",
        "reaction to an onset: alert, pause, stop, or rollback:METHOD[,eps=…,alpha=…,lr_scale=…]",
    )
    on_watch: str = setting(
        "none",
        "policy",
        "reaction to a watch alert: none, probe, checkpoint, suppress:LAYER=TOP[,…], or "
        "set:KEY=VALUE[,…]",
    )
    max_rollbacks: int = setting(
        3, "policy", "roll-backs that the policy may make", low=0, high=1000
    )

    seed: int = setting(
        0, "run", "seed of weights, order of images and random starts", low=0, high=2**31 - 1
    )
    device: str = setting("auto", "run", "auto, cpu, cuda or cuda:N")
    threads: int = setting(
        0, "run", "CPU threads of the trainer, 0 = torch's choice", low=0, high=1024
    )
    restarts: int = setting(
        0,
        "run",
        "times that a crashed or killed trainer is started again from its newest checkpoint",
        low=0,
        high=1000,
    )
    block_steps: int = setting(20, "run", "training steps a log event", low=1, high=1000)

    def as_dict(self) -> dict[str, Any]:
        """Flat and JSON-able, as `run.json` and the log store it."""
        return asdict(self)


FIELDS = {f.name: f for f in fields(RunConfig)}
OF_THE_METHOD = ("alpha", "attack_steps", "start", "corner")  # another method brings its own


def nearest(name: str, valid: list[str] | tuple[str, ...]) -> str:
    """What to say after an unknown name: the nearest valid one, or all of them."""
    close = get_close_matches(name, valid, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"valid: {', '.join(valid)}"


def preset_names() -> list[str]:
    """The presets that come with the package, in alphabetical order."""
    return sorted(
        p.name[:-5] for p in files("selffit.presets").iterdir() if p.name.endswith(".toml")
    )


def load_preset(name: str) -> dict[str, Any]:
    """The settings of a preset as a flat mapping; `name` is a shipped preset or a path to a TOML
    file.

    Raises UserError for an unknown preset, unreadable TOML, or a table or key that does not exist.
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
        for key, value in table.items():
            if key not in known:
                home = FIELDS[key].metadata["group"] if key in FIELDS else None
                hint = f"it belongs into [{home}]" if home else nearest(key, list(FIELDS))
                raise UserError(f"{where} has an unknown key '{key}' in [{group}]; {hint}")
            flat[key] = value
    return flat


def parse_number(text: str) -> float:
    """'0.16', '8/255' or '1e-3' as a float. Raises ValueError, ZeroDivisionError."""
    upper, slash, lower = text.partition("/")
    return float(upper) / float(lower) if slash else float(text)


def parse_size(name: str, raw: Any, eps: float, auto: float) -> float:
    """A step size in pixel units: a number, a multiple of eps ('1.25eps'), or 'auto'; its range is
    not checked.

    Raises UserError.
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
                    f"{_flag(name)} '{raw}' is no step size; write 10/255, 1.25eps or auto"
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
    _check_range(name, value, shown)
    return value


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _convert(name: str, raw: Any, shown: str = "") -> Any:
    """One raw value (text from the command line or a TOML value) as the field's type. Raises
    UserError.
    """
    kind = FIELDS[name].type
    try:
        if kind is bool:
            if isinstance(raw, str):
                return {
                    "true": True,
                    "yes": True,
                    "1": True,
                    "false": False,
                    "no": False,
                    "0": False,
                }[raw.lower()]
            if not isinstance(raw, bool):
                raise ValueError
            return raw
        if isinstance(raw, bool):
            raise ValueError
        if kind is str:
            if isinstance(raw, list):
                return ",".join(str(part) for part in raw)
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
        raise UserError(f"{shown or _flag(name)} must be {want[kind]}, not {raw!r}") from error  # type: ignore[index]


def _check_range(name: str, value: Any, shown: str = "") -> None:
    meta = FIELDS[name].metadata
    if meta["choices"] and value not in meta["choices"]:
        raise OutOfRange(
            f"unknown {name.replace('_', ' ')} '{value}'; {nearest(str(value), meta['choices'])}"
        )
    if isinstance(value, (int, float)) and not meta["low"] <= value <= meta["high"]:
        low, high = f"{meta['low']:g}", f"{meta['high']:g}"
        span = f"at least {low}" if high == "inf" else f"in [{low}, {high}]"
        hint = (
            " (pixels are in [0, 1]: write 8/255, not 8)"
            if name in ("eps", "alpha", "probe_alpha")
            else ""
        )
        raise OutOfRange(f"{shown or _flag(name)} must be {span}, not {value:g}{hint}")


def milestones(config: RunConfig) -> list[float]:
    """The epochs at which the step schedule multiplies lr by lr_gamma. Raises UserError."""
    try:
        marks = [parse_number(part) for part in config.lr_milestones.split(",") if part.strip()]
    except (ValueError, ZeroDivisionError) as error:
        raise UserError(
            f"--lr-milestones must be epochs such as 80,90, not '{config.lr_milestones}'"
        ) from error
    if marks != sorted(marks) or any(not 0 < mark < math.inf for mark in marks):
        raise UserError(
            f"--lr-milestones must be positive and rising, not '{config.lr_milestones}'"
        )
    return marks


def default_alpha(method: str, eps: float, steps: int) -> float:
    """The step size that the literature uses with a method, in pixel units.

    RS-FGSM: 1.25·eps (Wong et al. 2020); FGSM and N-FGSM: eps (de Jorge et al. 2022); PGD: eps/2
    for two steps, else 2.5·eps/steps, which is the usual 2/255 for ten steps at 8/255 (Madry et al.
    2018).
    """
    if method == "pgd":
        return eps / steps if steps <= 2 else 2.5 * eps / steps
    return 1.25 * eps if method == "rs-fgsm" else eps


def resolve(preset: str | None = None, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """The configuration of a run: defaults, then the preset, then what was given on the command
    line.

    Values may be text ('8/255', '1.25eps'); the result is fully typed, `alpha` and `probe_alpha` in
    pixel units at the final eps. Raises UserError for unknown names and impossible values.
    """
    overrides = {key: value for key, value in (overrides or {}).items() if value is not None}
    for key in overrides:
        if key not in FIELDS:
            raise UserError(f"unknown setting '{key}'; {nearest(key, list(FIELDS))}")
    base = load_preset(preset or DEFAULT_PRESET)
    if "method" in overrides and overrides["method"] != base.get(
        "method", FIELDS["method"].default
    ):
        base = {name: value for name, value in base.items() if name not in OF_THE_METHOD}
    raw = {**base, **overrides}
    sizes = {name: raw.pop(name, "auto") for name in ("alpha", "probe_alpha")}
    config = RunConfig(**{name: parse_setting(name, value) for name, value in raw.items()})
    if "alpha" in overrides and config.method == "fgsm":
        raise UserError(
            "--alpha has no effect with fgsm, whose one step is eps; leave it out or choose "
            "rs-fgsm or pgd"
        )
    for name in ("attack_steps", "corner"):
        if overrides.get(name) and config.method != "pgd":
            raise UserError(
                f"{_flag(name)} applies to pgd only, but the method is {config.method}; add "
                "--method pgd"
            )
    auto = default_alpha(config.method, config.eps, config.attack_steps)
    alpha = parse_size("alpha", sizes["alpha"], config.eps, auto)
    probe_alpha = parse_size(
        "probe_alpha", sizes["probe_alpha"], config.eps, 2.5 * config.eps / config.probe_steps
    )
    _check_range("alpha", alpha)
    _check_range("probe_alpha", probe_alpha)
    config = replace(config, alpha=alpha, probe_alpha=probe_alpha)
    _check_together(config)
    for name in (
        "self_images",
        "causal_images",
    ):  # their defaults mean "at most": a run may hold out fewer
        if name in raw:
            _check_count(config, name)
    return config


def _check_together(config: RunConfig) -> None:
    """Values that are fine alone but impossible together."""
    milestones(config)
    if config.lr_schedule == "step" and not config.lr_milestones:
        raise UserError("--lr-schedule step needs --lr-milestones, e.g. --lr-milestones 80,90")
    if config.train_images and config.batch_size > config.train_images:
        raise UserError(
            f"--batch-size {config.batch_size} is larger than --train-images "
            f"{config.train_images}; "
            "lower the one or raise the other"
        )
    for name in ("probe_images", "channel_images"):
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
            f"{_flag(name)} {getattr(config, name)} is larger than --holdout {config.holdout}"
        )


def from_dict(data: Mapping[str, Any]) -> RunConfig:
    """The configuration that `as_dict` stored. Raises UserError where it does not fit this version."""
    unknown = [key for key in data if key not in FIELDS]
    if unknown:
        raise UserError(
            f"run.json has an unknown setting '{unknown[0]}'; it was written by another version"
        )
    config = RunConfig(**{name: parse_setting(name, value) for name, value in data.items()})
    _check_together(config)
    return config

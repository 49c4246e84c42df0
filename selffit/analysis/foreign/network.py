"""Somebody else's network, from its file to one that can be measured; and what had to be decided.

What a file cannot say is tried on clean training images: what the shortcuts of a PreActResNet-18
see, and the input normalisation. Our operational rule: taken is what is right more often than
everything else by three standard errors of the paired difference; where nothing is, or where
nothing is above guessing by three standard errors, the file is refused, with the accuracies.
"""

import argparse
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from selffit import models
from selffit.analysis.foreign.fill import fill
from selffit.analysis.foreign.inputs import Inputs
from selffit.analysis.foreign.match import match
from selffit.analysis.foreign.statedict import StateDict, read_state_dict
from selffit.config import RunConfig, parse_number, preset_names, resolve
from selffit.data.imageset import ImageSet, as_float
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.models.base import Network, own_tensors
from selffit.models.catalogue import MODELS, SHORTCUTS
from selffit.numbers import count, share
from selffit.probes.base import batches, probing

TRIED = 512  # training images at most
CLEAR = 3.0  # standard errors


@dataclass(frozen=True, kw_only=True)
class Foreign:
    """A network of somebody else, as `config` describes it; it is in evaluation mode.

    said: what was done to the file and what was decided, in words. data: the same for programs.
    """

    model: Network
    config: RunConfig
    said: Sequence[str]
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """One reading of the file. right: bool [n], whether it has each training image right."""

    config: RunConfig
    inputs: Inputs
    model: Network
    did: list[str]
    right: Tensor

    @property
    def accuracy(self) -> float:
        return float(self.right.double().mean())

    def named(self, varied: Sequence[str]) -> str:
        """What it is, as far as this was open."""
        parts = {"shortcut": f"shortcut {self.config.shortcut}", "inputs": _words(self.inputs)}
        return " and ".join(parts[name] for name in varied)

    def rated(self, varied: Sequence[str]) -> str:
        """How often it is right, with what."""
        return (
            f"{share(self.accuracy)} with {self.named(varied)}" if varied else share(self.accuracy)
        )


@dataclass
class _Choices:
    """What is open: `config` with the values that the file or the options fix."""

    config: RunConfig
    shortcuts: Sequence[str]
    inputs: Sequence[Inputs]
    said: list[str] = field(default_factory=list)

    @property
    def varied(self) -> list[str]:
        open = {"shortcut": len(self.shortcuts), "inputs": len(self.inputs)}
        return [name for name, number in open.items() if number > 1]


def read_network(
    path: Path, config: RunConfig, images: ImageSet, options: argparse.Namespace
) -> Foreign:
    """Read a file as a network of `config.model` for these images, on their device.

    config: its width 0 means as many channels as the file's network has. options: entry, shortcut,
    input_mean, input_scale and input_std as they were given, None where not. Raises UserError, also
    for a network that only guesses.
    """
    found = read_state_dict(path, options.entry or "")
    choices = _choices(found, config, images, options)
    trials = [
        _try(found, replace(choices.config, shortcut=shortcut), inputs, images)
        for shortcut, inputs in itertools.product(choices.shortcuts, choices.inputs)
    ]
    best = _best(trials, choices, images, clean(str(path)), options)
    said = [*found.said, *best.did, *choices.said, _inputs_said(best.inputs)]
    right = f"right on {share(best.accuracy)} of {count(len(best.right))} clean training images"
    if choices.varied:
        others = [trial.rated(choices.varied) for trial in trials if trial is not best]
        right = f"took {best.named(choices.varied)}, {right} ({', '.join(others)})"
    said.append(right)
    return Foreign(model=best.model, config=best.config, said=said, data=_data(best, trials, said))


# ---- what is open --------------------------------------------------------------------------------
def _choices(
    found: StateDict, config: RunConfig, images: ImageSet, options: argparse.Namespace
) -> _Choices:
    said = []
    if not config.width and (width := _width(found)) and width != MODELS[config.model].width:
        config = replace(config, width=width)
        said.append(f"width {width}, by its first convolution")
    uses = MODELS[config.model].uses
    if "final_bn" in uses and not _has_final_bn(found, config, images):
        config = replace(config, final_bn=False)
        said.append("without a last normalisation, for the file has none")
    shortcuts: Sequence[str] = [config.shortcut]
    if "shortcut" in uses:
        shortcuts = [options.shortcut] if options.shortcut else SHORTCUTS
    return _Choices(config, shortcuts, _possible_inputs(found, config, images, options), said)


def _width(found: StateDict) -> int:
    """Channels of the first convolution, 0 where there is none, or one of no width of ours."""
    width = next((value.shape[0] for value in found.values() if value.ndim == 4), 0)
    return width if width <= 1024 else 0


def _has_final_bn(found: StateDict, config: RunConfig, images: ImageSet) -> bool:
    """Whether the file has something for the last normalisation."""
    with torch.device("meta"):
        whole = _build(replace(config, final_bn=True), Inputs((0.0,), (1.0,)), images)
    return "bn.weight" not in match(own_tensors(whole), found).missing


def _possible_inputs(
    found: StateDict, config: RunConfig, images: ImageSet, options: argparse.Namespace
) -> Sequence[Inputs]:
    """What was asked for; else the file's; else none, and what our presets for these images have.

    Where there is no such preset, the mean and deviation of the images themselves. Raises
    UserError.
    """
    given = _given_inputs(options)
    if given is not None:
        if found.inputs is not None:
            where = f"{given.where}; the file's own ({found.inputs.where}) does not count"
            given = replace(given, where=where)
        return [given]
    if found.inputs is not None:
        return [replace(found.inputs, where=f"in the file: {found.inputs.where}")]
    none = Inputs((0.0,), (1.0,))
    possible: dict[Any, Inputs] = {(none.mean, none.scale): none}
    presets = {name: resolve(name) for name in preset_names()}
    for name, preset in presets.items():
        if preset.data == config.data:
            inputs = Inputs(_floats(preset.input_mean), _floats(preset.input_scale), f"of {name}")
            possible.setdefault((inputs.mean, inputs.scale), inputs)
    if not any(preset.data == config.data for preset in presets.values()):
        own = _moments(images)
        possible[(own.mean, own.scale)] = own
    return list(possible.values())


def _moments(images: ImageSet) -> Inputs:
    """The mean and standard deviation of each channel, over at most 5000 training images."""
    pixels = as_float(images.train_x[:5000])
    mean, std = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3)).clamp(min=1e-3)
    where = f"of {images.name}'s own images"
    return Inputs(tuple(mean.tolist()), tuple((1 / std).tolist()), where)


def _given_inputs(options: argparse.Namespace) -> Inputs | None:
    """The normalisation of the options. Raises UserError."""
    mean, scale, std = options.input_mean, options.input_scale, options.input_std
    if mean is None and scale is None and std is None:
        return None
    if scale is not None and std is not None:
        raise UserError("--input-scale is 1/--input-std; give one of them")
    scales = _numbers("--input-scale", scale) if scale is not None else (1.0,)
    if std is not None:
        scales = tuple(1 / number for number in _numbers("--input-std", std, positive=True))
    means = _numbers("--input-mean", mean) if mean is not None else (0.0,)
    return Inputs(means, scales, "as asked for")


def _numbers(flag: str, text: str, positive: bool = False) -> tuple[float, ...]:
    """One number, or one a channel: '0.5' or '0.49,0.48,0.45', also '1/0.247'."""
    try:
        numbers = tuple(parse_number(part) for part in text.split(","))
        if not all(math.isfinite(n) and (n > 0 or not positive) for n in numbers):
            raise ValueError
        return numbers
    except (ValueError, ZeroDivisionError) as error:
        raise UserError(
            f"{flag} must be {'positive ' if positive else ''}numbers such as "
            f"0.4914,0.4822,0.4465, not '{clean(text)}'"
        ) from error


def _floats(value: Any) -> tuple[float, ...]:
    return (float(value),) if isinstance(value, int | float) else tuple(map(float, value))


# ---- trying --------------------------------------------------------------------------------------
def _try(found: StateDict, config: RunConfig, inputs: Inputs, images: ImageSet) -> _Trial:
    model = _build(config, inputs, images)
    did = fill(model, found, config.model)
    model = model.to(images.train_x.device).eval()
    right = []
    n = min(TRIED, len(images.train_x))
    with probing(model), torch.no_grad():
        for x, y in batches(images.train_x[:n], images.train_y[:n], 128):
            right.append(model(x).argmax(1) == y)
    return _Trial(config=config, inputs=inputs, model=model, did=did, right=torch.cat(right).cpu())


def _build(config: RunConfig, inputs: Inputs, images: ImageSet) -> Network:
    return models.build(
        config.model,
        shape=images.shape,
        classes=images.classes,
        width=config.width,
        mean=inputs.mean,
        scale=inputs.scale,
        **{name: getattr(config, name) for name in MODELS[config.model].uses},
    )


def _best(
    trials: Sequence[_Trial],
    choices: _Choices,
    images: ImageSet,
    shown: str,
    options: argparse.Namespace,
) -> _Trial:
    """The reading that is clearly right. Raises UserError where none is."""
    best = max(trials, key=lambda trial: trial.accuracy)
    chance, n = 1 / images.classes, len(best.right)
    tried = ", ".join(trial.rated(choices.varied) for trial in trials)
    if best.accuracy <= chance + CLEAR * math.sqrt(chance * (1 - chance) / n):
        raise UserError(
            f"{shown} only guesses: on {count(n)} clean training images of {images.name} it is "
            f"right in {tried}; guessing gives {share(chance)}. "
            f"{_reasons(choices, best, options)}"
        )
    rivals = [trial for trial in trials if trial is not best and not _clearly(best, trial)]
    if rivals:
        flags = []
        if any(trial.config.shortcut != best.config.shortcut for trial in rivals):
            flags.append(f"--shortcut {' or '.join(SHORTCUTS)}")
        if any(trial.inputs != best.inputs for trial in rivals):
            flags.append("--input-mean and --input-std (0 and 1 for none)")
        raise UserError(
            f"{shown} can be read in several ways that do not differ clearly on {count(n)} clean "
            f"training images of {images.name} (right in {tried}); say which is meant with "
            f"{' and '.join(flags)}"
        )
    return best


def _clearly(better: _Trial, worse: _Trial) -> bool:
    """Whether one is right more often than another beyond chance, on the same images."""
    difference = better.right.double() - worse.right.double()
    error = float(difference.std()) / math.sqrt(len(difference))
    return float(difference.mean()) > CLEAR * error


def _reasons(choices: _Choices, best: _Trial, options: argparse.Namespace) -> str:
    reasons = []
    if options.shortcut:
        other = next(name for name in SHORTCUTS if name != options.shortcut)
        reasons.append(f"its shortcuts may see something else (--shortcut {other})")
    reasons.append(
        "its input may be normalised otherwise (--input-mean and --input-std; now "
        f"{_words(best.inputs) if len(choices.inputs) == 1 else 'as listed'})"
    )
    reasons += [
        "it may have learnt other images, or their classes in another order (--data)",
        "its images may have been grey, or blue first",
        "other networks have the same tensors (another activation, a pooling layer)",
        "it may be untrained or have diverged",
    ]
    return f"Likely reasons: {'; '.join(reasons)}"


# ---- saying --------------------------------------------------------------------------------------
def _words(inputs: Inputs) -> str:
    if inputs.mean == (0.0,) and inputs.scale == (1.0,):
        return "no normalisation"
    std = [1 / number for number in inputs.scale]
    return f"mean {_plain(inputs.mean)} and std {_plain(std)}"


def _plain(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers)


def _inputs_said(inputs: Inputs) -> str:
    where = f" ({clean(inputs.where)})" if inputs.where else ""
    return f"input: {_words(inputs)}{where}"


def _data(best: _Trial, trials: Sequence[_Trial], said: Sequence[str]) -> dict[str, Any]:
    return {
        "said": list(said),
        "reading": _reading(best),
        "tried": [_reading(trial) for trial in trials],
        "n": len(best.right),
    }


def _reading(trial: _Trial) -> dict[str, Any]:
    options = {name: getattr(trial.config, name) for name in MODELS[trial.config.model].uses}
    return {
        **options,
        "input_mean": list(trial.inputs.mean),
        "input_scale": list(trial.inputs.scale),
        "clean": trial.accuracy,
    }

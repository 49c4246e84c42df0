"""What probes are made on: a network, held-out images, and the attacks to look with.

The trainer's monitor and `selffit diagnose` both use it, so that their figures can be compared.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import torch
from msgspec.structs import replace
from torch import Tensor

from selffit.config import RunConfig
from selffit.data import step_seed
from selffit.eventlog import kinds
from selffit.methods import METHODS
from selffit.models.base import Network
from selffit.probes.attacks import ProbeAttack
from selffit.probes.base import precision

P = ParamSpec("P")
E = TypeVar("E", bound=kinds.Event)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A network, what it is examined on, and with which attacks.

    at: branch and step of the network.
    images: uint8 [N,C,H,W] held out, in a class-balanced order; a probe takes the first n.
    labels: int64 [N].
    classes: how many there are.
    class_names: theirs, or none.
    eps: budget in pixels of [0,1].
    attack: the one whose perturbations carry self-information, that of the training.
    probe_steps: of PGD at eps.
    probe_alpha: its step size in pixels; 0: falling from 2·eps to 0.
    mean: training mean, float32 [C,H,W], for the full self-information only.
    generator: makes a fresh generator on the images' device, always of the same seed.
    reference: the network g from before the onset.
    reference_at: where it comes from.
    """

    model: Network
    at: kinds.Place
    images: Tensor
    labels: Tensor
    classes: int
    class_names: Sequence[str]
    eps: float
    attack: ProbeAttack
    probe_steps: int
    probe_alpha: float
    mean: Tensor | None
    generator: Callable[[], torch.Generator]
    reference: Network | None = None
    reference_at: kinds.Reference | None = None

    def first(self, n: int) -> tuple[Tensor, Tensor]:
        """Return the first n images and their labels."""
        return self.images[:n], self.labels[:n]


def timed(probe: Callable[Concatenate[Subject, P], E]) -> Callable[Concatenate[Subject, P], E]:
    """Make a probe say where its subject stands, how precisely it was made, and in how long."""

    @wraps(probe)
    def measured(subject: Subject, /, *args: P.args, **kwargs: P.kwargs) -> E:
        began = time.perf_counter()
        event = probe(subject, *args, **kwargs)
        more: dict[str, Any] = {"at": subject.at, "sec": round(time.perf_counter() - began, 4)}
        if "precision" in event.__struct_fields__:
            more["precision"] = precision(subject.images.device)
        return replace(event, **more)

    return measured


def probe_attack(config: RunConfig, eps: float) -> ProbeAttack:
    """The attack of the training as a probe at budget eps.

    Its steps from a zero start for a method of several, one step for the others. The step size
    keeps the ratio to eps that the configuration has.
    """
    if "attack_steps" not in METHODS[config.method].uses:
        return ProbeAttack(eps)
    alpha = config.alpha * (eps / config.eps) if config.eps else config.alpha
    return ProbeAttack(eps, config.attack_steps, alpha, config.corner)


def training_mean(images: Tensor) -> Tensor:
    """Mean image, float32 [C,H,W] in [0,1], of uint8 [N,C,H,W].

    Exact however many images there are.
    """
    return (images.sum(dim=0, dtype=torch.int64).double() / (255 * len(images))).float()


def probe_generator(device: torch.device) -> torch.Generator:
    """The same random starts for every probe, so that probes compare like with like."""
    return torch.Generator(device).manual_seed(step_seed(0, "probe", 0))

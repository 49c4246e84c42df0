"""From a network to the data of its `probe.*` records: the one place where measurements become what
the log holds.

The trainer's monitor and `selffit diagnose` both use it, so that their figures can be compared.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from selffit.config import RunConfig
from selffit.data import step_seed
from selffit.detect import selffitting
from selffit.methods import METHODS
from selffit.models.base import Network
from selffit.probes.attacks import ProbeAttack
from selffit.probes.causal import SHARES, SINGLES, causal_check
from selffit.probes.channels import channel_dominance
from selffit.probes.robust import robust_accuracies
from selffit.probes.selfinfo import self_information
from selffit.probes.strip import image_strip
from selffit.probes.strong import strong_accuracy

BRIEF_SHARES, BRIEF_SINGLES = (0.05, 0.2), 4


@dataclass(frozen=True)
class Examiner:
    """A network, what it is examined on, and with which attacks. Every method leaves the network as
    it was.

    images: uint8 [N,C,H,W] held out, in a class-balanced order (a method takes
    the first n); labels: int64 [N]; classes: how many there are; class_names:
    theirs, or none. eps: budget in pixels of [0,1]. attack: the one whose
    perturbations carry self-information, that of the training. probe_steps and
    probe_alpha: steps and step size (pixels) of PGD at eps. mean: training mean
    float32 [C,H,W], for the full self-information only. generator: makes a
    fresh generator on the images' device, always of the same seed. reference:
    the network g from before the onset, reference_at: where it comes from,
    {"step", "branch"}.

    Every method returns JSON-able data with `sec`, the seconds that it took; accuracies and shares
    are in [0,1].
    """

    model: Network
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
    reference_at: Mapping[str, Any] | None = None

    def robust(
        self,
        n: int,
        why: str,
        *,
        epoch: float | None = None,
        final: tuple[float, float] | None = None,
    ) -> dict[str, Any]:
        """`probe.robust`. final: eps and probe_alpha of the final budget, while the training's is
        still rising.
        """
        began = time.perf_counter()
        budgets = [(self.eps, self.probe_alpha)] + ([] if final is None else [final])
        x, y = self._first(n)
        found = robust_accuracies(
            self.model,
            x,
            y,
            budgets=budgets,
            pgd_steps=self.probe_steps,
            generator=self.generator(),
        )
        now, last = found[0], found[-1]
        return {
            "n": now.n,
            "why": why,
            "epoch": epoch,
            "eps": now.eps,
            "clean": now.clean,
            "fgsm": now.fgsm,
            "pgd": now.pgd,
            "pgd_steps": self.probe_steps,
            "pgd_alpha": self.probe_alpha,
            "final": None
            if final is None
            else {"eps": last.eps, "fgsm": last.fgsm, "pgd": last.pgd},
            "sec": _since(began),
        }

    def self_information(self, full: bool, n: int, why: str) -> dict[str, Any]:
        """`probe.self`: the light set of probes, or the full one, with components and index."""
        began = time.perf_counter()
        x, y = self._first(n)
        found = self_information(
            self.model,
            x,
            y,
            attack=self.attack,
            generator=self.generator(),
            classes=self.classes,
            mean=self.mean,
            reference=self.reference,
            full=full,
        )
        components = selffitting.components(found.values, 1 / self.classes)
        return {
            **found.as_data(),
            "why": why,
            "reference": None if self.reference is None else dict(self.reference_at or {}),
            "index": round(selffitting.index(components), 5),
            "components": {name: round(value, 5) for name, value in components.items()},
            "sec": _since(began),
        }

    def strong(self, n: int) -> dict[str, Any]:
        """`probe.strong`: what many steps and restarts leave of the PGD accuracy on the same
        images.
        """
        began = time.perf_counter()
        x, y = self._first(n)
        found = strong_accuracy(
            self.model,
            x,
            y,
            eps=self.eps,
            generator=self.generator(),
            weak_steps=self.probe_steps,
            weak_alpha=self.probe_alpha,
        )
        return {**found.as_data(), "sec": _since(began)}

    def channels(self, n: int) -> dict[str, Any]:
        """`probe.channels`: dominance of every channel, how concentrated and how stable it is."""
        began = time.perf_counter()
        x, y = self._first(n)
        layers = channel_dominance(self.model, x, y, eps=self.eps, generator=self.generator())
        return {
            "n": len(x),
            "layers": [_short(asdict(layer)) for layer in layers],
            "sec": _since(began),
        }

    def causal(
        self, n: int, *, brief: bool = False, pause: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """`probe.causal`: the first half of n images ranks the channels, the second half tells what
        zeroing does.

        brief: fewer sizes of groups and fewer single channels, for a check that holds up training.
        pause is called before each group and may raise to break the check off.
        """
        began = time.perf_counter()
        x, y = self._first(n)
        found = causal_check(
            self.model,
            x,
            y,
            attack=self.attack,
            pgd_alpha=self.probe_alpha,
            pgd_steps=self.probe_steps,
            generator=self.generator(),
            shares=BRIEF_SHARES if brief else SHARES,
            singles=BRIEF_SINGLES if brief else SINGLES,
            pause=pause,
        )
        return {**found.as_data(), "sec": _since(began)}

    def strip(self, count: int) -> dict[str, Any]:
        """`probe.images`: some images, their perturbations, and what the network takes each for."""
        began = time.perf_counter()
        names = tuple(self.class_names)
        data = image_strip(
            self.model,
            self.images,
            self.labels,
            attack=self.attack,
            count=count,
            classes_names=names,
        )
        return {**data, "sec": _since(began)}

    def _first(self, n: int) -> tuple[Tensor, Tensor]:
        return self.images[:n], self.labels[:n]


def probe_attack(config: RunConfig, eps: float) -> ProbeAttack:
    """The attack of the training as a probe at budget eps: its steps from a zero start; one step of
    the others.

    The step size keeps the ratio to eps that the configuration has.
    """
    if "attack_steps" not in METHODS[config.method].uses:
        return ProbeAttack(eps)
    alpha = config.alpha * (eps / config.eps) if config.eps else config.alpha
    return ProbeAttack(eps, config.attack_steps, alpha, config.corner)


def training_mean(images: Tensor) -> Tensor:
    """Mean image, float32 [C,H,W] in [0,1], of uint8 [N,C,H,W]; exact however many images there
    are.
    """
    return (images.sum(dim=0, dtype=torch.int64).double() / (255 * len(images))).float()


def probe_generator(device: torch.device) -> torch.Generator:
    """The same random starts for every probe, so that probes compare like with like."""
    return torch.Generator(device).manual_seed(step_seed(0, "probe", 0))


def _since(began: float) -> float:
    return round(time.perf_counter() - began, 4)


def _short(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer's numbers with four significant digits: more than the probe's sampling error allows."""
    return {
        name: [float(f"{v:.4g}") for v in value] if isinstance(value, tuple) else value
        for name, value in layer.items()
    }

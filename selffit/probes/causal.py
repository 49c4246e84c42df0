"""Causal check of the channel ranking: what zeroing the "self" or the "data" channels does to the
network.

Our operational check of the channel differentiation of He et al. (2023, arXiv 2302.11963).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from selffit.data.imageset import as_float
from selffit.eventlog.entries import Ablation, SingleAblation
from selffit.methods.base import Budget, Gradient, uniform_start
from selffit.methods.gradient import input_gradient
from selffit.models.base import Network
from selffit.models.zeroing import zeroing
from selffit.probes.attacks import ProbeAttack, grey_like
from selffit.probes.base import batches, probing
from selffit.probes.channels import DEAD, LayerDominance, channel_dominance, watching
from selffit.probes.concentration import top_count
from selffit.probes.draws import other_labels
from selffit.probes.robust import survivors
from selffit.probes.selfinfo import follows, swap

SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)
SINGLES = 8

Zeroed = Mapping[str, Sequence[int]]  # site: channels


@dataclass(frozen=True)
class CausalCheck:
    """What groups of channels are good for: ranked on n_rank images, reported on n others.

    base and each row's `values`: clean, fgsm, pgd, carrier, swap in [0,1], for
    the whole network and with the group zeroed; `single` has no swap.
    """

    n: int
    n_rank: int
    eps: float
    pgd_steps: int
    attack: str
    base: Mapping[str, float]
    rows: tuple[Ablation, ...]
    single: tuple[SingleAblation, ...]

    def as_data(self) -> dict[str, Any]:
        """Fields of a `probe.causal` record; numbers with five digits."""
        return {
            "n": self.n,
            "n_rank": self.n_rank,
            "eps": self.eps,
            "pgd_steps": self.pgd_steps,
            "attack": self.attack,
            "base": _rounded(self.base),
            "rows": [
                {
                    "stage": r.stage,
                    "group": r.group,
                    "share": r.share,
                    "channels": r.channels,
                    **_rounded(r.values),
                }
                for r in self.rows
            ],
            "single": [
                {
                    "layer": s.layer,
                    "channel": s.channel,
                    "dominance": round(s.dominance, 5),
                    **_rounded(s.values),
                }
                for s in self.single
            ],
        }


def causal_check(
    model: Network,
    images: Tensor,
    labels: Tensor,
    *,
    attack: ProbeAttack,
    pgd_alpha: float,
    pgd_steps: int,
    generator: torch.Generator,
    shares: Sequence[float] = SHARES,
    singles: int = SINGLES,
    batch_size: int = 256,
    pause: Callable[[], None] = lambda: None,
) -> CausalCheck:
    """Zeroes groups of channels, one stage of the network at a time, and measures the network
    again.

    images: uint8 [N,C,H,W], at least two; the first half ranks the channels, the
    second half reports. A group is a share of the living channels (rounded up)
    of every site of the stage; a dead channel, which answers to nothing, would
    only dilute it:

        self, data      highest, lowest dominance (`channel_dominance` with FGSM at attack.eps)
        norm            largest mean |activation| on clean images
        random          drawn once a site, so that a larger group contains the smaller ones

    Every attack is made anew against the zeroed network: clean, fgsm (accuracy
    on x + delta of `attack`), pgd (as `robust_accuracies`), carrier (on grey)
    and swap. y′ and the starts of PGD are the same for all groups. `single`
    zeroes the `singles` most dominant channels of each stage's last site alone.

    Costs a ranking (6U an image), then 2k+2·pgd_steps+3 U an image and group for
    an attack of k steps, and 2k+1 for swap; images that PGD has taken cost no
    further steps, and groups of the same channels are measured once. The
    generator lives on the images' device; the network is in evaluation mode and
    float32, and is left as it was. `pause` is called before each group; what it
    raises breaks the check off.
    """
    n_rank = len(images) // 2
    ranked = images[:n_rank], labels[:n_rank]
    layers = channel_dominance(model, *ranked, eps=attack.eps, generator=generator)
    with probing(model), torch.no_grad():
        orders = _orders(layers, _activation(model, *ranked), generator)
        x, y = as_float(images[n_rank:]), labels[n_rank:]
        budget = Budget(x.new_tensor(attack.eps), x.new_tensor(pgd_alpha), pgd_steps)
        report = _Report(model, x, y, attack, budget, generator, batch_size)
        rows = []
        for stage, sites in stages(model).items():
            for group, order in orders.items():
                for share in shares:
                    pause()
                    zeroed = {
                        site: order[site][: top_count(len(order[site]), share)] for site in sites
                    }
                    count = sum(map(len, zeroed.values()))
                    rows.append(Ablation(stage, group, share, count, report.group(zeroed)))
        single = []
        for sites in stages(model).values():
            last = next(layer for layer in layers if layer.name == sites[-1])
            for channel in orders["self"][last.name][:singles]:
                pause()
                values = report.single({last.name: [channel]})
                single.append(SingleAblation(last.name, channel, last.dominance[channel], values))
        base = report.group({})
    return CausalCheck(
        len(y), n_rank, attack.eps, pgd_steps, attack.name, base, tuple(rows), tuple(single)
    )


def stages(model: Network) -> dict[str, list[str]]:
    """The network's sites by the first part of their name, in forward order: {"layer1":
    ["layer1.0.conv1", …], …}.
    """
    found: dict[str, list[str]] = {}
    for site in model.sites():
        found.setdefault(site.split(".")[0], []).append(site)
    return found


class _Report:
    """The images that are reported on, and what all measurements on them share: y′ and the starts
    of PGD.
    """

    def __init__(
        self,
        model: Network,
        x: Tensor,
        y: Tensor,
        attack: ProbeAttack,
        budget: Budget,
        generator: torch.Generator,
        batch_size: int,
    ) -> None:
        self.model, self.x, self.y, self.attack, self.budget = model, x, y, attack, budget
        self.start = uniform_start(x, budget.eps, generator)
        self.other = other_labels(y, model(x[:1]).shape[1], generator)
        self.batch_size = batch_size
        self._known: dict[Any, dict[str, float]] = {}

    def single(self, zeroed: Zeroed) -> dict[str, float]:
        """clean, fgsm, pgd and carrier with these channels zeroed."""
        return self._once(self._accuracies, zeroed)

    def group(self, zeroed: Zeroed) -> dict[str, float]:
        """clean, fgsm, pgd, carrier and swap with these channels zeroed."""
        return self.single(zeroed) | self._once(self._swap, zeroed)

    def _once(
        self, measure: Callable[[Tensor], dict[str, Tensor]], zeroed: Zeroed
    ) -> dict[str, float]:
        """Shares of the hits that `measure` finds among the images with these indices: of all
        images, and only once.
        """
        key = measure, tuple((site, tuple(sorted(channels))) for site, channels in zeroed.items())
        if key not in self._known:
            everything = torch.arange(len(self.y), device=self.y.device)
            with zeroing(self.model, zeroed):
                found = [measure(part) for part in everything.split(self.batch_size)]
            shares = torch.stack(
                [torch.cat([part[name] for part in found]).double().mean() for name in found[0]]
            )
            self._known[key] = dict(zip(found[0], shares.tolist(), strict=True))
        return self._known[key]

    def _accuracies(self, part: Tensor) -> dict[str, Tensor]:
        model, x, y = self.model, self.x[part], self.y[part]
        at_x = input_gradient(model, x, y)
        delta = self.attack.delta(model, x, y, at_x)
        clean = at_x.logits.argmax(1) == y
        right = clean.nonzero()[:, 0]
        stood = survivors(
            model, self._gradient, x[right], y[right], self.start[part[right]], self.budget
        )
        return {
            "clean": clean,
            "fgsm": follows(model, x, delta, y),
            "pgd": torch.zeros_like(clean).index_fill_(0, right[stood], True),
            "carrier": follows(model, grey_like(x), delta, y),
        }

    def _swap(self, part: Tensor) -> dict[str, Tensor]:
        return {"swap": swap(self.model, self.x[part], self.other[part], self.attack)}

    def _gradient(self, x: Tensor, y: Tensor) -> Gradient:
        return input_gradient(self.model, x, y)


def _activation(model: Network, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """mean |h_c| over images and space of every channel at every site, up to a factor; [C]."""
    total: dict[str, Tensor] = {}

    def see(name: str, output: Tensor) -> None:
        total[name] = total.get(name, 0) + output.abs().mean(dim=(2, 3)).sum(
            dim=0, dtype=torch.float64
        )

    with watching(model, see):
        for x, _ in batches(images, labels, 64):
            model(x)
    return total


def _orders(
    layers: Iterable[LayerDominance], activation: Mapping[str, Tensor], generator: torch.Generator
) -> dict[str, dict[str, list[int]]]:
    """{group: {site: channels}}, the living channels of each site in the order in which larger
    groups take them.
    """
    orders: dict[str, dict[str, list[int]]] = {"self": {}, "data": {}, "random": {}, "norm": {}}
    for layer in layers:
        dominance, norm = layer.dominance, activation[layer.name].tolist()
        shuffled = torch.randperm(
            len(dominance), device=activation[layer.name].device, generator=generator
        ).tolist()
        living = [c for c in range(len(dominance)) if layer.si[c] >= DEAD or layer.di[c] >= DEAD]
        orders["self"][layer.name] = sorted(living, key=lambda c: -dominance[c])
        orders["data"][layer.name] = sorted(living, key=lambda c: dominance[c])
        orders["random"][layer.name] = sorted(living, key=lambda c: shuffled[c])
        orders["norm"][layer.name] = sorted(living, key=lambda c: -norm[c])
    return orders


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 5) for name, value in values.items()}

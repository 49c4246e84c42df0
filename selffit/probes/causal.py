"""Causal check of the channel ranking: what zeroing "self" or "data" channels does to the network.

Our operational check of the channel differentiation of He et al. (2023, arXiv 2302.11963).
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from statistics import fmean, stdev

import torch
from msgspec.structs import replace
from torch import Tensor

from selffit.data.imageset import as_float
from selffit.eventlog import kinds
from selffit.methods.base import Gradient, uniform_start
from selffit.methods.gradient import input_gradient
from selffit.models.base import Network
from selffit.models.zeroing import zeroing
from selffit.probes.attacks import ProbeAttack, grey_like
from selffit.probes.base import batches, probing
from selffit.probes.channels import DEAD, channel_dominance, watching
from selffit.probes.concentration import top_count
from selffit.probes.draws import other_labels
from selffit.probes.robust import survivors
from selffit.probes.selfinfo import follows, swap
from selffit.probes.subject import Subject, timed

SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)
SINGLES = 8
DRAWS = 20  # of random groups, so that their spread is known
GROUPS = ("self", "data", "random", "norm")
BRIEF_SHARES = (0.05, 0.2)
BRIEF_SINGLES = 4

Zeroed = Mapping[str, Sequence[int]]  # site: channels


@timed
def causal_probe(
    subject: Subject, n: int, *, brief: bool = False, pause: Callable[[], None] = lambda: None
) -> kinds.CausalProbe:
    """Make the check on the first n images of a subject.

    The first half of them ranks the channels, the second half tells what zeroing does. brief: fewer
    sizes of groups and fewer single channels, for a check that holds up training. pause is called
    before each group and may raise to break the check off.
    """
    return causal_check(
        subject.model,
        *subject.first(n),
        attack=subject.attack,
        pgd_alpha=subject.probe_alpha,
        pgd_steps=subject.probe_steps,
        generator=subject.generator(),
        shares=BRIEF_SHARES if brief else SHARES,
        singles=BRIEF_SINGLES if brief else SINGLES,
        pause=pause,
    )


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
    draws: int = DRAWS,
    batch_size: int = 256,
    pause: Callable[[], None] = lambda: None,
) -> kinds.CausalProbe:
    """Zeroes groups of channels, one stage of the network at a time, and measures it again.

    images: uint8 [N,C,H,W], at least two; the first half ranks the channels, the second half
    reports. A group is a share of the living channels (rounded up) of every site of the stage; a
    dead channel, which answers to nothing, would only dilute it:

        self, data      highest, lowest dominance (`channel_dominance` with FGSM at attack.eps)
        norm            largest mean |activation| on clean images
        random          drawn once a site, so that a larger group contains the smaller ones

    Every attack is made anew against the zeroed network: clean, fgsm (accuracy on x + delta of
    `attack`), pgd (as `robust_accuracies`), carrier (on grey) and swap. y′ and the starts of PGD
    are the same for all groups. `single` zeroes the `singles` most dominant channels of each
    stage's last site alone.

    Costs a ranking (6U an image), then 2k+2·pgd_steps+3 U an image and group for an attack of k
    steps, 2k+1 for swap, and (draws - 1)·(2k+2) for the other draws of each stage and share; images
    that PGD has taken cost no further steps, and groups of the same channels are measured once. The
    generator lives on the images' device; the network is in evaluation mode and float32, and is
    left as it was. `pause` is called before each group; what it raises breaks the check off.
    """
    if draws < 1:
        raise ValueError(f"{draws} draws of random channels; at least 1")
    n_rank = len(images) // 2
    ranked = images[:n_rank], labels[:n_rank]
    layers = channel_dominance(model, *ranked, eps=attack.eps, generator=generator)
    with probing(model), torch.no_grad():
        living = _living(layers)
        orders = _orders(layers, living, _activation(model, *ranked))
        random = [_shuffled(living, generator) for _ in range(draws)]
        x, y = as_float(images[n_rank:]), labels[n_rank:]
        alphas = [pgd_alpha] * pgd_steps
        report = _Report(model, x, y, attack, alphas, generator, batch_size)
        rows = []
        for stage, sites in stages(model).items():
            for share in shares:
                rows += _groups(report, stage, sites, share, orders, random, pause)
        single = []
        for sites in stages(model).values():
            last = next(layer for layer in layers if layer.name == sites[-1])
            for channel in orders["self"][last.name][:singles]:
                pause()
                found = report.one({last.name: [channel]})
                dominance = round(last.dominance[channel], 5)
                single.append(
                    kinds.SingleAblation(
                        layer=last.name, channel=channel, dominance=dominance, **found
                    )
                )
        base = kinds.Effects(**report.group({}))
    return kinds.CausalProbe(
        n=len(y),
        n_rank=n_rank,
        eps=attack.eps,
        pgd_steps=pgd_steps,
        attack=attack.name,
        base=base,
        rows=tuple(rows),
        single=tuple(single),
    )


def stages(model: Network) -> dict[str, list[str]]:
    """The network's sites by the first part of their name, in forward order.

    For example {"layer1": ["layer1.0.conv1", …], …}.
    """
    found: dict[str, list[str]] = {}
    for site in model.sites():
        found.setdefault(site.split(".")[0], []).append(site)
    return found


def group_count(model: Network, *, brief: bool = False) -> int:
    """How often a `causal_probe` calls `pause`: once a group, random draw and single channel.

    At most: a last site with fewer living channels has fewer single ones.
    """
    sizes, singles = (BRIEF_SHARES, BRIEF_SINGLES) if brief else (SHARES, SINGLES)
    return len(stages(model)) * (len(sizes) * (DRAWS + len(GROUPS)) + singles)


def _groups(
    report: "_Report",
    stage: str,
    sites: Sequence[str],
    share: float,
    orders: Mapping[str, "_Order"],
    random: Sequence["_Order"],
    pause: Callable[[], None],
) -> list[kinds.Ablation]:
    """What is left without each group of one size of one stage."""

    def zeroed(order: "_Order") -> dict[str, list[int]]:
        return {site: order[site][: top_count(len(order[site]), share)] for site in sites}

    drawn = []
    for order in random:
        pause()
        drawn.append(report.brief(zeroed(order)))
    fgsm = [draw["fgsm"] for draw in drawn]
    rows = []
    for group in GROUPS:
        pause()
        chosen = zeroed(random[0] if group == "random" else orders[group])
        found = report.group(chosen)
        channels = sum(map(len, chosen.values()))
        row = kinds.Ablation(stage=stage, group=group, share=share, channels=channels)
        row = replace(row, **found)
        if group == "random":
            rows.append(_mean(row, drawn))
        else:
            quantile = fmean(left <= row.fgsm for left in fgsm)
            rows.append(replace(row, quantile=round(quantile, 5)))
    return rows


def _mean(first: kinds.Ablation, drawn: Sequence[Mapping[str, float]]) -> kinds.Ablation:
    """The random group as the mean over its draws, of which `first` is one."""
    of = {name: [draw[name] for draw in drawn] for name in ("clean", "fgsm")}
    mean = {name: round(fmean(values), 5) for name, values in of.items()}
    sd = {
        f"{name}_sd": round(stdev(values), 5) if len(values) > 1 else math.nan
        for name, values in of.items()
    }
    return replace(first, draws=len(drawn), **mean, **sd)


class _Report:
    """The images that are reported on, and what all measurements share: y′ and starts of PGD."""

    def __init__(
        self,
        model: Network,
        x: Tensor,
        y: Tensor,
        attack: ProbeAttack,
        alphas: Sequence[float],
        generator: torch.Generator,
        batch_size: int,
    ) -> None:
        self.model = model
        self.x = x
        self.y = y
        self.attack = attack
        self.alphas = alphas
        self.eps = x.new_tensor(attack.eps)
        self.start = uniform_start(x, self.eps, generator)
        self.other = other_labels(y, model(x[:1]).shape[1], generator)
        self.batch_size = batch_size
        self._known: dict[Hashable, dict[str, float]] = {}

    def brief(self, zeroed: Zeroed) -> dict[str, float]:
        """The shares clean and fgsm with these channels zeroed."""
        return self._once(self._single_step, zeroed)

    def one(self, zeroed: Zeroed) -> dict[str, float]:
        """The shares clean, fgsm, pgd and carrier with these channels zeroed."""
        return self._once(self._accuracies, zeroed)

    def group(self, zeroed: Zeroed) -> dict[str, float]:
        """The shares clean, fgsm, pgd, carrier and swap with these channels zeroed."""
        return self.one(zeroed) | self._once(self._swap, zeroed)

    def _once(
        self, measure: Callable[[Tensor], dict[str, Tensor]], zeroed: Zeroed
    ) -> dict[str, float]:
        """Shares of the hits that `measure` finds among the images with these indices.

        Shares of all images with five digits, measured only once.
        """
        key = measure, tuple((site, tuple(sorted(channels))) for site, channels in zeroed.items())
        if key not in self._known:
            everything = torch.arange(len(self.y), device=self.y.device)
            with zeroing(self.model, zeroed):
                found = [measure(part) for part in torch.split(everything, self.batch_size)]
            shares = torch.stack(
                [torch.cat([part[name] for part in found]).double().mean() for name in found[0]]
            )
            rounded = [round(share, 5) for share in shares.tolist()]
            self._known[key] = dict(zip(found[0], rounded, strict=True))
        return self._known[key]

    def _single_step(self, part: Tensor) -> dict[str, Tensor]:
        clean, _, fgsm = self._attacked(part)
        return {"clean": clean, "fgsm": fgsm}

    def _attacked(self, part: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Which are right, the perturbations, and which are right under them."""
        model, x, y = self.model, self.x[part], self.y[part]
        at_x = input_gradient(model, x, y)
        delta = self.attack.delta(model, x, y, at_x)
        return at_x.logits.argmax(1) == y, delta, follows(model, x, delta, y)

    def _accuracies(self, part: Tensor) -> dict[str, Tensor]:
        model, x, y = self.model, self.x[part], self.y[part]
        clean, delta, fgsm = self._attacked(part)
        right = clean.nonzero()[:, 0]
        stood = survivors(
            model,
            self._gradient,
            x[right],
            y[right],
            self.start[part[right]],
            self.eps,
            self.alphas,
        )
        return {
            "clean": clean,
            "fgsm": fgsm,
            "pgd": torch.zeros_like(clean).index_fill_(0, right[stood], True),
            "carrier": follows(model, grey_like(x), delta, y),
        }

    def _swap(self, part: Tensor) -> dict[str, Tensor]:
        return {"swap": swap(self.model, self.x[part], self.other[part], self.attack)}

    def _gradient(self, x: Tensor, y: Tensor, _: Tensor) -> Gradient:
        return input_gradient(self.model, x, y)


def _activation(model: Network, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Mean |h_c| over images and space of every channel at every site, up to a factor; [C]."""
    total: dict[str, Tensor] = {}

    def see(name: str, output: Tensor) -> None:
        total[name] = total.get(name, 0) + output.abs().mean(dim=(2, 3)).sum(
            dim=0, dtype=torch.float64
        )

    with watching(model, see):
        for x, _ in batches(images, labels, 64):
            model(x)
    return total


_Order = Mapping[str, list[int]]  # site: its living channels, as larger groups take them


def _living(layers: Iterable[kinds.LayerChannels]) -> _Order:
    """The channels of each site that answer to anything."""
    return {
        layer.name: [
            c for c in range(len(layer.dominance)) if layer.si[c] >= DEAD or layer.di[c] >= DEAD
        ]
        for layer in layers
    }


def _orders(
    layers: Iterable[kinds.LayerChannels], living: _Order, activation: Mapping[str, Tensor]
) -> dict[str, _Order]:
    """The living channels of each site by dominance and by activation, by the name of the group."""
    of: dict[str, dict[str, list[int]]] = {"self": {}, "data": {}, "norm": {}}
    for layer in layers:
        name, dominance, norm = layer.name, layer.dominance, activation[layer.name].tolist()
        of["self"][name] = sorted(living[name], key=lambda c: -dominance[c])
        of["data"][name] = sorted(living[name], key=lambda c: dominance[c])
        of["norm"][name] = sorted(living[name], key=lambda c: -norm[c])
    return dict(of)


def _shuffled(living: _Order, generator: torch.Generator) -> _Order:
    """The living channels of each site in random order."""
    return {
        site: [
            channels[i]
            for i in torch.randperm(
                len(channels), device=generator.device, generator=generator
            ).tolist()
        ]
        for site, channels in living.items()
    }

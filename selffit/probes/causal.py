"""Causal check of the channel ranking: what zeroing "self" or "data" channels does to the network.

Our operational check of the channel differentiation of He et al. (2023, arXiv 2302.11963).
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from statistics import fmean, pstdev, stdev
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace
from torch import Tensor

from selffit.data.imageset import as_float
from selffit.eventlog import kinds
from selffit.models.base import Network
from selffit.probes.ablate import Key, Report, Zeroed, key_of
from selffit.probes.attacks import ProbeAttack
from selffit.probes.base import batch_of, batches, precision, probing
from selffit.probes.channels import channel_dominance, living, watching
from selffit.probes.concentration import top_count
from selffit.probes.steps import step_sizes
from selffit.probes.subject import Subject

SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)
SINGLES = 8
DRAWS = 20  # random groups of a size, so that their spread is known
GROUPS = ("self", "data", "random", "norm")
BRIEF_SHARES = (0.05, 0.2)
BRIEF_SINGLES = 4


def causal_probe(
    subject: Subject,
    n: int,
    *,
    brief: bool = False,
    budget: float = 0.0,
    pause: Callable[[], None] = lambda: None,
) -> kinds.CausalProbe:
    """Make the check on the first n images of a subject, at one go.

    budget: seconds after which no further group is measured, 0 = none. `pause` is called before
    each batch of groups and may raise to break the check off.
    """
    began = time.perf_counter()
    pause()
    check = causal_of(subject, n, brief=brief)
    while check.left and (not budget or time.perf_counter() - began < budget):
        pause()
        check.measure()
    return causal_record(subject, check, time.perf_counter() - began, budget)


def causal_record(
    subject: Subject, check: "CausalCheck", seconds: float, budget: float
) -> kinds.CausalProbe:
    """What a check of a subject has found, in so many seconds, as the log has it."""
    return replace(
        check.result(),
        at=subject.at,
        sec=round(seconds, 4),
        budget=budget or math.nan,
        left=check.left,
        precision=precision(subject.images.device),
    )


def causal_of(subject: Subject, n: int, *, brief: bool) -> "CausalCheck":
    """The check on the first n images of a subject, to be made in pieces.

    The first half of them ranks the channels, the second half tells what zeroing does. brief: fewer
    sizes of groups and fewer single channels, for a check beside training.
    """
    return CausalCheck(
        subject.model,
        *subject.first(n),
        attack=subject.attack,
        pgd_alpha=subject.probe_alpha,
        pgd_steps=subject.probe_steps,
        generator=subject.generator(),
        shares=BRIEF_SHARES if brief else SHARES,
        singles=BRIEF_SINGLES if brief else SINGLES,
    )


def causal_check(
    model: Network, images: Tensor, labels: Tensor, **options: Any
) -> kinds.CausalProbe:
    """The whole of a `CausalCheck` with these options."""
    check = CausalCheck(model, images, labels, **options)
    while check.left:
        check.measure()
    return check.result()


class CausalCheck:
    """Zeroes groups of channels, one stage of the network at a time, and measures it again.

    images: uint8 [N,C,H,W], at least two; the first half ranks the channels, the second half
    reports. A group is a share of the living channels (rounded up) of every site of the stage; a
    dead channel, which answers to nothing, would only dilute it:

        self, data      highest, lowest dominance (`channel_dominance` with FGSM at attack.eps)
        norm            largest mean |activation| on clean images
        random          `draws` orders of each site's channels, of which a larger group takes more;
                        all groups there are, in random order, where those are no more than `draws`

    Every attack is made anew against the zeroed network: clean, fgsm (accuracy on x + delta of
    `attack`), pgd (as `robust_accuracies`), carrier (on grey) and swap. y′ and the starts of PGD
    are the same for all groups. `single` zeroes the `singles` most dominant channels of each
    stage's last site alone.

    Costs a ranking (6U an image), then 2k+2·pgd_steps+3 U an image and group for an attack of k
    steps, 2k+1 for swap, and (draws - 1)·(2k+2) for the other draws of each stage and share; images
    that PGD has taken cost no further steps, and groups of the same channels are measured once. As
    many groups as fit into a batch are measured together; those that tell most come first. The
    generator lives on the images' device; the network is in evaluation mode and float32, and is
    left as it was after each piece. It must not be trained in between. Raises ValueError without a
    draw of random channels.
    """

    def __init__(
        self,
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
        batch_size: int = 0,
    ) -> None:
        """Ranks the channels. batch_size: images of a pass, 0 = as suits the device."""
        if draws < 1:
            raise ValueError(f"{draws} draws of random channels; at least 1")
        self._attack, self._pgd_steps, self._shares = attack, pgd_steps, shares
        self._n_rank = len(images) // 2
        ranked = images[: self._n_rank], labels[: self._n_rank]
        layers = channel_dominance(model, *ranked, eps=attack.eps, generator=generator)
        self._stages = stages(model)
        with probing(model), torch.no_grad():
            self._orders = _orders(layers, _activation(model, *ranked))
            orders = [_shuffled(self._orders["data"], generator) for _ in range(draws)]
            self._random: dict[tuple[str, int], _Random] = {}
            for stage, share in self._sizes():
                drawn = [self._zeroed(stage, share, order) for order in orders]
                if (size := (stage, _channels(drawn[0]))) not in self._random:
                    self._random[size] = _random_groups(drawn, orders[0], generator)
            x, y = as_float(images[self._n_rank :]), labels[self._n_rank :]
            channels = {layer.name: len(layer.dominance) for layer in layers}
            alphas = step_sizes(attack.eps, pgd_alpha, pgd_steps)
            batch = batch_size or batch_of(x.device, 256)
            self._report = Report(model, channels, x, y, attack, alphas, generator, batch)
        self._singles = [
            (layer.name, channel, round(layer.dominance[channel], 5))
            for layer in layers
            if layer.name in {sites[-1] for sites in self._stages.values()}
            for channel in self._orders["self"][layer.name][:singles]
        ]
        wanted: dict[Key, str] = {key_of({}): "group"}
        for stage, share in self._sizes():
            for group in GROUPS:
                wanted.setdefault(key_of(self._group(stage, share, group)), "group")
        for site, channel, _ in self._singles:
            wanted.setdefault(key_of({site: [channel]}), "one")
        for zeroed in (group for random in self._random.values() for group in random.groups):
            wanted.setdefault(key_of(zeroed), "brief")
        self._todo = wanted

    @property
    def left(self) -> int:
        """How many groups are still to be measured."""
        return len(self._todo)

    def measure(self) -> None:
        """Measure the next ones: as many as fit into a batch."""
        level = next(iter(self._todo.values()))
        same = [key for key, wanted in self._todo.items() if wanted == level]
        keys = same[: self._report.at_once]
        with probing(self._report.model), torch.no_grad():
            self._report.measure(keys, level)
        for key in keys:
            del self._todo[key]

    def result(self) -> kinds.CausalProbe:
        """What has been measured so far; groups without a measurement are left out."""
        known = self._report.known
        rows = [row for stage, share in self._sizes() for row in self._rows(stage, share)]
        single = [
            kinds.SingleAblation(
                layer=site, channel=channel, dominance=dominance, **_without(known[key], "swap")
            )
            for site, channel, dominance in self._singles
            if (key := key_of({site: [channel]})) in known
        ]
        return kinds.CausalProbe(
            n=len(self._report.y),
            n_rank=self._n_rank,
            eps=self._attack.eps,
            pgd_steps=self._pgd_steps,
            attack=self._attack.name,
            base=kinds.Effects(**known.get(key_of({}), {})),
            rows=tuple(rows),
            single=tuple(single),
        )

    def _sizes(self) -> Iterator[tuple[str, float]]:
        return ((stage, share) for stage in self._stages for share in self._shares)

    def _zeroed(self, stage: str, share: float, order: "_Order") -> Zeroed:
        return {
            site: order[site][: top_count(len(order[site]), share)] for site in self._stages[stage]
        }

    def _drawn(self, stage: str, share: float) -> "_Random":
        """The random groups of one size of a stage, the same for all shares that come to it."""
        return self._random[stage, _channels(self._zeroed(stage, share, self._orders["self"]))]

    def _group(self, stage: str, share: float, group: str) -> Zeroed:
        if group == "random":
            return self._drawn(stage, share).groups[0]
        return self._zeroed(stage, share, self._orders[group])

    def _rows(self, stage: str, share: float) -> Iterator[kinds.Ablation]:
        """What is left without each group of one size of one stage."""
        known, random = self._report.known, self._drawn(stage, share)
        draws = [key_of(zeroed) for zeroed in random.groups]
        drawn = [known[key] for key in draws if key in known]
        complete = len(drawn) == len(draws)
        for group in GROUPS:
            zeroed = self._group(stage, share, group)
            if "swap" not in (found := known.get(key_of(zeroed), {})):
                continue
            channels = _channels(zeroed)
            row = kinds.Ablation(stage=stage, group=group, share=share, channels=channels)
            row = replace(row, **found)
            if group == "random":
                yield _mean(row, drawn, pstdev if complete and random.complete else stdev)
            elif complete:
                quantile = fmean(draw["fgsm"] <= row.fgsm for draw in drawn)
                yield replace(row, quantile=round(quantile, 5))
            else:
                yield row


def _without(values: Mapping[str, float], name: str) -> dict[str, float]:
    return {key: value for key, value in values.items() if key != name}


def stages(model: Network) -> dict[str, list[str]]:
    """The network's sites by the first part of their name, in forward order.

    For example {"layer1": ["layer1.0.conv1", …], …}.
    """
    found: dict[str, list[str]] = {}
    for site in model.sites():
        found.setdefault(site.split(".")[0], []).append(site)
    return found


def _mean(
    first: kinds.Ablation,
    drawn: Sequence[Mapping[str, float]],
    spread: Callable[[Sequence[float]], float],
) -> kinds.Ablation:
    """The random group as the mean over those drawn, of which `first` is one, and their spread."""
    of = {name: [draw[name] for draw in drawn] for name in ("clean", "fgsm")}
    mean = {name: round(fmean(values), 5) for name, values in of.items()}
    sd = {
        f"{name}_sd": round(spread(values), 5) if len(values) > 1 else math.nan
        for name, values in of.items()
    }
    return replace(first, draws=len(drawn), **mean, **sd)


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


class _Random(NamedTuple):
    """Groups of one size at random; complete: they are all there are, each of them once."""

    groups: list[Zeroed]
    complete: bool


def _random_groups(drawn: list[Zeroed], living: _Order, generator: torch.Generator) -> _Random:
    """Those drawn, or all groups of their size there are where those are no more."""
    sizes = {site: len(channels) for site, channels in drawn[0].items()}
    number = math.prod(math.comb(len(living[site]), size) for site, size in sizes.items())
    if number > len(drawn):
        return _Random(drawn, complete=False)
    of = [combinations(sorted(living[site]), size) for site, size in sizes.items()]
    groups = [dict(zip(sizes, taken, strict=True)) for taken in product(*of)]
    return _Random([groups[i] for i in _at_random(number, generator)], complete=True)


def _channels(zeroed: Zeroed) -> int:
    """How many channels a group has, of all its sites together."""
    return sum(map(len, zeroed.values()))


def _orders(
    layers: Iterable[kinds.LayerChannels], activation: Mapping[str, Tensor]
) -> dict[str, _Order]:
    """The living channels of each site by dominance and by activation, by the name of the group."""
    of: dict[str, dict[str, list[int]]] = {"self": {}, "data": {}, "norm": {}}
    for layer in layers:
        name, dominance, norm = layer.name, layer.dominance, activation[layer.name].tolist()
        alive = living(layer)
        of["self"][name] = sorted(alive, key=lambda c: -dominance[c])
        of["data"][name] = sorted(alive, key=lambda c: dominance[c])
        of["norm"][name] = sorted(alive, key=lambda c: -norm[c])
    return dict(of)


def _shuffled(order: _Order, generator: torch.Generator) -> _Order:
    """The same channels of each site in random order."""
    return {
        site: [channels[i] for i in _at_random(len(channels), generator)]
        for site, channels in order.items()
    }


def _at_random(number: int, generator: torch.Generator) -> list[int]:
    """The first so many numbers in random order."""
    return torch.randperm(number, device=generator.device, generator=generator).tolist()

"""Channel differentiation: which channels answer to the network's own perturbation, which to x.

Our operational definition of the "dominant channels" of He et al. (2023, arXiv 2302.11963), whose
abstract is all that this project had at hand.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from msgspec.structs import replace
from torch import Tensor

from selffit.data.imageset import as_float
from selffit.eventlog import kinds
from selffit.eventlog.fields import Floats
from selffit.methods.gradient import input_gradient
from selffit.models.base import Network
from selffit.probes.attacks import ProbeAttack, add, grey_like
from selffit.probes.base import batch_of, batches, probing
from selffit.probes.concentration import gini, participation_ratio, top_share
from selffit.probes.draws import random_signs
from selffit.probes.ranks import shared_top, spearman
from selffit.probes.subject import Subject, timed

# a channel whose si and di are both below this share of an average channel says nothing
DEAD = 0.01


@timed
def channel_probe(subject: Subject, n: int) -> kinds.ChannelProbe:
    """Measure the dominance of every channel on the first n images of a subject.

    Values a channel have four significant digits: the probe's sampling error allows no more.
    """
    x, y = subject.first(n)
    generator = subject.generator()
    layers = channel_dominance(subject.model, x, y, eps=subject.eps, generator=generator)
    return kinds.ChannelProbe(n=len(x), layers=tuple(_short(layer) for layer in layers))


def channel_dominance(
    model: Network,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    generator: torch.Generator,
    batch_size: int = 0,
) -> list[kinds.LayerChannels]:
    """Dominance of every channel at every site of the network, in forward order.

    images: uint8 [N,C,H,W]; the generator lives on their device. With h_c the map of a channel
    after normalisation and activation, averaged over images and space:

        R_SI[c] = mean |h_c(x + delta) - h_c(x)|,  delta = FGSM perturbation of size eps
        R_DI[c] = mean |h_c(x) - h_c(u)|,          u = plain grey
        dominance[c] = (si - di) / (si + di),      si, di = R_SI, R_DI divided by their layer means

    so dominance is in [-1,1]: +1 answers to the perturbation only, -1 to the content only. rand and
    car are the responses to random signs of the same size and to delta on plain grey, relative too
    (1 = an average channel). gini, top10 (share of the largest 10 % of channels) and pr
    (participation ratio, a number of channels) say how concentrated si is. rho and agree say how
    far the ranking of the living channels by dominance repeats when it is made from each half of
    the images: Spearman's rank correlation in [-1,1], and the share of the 10 % most dominant ones
    that both halves name (both NaN where one half ranks nothing).

    0 for a dead channel (si and di both below 1 % of an average channel), and throughout a layer
    where one of the two is 0 everywhere (eps = 0): nothing can be compared there. The halves of rho
    and agree are the first N/2 images and the others. Costs a gradient and three forward passes
    over the images (5U); the network is in evaluation mode and float32, and is left as it was.
    """
    batch_size = batch_size or batch_of(images.device, 64)
    totals: dict[str, dict[str, Tensor]] = {kind: {} for kind in ("si", "di", "rand", "car")}
    clean: dict[str, Tensor] = {}
    grey: dict[str, Tensor] = {}
    second = torch.arange(len(images), device=images.device) >= len(images) // 2
    half_of = torch.stack([~second, second]).double()  # [2,N]

    def keep(maps: dict[str, Tensor]) -> Callable[[str, Tensor], None]:
        return maps.__setitem__

    def add_up(kind: str, base: dict[str, Tensor], halves: Tensor) -> Callable[[str, Tensor], None]:
        total = totals[kind]

        def see(name: str, output: Tensor) -> None:
            total[name] = total.get(name, 0) + halves @ _distance(output, base[name])

        return see

    attack, signs = ProbeAttack(eps), random_signs(images, generator)
    with probing(model), torch.no_grad():
        with watching(model, keep(grey)):
            model(grey_like(as_float(images[:1])))
        parts = zip(
            batches(images, labels, batch_size),
            torch.split(signs, batch_size),
            torch.split(half_of, batch_size, dim=1),
            strict=True,
        )
        for (x, y), coins, halves in parts:
            with watching(model, keep(clean)):
                at_x = input_gradient(model, x, y)
            delta = attack.delta(model, x, y, at_x)
            with watching(model, add_up("si", clean, halves)):
                model(add(x, delta))
            with watching(model, add_up("rand", clean, halves)):
                model(add(x, eps * coins))
            with watching(model, add_up("car", grey, halves)):
                model(add(grey_like(x), delta))
            see = add_up("di", grey, halves)
            for name, output in clean.items():
                see(name, output)
    # many small operations, so on the host
    found = {kind: {name: t.cpu() for name, t in total.items()} for kind, total in totals.items()}
    return [_layer(name, **{kind: total[name] for kind, total in found.items()}) for name in grey]


@contextmanager
def watching(model: Network, see: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Calls see(site, detached output) whenever a site of the network has run.

    The hooks are removed at the end.
    """
    hooks = [
        module.register_forward_hook(
            lambda _module, _inputs, output, name=name: see(name, output.detach())
        )
        for name, module in model.sites().items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def living(layer: kinds.LayerChannels) -> list[int]:
    """The channels of a layer that answer to anything: those that are not dead."""
    both = zip(layer.si, layer.di, strict=True)
    return [c for c, (si, di) in enumerate(both) if si >= DEAD or di >= DEAD]


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """Mean over space of |a - b|: [B,C,H,W] → float64 [B,C]."""
    return (a - b).abs().mean(dim=(2, 3)).double()


def _layer(name: str, si: Tensor, di: Tensor, rand: Tensor, car: Tensor) -> kinds.LayerChannels:
    """From the responses [2,C] that each half of the images adds up to."""
    layer = kinds.LayerChannels(
        name=name,
        dominance=Floats(_dominance(si.sum(0), di.sum(0)).tolist()),
        si=Floats(_relative(si.sum(0)).tolist()),
        di=Floats(_relative(di.sum(0)).tolist()),
        rand=Floats(_relative(rand.sum(0)).tolist()),
        car=Floats(_relative(car.sum(0)).tolist()),
        gini=gini(si.sum(0)),
        top10=top_share(si.sum(0)),
        pr=participation_ratio(si.sum(0)),
    )
    # dead channels have the same 0 in both halves: they would agree about nothing
    alive = living(layer)
    first, second = (_dominance(*half)[alive] for half in zip(si, di, strict=True))
    rho = spearman(first, second)
    return replace(layer, rho=rho, agree=math.nan if math.isnan(rho) else shared_top(first, second))


def _dominance(r_si: Tensor, r_di: Tensor) -> Tensor:
    si, di = _relative(r_si), _relative(r_di)
    alive = ((si >= DEAD) | (di >= DEAD)) & si.any() & di.any()
    return torch.where(alive, (si - di) / (si + di), 0.0)


def _relative(response: Tensor) -> Tensor:
    """Divided by the layer mean; zeros where no channel responds."""
    mean = response.mean()
    return response / mean if mean > 0 else torch.zeros_like(response)


def _short(layer: kinds.LayerChannels) -> kinds.LayerChannels:
    """The same with four significant digits a channel."""
    names = ("dominance", "si", "di", "rand", "car")
    return replace(layer, **{name: _four_digits(getattr(layer, name)) for name in names})


def _four_digits(values: Sequence[float]) -> Floats:
    """Floats with four significant digits."""
    return Floats([float(f"{value:.4g}") for value in values])

"""Channel differentiation: which channels answer to the network's own perturbation, which to the image.

Our operational definition of the "dominant channels" of He et al. (2023,
arXiv 2302.11963), whose abstract is all that this project had at hand.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from selffit.methods.base import Budget, input_gradient
from selffit.methods.fgsm import fgsm
from selffit.models.base import Network
from selffit.probes.base import batches, probing
from selffit.probes.concentration import gini, participation_ratio, top_share

GREY = 0.5  # the image without content, u
DEAD = 0.01  # a channel whose si and di are both below this share of an average channel says nothing


@dataclass(frozen=True)
class LayerDominance:
    """One convolution layer; the tuples have one entry a channel.

    si, di, rand: response to the network's own FGSM perturbation, to the
    image's content, and to random signs of the same size, each divided by its
    mean over the layer (1 = an average channel). dominance in [-1,1]: +1
    answers to the perturbation only, -1 to the content only. gini, top10
    (share of the largest 10 % of channels) and pr (participation ratio, a
    number of channels) say how concentrated si is.
    """

    name: str
    dominance: tuple[float, ...]
    si: tuple[float, ...]
    di: tuple[float, ...]
    rand: tuple[float, ...]
    gini: float
    top10: float
    pr: float


def channel_dominance(
    model: Network,
    images: Tensor,
    labels: Tensor,
    *,
    eps: float,
    generator: torch.Generator,
    batch_size: int = 64,
) -> list[LayerDominance]:
    """Dominance of every channel at every site of the network, in forward order.

    images: uint8 [N,C,H,W]; the generator lives on their device. With h_c the
    map of a channel after normalisation and activation, averaged over images
    and space:

        R_SI[c] = mean |h_c(x + delta) - h_c(x)|,  delta = FGSM perturbation of size eps
        R_DI[c] = mean |h_c(x) - h_c(u)|,          u = plain grey
        dominance[c] = (si - di) / (si + di),      si, di = R_SI, R_DI divided by their layer means

    0 for a dead channel (si and di both below 1 % of an average channel), and
    throughout a layer where one of the two is 0 everywhere (eps = 0): nothing
    can be compared there. Costs a gradient and two forward passes over the
    images; the network is in evaluation mode and float32, and is left as it was.
    """
    totals: dict[str, dict[str, Tensor]] = {"si": {}, "di": {}, "rand": {}}
    clean: dict[str, Tensor] = {}
    grey: dict[str, Tensor] = {}

    def keep(maps: dict[str, Tensor]) -> Callable[[str, Tensor], None]:
        return maps.__setitem__

    def add(total: dict[str, Tensor]) -> Callable[[str, Tensor], None]:
        def see(name: str, output: Tensor) -> None:
            total[name] = total.get(name, 0) + _distance(output, clean[name])

        return see

    with probing(model), torch.no_grad():
        with watching(model, keep(grey)):
            model(torch.full_like(images[:1], GREY, dtype=torch.float32))
        for x, y in batches(images, labels, batch_size):
            with watching(model, keep(clean)):
                at_x = input_gradient(model, x, y)
            budget = Budget(torch.tensor(eps, device=x.device), torch.tensor(eps, device=x.device))
            own = fgsm(lambda _x, _y, known=at_x: known, x, y, budget, generator).x_adv  # type: ignore[misc]
            coin = torch.empty_like(x).bernoulli_(0.5, generator=generator)
            with watching(model, add(totals["si"])):
                model(own)
            with watching(model, add(totals["rand"])):
                model((x + eps * (2 * coin - 1)).clamp(0, 1))
            for name, output in clean.items():
                totals["di"][name] = totals["di"].get(name, 0) + _distance(output, grey[name])
    return [_layer(name, *(totals[kind][name] for kind in ("si", "di", "rand"))) for name in grey]


@contextmanager
def watching(model: Network, see: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Calls see(site, detached output) whenever a site of the network has run; the hooks are removed at the end."""
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output, name=name: see(name, output.detach()))
        for name, module in model.sites().items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _distance(a: Tensor, b: Tensor) -> Tensor:
    """mean over space and sum over images of |a - b|: [B,C,H,W] → float64 [C]."""
    return (a - b).abs().mean(dim=(2, 3)).sum(dim=0, dtype=torch.float64)


def _layer(name: str, r_si: Tensor, r_di: Tensor, r_rand: Tensor) -> LayerDominance:
    si, di, rand = (_relative(r) for r in (r_si, r_di, r_rand))
    alive = ((si >= DEAD) | (di >= DEAD)) & si.any() & di.any()
    dominance = torch.where(alive, (si - di) / (si + di), 0.0)
    return LayerDominance(
        name=name,
        dominance=tuple(dominance.tolist()),
        si=tuple(si.tolist()),
        di=tuple(di.tolist()),
        rand=tuple(rand.tolist()),
        gini=gini(r_si),
        top10=top_share(r_si),
        pr=participation_ratio(r_si),
    )


def _relative(response: Tensor) -> Tensor:
    """Divided by the layer mean; zeros where no channel responds."""
    mean = response.mean()
    return response / mean if mean > 0 else torch.zeros_like(response)

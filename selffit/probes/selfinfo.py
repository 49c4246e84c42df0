"""Self-information: does the network read the image, or its own perturbation?

Our operational definitions for the claims of He et al. (2023, arXiv 2302.11963), whose abstract is
all that this project had at hand. The small functions are the single probes. They work on float
images [B,C,H,W] in [0,1], give one entry an image, and are to be called in `probing` and without
gradients; `self_information` calls them all and shares what they have in common.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from msgspec.structs import replace
from torch import Tensor, nn

from selffit.data.imageset import as_float
from selffit.detect.selffitting import index
from selffit.detect.signs import effects
from selffit.eventlog import kinds
from selffit.eventlog.fields import Floats
from selffit.methods.base import Gradient
from selffit.methods.gradient import input_gradients
from selffit.probes.attacks import ProbeAttack, add, grey_like
from selffit.probes.base import batch_of, probing
from selffit.probes.draws import other_labels, partners, pixel_orders, random_signs, uniform_like
from selffit.probes.subject import Subject, timed

DOSES = tuple(k / 8 for k in range(13))  # multiples of the perturbation: 0 … 1.5
MIX = (0.0, 0.25, 0.5, 0.75, 1.0)  # shares of its entries that random signs replace
FOREIGN = 9  # class-generic perturbations of other classes that each image meets, at most


@timed
def self_probe(subject: Subject, n: int, *, full: bool, why: str) -> kinds.SelfProbe:
    """Measure self-information on the first n images of a subject."""
    found = self_information(
        subject.model,
        *subject.first(n),
        attack=subject.attack,
        generator=subject.generator(),
        classes=subject.classes,
        mean=subject.mean,
        reference=subject.reference,
        full=full,
    )
    return replace(found, why=why, reference=subject.reference_at)


def self_information(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    attack: ProbeAttack,
    generator: torch.Generator,
    classes: int,
    mean: Tensor | None = None,
    reference: nn.Module | None = None,
    full: bool = False,
    batch_size: int = 0,
) -> kinds.SelfProbe:
    """The light set of probes, or the full one, with delta(x,y;θ) = attack.delta on `model`.

    images: uint8 [N,C,H,W] of at least two classes; labels: int64 [N]; mean: the training mean,
    float32 [C,H,W], which the full set needs; reference: a network g from before the onset. The
    generator lives on the images' device and is the only source of randomness. In the order of
    `values`:

        clean, own          accuracy on x, on x + delta(x,y;θ)
        abnormal            share whose loss is lower at x + delta than at x
        signs               accuracy on x + eps·random signs
        swap                share predicted y′ after x + delta(x,y′;θ), y′ ≠ y uniform
        carrier_grey        accuracy on u + delta(x,y;θ) against y, u = grey 0.5
        conflict_self, …_data, …_other
                            share predicted y_j, y_i, neither after x_i + delta(x_j,y_j;θ),
                            y_j ≠ y_i
        other, gap          accuracy on x + delta(x,y;g), own - other
        control_grey        as carrier_grey, with the delta of g
      and in the full set
        carrier_mean, carrier_noise, control_mean, control_noise
                            as above with u = training mean, uniform noise in [0,1]
        control_conflict, control_swap
                            as conflict_self and swap, with the deltas of g
        shuffled            accuracy on x + delta with its pixels in random order
        p_abnormal, p_dominate
                            delta_c, made on grey for label c, on x of other classes:
                            share whose class-c logit rises, share predicted c
        dose                accuracy on x + k·delta
        mix                 accuracy when random signs replace a share of delta's entries

    `other`, `gap` and `control_*` only where there is a reference. Numbers have five digits; the
    index and its components are made of those that have all, but for the dose curve. With the same
    seed the light values of both sets are the same.

    Costs an image, in forward passes U, for an attack of k steps: light 4k+4 (FGSM 8U), with a
    reference 2k+2 more (12U); full 30U more, 2k+33 more with a reference (35U). Both networks are
    in evaluation mode and float32 and are left as they were. Raises ValueError for a full set
    without a mean.
    """
    batch_size = batch_size or batch_of(images.device, 256)
    other, partner = other_labels(labels, classes, generator), partners(labels, generator)
    signs = attack.eps * random_signs(images, generator)
    totals: dict[str, Tensor] = {}
    with (
        probing(model),
        nullcontext() if reference is None else probing(reference),
        torch.no_grad(),
    ):
        parts = list(_parts(len(images), batch_size))
        seen = [
            _clean(model, as_float(images[part]), labels[part], other[part], attack)
            for part in parts
        ]
        logits, losses, deltas, away = (torch.cat(found) for found in zip(*seen, strict=True))
        theirs = their_away = None
        if reference is not None:
            made = [
                _deltas(reference, as_float(images[part]), labels[part], other[part], attack, full)
                for part in parts
            ]
            theirs, their_away = (torch.cat(found) for found in zip(*made, strict=True))
        more = _Full.draw(model, images, classes, attack, mean, generator) if full else None
        for part in parts:
            x, y, delta = as_float(images[part]), labels[part], deltas[part]
            hits = {"clean": logits[part].argmax(1) == y}
            hits["own"], hits["abnormal"] = own_effect(model, x, y, delta, losses[part])
            hits["signs"] = follows(model, x, signs[part], y)
            hits["swap"] = follows(model, x, away[part], other[part])
            hits |= conflict(model, x, y, deltas[partner[part]], labels[partner[part]])
            carriers = {"grey": grey_like(x)}
            if more is not None:
                hits |= more.hits(model, part, x, y, delta, signs[part], logits[part])
                carriers |= more.carriers(part, x)
            for kind, u in carriers.items():
                hits[f"carrier_{kind}"] = follows(model, u, delta, y)
            if theirs is not None and their_away is not None:
                foreign = theirs[part]
                hits["other"] = follows(model, x, foreign, y)
                for kind, u in carriers.items():
                    hits[f"control_{kind}"] = follows(model, u, foreign, y)
                if full:
                    donor = partner[part]
                    found = conflict(model, x, y, theirs[donor], labels[donor])
                    hits["control_conflict"] = found["conflict_self"]
                    hits["control_swap"] = follows(model, x, their_away[part], other[part])
            for name, hit in hits.items():
                totals[name] = totals.get(name, 0) + hit.sum(-1, dtype=torch.float64)
    shares = {name: total / len(images) for name, total in totals.items()}
    curves = {
        name: Floats(_rounded(shares.pop(name).tolist()))
        for name in ("dose", "mix")
        if name in shares
    }
    values = {name: float(share) for name, share in shares.items()}
    if reference is not None:
        values["gap"] = values["own"] - values["other"]
    curve = kinds.Dose(k=Floats(DOSES), acc=curves["dose"]) if full else None
    components = effects(values, 1 / classes, dose=curve)
    return kinds.SelfProbe(
        n=len(images),
        full=full,
        eps=attack.eps,
        attack=attack.name,
        values={name: round(value, 5) for name, value in values.items()},
        dose=curve,
        mix=kinds.Mix(share=Floats(MIX), acc=curves["mix"]) if full else None,
        index=round(index(components), 5),
        components={name: round(value, 5) for name, value in components.items()},
    )


def follows(model: nn.Module, x: Tensor, delta: Tensor, y: Tensor) -> Tensor:
    """Whether x + delta is predicted y: bool [B].

    x is an image or a carrier u, delta of whatever origin.
    """
    predicted: Tensor = model(add(x, delta)).argmax(1)
    return predicted == y


def own_effect(
    model: nn.Module, x: Tensor, y: Tensor, delta: Tensor, loss: Tensor
) -> tuple[Tensor, Tensor]:
    """Whether x + delta is predicted y, and loses less than the clean `loss` [B]: bool [B] each.

    The second makes an abnormal example.
    """
    logits = model(add(x, delta))
    return logits.argmax(1) == y, F.cross_entropy(logits, y, reduction="none") < loss


def swap(
    model: nn.Module, x: Tensor, other: Tensor, attack: ProbeAttack, at_x: Gradient | None = None
) -> Tensor:
    """Whether x + delta(x,y′) is predicted y′ = `other`: bool [B].

    To first order that step lowers p(y′). at_x: the gradient at (x,y′) where it is known.
    """
    return follows(model, x, attack.delta(model, x, other, at_x), other)


def conflict(
    model: nn.Module, x: Tensor, y: Tensor, delta: Tensor, y_delta: Tensor
) -> dict[str, Tensor]:
    """What x + delta is predicted with the `delta` of other images, of labels y_delta: bool [B].

    conflict_self: y_delta; conflict_data: y; conflict_other: neither. None of them where y_delta =
    y: that is no conflict.
    """
    predicted = model(add(x, delta)).argmax(1)
    theirs, ours, differ = predicted == y_delta, predicted == y, y_delta != y
    return {
        "conflict_self": theirs & differ,
        "conflict_data": ours & differ,
        "conflict_other": ~theirs & ~ours & differ,
    }


def shuffled(delta: Tensor, orders: Tensor) -> Tensor:
    """The delta with the pixels of each image in another order [B,H·W], alike in all channels."""
    return (
        delta.flatten(2)
        .gather(2, orders[:, None].expand(-1, delta.shape[1], -1))
        .reshape(delta.shape)
    )


def class_patterns(model: nn.Module, images: Tensor, classes: int, attack: ProbeAttack) -> Tensor:
    """The perturbations delta_c [K,C,H,W] of one grey image, as large as `images`, a label each."""
    grey = grey_like(as_float(images[:1])).expand(classes, -1, -1, -1)
    return attack.delta(model, grey, torch.arange(classes, device=images.device))


def class_generic(
    model: nn.Module, x: Tensor, y: Tensor, logits: Tensor, patterns: Tensor, shifts: Tensor
) -> tuple[Tensor, Tensor]:
    """What patterns of other classes do to x: float [B] each, over c = y + shift (mod K).

    The share of c whose pattern raises the class-c logit above that of the clean `logits` [B,K],
    and the share for which x + pattern is predicted c.
    """
    rises, dominates = [], []
    for shift in shifts:
        c = (y + shift) % len(patterns)
        after = model(add(x, patterns[c]))
        rises.append((after > logits).gather(1, c[:, None])[:, 0])
        dominates.append(after.argmax(1) == c)
    return torch.stack(rises).float().mean(0), torch.stack(dominates).float().mean(0)


def dose(model: nn.Module, x: Tensor, y: Tensor, delta: Tensor) -> Tensor:
    """Whether x + k·delta is predicted y, k = 0 … 1.5 as in DOSES: bool [13,B]."""
    return torch.stack([follows(model, x, k * delta, y) for k in DOSES])


def mix(
    model: nn.Module, x: Tensor, y: Tensor, delta: Tensor, signs: Tensor, coins: Tensor
) -> Tensor:
    """Whether x + delta is predicted y when `signs` replace a share of its entries: bool [5,B].

    Replaced are the entries whose coin, uniform in [0,1), is below the share r, r = 0 … 1 as in
    MIX.
    """
    return torch.stack(
        [follows(model, x, torch.where(coins < share, signs, delta), y) for share in MIX]
    )


@dataclass(frozen=True, kw_only=True)
class _Full:
    """What the full set needs beside the light one, for all images."""

    mean: Tensor
    noise: Tensor
    coins: Tensor
    orders: Tensor
    shifts: Tensor
    patterns: Tensor

    @classmethod
    def draw(
        cls,
        model: nn.Module,
        images: Tensor,
        classes: int,
        attack: ProbeAttack,
        mean: Tensor | None,
        generator: torch.Generator,
    ) -> "_Full":
        if mean is None:
            raise ValueError("the full set of probes needs the training mean")
        return cls(
            mean=mean.to(images.device),
            noise=uniform_like(images, generator),
            coins=uniform_like(images, generator),
            orders=pixel_orders(images, generator),
            shifts=1
            + torch.randperm(classes - 1, device=images.device, generator=generator)[:FOREIGN],
            patterns=class_patterns(model, images, classes, attack),
        )

    def carriers(self, part: slice, x: Tensor) -> dict[str, Tensor]:
        return {"mean": self.mean.expand_as(x), "noise": self.noise[part]}

    def hits(
        self,
        model: nn.Module,
        part: slice,
        x: Tensor,
        y: Tensor,
        delta: Tensor,
        signs: Tensor,
        logits: Tensor,
    ) -> dict[str, Tensor]:
        rises, dominates = class_generic(model, x, y, logits, self.patterns, self.shifts)
        return {
            "shuffled": follows(model, x, shuffled(delta, self.orders[part]), y),
            "p_abnormal": rises,
            "p_dominate": dominates,
            "dose": dose(model, x, y, delta),
            "mix": mix(model, x, y, delta, signs, self.coins[part]),
        }


def _clean(
    model: nn.Module, x: Tensor, y: Tensor, other: Tensor, attack: ProbeAttack
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Logits, loss and perturbation of the images themselves, and their perturbation for y′."""
    at_x, at_other = input_gradients(model, x, y, other)
    delta, away = attack.delta(model, x, y, at_x), attack.delta(model, x, other, at_other)
    return at_x.logits, at_x.loss, delta, away


def _deltas(
    model: nn.Module, x: Tensor, y: Tensor, other: Tensor, attack: ProbeAttack, both: bool
) -> tuple[Tensor, Tensor]:
    """The perturbations of the images, and those for y′, for `both`; else the first one twice."""
    if not both:
        delta = attack.delta(model, x, y)
        return delta, delta
    at_x, at_other = input_gradients(model, x, y, other)
    return attack.delta(model, x, y, at_x), attack.delta(model, x, other, at_other)


def _parts(n: int, batch_size: int) -> Iterator[slice]:
    for first in range(0, n, batch_size):
        yield slice(first, first + batch_size)


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(value, 5) for value in values]

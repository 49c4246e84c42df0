"""Many groups of channels zeroed in one batch, each image with its own, and what is left then."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from selffit.methods.base import Gradient, uniform_start
from selffit.methods.gradient import input_gradient
from selffit.models.base import Network
from selffit.models.zeroing import Masks
from selffit.probes.attacks import ProbeAttack, grey_like
from selffit.probes.draws import other_labels
from selffit.probes.robust import survivors
from selffit.probes.selfinfo import follows, swap

Zeroed = Mapping[str, Sequence[int]]  # site: channels
Key = tuple[tuple[str, tuple[int, ...]], ...]  # what is zeroed: site and channels


def key_of(zeroed: Zeroed) -> Key:
    """The same for the same channels, in whatever order they come."""
    return tuple((site, tuple(sorted(channels))) for site, channels in zeroed.items())


class Report:
    """The images that are reported on, and what all measurements share: y′ and starts of PGD.

    known: shares of all images with five digits, by what is zeroed.
    """

    def __init__(
        self,
        model: Network,
        channels: Mapping[str, int],
        x: Tensor,
        y: Tensor,
        attack: ProbeAttack,
        alphas: Sequence[float],
        generator: torch.Generator,
        batch_size: int,
    ) -> None:
        self.model = model
        self.channels = channels
        self.x = x
        self.y = y
        self.attack = attack
        self.alphas = alphas
        self.eps = x.new_tensor(attack.eps)
        self.start = uniform_start(x, self.eps, generator)
        self.other = other_labels(y, model(x[:1]).shape[1], generator)
        self.batch_size = batch_size
        self.known: dict[Key, dict[str, float]] = {}

    @property
    def at_once(self) -> int:
        """How many groups are measured together."""
        return max(1, self.batch_size // len(self.y))

    def measure(self, keys: Sequence[Key], level: str) -> None:
        """With each of these zeroed: "brief" clean, fgsm; "one" also pgd, carrier; "group" swap."""
        masks = Masks([dict(key) for key in keys], self.channels)
        n, device = len(self.y), self.y.device
        image = torch.arange(n, device=device).repeat(len(keys))
        which = torch.arange(len(keys), device=device).repeat_interleave(n)
        found: list[dict[str, Tensor]] = []
        with masks.on(self.model):
            for part, chosen in zip(
                torch.split(image, self.batch_size),
                torch.split(which, self.batch_size),
                strict=True,
            ):
                found.append(_Look(self, masks, part, chosen).hits(level))
        hits = torch.stack([torch.cat([part[name] for part in found]) for name in found[0]])
        shares = hits.reshape(len(hits), len(keys), n).double().mean(2).T.tolist()
        for key, values in zip(keys, shares, strict=True):
            rounded = [round(share, 5) for share in values]
            self.known[key] = dict(zip(found[0], rounded, strict=True))


class _Look:
    """Some images, each with a group zeroed: indices of both, int64 [B]."""

    def __init__(self, report: Report, masks: Masks, part: Tensor, which: Tensor) -> None:
        self._report = report
        self._masks = masks
        self._part = part
        self._which = which

    def hits(self, level: str) -> dict[str, Tensor]:
        """What each of them is: bool [B] by the name of the measure."""
        report, masks = self._report, self._masks
        masks.which = self._which
        model, attack = report.model, report.attack
        x, y = report.x[self._part], report.y[self._part]
        at_x = input_gradient(model, x, y)
        delta = attack.delta(model, x, y, at_x)
        clean = at_x.logits.argmax(1) == y
        hits = {"clean": clean, "fgsm": follows(model, x, delta, y)}
        if level == "brief":
            return hits
        right = clean.nonzero()[:, 0]

        def gradient(at: Tensor, labels: Tensor, alive: Tensor) -> Gradient:
            masks.which = self._which[right[alive]]
            return input_gradient(model, at, labels)

        def logits(at: Tensor, alive: Tensor) -> Tensor:
            masks.which = self._which[right[alive]]
            return model(at)  # type: ignore[no-any-return]

        start = report.start[self._part[right]]
        stood = survivors(logits, gradient, x[right], y[right], start, report.eps, report.alphas)
        masks.which = self._which
        hits["pgd"] = torch.zeros_like(clean).index_fill_(0, right[stood], True)
        hits["carrier"] = follows(model, grey_like(x), delta, y)
        if level == "group":
            hits["swap"] = swap(model, x, report.other[self._part], attack)
        return hits

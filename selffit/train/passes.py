"""Input gradients of probes as captured graphs, for batches of a few sizes.

Probes ask `input_gradient` for hundreds of gradients of a network that has not changed in between:
launching their operations takes longer than computing them. Here a batch is copied to where the
graph of the next larger size reads it, and the answer is copied from where that writes it. In
evaluation mode an image's gradient does not depend on the others, so what fills the batch up is of
no matter.
"""

import sys
from collections.abc import Hashable
from typing import Any

import torch
from torch import Tensor, nn

from selffit.data.imageset import ImageSet
from selffit.methods.base import Gradient
from selffit.methods.gradient import input_gradient
from selffit.models.base import Network
from selffit.probes.base import probing
from selffit.probes.sizes import SIZES
from selffit.train.capture import Capture, MakeCapture, static_images
from selffit.train.hostreads import HostReads

FEW = 96  # images; an estimate


class _Place:
    """Where one size lies: images and labels to be read, the answer to be written."""

    def __init__(self, size: int, images: ImageSet) -> None:
        device = images.held_x.device
        self.x = static_images(size, images.shape, device)
        self.y = torch.zeros(size, dtype=torch.int64, device=device)
        self.answer = Gradient(
            torch.zeros_like(self.x),
            torch.zeros(size, device=device),
            torch.zeros(size, images.classes, device=device),
        )
        self.graph: Capture | None = None
        self.captured = False


class Passes:
    """The captured gradients of one network; a copy of the network has none."""

    def __init__(self, model: Network, make: MakeCapture, images: ImageSet) -> None:
        self._model = model
        self._make = make
        self._images = images
        self._generator = torch.Generator(images.held_x.device)  # nothing is drawn
        self._places: dict[int, _Place] = {}
        self._lie: Hashable = ()  # where the network's tensors lay when graphs were made
        self._off = False  # for good, or while a graph is being made of these very operations
        self.replays = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> None:
        """Nothing: the tensors of a copy lie elsewhere."""

    def gradient(self, x: Tensor, y: Tensor) -> Gradient | None:
        """As `input_gradient`; None where that has to be computed as it is.

        That is so in training mode, for large batches, and where hooks watch or change maps.
        """
        size = _size_for(len(x))
        if not size or not self._possible():
            return None
        place = self._place(size)
        place.x[: len(x)].copy_(x)
        place.y[: len(y)].copy_(y)
        if not self._done(place):
            return None
        got = place.answer
        return Gradient(*(part[: len(x)].clone() for part in (got.grad, got.loss, got.logits)))

    def logits(self, x: Tensor) -> Tensor | None:
        """The network at x, of few images; None where it has to be computed as it is.

        For few, the way to the image and back takes less time than launching a forward pass.
        """
        if len(x) > FEW:
            return None
        y = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        known = self.gradient(x, y)
        return None if known is None else known.logits

    def prepare(self, upto: int) -> bool:
        """Do a part of making the graph of one more size; False where nothing is left to do.

        upto: images of the largest batch there will be. So no probe has to wait for many of them.
        """
        sizes = [size for size in SIZES if size <= _size_for(min(upto, SIZES[-1]))]
        with probing(self._model), torch.no_grad():
            if self._possible():
                for place in map(self._place, sizes):
                    if not place.captured:
                        return self._done(place)
        return False

    def _possible(self) -> bool:
        """Whether the network can be asked by a graph now."""
        return not (self._off or self._model.training or _hooked(self._model))

    def _place(self, size: int) -> _Place:
        """That of a size, for the network's tensors where they lie now."""
        tensors = (*self._model.parameters(), *self._model.buffers())
        lie = tuple(tensor.data_ptr() for tensor in tensors)
        if lie != self._lie:
            self._places, self._lie = {}, lie
        if size not in self._places:
            self._places[size] = _Place(size, self._images)
        return self._places[size]

    def _done(self, place: _Place) -> bool:
        """Compute what lies at a place: as it is at first, captured from then on."""

        def work() -> None:
            # weights that were cast before are not those of the next replay
            kind = place.x.device.type
            with torch.autocast(
                kind,
                dtype=torch.get_autocast_dtype(kind),
                enabled=torch.is_autocast_enabled(kind),
                cache_enabled=False,
            ):
                found, answer = input_gradient(self._model, place.x, place.y), place.answer
            answer.grad.copy_(found.grad)
            answer.loss.copy_(found.loss)
            answer.logits.copy_(found.logits)

        self._off = True
        try:
            if place.graph is None:
                beside = next((p.graph for p in self._places.values() if p.graph), None)
                place.graph = self._make(self._generator, beside)
                with HostReads() as reads:
                    place.graph.warm_up(work)
                if reads.found:
                    return self._refuse(f"the network reads from the host: {reads.found[0]}")
            else:
                if not place.captured:
                    place.graph.capture(work)
                    place.captured = True
                place.graph.replay()
                self.replays += 1
        except (RuntimeError, torch.OutOfMemoryError) as error:
            return self._refuse(str(error).strip().splitlines()[0])
        self._off = False
        return True

    def _refuse(self, why: str) -> bool:
        self._places = {}
        print(f"probes are made without CUDA graphs: {why}", file=sys.stderr)
        return False


def _size_for(count: int) -> int:
    """Of the graph for so many images; 0 where there is none."""
    return next((size for size in SIZES if size >= count), 0) if count else 0


def _hooked(model: nn.Module) -> bool:
    """Whether a forward pass of a network calls anything beside its modules."""
    return any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())

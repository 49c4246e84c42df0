"""Signals that come free with a training step: kept on the device, read by the host once a block.

A step only enqueues: per-image values go into preallocated rows, the means over the batch are taken
for a whole block at once, and the host reads a block while the next one is computed. So no step
ever waits for the device.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor

from selffit.methods import Attack

MEASURED = ("loss_clean", "loss_adv", "acc_adv", "abnormal", "pertalign", "delta")
# Rows of a step's per-image values.
LOSS_START, LOSS_ADV, HIT, NORM_START, NORM_ADV, DOT, DELTA = range(7)
VALUES = 7  # rows
TINY = 1e-30  # norms of a confident image can both be 1e-12


@dataclass(frozen=True)
class TrainedOn:
    """What the training step saw at x_adv.

    loss [B], logits [B,K], and the gradient [B,C,H,W] of the batch's mean loss with respect to
    x_adv (None where it was not asked for).
    """

    loss: Tensor
    logits: Tensor
    grad: Tensor | None


def image_values(x: Tensor, y: Tensor, attack: Attack, trained: TrainedOn, out: Tensor) -> None:
    """Write the seven per-image values of one step into `out` [7,B]."""
    start, x_adv = attack.start, attack.x_adv
    out[LOSS_START].copy_(start.loss)
    out[LOSS_ADV].copy_(trained.loss)
    # a prediction from logits that are not finite is none: NaN, as the loss is
    torch.add(trained.logits.argmax(1) == y, trained.loss * 0, out=out[HIT])
    torch.linalg.vector_norm(x_adv - x, 1, dim=(1, 2, 3), out=out[DELTA])
    if trained.grad is None:
        out[DOT].fill_(torch.nan)
    else:
        torch.linalg.vector_norm(start.grad, dim=(1, 2, 3), out=out[NORM_START])
        torch.linalg.vector_norm(trained.grad, dim=(1, 2, 3), out=out[NORM_ADV])
        torch.sum(start.grad * trained.grad, dim=(1, 2, 3), out=out[DOT])


def reduce_images(values: Tensor, pixels: int, sizes: Sequence[int]) -> Tensor:
    """Per-image values [n,7,B] of n steps with `sizes` images to the signals `MEASURED`, as [6,n].

    loss_clean: mean loss where the attack starts; loss_adv, acc_adv: at x_adv; abnormal: share of
    images whose loss at x_adv is lower than at the attack's start; pertalign: mean cosine between
    the attack's first input gradient and the training step's (a vanished gradient counts as 0);
    delta: mean |x_adv - x| in pixels of [0,1]. All but delta are NaN where a loss is not finite.
    """
    rows = values.unbind(1)
    cosine = rows[DOT] / (rows[NORM_START] * rows[NORM_ADV]).clamp_min(TINY)
    per_image = (
        rows[LOSS_START],
        rows[LOSS_ADV],
        rows[HIT],
        (rows[LOSS_ADV] < rows[LOSS_START]) + (rows[LOSS_ADV] - rows[LOSS_START]) * 0,
        cosine,
        rows[DELTA] / pixels,
    )
    table, most = torch.stack(per_image), values.shape[-1]
    if all(size == most for size in sizes):
        return table.mean(-1)
    parts = [table[:, step, :size].mean(-1) for step, size in enumerate(sizes)]
    return torch.stack(parts, dim=1)


About = TypeVar("About")  # what the caller says of a block


@dataclass
class _Reading(Generic[About]):
    """A block on its way to the host."""

    about: About
    host: Tensor
    ready: torch.cuda.Event | None

    @property
    def arrived(self) -> bool:
        """Whether its signals are on the host."""
        return self.ready is None or bool(self.ready.query())  # type: ignore[no-untyped-call,unused-ignore]

    def get(self) -> tuple[About, Mapping[str, list[float]]]:
        if self.ready is not None:
            self.ready.synchronize()
        return self.about, dict(zip(MEASURED, self.host.tolist(), strict=True))


class SignalBuffer(Generic[About]):
    """Rows for up to `block_steps` steps, and the blocks that are on their way to the host."""

    def __init__(
        self, block_steps: int, batch_size: int, shape: tuple[int, int, int], device: torch.device
    ) -> None:
        self._values = torch.zeros(block_steps, VALUES, batch_size, device=device)
        self._pixels = shape[0] * shape[1] * shape[2]
        self._cuda = device.type == "cuda"
        self._on_the_way: deque[_Reading[About]] = deque()
        self._sizes: list[int] = []

    @property
    def count(self) -> int:
        """Steps since the last block."""
        return len(self._sizes)

    @property
    def images(self) -> int:
        """Images of these steps."""
        return sum(self._sizes)

    def add(self, values: Tensor) -> None:
        """Keep one step's `image_values` [7,B]; at most `block_steps` before `close_block`."""
        size = values.shape[1]
        self._values[self.count, :, :size].copy_(values)
        self._sizes.append(size)

    def close_block(self, about: About) -> None:
        """Reduce the steps since the last block and start their copy to the host.

        `about` comes back with them.
        """
        signals = reduce_images(self._values[: self.count], self._pixels, self._sizes)
        self._sizes = []
        if not self._cuda:
            self._on_the_way.append(_Reading(about, signals, None))
            return
        host = torch.empty(signals.shape, dtype=signals.dtype, pin_memory=True)
        host.copy_(signals, non_blocking=True)
        ready = torch.cuda.Event()  # type: ignore[no-untyped-call,unused-ignore]
        ready.record()
        self._on_the_way.append(_Reading(about, host, ready))

    def arrived_blocks(self) -> list[tuple[About, Mapping[str, list[float]]]]:
        """Blocks whose signals have reached the host by now, oldest first; waits for nothing."""
        found = []
        while self._on_the_way and self._on_the_way[0].arrived:
            found.append(self._on_the_way.popleft().get())
        return found

    @property
    def late(self) -> int:
        """How many blocks are left out where not everything is waited for."""
        return int(self._cuda)

    @property
    def waiting(self) -> bool:
        """Whether blocks are on their way to the host."""
        return bool(self._on_the_way)

    def ready_blocks(self, *, everything: bool) -> list[tuple[About, Mapping[str, list[float]]]]:
        """Blocks with their signals, oldest first.

        On CUDA all but the newest, which may still be computed. With `everything` that one too: it
        waits for the device.
        """
        keep = 0 if everything else self.late
        return [self._on_the_way.popleft().get() for _ in range(len(self._on_the_way) - keep)]

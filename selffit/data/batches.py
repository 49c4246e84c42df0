"""Training batches as a pure function of the step, cut and augmented where the images are."""

import torch
import torch.nn.functional as F
from torch import Tensor

from selffit.data.catalogue import AUGMENTATIONS
from selffit.data.imageset import as_float
from selffit.data.seeds import step_seed
from selffit.errors import UserError

PAD = 4


class Batches:
    """Shuffled batches of a resident uint8 set; `batch(step)` depends on the step alone.

    augment: "none"; "crop" pads each image by 4 black pixels and cuts a random
    window of the old size; "crop-flip" also mirrors half of the images. The
    last, incomplete batch of an epoch is dropped, or with `keep_last` a smaller
    one. Order and augmentation are
    drawn once an epoch, on the CPU, from a seed of (seed, epoch): a step costs
    no host work beyond launching its kernels, and every device sees the same
    batches. Raises UserError where the set is smaller than one batch.
    """

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        batch_size: int,
        augment: str,
        seed: int,
        *,
        keep_last: bool = False,
    ) -> None:
        if augment not in AUGMENTATIONS:
            raise UserError(f"unknown augmentation '{augment}'; valid: {', '.join(AUGMENTATIONS)}")
        if batch_size > len(images):
            raise UserError(
                f"a batch of {batch_size} is larger than the {len(images)} training images; lower "
                "the batch size"
            )
        self.images = images
        self.labels = labels
        self.batch_size = batch_size
        self.augment = augment
        self.seed = seed
        whole, rest = divmod(len(images), batch_size)
        self.steps_per_epoch = whole + (keep_last and rest > 0)
        self._epoch = -1
        self._order = self._rows = self._columns = torch.empty(0)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Batch of optimiser step `step` (from 0).

        x float32 [B,C,H,W] in [0,1], channels_last, and y int64 [B].
        """
        epoch, index = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._draw(epoch)
        part = slice(index * self.batch_size, (index + 1) * self.batch_size)
        chosen = self._order[part]
        images = self.images[chosen]
        if self.augment != "none":
            images = crop(images, self._rows[part], self._columns[part])
        return as_float(images), self.labels[chosen]

    def _draw(self, epoch: int) -> None:
        """The order of an epoch, and where each pixel row and column of its images comes from."""
        count, _, height, width = self.images.shape
        device = self.images.device
        generator = torch.Generator().manual_seed(step_seed(self.seed, "batches", epoch))
        self._order = _sent(torch.randperm(count, generator=generator), device)
        if self.augment != "none":
            shift = torch.randint(0, 2 * PAD + 1, (2, count, 1), generator=generator)
            mirrored = _sent(torch.rand((count, 1), generator=generator) < 0.5, device)
            shift = _sent(shift, device)
            across = torch.arange(width, device=device)
            if self.augment == "crop-flip":
                across = torch.where(mirrored, width - 1 - across, across)
            self._rows = shift[0] + torch.arange(height, device=device)
            self._columns = shift[1] + across
        self._epoch = epoch


def _sent(drawn: Tensor, device: torch.device) -> Tensor:
    """On its way to the device: steps that still wait there do not hold up the host."""
    if device.type != "cuda":
        return drawn.to(device)
    return drawn.pin_memory().to(device, non_blocking=True)


def crop(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Windows of the black-padded images: out[b,c,i,j] = padded[b, c, rows[b,i], columns[b,j]].

    images: [B,C,H,W]; rows [B,H] and columns [B,W] count from the padded
    border. One gather for the whole batch; the result is channels_last.
    """
    padded = F.pad(images, (PAD, PAD, PAD, PAD))
    which = torch.arange(len(images), device=images.device)[:, None, None]
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

"""The first convolution of a network, with a quicker way back to the image on a CPU.

Torch's kernels make the channels of one pixel at a time. An image has one or three, so on the way
back most of a vector register is idle, and that way costs as much as one to sixteen channels. Here
a convolution makes the pixels of a small tile at once, as its channels, and they are put in order:
some products with zeros more, and the same sums in the same order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LANES = 16  # float32 in the widest vector register


@dataclass(frozen=True)
class Axis:
    """Along one side: tile m has the pixels tile·m - shift …, made of `window` outputs.

    pad: outputs beyond the border that the first tile sees, and the last one.
    """

    shift: int
    window: int
    pad: int


@lru_cache(maxsize=64)
def axis(size: int, kernel: int, stride: int, padding: int, tile: int) -> Axis | None:
    """How a side of `size` pixels is cut into tiles, with the smallest window; None: not at all.

    Pixel tile·m + a - shift takes part in output tile/stride·m + i - pad through row
    a - shift + padding + stride·(pad - i) of the kernel, where there is such a row.
    """
    outputs = (size + 2 * padding - kernel) // stride + 1
    found: list[Axis] = []
    for shift in range(tile):
        seen = [(a - shift + padding, a) for a in range(tile)]
        first = min(-((kernel - 1 - at) // stride) for at, _ in seen)
        last = max(at // stride for at, _ in seen)
        window, pad = last - first + 1, -first
        tiles = (outputs + 2 * pad - window) // (tile // stride) + 1
        if pad >= 0 and tiles > 0 and tile * tiles - shift >= size:
            found.append(Axis(shift, window, pad))
    return min(found, key=lambda one: (one.window, one.shift), default=None)


def tile_of(conv: nn.Conv2d) -> int:
    """The side of its tiles, a multiple of the stride; 0 where they would bring nothing."""
    (stride, _), channels = conv.stride, conv.in_channels
    sides = [side for side in (2, 4) if side % stride == 0 and side * side * channels <= LANES]
    plain = conv.groups == 1 and conv.dilation == (1, 1) and isinstance(conv.padding, tuple)
    square = plain and all(
        len(set(pair)) == 1 for pair in (conv.kernel_size, conv.stride, conv.padding)
    )
    return max(sides, default=0) if square else 0


def to_image(
    g: Tensor, weight: Tensor, size: tuple[int, int], stride: int, padding: int, tile: int
) -> Tensor | None:
    """The gradient [B,C,H,W] of a convolution's input, from that of its output g [B,O,·,·].

    size: [H,W]. weight: [O,C,k,k]. None where the image cannot be cut into tiles.
    """
    kernel, channels = weight.shape[-1], weight.shape[1]
    rows, columns = (axis(side, kernel, stride, padding, tile) for side in size)
    if rows is None or columns is None:
        return None
    windows = _windows(weight, rows, columns, stride, padding, tile)
    made = F.conv2d(g, windows, None, tile // stride, (rows.pad, columns.pad))
    count, _, high, wide = made.shape
    # each row of pixels of a tile lies together, and moves as one
    pixels = made.permute(0, 2, 3, 1).reshape(count, high, wide, tile, tile * channels)
    together = _wide(pixels)
    ordered = together.transpose(2, 3).contiguous().view(pixels.dtype)
    image = ordered.view(count, high * tile, wide * tile, channels).permute(0, 3, 1, 2)
    top, left = rows.shift, columns.shift
    return image[:, :, top : top + size[0], left : left + size[1]]


def _windows(
    weight: Tensor, rows: Axis, columns: Axis, stride: int, padding: int, tile: int
) -> Tensor:
    """The weights [tile·tile·C,O,window,window] that make tiles, channels_last."""
    outputs, channels, kernel, _ = weight.shape
    # Zeros around the kernel, for what is outside: then each weight is where a sum of steps leads,
    # down with every pixel of a tile, up by the stride with every output of the window.
    around = tile + stride * max(rows.window, columns.window)
    wide = F.pad(weight.contiguous(), (around,) * 4)
    side = kernel + 2 * around
    down, right = (
        around - one.shift + padding + stride * (one.pad - one.window + 1)
        for one in (rows, columns)
    )
    steps = (side, 1, side * side, channels * side * side, stride * side, stride)
    shape = (tile, tile, channels, outputs, rows.window, columns.window)
    upside_down = wide.as_strided(shape, steps, down * side + right)
    found = upside_down.flip(4, 5).reshape(tile * tile * channels, *shape[3:])
    return found.contiguous(memory_format=torch.channels_last)


def _wide(pixels: Tensor) -> Tensor:
    """The same bytes in larger numbers, which are moved in fewer steps."""
    if pixels.dtype != torch.float32:
        return pixels
    floats = pixels.shape[-1]
    larger = {0: torch.complex128, 2: torch.float64}.get(floats % 4, torch.float32)
    return pixels.view(larger)


class ImageConv(nn.Conv2d):
    """A convolution that sees the image. `alone`: its graphs lead to the image only, not to it."""

    alone = False

    def forward(self, x: Tensor) -> Tensor:
        """Images [B,C,H,W] → maps."""
        weight, bias = self.weight, self.bias
        if self.alone:
            weight, bias = weight.detach(), bias if bias is None else bias.detach()
        on_cpu = x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        back = x.requires_grad and torch.is_grad_enabled()
        # of one image torch's kernels make the sums in yet another order
        if on_cpu and back and len(x) > 1 and tile_of(self):
            quick: Tensor = _Quick.apply(x, weight, bias, self)
            return quick
        return self.plain(x, weight, bias)

    def plain(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The maps, of these weights."""
        return self.maps(self.laid_out(x), weight, bias)

    def laid_out(self, x: Tensor) -> Tensor:
        """The images as `maps` and `to_weights` take them; made once for both."""
        return x

    def maps(self, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """The maps of images that are laid out."""
        found: Tensor = self._conv_forward(images, weight, bias)
        return found

    def to_weights(
        self, g: Tensor, images: Tensor, weight: Tensor, mask: list[bool]
    ) -> tuple[Tensor | None, Tensor | None]:
        """The gradients of weight and bias, from that of the maps; mask: which of them.

        images: laid out.
        """
        return convolution_backward(g, images, weight, self.stride, self.padding, [False, *mask])[
            1:
        ]

    def to_image(self, g: Tensor, x: Tensor, weight: Tensor) -> Tensor:
        """The gradient of the images, from that of the maps."""
        size = x.shape[2], x.shape[3]
        found = to_image(g, weight, size, self.stride[0], int(self.padding[0]), tile_of(self))
        if found is not None:
            return found
        usual = convolution_backward(g, x, weight, self.stride, self.padding, [True, False, False])[
            0
        ]
        assert usual is not None
        return usual


def convolution_backward(
    g: Tensor, x: Tensor, weight: Tensor, stride: Any, padding: Any, mask: list[bool]
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """Torch's own gradients of input, weight and bias; mask: which of them."""
    found: tuple[Tensor | None, Tensor | None, Tensor | None]
    found = torch.ops.aten.convolution_backward(
        g, x, weight, [len(weight)], stride, padding, [1, 1], False, [0, 0], 1, mask
    )
    return found


class _Quick(torch.autograd.Function):
    """An `ImageConv` with its own way back. Can be differentiated again."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, conv: ImageConv
    ) -> Tensor:
        images = conv.laid_out(x)
        ctx.save_for_backward(x, images, weight)
        ctx.conv = conv
        return conv.maps(images, weight, bias)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        (x, images, weight), conv = ctx.saved_tensors, ctx.conv
        image, *mask = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled():  # to be differentiated again: as torch does it
            return *convolution_backward(
                g, x, weight, conv.stride, conv.padding, [image, *mask]
            ), None
        weights = conv.to_weights(g, images, weight, mask) if any(mask) else (None, None)
        return conv.to_image(g, x, weight) if image else None, *weights, None


@contextmanager
def image_only(model: nn.Module) -> Iterator[None]:
    """Graphs made inside lead through the first convolution to the image, not to its weights."""
    first = [module for module in model.modules() if isinstance(module, ImageConv)]
    for module in first:
        module.alone = True
    try:
        yield
    finally:
        for module in first:
            module.alone = False

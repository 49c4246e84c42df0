"""Pictures in the cells of a terminal: image arithmetic, half blocks, and shades; pure.

Half blocks need 256 colours; shades are characters.

A cell is about twice as high as it is wide, so it shows two pixels, one above the other. Images
have the shape [C,H,W] with C = 1 or 3; pixels lie in [0,1], a perturbation in [-1,1] (1 = its
budget eps).
"""

from functools import lru_cache

import numpy as np
from rich.style import Style

from selffit_tui.draw.raster import Floats, Ints
from selffit_tui.draw.spans import Line

SHADES = " .:-=+*#%@"  # dark to bright, for terminals without 256 colours
HALF = "▀"
# The 256 colours that every such terminal shows alike: greys (black, 24 of a ramp, white) and a
# cube of 6 levels.
_GREYS = np.array([16, *range(232, 256), 231])
_GREY_LEVELS = np.array([0, *range(8, 239, 10), 255])
_CUBE_LEVELS = np.array([0, 95, 135, 175, 215, 255])
# From -1 to 1: dark blue, grey at 0, bright orange; brighter with every step, so that it also reads
# as a grey scale.
_SIGNED = np.array([18, 25, 67, 245, 180, 216, 223])


def pixels(data: bytes, shape: tuple[int, int, int]) -> Floats:
    """The image [C,H,W] of H·W·C bytes, 255 = 1.0."""
    channels, height, width = shape
    return np.frombuffer(data, np.uint8).reshape(height, width, channels).transpose(2, 0, 1) / 255.0


def perturbation(data: bytes, shape: tuple[int, int, int]) -> Floats:
    """The perturbation [C,H,W] of H·W·C int8, 127 = 1.0."""
    channels, height, width = shape
    values = np.frombuffer(data, np.int8).reshape(height, width, channels).transpose(2, 0, 1)
    return np.maximum(values / 127.0, -1.0)


def perturbed(image: Floats | float, delta: Floats, eps: float) -> Floats:
    """The sum image + eps·delta, clipped to [0,1]; `image` may be one grey for all pixels."""
    return np.clip(image + eps * delta, 0.0, 1.0)


def shrunk(image: Floats, height: int, width: int) -> Floats:
    """The image [C,height,width]: each pixel is the mean of the area that it covers."""
    rows, columns = _areas(image.shape[1], height), _areas(image.shape[2], width)
    result: Floats = rows @ image @ columns.T
    return result


@lru_cache(maxsize=64)
def _areas(source: int, target: int) -> Floats:
    """[target, source]: the share of each source pixel in a target pixel; rows sum to 1."""
    edges = np.arange(target + 1)[:, None] * (source / target)
    begin, end = edges[:-1], edges[1:]
    pixel = np.arange(source)[None, :]
    overlap = np.clip(np.minimum(end, pixel + 1) - np.maximum(begin, pixel), 0.0, None)
    share: Floats = overlap / overlap.sum(axis=1, keepdims=True)
    return share


def _nearest(levels: Ints) -> Ints:
    """[256]: the index of the level that is nearest to each value 0 … 255."""
    index: Ints = np.abs(np.arange(256)[:, None] - levels[None, :]).argmin(axis=1)
    return index


_TO_GREY, _TO_CUBE = _nearest(_GREY_LEVELS), _nearest(_CUBE_LEVELS)


def colours(image: Floats) -> Ints:
    """The nearest of the 256 colours for each pixel, shape [H,W].

    Greys for one channel, else cube or greys.
    """
    values = np.rint(np.clip(image, 0.0, 1.0) * 255).astype(np.int64)
    if len(values) == 1:
        greys: Ints = _GREYS[_TO_GREY[values[0]]]
        return greys
    cube = _TO_CUBE[values]
    grey = _TO_GREY[np.rint(values.mean(axis=0)).astype(np.int64)]
    far = ((_CUBE_LEVELS[cube] - values) ** 2).sum(axis=0)
    near = ((_GREY_LEVELS[grey] - values) ** 2).sum(axis=0)
    number: Ints = np.where(near < far, _GREYS[grey], 16 + 36 * cube[0] + 6 * cube[1] + cube[2])
    return number


def signed_colours(delta: Floats) -> Ints:
    """The colour of each pixel of a perturbation, shape [H,W].

    From blue over grey (0) to orange for one channel; three channels as an image around grey.
    """
    if len(delta) != 1:
        return colours(0.5 + 0.5 * delta)
    last = len(_SIGNED) - 1
    number: Ints = _SIGNED[
        np.clip(np.rint((delta[0] + 1.0) / 2.0 * last), 0, last).astype(np.int64)
    ]
    return number


def half_blocks(numbers: Ints) -> list[Line]:
    """Lines of half blocks from colours [2·lines, width].

    Neighbours of the same two colours share a span.
    """
    lines: list[Line] = []
    for upper, lower in zip(numbers[::2].tolist(), numbers[1::2].tolist(), strict=True):
        line: Line = []
        before, length = (-1, -1), 0
        for pair in zip(upper, lower, strict=True):
            if pair != before and length:
                line.append((HALF * length, ink(*before)))
                length = 0
            before, length = pair, length + 1
        lines.append([*line, (HALF * length, ink(*before))])
    return lines


def shades(image: Floats) -> list[Line]:
    """Lines of characters from an image [C,lines,width], denser for brighter pixels."""
    level = np.clip(image.mean(axis=0) * len(SHADES), 0, len(SHADES) - 1).astype(np.int64)
    return [[("".join([SHADES[i] for i in row]), "text")] for row in level.tolist()]


def ink(upper: int, lower: int) -> str:
    """The name of the style that draws a half block in two of the 256 colours."""
    return f"{upper}/{lower}"


class PixelInks(dict[str, Style]):
    """Styles by name that also knows every name that `ink` gives."""

    def __missing__(self, name: str) -> Style:
        return _pixel_style(name)


@lru_cache(maxsize=8192)
def _pixel_style(name: str) -> Style:
    upper, slash, lower = name.partition("/")
    if not (slash and upper.isdigit() and lower.isdigit()):
        raise KeyError(name)
    return Style(color=f"color({upper})", bgcolor=f"color({lower})")

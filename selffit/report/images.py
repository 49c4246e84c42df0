"""The image strip as PNG pictures; needs numpy.

A row: image, perturbation, their sum, and the perturbation on plain grey.
"""

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.image import imsave

from selffit.eventlog.kinds import ImageStrip, StripImage

Pixels = npt.NDArray[np.float64]  # [H,W,C]

GREY = 0.5
VIEWS = {
    "x": "the image",
    "delta": "its perturbation, grey = 0",
    "own": "image + perturbation",
    "carrier": "grey + perturbation",
}


def views(image: StripImage, strip: ImageStrip) -> dict[str, bytes]:
    """The views of one image as PNG, one pixel a pixel."""
    x = _array(image.x, strip.shape, np.uint8) / 255
    delta = np.maximum(_array(image.delta, strip.shape, np.int8) / 127, -1)
    pixels = {
        "x": x,
        "delta": (delta + 1) / 2,
        "own": x + strip.eps * delta,
        "carrier": GREY + strip.eps * delta,
    }
    return {name: _png(np.clip(values, 0, 1)) for name, values in pixels.items()}


def _array(data: bytes, shape: tuple[int, int, int], dtype: type[np.uint8 | np.int8]) -> Pixels:
    channels, height, width = shape
    return np.frombuffer(data, dtype).reshape(height, width, channels).astype(np.float64)


def _png(values: Pixels) -> bytes:
    """[H,W,C] in [0,1] with one or three channels; of any other number the mean is shown."""
    if values.shape[2] != 3:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    out = io.BytesIO()
    metadata: dict[str, Any] = {"Software": None}  # None: left out; matplotlib types it as str
    imsave(out, values, format="png", metadata=metadata)
    return out.getvalue()

"""The image strip as PNG pictures; needs numpy.

A row: image, perturbation, their sum, and the perturbation on plain grey.
"""

import io
from typing import Any

import numpy as np
from matplotlib.image import imsave

from selffit.eventlog.entries import ImageStrip, StripImage

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


def _array(data: bytes, shape: tuple[int, int, int], dtype: Any) -> Any:
    channels, height, width = shape
    return np.frombuffer(data, dtype).reshape(height, width, channels).astype(np.float64)


def _png(values: Any) -> bytes:
    """[H,W,C] in [0,1] with one or three channels; of any other number the mean is shown."""
    if values.shape[2] != 3:
        values = np.repeat(values.mean(axis=2, keepdims=True), 3, axis=2)
    out = io.BytesIO()
    imsave(out, values, format="png", metadata={"Software": None})
    return out.getvalue()

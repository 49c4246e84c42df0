"""A tiny data set in MNIST's file format."""

import struct
from pathlib import Path

import numpy as np


def write_idx(folder: Path, count: int = 200, labels: int | None = None) -> None:
    """A tiny data set in MNIST's file format: every pixel of image i is i, label i mod 10."""
    folder.mkdir(parents=True)
    pixels = np.repeat(np.arange(count, dtype=np.uint8), 28 * 28)
    (folder / "train-images-idx3-ubyte").write_bytes(
        struct.pack(">IIII", 0x803, count, 28, 28) + pixels.tobytes()
    )
    classes = (np.arange(labels or count) % 10).astype(np.uint8)
    (folder / "train-labels-idx1-ubyte").write_bytes(
        struct.pack(">II", 0x801, len(classes)) + classes.tobytes()
    )
    for test_file in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (folder / test_file).write_bytes(b"never read")

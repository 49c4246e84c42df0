"""The embedded set `patterns`: smooth class patterns of random strength under clutter and noise.

Why it looks like this: the strength of the class pattern is drawn anew for
every image, so some images carry little class information, as in real data;
robust features then saturate low, and a network under fast adversarial
training has a healthy phase before it overfits catastrophically.
"""

import numpy as np

from selffit.data.seeds import step_seed

CLASSES = 10
SIZE = 28
TRAIN_IMAGES = 8_000
CHUNK = 1_000  # images drawn from one seed: image i never depends on how many are asked for
GRID = 4
PATTERN, CLUTTER, NOISE = 0.30, 0.15, 0.05


def _bicubic(source: int, target: int) -> np.ndarray:
    """[target, source] matrix of 1-D bicubic interpolation (Keys, a = -0.75).

    Corners are aligned, borders repeated.
    """
    position = np.arange(target) * (source - 1) / (target - 1)
    left = np.minimum(np.floor(position).astype(int), source - 2)
    matrix = np.zeros((target, source))
    for tap in range(-1, 3):
        d = np.abs(position - (left + tap))
        near = (1.25 * d - 2.25) * d * d + 1
        far = -0.75 * (((d - 5) * d + 8) * d - 4)
        np.add.at(
            matrix,
            (np.arange(target), np.clip(left + tap, 0, source - 1)),
            np.where(d <= 1, near, far),
        )
    return matrix


_ENLARGE = _bicubic(GRID, SIZE)


def smooth(rng: np.random.Generator, count: int) -> np.ndarray:
    """[count,28,28]: Gaussian 4×4 grids enlarged bicubically, each of unit standard deviation."""
    field: np.ndarray = _ENLARGE @ rng.standard_normal((count, GRID, GRID)) @ _ENLARGE.T
    field /= field.std(axis=(1, 2), keepdims=True)
    return field


def _chunk(templates: np.ndarray, split: str, index: int) -> np.ndarray:
    """uint8 [CHUNK,28,28]; image i shows class i mod 10.

    x = clip(0.5 + 0.30·U(0,1)·T_y + 0.15·smooth + 0.05·N(0,1)).
    """
    rng = np.random.default_rng(step_seed(0, f"patterns/{split}", index))
    labels = np.arange(CHUNK) % CLASSES
    strength = PATTERN * rng.random((CHUNK, 1, 1))
    x: np.ndarray = smooth(rng, CHUNK)
    x *= CLUTTER
    x += 0.5
    x += strength * templates[labels]
    x += NOISE * rng.standard_normal((CHUNK, SIZE, SIZE))
    np.clip(x, 0, 1, out=x)
    np.rint(x * 255, out=x)
    return x.astype(np.uint8)


def generate(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` images of the split ("train" or "held"): uint8 [count,1,28,28], labels int64 [count].

    Always the same images: the seed is fixed. Both splits share the class
    patterns; labels run 0, 1, … 9, 0, 1, …, so every prefix is balanced.
    """
    templates = smooth(np.random.default_rng(step_seed(0, "patterns/templates", 0)), CLASSES)
    chunks = [_chunk(templates, split, index) for index in range(-(-count // CHUNK))]
    return np.concatenate(chunks)[:count, None], np.arange(count) % CLASSES

"""The embedded set `strokes`: ten digit-like glyphs drawn as polylines under random affine maps.

Anti-aliased by the distance of every pixel to the nearest stroke; thickness,
slant, size, place and the corner points vary from image to image.
"""

import numpy as np

from selffit.data.seeds import step_seed

CLASSES = 10
SIZE = 28
TRAIN_IMAGES = 10_000
CHUNK = 1_000  # images drawn from one seed: image i never depends on how many are asked for

# Corner points (x, y) of one polyline a class, y downwards, in a box of ±1.
_RING = [(0.5 * np.sin(a), -0.9 * np.cos(a)) for a in np.linspace(0, 2 * np.pi, 11)]
GLYPHS = [
    np.array(points)
    for points in (
        _RING,
        [(-0.3, -0.55), (0.05, -0.9), (0.05, 0.9)],
        [(-0.5, -0.5), (-0.3, -0.85), (0.2, -0.9), (0.5, -0.55), (0.4, -0.1), (-0.5, 0.85),
         (0.55, 0.85)],
        [(-0.5, -0.75), (0.0, -0.9), (0.45, -0.6), (0.35, -0.2), (-0.1, -0.05), (0.4, 0.15),
         (0.5, 0.55), (0.05, 0.9), (-0.5, 0.75)],
        [(0.2, 0.9), (0.2, -0.9), (-0.55, 0.3), (0.6, 0.3)],
        [(0.5, -0.9), (-0.4, -0.9), (-0.45, -0.1), (0.1, -0.2), (0.5, 0.15), (0.45, 0.65),
         (0.0, 0.9), (-0.5, 0.7)],
        [(0.4, -0.85), (-0.1, -0.6), (-0.45, 0.0), (-0.45, 0.5), (-0.1, 0.9), (0.35, 0.75),
         (0.45, 0.35), (0.1, 0.05), (-0.4, 0.25)],
        [(-0.5, -0.85), (0.5, -0.85), (0.1, 0.0), (-0.15, 0.9)],
        [(0.0, -0.05), (-0.4, -0.4), (-0.3, -0.8), (0.05, -0.92), (0.4, -0.7), (0.35, -0.35),
         (0.0, -0.05), (-0.45, 0.3), (-0.4, 0.75), (0.0, 0.92), (0.45, 0.7), (0.4, 0.3),
         (0.0, -0.05)],
        [(0.42, -0.35), (0.1, -0.02), (-0.35, -0.15), (-0.45, -0.5), (-0.2, -0.85), (0.25, -0.85),
         (0.45, -0.5), (0.4, 0.1), (0.15, 0.9)],
    )
]  # fmt: skip


def _place(rng: np.random.Generator, glyph: np.ndarray, count: int) -> np.ndarray:
    """Corner points in pixels, [count,P,2].

    Jitter, then scale, shear, rotation and shift drawn per image.
    """
    angle = rng.uniform(-0.26, 0.26, count)  # ± 15 degrees
    shear = rng.uniform(-0.2, 0.2, count)
    scale = 10 * rng.uniform(0.85, 1.1, (2, count))  # the box of ±1 becomes about ± 10 pixels
    shift = rng.uniform(-2, 2, (count, 1, 2))
    points = glyph + rng.normal(0, 0.06, (count, len(glyph), 2))
    cos, sin = np.cos(angle), np.sin(angle)
    affine = np.empty((count, 2, 2))  # rotation · shear · scale
    affine[:, 0, 0] = cos * scale[0]
    affine[:, 0, 1] = (cos * shear - sin) * scale[1]
    affine[:, 1, 0] = sin * scale[0]
    affine[:, 1, 1] = (sin * shear + cos) * scale[1]
    return points @ affine.transpose(0, 2, 1) + shift + (SIZE - 1) / 2


def _distance(points: np.ndarray) -> np.ndarray:
    """Distance in pixels of every pixel centre to the polyline: points [n,P,2] → float32 [n,28,28].

    In a segment's own frame: s along it from its middle, q across it;
    distance² = q² + max(|s| - half length, 0)². Both are sums of a function of
    the row and a function of the column, which keeps this at a few passes.
    """
    grid = np.arange(SIZE)
    nearest = np.full((len(points), SIZE, SIZE), np.inf, dtype=np.float32)
    for start, end in zip(points.swapaxes(0, 1)[:-1], points.swapaxes(0, 1)[1:], strict=True):
        middle, half = (start + end) / 2, (end - start) / 2
        length = np.hypot(half[:, 0], half[:, 1])[:, None]
        unit = half / np.maximum(length, 1e-6)
        x, y = grid - middle[:, :1], grid - middle[:, 1:]
        along = _outer_sum(y * unit[:, 1:], x * unit[:, :1])
        across = _outer_sum(y * unit[:, :1], -x * unit[:, 1:])
        np.abs(along, out=along)
        along -= length.astype(np.float32)[:, :, None]
        np.maximum(along, 0, out=along)
        along *= along
        across *= across
        along += across
        np.minimum(nearest, along, out=nearest)
    return np.sqrt(nearest)


def _outer_sum(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """float32 [n,28,28] with entries rows[n,i] + columns[n,j]."""
    return rows.astype(np.float32)[:, :, None] + columns.astype(np.float32)[:, None, :]


def _chunk(split: str, index: int) -> np.ndarray:
    """uint8 [CHUNK,28,28]; image i shows class i mod 10."""
    rng = np.random.default_rng(step_seed(0, f"strokes/{split}", index))
    images = np.empty((CHUNK, SIZE, SIZE), dtype=np.uint8)
    count = CHUNK // CLASSES
    for label, glyph in enumerate(GLYPHS):
        distance = _distance(_place(rng, glyph, count))
        # half the thickness, in pixels
        radius = rng.uniform(0.8, 1.7, (count, 1, 1)).astype(np.float32)
        ink = np.clip(radius + np.float32(0.5) - distance, 0, 1)  # the edge is one pixel wide
        images[label::CLASSES] = np.rint(ink * 255).astype(np.uint8)
    return images


def generate(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` images of the split ("train" or "held"): uint8 [count,1,28,28], labels int64 [count].

    Always the same images: the seed is fixed. Labels run 0, 1, … 9, 0, 1, …,
    so every prefix is balanced.
    """
    chunks = [_chunk(split, index) for index in range(-(-count // CHUNK))]
    return np.concatenate(chunks)[:count, None], np.arange(count) % CLASSES

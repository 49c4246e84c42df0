"""The embedded sets: the same bytes everywhere, ten balanced classes, one distribution.

Held-out images come from it, too.
"""

import hashlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from selffit.data import load_set, patterns, step_seed, strokes


def digest(array: np.ndarray) -> str:
    return hashlib.blake2b(array.tobytes(), digest_size=8).hexdigest()


# Drawn by numpy's PCG64 in float64 (or in float32 with single, exactly rounded operations) and
# rounded to uint8, so the bytes do not depend on the processor. A changed hash means changed data:
# old runs do not compare.
@pytest.mark.parametrize(
    ("source", "expected"), [(patterns, "b2ecb14e5ff67afc"), (strokes, "af557c861bdea28a")]
)
def test_the_images_are_the_same_on_every_machine(source, expected):
    images, _ = source.generate("train", 1000)
    assert digest(images) == expected


@pytest.mark.parametrize("source", [patterns, strokes])
def test_an_image_does_not_depend_on_how_many_are_generated(source):
    few, labels = source.generate("train", 30)
    many, _ = source.generate("train", 1001)
    assert (
        few.dtype == np.uint8 and few.shape == (30, 1, 28, 28) and many.shape == (1001, 1, 28, 28)
    )
    assert (many[:30] == few).all()
    assert (labels == np.tile(np.arange(10), 3)).all() and labels.dtype == np.int64


@pytest.mark.parametrize("source", [patterns, strokes])
def test_held_out_images_are_new_but_of_the_same_distribution(source):
    train, labels = source.generate("train", 1000)
    held, _ = source.generate("held", 1000)
    assert not (train == held).all(axis=(1, 2, 3)).any()
    means = np.stack([train[labels == c].mean(axis=0).ravel() for c in range(10)])
    other = np.stack([held[labels == c].mean(axis=0).ravel() for c in range(10)])
    nearest = np.linalg.norm(other[:, None] - means[None], axis=2).argmin(axis=1)
    assert (nearest == np.arange(10)).all()


def test_smooth_fields_are_bicubic_with_aligned_corners():
    small = torch.randn(3, 1, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ours = patterns._ENLARGE @ small[:, 0].numpy() @ patterns._ENLARGE.T
    theirs = F.interpolate(small, size=(28, 28), mode="bicubic", align_corners=True)[:, 0].numpy()
    assert np.allclose(ours, theirs, atol=1e-12)
    assert np.allclose(patterns.smooth(np.random.default_rng(0), 5).std(axis=(1, 2)), 1)


def test_the_strength_of_the_class_pattern_varies_between_images():
    images, labels = patterns.generate("train", 1000)
    x = images[:, 0] / 255 - 0.5
    template = patterns.smooth(np.random.default_rng(step_seed(0, "patterns/templates", 0)), 10)
    strength = (x * template[labels]).mean(axis=(1, 2)) / (template[labels] ** 2).mean(axis=(1, 2))
    assert 0.10 < strength.mean() < 0.20 and strength.std() > 0.05
    assert 0.05 < x.std() < 0.30


def test_strokes_are_thin_bright_and_smooth_edged():
    images, _ = strokes.generate("train", 1000)
    assert (images.reshape(1000, -1).max(axis=1) == 255).all()
    assert (images == 0).mean() > 0.5
    assert ((images > 0) & (images < 255)).mean() > 0.03
    assert images[:, :, 0].mean() < 5 and images[:, :, :, 0].mean() < 5  # the glyphs stay inside


def test_distance_to_a_polyline():
    corner = np.array([[[10.0, 10.0], [20.0, 10.0], [20.0, 20.0]]])
    distance = strokes._distance(corner)[0]  # indexed [y, x]
    assert distance[10, 15] == pytest.approx(0, abs=1e-5)
    assert distance[13, 12] == pytest.approx(3, abs=1e-5)
    assert distance[7, 6] == pytest.approx(5, abs=1e-5)
    assert distance[24, 23] == pytest.approx(5, abs=1e-5)


def test_default_and_overridden_sizes():
    data = load_set("patterns", holdout=25)
    assert (
        len(data.train_x) == 8000
        and len(data.held_x) == 25
        and data.shape == (1, 28, 28)
        and data.classes == 10
    )
    larger = load_set("strokes", train_images=10_500, holdout=10)
    assert len(larger.train_x) == len(larger.train_y) == 10_500
    assert larger.train_x.dtype == torch.uint8 and larger.train_y.dtype == torch.int64

"""Batches are a pure function of the step; augmentation moves pixels and never changes them."""

import pytest
import torch

from selffit.data.batches import Batches, crop
from selffit.errors import UserError


def images(
    count: int = 50, channels: int = 3, height: int = 8, width: int = 10
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(
        1, 256, (count, channels, height, width), generator=generator, dtype=torch.uint8
    )
    return x, torch.arange(count)


@pytest.mark.parametrize("augment", ["none", "crop", "crop-flip"])
def test_a_batch_depends_on_the_step_only(augment):
    x, y = images()
    forward = Batches(x, y, 16, augment, seed=1)
    backward = Batches(x, y, 16, augment, seed=1)
    expected = [forward.batch(step) for step in range(9)]
    for step in reversed(range(9)):
        got = backward.batch(step)
        assert torch.equal(got[0], expected[step][0]) and torch.equal(got[1], expected[step][1])
    assert not torch.equal(Batches(x, y, 16, augment, seed=2).batch(0)[1], expected[0][1])


def test_an_epoch_visits_images_once_and_the_next_one_in_another_order():
    x, y = images()
    batches = Batches(x, y, 16, "none", seed=0)
    assert batches.steps_per_epoch == 3  # 50 images: the last 2 of an epoch are left out
    first = torch.cat([batches.batch(step)[1] for step in range(3)])
    second = torch.cat([batches.batch(step)[1] for step in range(3, 6)])
    assert (
        len(first.unique()) == 48 and len(second.unique()) == 48 and not torch.equal(first, second)
    )


def test_the_incomplete_batch_may_be_kept_so_that_an_epoch_visits_every_image():
    x, y = images()
    batches = Batches(x, y, 16, "crop-flip", seed=0, keep_last=True)
    assert batches.steps_per_epoch == 4
    pixels, last = batches.batch(3)
    assert len(pixels) == len(last) == 2
    whole = Batches(x, y, 16, "crop-flip", seed=0)
    for step in range(3):
        assert torch.equal(batches.batch(step)[0], whole.batch(step)[0])
    seen = torch.cat([batches.batch(step)[1] for step in range(4)])
    assert seen.sort().values.tolist() == list(range(50))
    assert Batches(x, y, 25, "none", seed=0, keep_last=True).steps_per_epoch == 2


def test_pixels_become_floats_in_channels_last():
    x = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1).expand(4, 3, 8, 8)
    got, _ = Batches(x, torch.zeros(4, dtype=torch.int64), 2, "none", seed=0).batch(0)
    assert got.dtype == torch.float32 and got.is_contiguous(memory_format=torch.channels_last)
    assert got[0, :, 0, 0].tolist() == pytest.approx([0, 0.2, 1], abs=1e-7)
    assert got.max() == 1 and got.min() == 0


def window(image: torch.Tensor, top: int, left: int, flip: bool) -> torch.Tensor:
    height, width = image.shape[1:]
    padded = torch.zeros(image.shape[0], height + 8, width + 8)
    padded[:, 4:-4, 4:-4] = image
    cut = padded[:, top : top + height, left : left + width]
    return cut.flip(2) if flip else cut


@pytest.mark.parametrize(("augment", "flips"), [("crop", (False,)), ("crop-flip", (False, True))])
def test_every_augmented_image_is_a_window_of_the_padded_one(augment, flips):
    x, y = images()
    batches = Batches(x, y, 16, augment, seed=5)
    seen = set()
    for step in range(6):
        got, labels = batches.batch(step)
        assert got.is_contiguous(memory_format=torch.channels_last)
        for image, label in zip(got, labels, strict=True):
            source = x[label].float() / 255
            places = [
                (t, le, f)
                for t in range(9)
                for le in range(9)
                for f in flips
                if torch.equal(window(source, t, le, f), image)
            ]
            assert len(places) == 1
            seen.add(places[0])
    assert {t for t, _, _ in seen} == set(range(9)) == {le for _, le, _ in seen}
    assert {f for _, _, f in seen} == set(flips)


def test_the_same_image_is_cut_differently_in_another_epoch():
    x, y = images(count=16)
    batches = Batches(x, y, 16, "crop", seed=0)
    (first, first_y), (second, second_y) = batches.batch(0), batches.batch(1)
    assert not torch.equal(first[first_y.argsort()], second[second_y.argsort()])


def test_crop_by_hand():
    image = torch.arange(1, 5, dtype=torch.uint8).reshape(1, 1, 2, 2)
    # one row above the image; mirrored
    rows, columns = torch.tensor([[3, 4]]), torch.tensor([[5, 4]])
    assert crop(image, rows, columns)[0, 0].tolist() == [[0, 0], [2, 1]]


def test_global_random_numbers_are_left_alone():
    x, y = images()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    Batches(x, y, 16, "crop-flip", seed=0).batch(0)
    assert torch.rand(1) == expected


def test_bad_requests():
    x, y = images()
    with pytest.raises(UserError, match="batch of 51"):
        Batches(x, y, 51, "none", seed=0)
    with pytest.raises(UserError, match="unknown augmentation 'cutout'"):
        Batches(x, y, 5, "cutout", seed=0)

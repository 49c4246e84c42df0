"""The first convolution's own way back to the image."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from selffit.methods.gradient import input_gradient
from selffit.models import MODELS, build
from selffit.models.image_conv import LANES, ImageConv, axis, image_only, tile_of
from selffit.models.small import HalvingConv

FIRST: dict[str, Callable[[], ImageConv]] = {
    "1 channel": partial(ImageConv, 1, 5, 3, padding=1),
    "3 channels": partial(ImageConv, 3, 5, 3, padding=1, bias=False),
    "halving 1 channel": partial(HalvingConv, 1, 5),
    "halving 3 channels": partial(HalvingConv, 3, 5),
}


def gradients(out, *of):
    """Of the sum of squares, which differs from map to map."""
    return torch.autograd.grad(out.square().sum(), of)


def usual(conv, x):
    """As torch has it."""
    return F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding)


@pytest.mark.parametrize("size", [(28, 28), (32, 30), (14, 22)])
@pytest.mark.parametrize("kind", FIRST)
def test_its_gradients_are_the_usual_ones(kind, size):
    conv = FIRST[kind]().to(memory_format=torch.channels_last)
    x = torch.rand(3, conv.in_channels, *size, requires_grad=True)
    found = conv(x)
    assert type(found.grad_fn).__name__.startswith("_Quick")
    torch.testing.assert_close(found, usual(conv, x))
    of = (x, *conv.parameters())
    torch.testing.assert_close(gradients(found, *of), gradients(usual(conv, x), *of))


@pytest.mark.parametrize("kind", FIRST)
def test_it_can_be_differentiated_again(kind):
    conv = FIRST[kind]().double()
    x = torch.rand(2, conv.in_channels, 8, 8, dtype=torch.float64, requires_grad=True)
    of = (x, *conv.parameters())

    def again(out):
        first = torch.autograd.grad(out.pow(3).sum(), of, create_graph=True)
        return torch.autograd.grad(torch.stack([part.square().sum() for part in first]).sum(), of)

    torch.testing.assert_close(again(conv(x)), again(usual(conv, x)))


def test_an_image_by_itself_and_images_of_many_channels_go_the_usual_way():
    x = torch.rand(1, 3, 8, 8, requires_grad=True)
    assert "Quick" not in type(ImageConv(3, 5, 3, padding=1)(x).grad_fn).__name__
    assert [tile_of(ImageConv(channels, 5, 3, padding=1)) for channels in (1, 3, 4, 8)] == [
        4,
        2,
        2,
        0,
    ]
    odds: list[dict[str, Any]] = [
        {"dilation": 2},
        {"padding": "same"},
        {"stride": (1, 2)},
        {"padding": (0, 1)},
    ]
    for odd in odds:
        assert tile_of(ImageConv(1, 5, 3, **{"padding": 1, **odd})) == 0


def test_an_image_that_cannot_be_cut_goes_the_usual_way():
    conv = ImageConv(1, 2, 3)  # without padding: the first tile would need an output before it
    x = torch.rand(2, 1, 9, 7, requires_grad=True)
    torch.testing.assert_close(gradients(conv(x), x), gradients(usual(conv, x), x))


def test_tiles_have_the_smallest_window():
    halving, three = axis(28, 4, 2, 1, 4), axis(32, 3, 1, 1, 2)
    assert halving is not None and (halving.window, halving.shift) == (3, 3)
    assert three is not None and (three.window, three.shift) == (4, 0)


@pytest.mark.parametrize("name", MODELS)
def test_every_network_begins_with_it(name):
    net = build(name, shape=(3, 32, 32), classes=10, width=4)
    [first] = [module for module in net.modules() if isinstance(module, ImageConv)]
    assert tile_of(first) ** 2 * 3 <= LANES
    x, y = torch.rand(4, 3, 32, 32), torch.arange(4)
    seen = []
    first.register_forward_hook(lambda module, _i, out: seen.append(module.alone))
    input_gradient(net, x, y)
    net(x)
    assert seen == [True, False]
    assert all(p.grad is None and p.requires_grad for p in net.parameters())


def test_without_its_weights_the_image_has_the_same_gradient():
    conv = HalvingConv(1, 5)
    x = torch.rand(2, 1, 28, 28, requires_grad=True)
    expected = gradients(conv(x), x)
    with image_only(conv):
        out = conv(x)
    assert torch.equal(gradients(out, x)[0], expected[0])
    assert all(part.any() for part in gradients(conv(x), *conv.parameters()))

"""Networks: shapes, sites, seeded weights, and the input normalisation inside."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from selffit.config import FIELDS
from selffit.errors import UserError
from selffit.models import MODELS, build
from selffit.models.base import Network
from selffit.models.small import HalvingConv

SMALL_SITES = {"conv1": 4, "conv2": 8}
RESNET_SITES = {"conv1": 4} | {
    f"layer{s}.{b}.conv{c}": 2 ** (s + 1) for s in (1, 2, 3, 4) for b in (0, 1) for c in (1, 2)
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 30, 44)])
def test_logits_for_any_image_shape(name, shape):
    net = build(name, shape=shape, classes=7, width=4).eval()
    assert net(torch.rand(2, *shape)).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("small", SMALL_SITES),
        ("single-conv", {"conv1": 4}),
        ("resnet18", RESNET_SITES),
        ("preact-resnet18", RESNET_SITES),
    ],
)
def test_sites_are_activated_maps_in_forward_order(name, expected):
    net = build(name, shape=(3, 32, 32), classes=10, width=4)
    sites = net.sites()
    assert {site: type(module) for site, module in sites.items()} == dict.fromkeys(
        expected, nn.ReLU
    )
    assert len(set(map(id, sites.values()))) == len(sites)
    seen = {}
    for site, module in sites.items():
        module.register_forward_hook(lambda _m, _i, output, site=site: seen.update({site: output}))
    net(torch.rand(2, 3, 32, 32))
    assert list(seen) == list(sites) == list(expected)
    assert {site: output.shape[1] for site, output in seen.items()} == expected
    assert all(output.dim() == 4 and output.min() >= 0 for output in seen.values())


@pytest.mark.parametrize(
    ("name", "millions"),
    [("preact-resnet18", 11.17), ("resnet18", 11.17), ("small", 0.167), ("single-conv", 0.164)],
)
def test_parameter_counts_of_the_literature(name, millions):
    shape = (1, 28, 28) if name == "small" else (3, 32, 32)
    net = build(name, shape=shape, classes=10)
    assert sum(p.numel() for p in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


def test_the_weights_of_the_single_convolution_start_with_variance_2_over_fan_in():
    torch.manual_seed(0)
    net = build("single-conv", shape=(3, 32, 32), classes=10, width=256)
    for name, fan_in in (("conv1", 27), ("output", 256 * 32 * 32)):
        weight = net.get_parameter(f"{name}.weight")
        assert weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.02)
        assert not net.get_parameter(f"{name}.bias").any()


def test_the_callers_seed_decides_the_weights():
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return build("small", shape=(1, 28, 28), classes=10).get_parameter("hidden.weight")

    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))


def test_the_input_is_normalised_inside_and_follows_the_module():
    net = build("small", shape=(3, 28, 28), classes=10, mean=(0.1, 0.2, 0.3), scale=(1.0, 2.0, 3.0))
    x = torch.rand(2, 3, 28, 28)
    expected = (x - torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)) * torch.tensor(
        [1.0, 2.0, 3.0]
    ).view(1, 3, 1, 1)
    assert torch.allclose(net.get_submodule("normalise")(x), expected)
    assert {"normalise.mean", "normalise.scale"} <= set(net.state_dict())


@pytest.mark.parametrize("name", MODELS)
def test_weights_and_results_are_channels_last(name):
    net = build(name, shape=(3, 32, 32), classes=10, width=4)
    assert net.get_parameter("conv1.weight").is_contiguous(memory_format=torch.channels_last)
    seen = []
    next(iter(net.sites().values())).register_forward_hook(
        lambda _m, _i, output: seen.append(output)
    )
    net(torch.rand(2, 3, 32, 32).contiguous(memory_format=torch.channels_last))
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


def test_bad_requests():
    with pytest.raises(UserError, match="unknown model 'resnet50'"):
        build("resnet50", shape=(3, 32, 32), classes=10)
    with pytest.raises(UserError, match="mean has 3 numbers"):
        build("small", shape=(1, 28, 28), classes=10, mean=(0.1, 0.2, 0.3))


@pytest.mark.parametrize("inputs", [1, 3])
def test_the_halving_convolution_is_the_usual_one(inputs):
    conv = HalvingConv(inputs, 5)
    x = torch.rand(2, inputs, 28, 32, requires_grad=True)
    usual = F.conv2d(x, conv.weight, conv.bias, stride=2, padding=1)
    torch.testing.assert_close(conv(x), usual)
    gradients = [
        torch.autograd.grad(out.square().sum(), (x, *conv.parameters())) for out in (conv(x), usual)
    ]
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_the_catalogue_names_networks_that_exist(model):
    assert issubclass(model.load(), Network) and model.width >= 1


def test_these_are_the_choices_of_the_setting():
    assert FIELDS["model"].metadata["choices"] == tuple(MODELS)

"""The two networks that people call PreActResNet-18, with and without the last normalisation."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selffit.errors import UserError
from selffit.models import build

SHAPE = (3, 32, 32)
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2471, 0.2435, 0.2616)
KINDS = [
    ("preact-resnet18", {"shortcut": "raw", "final_bn": True}),
    ("preact-resnet18", {"shortcut": "raw", "final_bn": False}),
    ("preact-resnet18", {"shortcut": "activated", "final_bn": True}),
    ("preact-resnet18", {"shortcut": "activated", "final_bn": False}),
    ("resnet18", {}),
]
FROZEN = Path(__file__).with_name("frozen_logits.json")


def network(name, width=2, **options):
    """A network whose tensors are a formula, in float64 and evaluation mode."""
    scale = [1 / s for s in STD]
    net = build(name, shape=SHAPE, classes=10, width=width, mean=MEAN, scale=scale, **options)
    net = net.double().eval()
    with torch.no_grad():
        for number, (key, value) in enumerate(net.state_dict().items()):
            if key.endswith("num_batches_tracked") or key.startswith("normalise."):
                continue
            wave = torch.sin(torch.arange(value.numel(), dtype=torch.float64) * 0.7 + number)
            spread = 0.5 if value.dim() > 1 else 0.2
            around = 1.0 if key.endswith(("running_var", "bn.weight")) else 0.0
            value.copy_((around + spread * wave).reshape(value.shape))
    return net


def images(count=2):
    pixels = torch.sin(torch.arange(count * 3 * 32 * 32, dtype=torch.float64) * 0.37)
    return (0.5 + 0.5 * pixels).reshape(count, *SHAPE)


def by_definition(net, x: Tensor, shortcut: str, final_bn: bool) -> Tensor:
    """PreActResNet-18 written once more from its tensors alone."""
    t = net.state_dict()

    def activated(h: Tensor, norm: str) -> Tensor:
        mean, var = t[f"{norm}.running_mean"], t[f"{norm}.running_var"]
        h = F.batch_norm(h, mean, var, t[f"{norm}.weight"], t[f"{norm}.bias"], eps=1e-5)
        return h.clamp(min=0)

    mean = t["normalise.mean"]
    h = F.conv2d((x - mean) * t["normalise.scale"], t["conv1.weight"], padding=1)
    for stage in (1, 2, 3, 4):
        for number in (0, 1):
            block = f"layer{stage}.{number}"
            stride = 2 if stage > 1 and number == 0 else 1
            a = activated(h, f"{block}.bn1")
            kept = h
            if (projection := t.get(f"{block}.shortcut.weight")) is not None:
                kept = F.conv2d(h if shortcut == "raw" else a, projection, stride=stride)
            inner = F.conv2d(a, t[f"{block}.conv1.weight"], stride=stride, padding=1)
            inner = activated(inner, f"{block}.bn2")
            h = kept + F.conv2d(inner, t[f"{block}.conv2.weight"], padding=1)
    h = activated(h, "bn") if final_bn else h
    return F.avg_pool2d(h, 4).flatten(1) @ t["output.weight"].T + t["output.bias"]


@pytest.mark.parametrize(("name", "options"), KINDS[:4])
def test_the_network_is_its_definition(name, options):
    net, x = network(name, **options), images()
    torch.testing.assert_close(net(x), by_definition(net, x, **options), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("name", "options"), KINDS)
def test_logits_are_those_frozen_for_this_network(name, options):
    key = " ".join([name, *(f"{option}={value}" for option, value in options.items())])
    frozen = torch.tensor(json.loads(FROZEN.read_text())[key], dtype=torch.float64)
    torch.testing.assert_close(network(name, **options)(images()), frozen, rtol=1e-6, atol=1e-6)


def test_the_networks_have_one_set_of_tensors_and_different_logits():
    raw = network("preact-resnet18", shortcut="raw")
    activated = network("preact-resnet18", shortcut="activated")
    assert raw.state_dict().keys() == activated.state_dict().keys()
    assert (raw(images()) - activated(images())).abs().max() > 0.01
    without = network("preact-resnet18", shortcut="raw", final_bn=False)
    assert raw.state_dict().keys() - without.state_dict().keys() == {
        f"bn.{name}"
        for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    }


def test_a_network_without_the_last_normalisation_shows_the_last_sum_at_its_last_site():
    net = network("preact-resnet18", final_bn=False)
    sites = net.sites()
    assert list(sites)[-1] == "layer4.1.conv2" and len(sites) == 17
    seen: list[Tensor] = []
    sites["layer4.1.conv2"].register_forward_hook(lambda _m, _i, output: seen.append(output))
    logits = net(images())
    head = net.get_submodule("output")
    assert isinstance(head, nn.Linear)
    torch.testing.assert_close(logits, head(seen[0].mean(dim=(2, 3))))


def test_options_of_another_network_and_unknown_ones_are_refused():
    with pytest.raises(UserError, match="a resnet18 has no shortcut"):
        build("resnet18", shape=SHAPE, classes=10, shortcut="raw")
    with pytest.raises(UserError, match="unknown shortcut 'rw'; valid: activated, raw"):
        build("preact-resnet18", shape=SHAPE, classes=10, shortcut="rw")

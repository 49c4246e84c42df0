"""Zeroed channels: exactly those, only while asked for, and no hook left behind."""

import pytest
import torch

from selffit.models import build
from selffit.models.zeroing import Zeroing, zeroing
from selffit.probes.channels import watching


def network():
    torch.manual_seed(0)
    return build("preact-resnet18", shape=(3, 28, 28), classes=10, width=4).eval()


def maps(net) -> dict[str, torch.Tensor]:
    seen: dict[str, torch.Tensor] = {}
    with watching(net, seen.__setitem__):
        net(torch.rand(2, 3, 28, 28, generator=torch.Generator().manual_seed(1)))
    return seen


def hooks(net) -> int:
    return sum(len(module._forward_hooks) for module in net.modules())


def test_zeroed_channels_are_zero_inside_and_back_afterwards():
    net = network()
    before = maps(net)
    with zeroing(net, {"conv1": [1], "layer2.0.conv1": [0, 3]}):
        inside = maps(net)
    assert inside["conv1"][:, 1].eq(0).all() and inside["layer2.0.conv1"][:, [0, 3]].eq(0).all()
    kept = [0, 2, 3]
    # nothing comes before it
    assert torch.equal(inside["conv1"][:, kept], before["conv1"][:, kept])
    assert before["conv1"][:, 1].ne(0).any() and not torch.equal(
        inside["layer4.1.conv2"], before["layer4.1.conv2"]
    )
    after = maps(net)
    assert all(torch.equal(after[site], before[site]) for site in before) and hooks(net) == 0


def test_a_passing_zeroing_lies_on_top_of_a_lasting_one():
    net = network()
    lasting = Zeroing(net, torch.device("cpu"))
    lasting.set({"conv1": {"channels": [0]}})
    with zeroing(net, {"conv1": [1]}):
        assert maps(net)["conv1"][:, :2].eq(0).all()
    assert maps(net)["conv1"][:, 0].eq(0).all() and maps(net)["conv1"][:, 1].ne(0).any()
    lasting.set({})
    assert hooks(net) == 0


def test_no_channels_change_nothing():
    net = network()
    before = maps(net)
    with zeroing(net, {"conv1": []}):
        assert torch.equal(maps(net)["conv1"], before["conv1"])


def test_hooks_are_removed_after_an_error():
    net = network()
    with pytest.raises(ZeroDivisionError), zeroing(net, {"conv1": [1]}):
        raise ZeroDivisionError
    with pytest.raises(KeyError), zeroing(net, {"conv1": [1], "conv7": [1]}):
        pass
    assert hooks(net) == 0

"""Every probe leaves the network as it was.

Weights, gradients, running statistics, modes, hooks and torch's own generators.
"""

import pytest
import torch
from made_up.probing import robust_accuracy
from torch import nn

from selffit.models import build
from selffit.probes.attacks import ProbeAttack
from selffit.probes.causal import causal_check
from selffit.probes.channels import channel_dominance
from selffit.probes.selfinfo import self_information
from selffit.probes.strip import image_strip
from selffit.probes.strong import strong_accuracy

ATTACK = ProbeAttack(0.03, 2)
PROBES = {
    "robust": lambda net, x, y, g, _: robust_accuracy(
        net, x, y, eps=0.03, pgd_steps=2, pgd_alpha=0.02, generator=g
    ),
    "channels": lambda net, x, y, g, _: channel_dominance(net, x, y, eps=0.03, generator=g),
    "self": lambda net, x, y, g, other: self_information(
        net,
        x,
        y,
        attack=ATTACK,
        generator=g,
        classes=10,
        mean=torch.zeros(3, 28, 28),
        reference=other,
        full=True,
    ),
    "strong": lambda net, x, y, g, _: strong_accuracy(
        net, x, y, eps=0.03, steps=2, targets=1, generator=g, weak_steps=1, weak_alpha=0.02
    ),
    "causal": lambda net, x, y, g, _: causal_check(
        net, x, y, attack=ATTACK, pgd_alpha=0.02, pgd_steps=1, generator=g, shares=(0.4,), singles=1
    ),
    "strip": lambda net, x, y, g, _: image_strip(net, x, y, attack=ATTACK),
}


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    net = build("resnet18", shape=(3, 28, 28), classes=10, width=2)
    net.get_submodule("layer2").eval()  # a mixture of modes, as a frozen part of a network has
    return net


def traces(net: nn.Module) -> list[object]:
    modes = {name: module.training for name, module in net.named_modules()}
    hooks = [len(module._forward_hooks) for module in net.modules()]
    gradients = [(p.grad, p.requires_grad) for p in net.parameters()]
    return [modes, hooks, gradients, [value.tolist() for value in net.state_dict().values()]]


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("fails", [False, True])
def test_a_probe_leaves_no_trace(name, fails):
    net, other = network(0), network(1)
    images = torch.randint(0, 256, (6, 5 if fails else 3, 28, 28), dtype=torch.uint8)
    before, rng = [traces(net), traces(other)], torch.get_rng_state()
    arguments = net, images, torch.arange(6), torch.Generator().manual_seed(0), other
    if fails:
        with pytest.raises(RuntimeError):
            PROBES[name](*arguments)
    else:
        PROBES[name](*arguments)
    assert [traces(net), traces(other)] == before
    assert torch.equal(torch.get_rng_state(), rng) and torch.is_grad_enabled()

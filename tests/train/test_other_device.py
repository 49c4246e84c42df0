"""A step where its tensors are not on the host: nothing in it comes from there or goes there.

Torch's `meta` device stands for a GPU: tensors on it are told apart from the host's, which on a CPU
they are not. Its tensors have no values, so whoever reads one fails.
"""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from selffit.config import resolve
from selffit.methods import METHODS
from selffit.methods.catalogue import users
from selffit.models import build
from selffit.train.hostreads import HostReads, tensors_in
from selffit.train.signals import VALUES, image_values
from selffit.train.step import Step

DEVICE = torch.device("meta")


@pytest.fixture(autouse=True)
def without_kernels(monkeypatch):
    """What this device lacks: mixed precision, and the optimisers' kernels."""

    def fused(*given, **named):
        assert {tensor.device for tensor in tensors_in((given, named))} == {DEVICE}

    monkeypatch.setattr(torch, "autocast", lambda *given, **named: nullcontext())
    monkeypatch.setattr(torch, "_fused_sgd_", fused)
    monkeypatch.setattr(torch, "_fused_adam_", fused)


def found(method, **settings):
    """What the second step reads from the host."""
    settings |= {"attack_steps": 2} if method in users("attack_steps") else {}
    config = resolve(None, {"method": method, **settings})
    model = build(config.model, shape=(3, 32, 32), classes=10, width=4).to(DEVICE).train()
    step = Step(config, model, DEVICE, None, capturable=True)
    x, y = torch.zeros(8, 3, 32, 32, device=DEVICE), torch.zeros(8).long().to(DEVICE)
    values, generator = torch.zeros(VALUES, 8, device=DEVICE), torch.Generator()

    def take():
        attack, trained = step(x, y, generator, with_input_gradient=True)
        image_values(x, y, attack, trained, values)

    take()
    with HostReads() as reads:
        take()
    return reads.found


@pytest.mark.parametrize("model", ["small", "preact-resnet18", "resnet18"])
@pytest.mark.parametrize("method", METHODS)
def test_every_step_stays_on_its_device(method, model):
    settings = {"model": model, "mix_signs": 0.5}
    assert found(method, optimizer="sgd", weight_decay=0.01, **settings) == []
    assert found(method, optimizer="adam", clip_grad=0.1, attack_bn="eval", **settings) == []


def test_what_a_method_leaves_on_the_host_is_found(monkeypatch):
    fgsm = METHODS["fgsm"]

    def attack(gradient, x, y, budget, generator):
        made = fgsm.attack(gradient, x, y, budget, generator)
        return replace(made, x_adv=made.x_adv * half)

    half = torch.full((), 0.5)
    monkeypatch.setitem(METHODS, "fgsm", replace(fgsm, attack=attack))
    [read] = found("fgsm")
    assert "torch.mul between devices in " in read and "test_other_device.py" in read

"""A step in mixed precision."""

from contextlib import nullcontext

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from selffit.config import resolve
from selffit.methods import METHODS
from selffit.methods.catalogue import users
from selffit.models import build
from selffit.train import step
from selffit.train.step import Step


class Casts(TorchDispatchMode):
    """Counts what becomes bf16."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is torch.ops.aten._to_copy.default and kwargs.get("dtype") is torch.bfloat16:
            self.count += 1
        return func(*args, **kwargs)


def two_steps(method):
    """Weights after two steps in bf16, and the casts of the second."""
    settings = {"attack_steps": 2} if method in users("attack_steps") else {}
    config = resolve(None, {"method": method, "model": "preact-resnet18", **settings})
    torch.manual_seed(0)
    model = build("preact-resnet18", shape=(3, 32, 32), classes=10, width=4).train()
    made = Step(config, model, torch.device("cpu"), torch.bfloat16, capturable=True)
    made.set(lr=0.1, momentum=0.9, eps=8 / 255, alpha=8 / 255)
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(2, 3, 32, 32, generator=generator).to(memory_format=torch.channels_last)
    for _ in range(2):
        with Casts() as casts:
            made(x, torch.arange(2), generator, with_input_gradient=True)
    return [tensor.clone() for tensor in made.tensors()], casts.count


@pytest.mark.parametrize("method", METHODS)
def test_weights_are_cast_once_for_all_passes_and_the_bits_are_those_of_a_cast_each(
    method, monkeypatch
):
    once, fewer = two_steps(method)
    monkeypatch.setattr(step, "_cast_once", nullcontext)
    each, more = two_steps(method)
    assert all(torch.equal(a, b) for a, b in zip(once, each, strict=True))
    passes = 3 if method in users("attack_steps") else 2
    # 19 convolutions, weights and biases of a layer; the first convolution is another in attacks
    assert more - fewer == 21 * (passes - 1)

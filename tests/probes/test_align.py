"""How straight the loss is along the single step."""

import math

import pytest
import torch
from made_up.probing import subject_of
from torch import nn

from selffit.probes.align import align_probe

X = torch.randint(0, 256, (8, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator())
Y = torch.arange(8) % 2


def subject(model, eps):
    return subject_of(model, X, Y, eps)


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(16, 2)

    def forward(self, x):
        return self.layer(x.flatten(1))


class Bent(Linear):
    """Whose slope turns within the step."""

    def forward(self, x):
        return super().forward(torch.cos(45 * math.pi * x))


def test_a_linear_network_keeps_its_direction_and_a_wild_one_does_not():
    straight = align_probe(subject(Linear(), 0.1), 8)
    assert (straight.step, straight.n, straight.eps) == (40, 8, 0.1)
    assert straight.align == pytest.approx(1)
    assert abs(align_probe(subject(Bent(), 0.1), 8).align) < 0.4


def test_energy_is_what_the_step_adds_to_the_log_sum_exp():
    model, eps = Linear(), 0.1
    x = (X[:8].float() / 255).requires_grad_()
    logits = model(x)
    (grad,) = torch.autograd.grad(nn.functional.cross_entropy(logits, Y, reduction="sum"), x)
    moved = model((x + eps * grad.sign()).clamp(0, 1))
    expected = (torch.logsumexp(moved, 1) - torch.logsumexp(logits, 1)).mean()
    assert align_probe(subject(model, eps), 8).energy == pytest.approx(
        float(expected.detach()), abs=1e-6
    )


def test_the_network_is_left_as_it_was():
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)
    ).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    align_probe(subject(model, 0.1), 8)
    assert model.training and all(p.grad is None for p in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_it_looks_at_64_images_at_most():
    images, labels = X.repeat(20, 1, 1, 1), Y.repeat(20)
    assert align_probe(subject_of(Linear(), images, labels, 0.1), 160).n == 64

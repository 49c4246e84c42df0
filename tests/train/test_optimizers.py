"""The fused kernels against the formulas, on weights in channels_last as the networks have them."""

import torch
from torch import nn

from selffit.train.optimizers import SGD, Adam, Optimizer


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 2)).to(memory_format=torch.channels_last)


def run(model: nn.Module, optimizer: Optimizer, rates: list[float]) -> list[list[torch.Tensor]]:
    """Three updates; returns the gradients of each."""
    seen = []
    for i, lr in enumerate(rates):
        x = torch.rand(5, 3, 6, 6, generator=torch.Generator().manual_seed(i))
        model.zero_grad()
        model(x).square().sum().backward()
        seen.append([p.grad.clone() for p in model.parameters()])
        optimizer.lr.fill_(lr)
        optimizer.step()
    return seen


def test_sgd_is_heavy_ball_with_weight_decay_in_the_gradient() -> None:
    model = network()
    start = [p.detach().clone() for p in model.parameters()]
    gradients = run(model, SGD(model.parameters(), momentum=0.9, weight_decay=0.1), [0.01, 0.02, 0.005])
    for i, (w, p) in enumerate(zip(start, model.parameters(), strict=True)):
        buffer = torch.zeros_like(w)
        for gradient, lr in zip(gradients, [0.01, 0.02, 0.005], strict=True):
            buffer = 0.9 * buffer + gradient[i] + 0.1 * w
            w = w - lr * buffer
        torch.testing.assert_close(p.detach(), w)


def test_sgd_without_momentum_keeps_no_buffers() -> None:
    model = network()
    start = [p.detach().clone() for p in model.parameters()]
    optimizer = SGD(model.parameters(), momentum=0.0, weight_decay=0.0)
    [gradients] = run(model, optimizer, [0.01])
    for w, g, p in zip(start, gradients, model.parameters(), strict=True):
        torch.testing.assert_close(p.detach(), w - 0.01 * g)
    assert optimizer.state == {"momentum": []}


def test_adam_divides_the_bias_corrected_moments() -> None:
    model = network()
    start = [p.detach().clone() for p in model.parameters()]
    gradients = run(model, Adam(model.parameters(), weight_decay=0.1), [0.01, 0.02, 0.005])
    for i, (w, p) in enumerate(zip(start, model.parameters(), strict=True)):
        first = second = torch.zeros_like(w)
        for t, (gradient, lr) in enumerate(zip(gradients, [0.01, 0.02, 0.005], strict=True), start=1):
            g = gradient[i] + 0.1 * w
            first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g * g
            w = w - lr * (first / (1 - 0.9**t)) / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
        torch.testing.assert_close(p.detach(), w)

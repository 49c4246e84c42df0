"""A training script in the shape of the public ones for RS-FGSM, tiny, on the embedded strokes.

`python rs_fgsm.py [EPOCHS]` prints a line an epoch; `train(..., monitor=…)` calls a Monitor too.
"""

import sys
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selffit.data import load_set

EPS, ALPHA, BATCH = 0.1, 0.125, 50
SHAPE = (1, 28, 28)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 5, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 16, 10),
    )


def images(train: int = 200, held: int = 64) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    found = load_set("strokes", train_images=train, holdout=held)
    return found.train_x.float() / 255, found.train_y, found.held_x.float() / 255, found.held_y


def attack_pgd(model: nn.Module, x: Tensor, y: Tensor, steps: int = 5) -> Tensor:
    delta = torch.empty_like(x).uniform_(-EPS, EPS)
    for _ in range(steps):
        delta.requires_grad_()
        (grad,) = torch.autograd.grad(F.cross_entropy(model(x + delta), y), delta)
        delta = (delta + EPS / 4 * grad.sign()).clamp(-EPS, EPS).detach()
    return delta


def train(
    model: nn.Module,
    epochs: int,
    *,
    monitor: Any = None,
    optimizer: torch.optim.Optimizer | None = None,
    after_step: Callable[[int], None] = lambda step: None,
) -> int:
    """Returns the steps that were done."""
    x_all, y_all, held_x, held_y = images()
    opt = optimizer or torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    done = 0
    for epoch in range(epochs):
        order = torch.randperm(len(x_all))
        losses = []
        for first in range(0, len(order), BATCH):
            x, y = x_all[order[first : first + BATCH]], y_all[order[first : first + BATCH]]
            delta = torch.empty_like(x).uniform_(-EPS, EPS).requires_grad_()
            start_loss = F.cross_entropy(model(x + delta), y, reduction="none")
            start_loss.mean().backward()
            assert delta.grad is not None
            start_grad = delta.grad.detach()
            delta = (delta + ALPHA * start_grad.sign()).clamp(-EPS, EPS).detach()
            x_adv = (x + delta).clamp(0, 1).requires_grad_()
            logits = model(x_adv)
            loss = F.cross_entropy(logits, y, reduction="none")
            opt.zero_grad()
            loss.mean().backward()
            opt.step()
            losses.append(float(loss.detach().mean()))
            done += 1
            if monitor is not None:
                monitor.step(
                    loss=loss,
                    x=x,
                    y=y,
                    x_adv=x_adv,
                    logits=logits,
                    start_loss=start_loss,
                    start_grad=start_grad,
                    grad=x_adv.grad,
                )
                if monitor.stopping:
                    return done
            after_step(done)
        model.eval()
        clean = (model(held_x).argmax(1) == held_y).float().mean()
        attacked = held_x + attack_pgd(model, held_x, held_y)
        pgd = (model(attacked).argmax(1) == held_y).float().mean()
        model.train()
        print(
            f"Epoch {epoch}: loss {sum(losses) / len(losses):.4f}, clean acc {clean:.4f}, "
            f"pgd acc {pgd:.4f}"
        )
    return done


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(network(), int(sys.argv[1]) if len(sys.argv) > 1 else 2)

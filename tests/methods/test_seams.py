"""Methods with a loss or an attack objective of their own fit the seams: three of the literature,
made up here, take real training steps.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from selffit.config import RunConfig
from selffit.methods import METHODS, Attack, Batch, Budget, GradientOracle, Method, Objective
from selffit.methods.base import project, uniform_start
from selffit.models import build
from selffit.train.step import Step

CPU = torch.device("cpu")
EPS, LR = 0.1, 0.1
BETA = 6.0  # TRADES
LAMBDA = 0.2  # GradAlign
WEIGHTS = 1.0, 0.5, 0.3  # AAER: count, drop of the loss, movement of the logits


# ---- TRADES: the attack climbs the divergence from the clean output, so does the loss -----------
def divergence(logits: Tensor, clean: Tensor) -> Tensor:
    """KL(clean ‖ logits) of each image."""
    return F.kl_div(F.log_softmax(logits, 1), F.softmax(clean, 1), reduction="none").sum(1)


def trades_attack(
    gradient: GradientOracle, x: Tensor, y: Tensor, budget: Budget, generator: torch.Generator
) -> Attack:
    clean = gradient(x, y)
    x_adv = uniform_start(x, 0.01 * budget.eps, generator)
    for _ in range(budget.steps):
        at_point = gradient(x_adv, y, lambda logits, _y: divergence(logits, clean.logits))
        x_adv = project(x_adv + budget.alpha * at_point.grad.sign(), x, budget.eps)
    return Attack(x_adv, clean)


def trades_loss(batch: Batch) -> Objective:
    clean, logits = batch.model(batch.x), batch.model(batch.attack.x_adv)
    mean = F.cross_entropy(clean, batch.y) + BETA * divergence(logits, clean).mean()
    return Objective(mean, logits)


TRADES = Method(
    name="trades",
    attack=trades_attack,
    loss=trades_loss,
    default_alpha=lambda eps, steps: eps / 4,
    uses=("alpha", "attack_steps"),
    cost=36,
    source="Zhang et al.",
    year=2019,
)


# ---- GradAlign: the gradient is differentiated again --------------------------------------------
def grad_align_loss(batch: Batch) -> Objective:
    logits = batch.model(batch.attack.x_adv)
    noisy = uniform_start(batch.x, batch.eps, batch.generator)
    at_x, at_noise = (gradient_with_graph(batch, point) for point in (batch.x, noisy))
    cosine = F.cosine_similarity(at_x.flatten(1), at_noise.flatten(1), dim=1)
    mean = F.cross_entropy(logits, batch.y) + LAMBDA * (1 - cosine).mean()
    return Objective(mean, logits)


def gradient_with_graph(batch: Batch, point: Tensor) -> Tensor:
    leaf = point.detach().requires_grad_()
    loss = F.cross_entropy(batch.model(leaf), batch.y, reduction="sum")
    return torch.autograd.grad(loss, leaf, create_graph=True)[0]


GRAD_ALIGN = Method(
    name="grad-align",
    attack=METHODS["fgsm"].attack,
    loss=grad_align_loss,
    default_alpha=METHODS["fgsm"].default_alpha,
    uses=("start",),
    cost=15,
    source="Andriushchenko and Flammarion",
    year=2020,
)


# ---- AAER: single images decide -----------------------------------------------------------------
def aaer_loss(batch: Batch) -> Objective:
    clean, logits = batch.model(batch.x), batch.model(batch.attack.x_adv)
    before = F.cross_entropy(clean, batch.y, reduction="none")
    after = F.cross_entropy(logits, batch.y, reduction="none")
    abnormal = (after < before).float()
    share = abnormal.mean()
    drop = (abnormal * (before - after)).sum() / abnormal.sum().clamp_min(1)
    moved = (abnormal * (logits - clean).square().sum(1)).sum() / abnormal.sum().clamp_min(1)
    count, fall, movement = WEIGHTS
    penalty = count * share * (fall * drop + movement * moved)
    return Objective(after.mean() + penalty, logits)


def half_abnormal(
    gradient: GradientOracle, x: Tensor, y: Tensor, budget: Budget, generator: torch.Generator
) -> Attack:
    """RS-FGSM of which every second image goes downhill, as images do when a network overfits."""
    made = METHODS["rs-fgsm"].attack(gradient, x, y, budget, generator)
    downhill = (2 * x - made.x_adv).clamp(0, 1)
    second = (torch.arange(len(x)) % 2 == 1)[:, None, None, None]
    return replace(made, x_adv=torch.where(second, downhill, made.x_adv))


AAER = Method(
    name="aaer",
    attack=half_abnormal,
    loss=aaer_loss,
    default_alpha=METHODS["rs-fgsm"].default_alpha,
    uses=("alpha", "start"),
    cost=5,
    source="Lin, Yu and Liu",
    year=2023,
)


# ---- the same figures, computed without the seam ------------------------------------------------
def expected_trades(net, x, y, x_adv, generator) -> Tensor:
    p, q = net(x).softmax(1), net(x_adv).softmax(1)
    apart = (p * (p / q).log()).sum() / len(y)
    return -net(x).log_softmax(1)[range(len(y)), y].mean() + BETA * apart


def expected_grad_align(net, x, y, x_adv, generator) -> Tensor:
    noise = torch.empty_like(x).uniform_(-1, 1, generator=generator)
    gradients = []
    for point in (x, (x + EPS * noise).clamp(0, 1)):
        leaf = point.clone().requires_grad_()
        own = [F.cross_entropy(net(leaf[i : i + 1]), y[i : i + 1]) for i in range(len(y))]
        gradients += torch.autograd.grad(torch.stack(own).sum(), leaf, create_graph=True)
    a, b = gradients
    cosine = (a * b).sum((1, 2, 3)) / (a.pow(2).sum((1, 2, 3)) * b.pow(2).sum((1, 2, 3))).sqrt()
    return F.cross_entropy(net(x_adv), y) + LAMBDA * (1 - cosine.mean())


def expected_aaer(net, x, y, x_adv, generator) -> Tensor:
    rows = []
    for image, label, moved in zip(x, y, x_adv, strict=True):
        z, z_adv = net(image[None])[0], net(moved[None])[0]
        drop = z_adv.log_softmax(0)[label] - z.log_softmax(0)[label]
        rows.append((drop, (z_adv - z).square().sum(), z_adv.log_softmax(0)[label]))
    fallen = [row for row in rows if row[0] > 0]
    assert fallen and len(fallen) < len(rows)
    loss = -torch.stack([row[2] for row in rows]).mean()
    drop, moved = (torch.stack([row[i] for row in fallen]).mean() for i in (0, 1))
    count, fall, movement = WEIGHTS
    return loss + count * len(fallen) / len(rows) * (fall * drop + movement * moved)


def step_of(method: Method, monkeypatch) -> Step:
    monkeypatch.setitem(METHODS, method.name, method)
    torch.manual_seed(0)
    net = build("small", shape=(1, 28, 28), classes=10)
    config = RunConfig(method=method.name, optimizer="sgd", momentum=0.0, attack_steps=3)
    step = Step(config, net, CPU, None)
    step.set(lr=LR, momentum=0.0, eps=EPS, alpha=method.default_alpha(EPS, 3))
    return step


def noting(method: Method, values: list[float]) -> Method:
    """The method, and every value that its loss takes."""
    loss = method.loss
    assert loss is not None

    def noted(batch: Batch) -> Objective:
        assert batch.eps.item() == pytest.approx(EPS)
        objective = loss(batch)
        values.append(objective.mean.item())
        return objective

    return replace(method, loss=noted)


@pytest.mark.parametrize(
    ("method", "expected"),
    [(TRADES, expected_trades), (GRAD_ALIGN, expected_grad_align), (AAER, expected_aaer)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_steps_descend_on_the_methods_own_loss(method, expected, monkeypatch):
    values: list[float] = []
    step = step_of(noting(method, values), monkeypatch)
    x = torch.rand(16, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    y = torch.arange(16) % 10
    for number in range(4):
        before = copy.deepcopy(step.model)
        attack, trained = step(
            x, y, torch.Generator().manual_seed(number), with_input_gradient=True
        )
        assert attack.x_adv.ne(x).any() and (attack.x_adv - x).abs().max() <= EPS + 1e-6

        generator = torch.Generator().manual_seed(number)
        method.attack(step.gradient_at, x, y, step.budget, generator)  # draws first
        loss = expected(before, x, y, attack.x_adv, generator)
        assert values[number] == pytest.approx(loss.item(), rel=1e-5)
        gradients = torch.autograd.grad(loss, list(before.parameters()))
        for old, gradient, new in zip(
            before.parameters(), gradients, step.model.parameters(), strict=True
        ):
            torch.testing.assert_close(new, old - LR * gradient, rtol=1e-4, atol=1e-6)

        logits = before(attack.x_adv)
        torch.testing.assert_close(trained.logits, logits)
        torch.testing.assert_close(trained.loss, F.cross_entropy(logits, y, reduction="none"))
        assert trained.grad is not None and trained.grad.abs().sum() > 0
        assert not trained.loss.requires_grad and not trained.logits.requires_grad


def test_an_attack_that_climbs_another_objective_climbs_that_one(monkeypatch):
    step = step_of(TRADES, monkeypatch)
    x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    y = torch.arange(8)
    clean = step.logits(x).detach()
    x_adv = trades_attack(
        step.gradient_at, x, y, step.budget, torch.Generator().manual_seed(0)
    ).x_adv
    near = uniform_start(x, step.budget.eps, torch.Generator().manual_seed(0))
    climbed, noise = (divergence(step.logits(point), clean) for point in (x_adv, near))
    assert (climbed > 5 * noise).all()


@pytest.mark.parametrize("method", [TRADES, GRAD_ALIGN, AAER], ids=lambda value: value.name)
def test_a_loss_of_ones_own_works_in_mixed_precision(method, monkeypatch):
    step = step_of(method, monkeypatch)
    step.autocast = torch.bfloat16
    x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    before = copy.deepcopy(step.model)
    _, trained = step(x, torch.arange(8), torch.Generator(), with_input_gradient=False)
    assert trained.logits.dtype == torch.float32 and trained.loss.isfinite().all()
    old, new = (net.get_parameter("output.weight") for net in (before, step.model))
    assert not torch.equal(new, old)

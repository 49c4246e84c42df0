"""The cifar10-* presets against the recipes' definitions, written once more with torch's own parts.

The definitions are those of the public codes (fast_adversarial, N-FGSM): images normalised per
channel before the network, budgets divided by the standard deviation, torch's SGD and CyclicLR with
their defaults. Ours attacks pixels and normalises inside the network. All in float64.
"""

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import CyclicLR, MultiStepLR

from selffit.config import RunConfig, resolve
from selffit.data.batches import Batches
from selffit.data.imageset import ImageSet, as_float
from selffit.methods import METHODS
from selffit.models import build
from selffit.train.schedule import Schedule
from selffit.train.setup import build_network
from selffit.train.step import Step

COMMUNITY = ("cifar10-fgsm-8", "cifar10-rs-fgsm-8", "cifar10-n-fgsm-8")
MEAN = torch.tensor([0.4914, 0.4822, 0.4465], dtype=torch.float64).reshape(1, 3, 1, 1)
STD = torch.tensor([0.2471, 0.2435, 0.2616], dtype=torch.float64).reshape(1, 3, 1, 1)
EPS = 8 / 255
EPOCHS, PER_EPOCH = 30, 383  # 49 000 images


def cyclic(parameters: list[nn.Parameter], total: int) -> tuple[torch.optim.SGD, CyclicLR]:
    """SGD and schedule of the public codes: CyclicLR with nothing said of momentum."""
    optimizer = torch.optim.SGD(parameters, lr=0.2, momentum=0.9, weight_decay=5e-4)
    scheduler = CyclicLR(
        optimizer, base_lr=0.0, max_lr=0.2, step_size_up=total // 2, step_size_down=total // 2
    )
    return optimizer, scheduler


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler")
@pytest.mark.parametrize("preset", COMMUNITY)
def test_learning_rate_and_momentum_are_those_of_torchs_cyclic_schedule(preset):
    config = resolve(preset)
    schedule = Schedule(config, PER_EPOCH)
    assert schedule.steps_total == EPOCHS * PER_EPOCH
    optimizer, scheduler = cyclic([nn.Parameter(torch.zeros(1))], schedule.steps_total)
    group, worst = optimizer.param_groups[0], 0.0
    for step in range(schedule.steps_total):
        worst = max(worst, abs(group["lr"] - schedule.lr(step)))
        worst = max(worst, abs(group["momentum"] - schedule.momentum(step)))
        scheduler.step()
    assert worst < 1e-12
    assert schedule.lr(0) == 0 and schedule.momentum(0) == 0.9
    middle = schedule.steps_total // 2
    assert schedule.lr(middle) == pytest.approx(0.2) and schedule.momentum(middle) == 0.8


def test_the_schedule_of_understanding_fast_adv_training_is_read_at_the_end_of_a_step():
    settings = {"lr_turn": 0.4, "lr_read": "end", "momentum_low": 0, "last_batch": "drop"}
    schedule = Schedule(resolve("cifar10-rs-fgsm-8", settings), 382)
    steps = np.arange(schedule.steps_total)
    wanted = np.interp((steps + 1) / 382, [0, EPOCHS * 2 // 5, EPOCHS], [0, 0.2, 0])
    worst = max(
        abs(schedule.lr(int(step)) - want) for step, want in zip(steps, wanted, strict=True)
    )
    assert worst < 1e-12


def test_the_self_fitting_preset_steps_at_the_first_step_of_epochs_80_and_90():
    config = resolve("cifar10-selffit-16")
    schedule = Schedule(config, PER_EPOCH)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    scheduler = MultiStepLR(optimizer, milestones=[80, 90], gamma=0.1)
    for epoch in range(100):
        for step in (epoch * PER_EPOCH, (epoch + 1) * PER_EPOCH - 1):
            assert schedule.lr(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
            assert schedule.momentum(step) == 0.9
        optimizer.step()
        scheduler.step()
    assert (config.weight_decay, config.start, config.eps) == (0.0, "zero", 16 / 255)


# ---- attacks: noise is U(-1, 1), drawn as ours is; all else in normalised units --------------


def zero_start(model: nn.Module, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
    return single_step(model, x, y, torch.zeros_like(x), alpha=EPS, clip=True)


def random_start(model: nn.Module, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
    return single_step(model, x, y, noise * EPS / STD, alpha=1.25 * EPS, clip=True)


def double_noise(model: nn.Module, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
    return single_step(model, x, y, noise * 2 * EPS / STD, alpha=EPS, clip=False)


def single_step(
    model: nn.Module, x: Tensor, y: Tensor, delta: Tensor, *, alpha: float, clip: bool
) -> Tensor:
    """FGSM from x + delta, all of it in normalised units; x + the perturbation."""
    low, high = (0 - MEAN) / STD - x, (1 - MEAN) / STD - x
    delta = delta.clamp(low, high).requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(x + delta), y), delta)
    delta = (delta + alpha / STD * gradient.sign()).detach()
    if clip:
        delta = delta.clamp(-EPS / STD, EPS / STD)
    return x + delta.clamp(low, high)


def iterated(model: nn.Module, x: Tensor, y: Tensor, noise: Tensor) -> Tensor:
    """PGD-7 with steps of 2/255, in normalised units."""
    low, high = (0 - MEAN) / STD - x, (1 - MEAN) / STD - x
    delta = (noise * EPS / STD).clamp(low, high)
    for _ in range(7):
        delta = delta.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(F.cross_entropy(model(x + delta), y), delta)
        delta = (delta + 2 / 255 / STD * gradient.sign()).clamp(-EPS / STD, EPS / STD)
        delta = delta.clamp(low, high)
    return x + delta.detach()


Definition = Callable[[nn.Module, Tensor, Tensor, Tensor], Tensor]
RECIPES: list[tuple[str, dict[str, object], Definition]] = [
    ("cifar10-fgsm-8", {}, zero_start),
    ("cifar10-rs-fgsm-8", {}, random_start),
    ("cifar10-n-fgsm-8", {}, double_noise),
    ("cifar10-n-fgsm-8", {"method": "pgd", "attack_steps": 7}, iterated),
]


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def batches(cifar_like):
    x, y = cifar_like
    return Batches(x, y, 16, "crop-flip", seed=3)


@pytest.fixture
def cifar_like():
    """uint8 images whose pixels include 0 and 255, and labels."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(-40, 296, (64, 3, 32, 32), generator=generator).clamp(0, 255)
    return x.to(torch.uint8), torch.arange(64) % 10


def networks(config: RunConfig) -> tuple[nn.Module, nn.Module]:
    """Ours, and the same weights without the normalisation inside: what the public codes train."""
    torch.manual_seed(0)
    scale = [1 / float(s) for s in STD.flatten()]
    ours = build(
        config.model,
        shape=(3, 32, 32),
        classes=10,
        width=2,
        mean=MEAN.flatten().tolist(),
        scale=scale,
        shortcut=config.shortcut,
        final_bn=config.final_bn,
    ).double()
    normalise = ours.get_submodule("normalise")
    normalise.mean, normalise.scale = MEAN.clone(), 1 / STD  # not as rounded to float32
    theirs = copy.deepcopy(ours)
    theirs.normalise = nn.Identity()
    return ours.train(), theirs.train()


@pytest.mark.parametrize(("preset", "more", "definition"), RECIPES)
def test_an_epoch_of_training_is_the_recipes_to_1e_9(float64, batches, preset, more, definition):
    config = resolve(preset, {**more, "epochs": 1, "batch_size": 16})
    ours, theirs = networks(config)
    schedule = Schedule(config, batches.steps_per_epoch)
    cpu = torch.device("cpu")
    step = Step(config, ours, cpu, None)
    optimizer, scheduler = cyclic(list(theirs.parameters()), schedule.steps_total)
    for number in range(schedule.steps_total):
        x, y = batches.batch(number)
        x = (x.double() * 255).round() / 255
        generator = torch.Generator().manual_seed(number)
        step.set(
            lr=schedule.lr(number),
            momentum=schedule.momentum(number),
            eps=schedule.eps(number),
            alpha=schedule.alpha(number),
        )
        attack, _ = step(x, y, generator, with_input_gradient=True)
        noise = x.clone().uniform_(-1, 1, generator=generator.manual_seed(number))
        x_adv = definition(theirs, (x - MEAN) / STD, y, noise)
        assert (attack.x_adv - (x_adv * STD + MEAN)).abs().max() < 1e-9, f"the attack, {number}"
        optimizer.zero_grad()
        F.cross_entropy(theirs(x_adv), y).backward()
        optimizer.step()
        scheduler.step()
        mine, want = ours.state_dict(), theirs.state_dict()
        worst = max(
            (mine[name].double() - value).abs().max().item() for name, value in want.items()
        )
        assert worst < 1e-9, f"weights and statistics after step {number}"


# ---- inputs -----------------------------------------------------------------


@pytest.mark.parametrize("preset", COMMUNITY)
def test_the_network_sees_pixels_normalised_per_channel(preset, cifar_like):
    config = resolve(preset, {"width": 2})
    x, y = cifar_like
    images = ImageSet(
        name="cifar10", classes=10, shape=(3, 32, 32), train_x=x, train_y=y, held_x=x, held_y=y
    )
    seen = build_network(config, images).get_submodule("normalise")(as_float(x)).double()
    assert (seen - (x.double() / 255 - MEAN) / STD).abs().max() < 1e-6
    assert config.shortcut == "raw" and config.model == "preact-resnet18" and config.final_bn


def test_the_self_fitting_preset_sees_pixels():
    config = resolve("cifar10-selffit-16")
    assert (config.model, config.input_mean, config.input_scale) == ("resnet18", (0.0,), (1.0,))


@pytest.mark.parametrize("preset", [*COMMUNITY, "cifar10-selffit-16"])
def test_an_epochs_windows_are_drawn_evenly_and_half_of_them_mirrored(preset):
    """RandomCrop(size, padding=4), then RandomHorizontalFlip: 81 places, each mirrored or not."""
    count, side = 81 * 100, 12
    places = torch.arange(1, side + 1, dtype=torch.uint8)
    rows = places[:, None].expand(side, side)
    x = torch.stack([rows, rows.T, rows]).expand(count, 3, side, side).contiguous()
    batches = Batches(x, torch.arange(count), 100, resolve(preset).augment, seed=0)
    seen = torch.zeros(9, 9, 2)
    for step in range(batches.steps_per_epoch):
        pixels, _ = batches.batch(step)
        at = (pixels[:, :2, 5:7, 5:7] * 255).round().long()  # inside the image in every window
        mirrored = (at[:, 1, 0, 0] > at[:, 1, 0, 1]).long()
        top = at[:, 0, 0, 0] - 2
        left = torch.where(mirrored == 1, at[:, 1, 0, 1], at[:, 1, 0, 0]) - 2
        seen.index_put_((top, left, mirrored), torch.ones(len(top)), accumulate=True)
    assert seen.sum() == count
    expected = count / seen.numel()
    chi_square = ((seen - expected).square() / expected).sum().item()
    assert chi_square < 161 + 4 * (2 * 161) ** 0.5  # 161 degrees of freedom, four deviations


# ---- step sizes -------------------------------------------------------------


@pytest.mark.parametrize(
    ("eps", "steps", "alpha"),
    [(8, 1, 8), (8, 2, 4), (8, 5, 2), (8, 7, 2), (8, 10, 2), (16, 7, 4), (16, 10, 4), (8, 20, 1)],
)
def test_auto_alpha_of_pgd_is_the_public_codes(eps, steps, alpha):
    assert METHODS["pgd"].default_alpha(eps / 255, steps) == pytest.approx(alpha / 255)
    config = resolve(None, {"method": "pgd", "eps": f"{eps}/255", "attack_steps": steps})
    assert config.alpha == pytest.approx(alpha / 255)

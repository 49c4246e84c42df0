"""Strong accuracy: exact on an honest network, and not to be fooled by a masked one."""

import math

import pytest
import torch
from made_up.probing import robust_accuracy
from torch import Tensor, nn

from selffit.models import build
from selffit.probes.steps import cosine_steps
from selffit.probes.strong import margin_gradient, strong_accuracy


class Brightness(nn.Module):
    """Class 1 where the mean pixel is above 0.5; robust up to the distance of the mean from 0.5."""

    def __init__(self, scale: float = 50) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        score = self.scale * (x.mean(dim=(1, 2, 3)) - 0.5)
        return torch.stack([-score, score], dim=1)


def grey(*levels: int) -> Tensor:
    return torch.tensor(levels, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def measure(model: nn.Module, images: Tensor, labels: Tensor, eps: float, **others):
    return strong_accuracy(
        model,
        images,
        labels,
        eps=eps,
        generator=generator(),
        **({"weak_steps": 10, "weak_alpha": eps / 4} | others),
    )


def test_an_honest_network_has_its_closed_form_robust_accuracy():
    # the last one is wrong
    images, labels = grey(0, 100, 120, 140, 200, 90), torch.tensor([0, 0, 0, 1, 1, 1])
    # margins: 0.5, 0.108, 0.029, 0.049, 0.284
    for eps, right in ((0.02, 5), (0.06, 3), (0.2, 2), (0.0, 5)):
        found = measure(Brightness(), images, labels, eps)
        assert (found.pgd, found.weak) == (round(right / 6, 5), round(right / 6, 5))
        assert (found.n, found.eps, found.steps, found.restarts, found.targets) == (
            6,
            eps,
            50,
            1,
            1,
        )


def test_a_saturated_softmax_hides_from_cross_entropy_and_not_from_the_margin():
    # margins 0.06 … 0.07, 0.42
    images, labels = grey(110, 112, 143, 145, 20, 235), torch.tensor([0, 0, 1, 1, 0, 1])
    masked = measure(Brightness(1e6), images, labels, 0.1)
    assert (masked.weak, masked.pgd) == (1.0, 0.33333)
    honest = measure(Brightness(), images, labels, 0.1)
    assert (honest.weak, honest.pgd) == (0.33333, 0.33333)


def test_step_sizes_fall_from_twice_eps_to_nothing():
    steps = cosine_steps(0.1, 50)
    assert steps[0] == pytest.approx(0.2) and steps[25] == pytest.approx(0.1)
    assert steps == sorted(steps, reverse=True) and 0 < steps[-1] < 0.001


def test_the_margin_of_a_target_is_that_of_the_class():
    x, y = torch.tensor([[1.0, 1, 1]]), torch.tensor([0])
    linear = torch.nn.Linear(3, 3, bias=False)
    weights = torch.tensor([[1.0, 2, 3], [0, -1, 5], [4, 0, 0]])
    linear.weight = torch.nn.Parameter(weights, requires_grad=False)
    found = margin_gradient(linear, x, y, torch.tensor([2]))
    assert found.loss.tolist() == [-2] and found.grad.tolist() == [[3, -2, -3]]


class Labyrinth(nn.Module):
    """Class 1 where the mean is above 0.5, behind a sawtooth that misleads every small step."""

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(1, 2, 3)) - 0.5
        score = mean - 0.02 * torch.sin(mean * 400).abs() * mean.sign()
        return torch.stack([-score, score], dim=1)


def test_large_first_steps_leave_places_in_which_small_ones_are_caught():
    images, labels = grey(112, 143, 110, 146), torch.tensor([0, 1, 0, 1])
    found = measure(Labyrinth(), images, labels, 0.1, weak_steps=20, weak_alpha=0.001)
    assert found.weak > found.pgd == 0
    # and so does an ordinary probe whose steps fall
    assert measure(Labyrinth(), images, labels, 0.1, weak_steps=20, weak_alpha=0.0).weak == 0


def test_the_margin_and_its_gradient():
    weights = torch.tensor([[1.0, 2, 3], [0, -1, 5], [4, 0, 0]])
    # logits 6, 4, 4 and the same
    x, y = torch.tensor([[1.0, 1, 1], [1, 1, 1]]), torch.tensor([0, 1])
    linear = torch.nn.Linear(3, 3, bias=False)
    linear.weight = torch.nn.Parameter(weights, requires_grad=False)
    found = margin_gradient(linear, x - torch.tensor([0, 0, 1e-3]), y)
    assert found.loss.tolist() == pytest.approx([-2 + 3e-3, 2 + 2e-3], abs=1e-5)
    # the best of the others: class 2 (class 1 has lost more), then class 0
    assert found.grad.tolist() == [[3, -2, -3], [1, 3, -2]]
    assert not (found.grad.requires_grad or found.loss.requires_grad or found.logits.requires_grad)


def network():
    torch.manual_seed(1)
    net = build("small", shape=(1, 28, 28), classes=3)
    images = torch.randint(0, 256, (40, 1, 28, 28), dtype=torch.uint8)
    torch.nn.init.normal_(net.get_parameter("output.weight"), std=0.5)
    return net, images, net(images.float() / 255).argmax(1)


def test_weak_is_the_ordinary_probe_and_strong_is_never_above_it():
    net, images, labels = network()
    ordinary = robust_accuracy(
        net, images, labels, eps=0.03, pgd_steps=5, pgd_alpha=0.01, generator=generator()
    )
    found = measure(net, images, labels, 0.03, weak_steps=5, weak_alpha=0.01)
    assert found.weak == ordinary.pgd and 0 < found.pgd < found.weak < 1
    fewer = measure(net, images, labels, 0.03, weak_steps=5, weak_alpha=0.01, steps=2, targets=1)
    assert found.pgd <= fewer.pgd <= found.weak


def test_the_batch_size_changes_nothing():
    net, images, labels = network()
    assert measure(net, images, labels, 0.03) == measure(net, images, labels, 0.03, batch_size=7)


def test_lost_images_cost_nothing_more():
    net, images = Brightness(), grey(*[120] * 8)
    seen = []
    net.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    found = measure(net, images, torch.zeros(8, dtype=torch.int64), 0.1)
    assert found.pgd == found.weak == 0 and sum(seen) < 8 * 5  # of up to 210 passes an image


def test_data_of_a_record():
    found = measure(Brightness(), grey(0, 100, 120), torch.tensor([0, 0, 0]), 0.1)
    assert found.data() == {
        "n": 3,
        "eps": 0.1,
        "steps": 50,
        "restarts": 1,
        "targets": 1,
        "pgd": 0.66667,
        "weak": 0.66667,
        "precision": "",  # told by whoever takes the time
        "sec": pytest.approx(math.nan, nan_ok=True),
    }

"""Robust accuracy against cases that can be counted by hand; the network is left as it was."""

import math

import pytest
import torch
from made_up.probing import robust_accuracy
from torch import Tensor, nn

from selffit.methods.base import Budget
from selffit.methods.gradient import input_gradient
from selffit.methods.pgd import pgd
from selffit.models import build
from selffit.probes import robust
from selffit.probes.robust import RobustAccuracy, robust_accuracies, survivors
from selffit.probes.sizes import SIZES, filled


class Brightness(nn.Module):
    """Class 1 where the mean pixel is above 0.5; robust up to the distance of the mean from 0.5."""

    def forward(self, x: Tensor) -> Tensor:
        score = 50 * (x.mean(dim=(1, 2, 3)) - 0.5)
        return torch.stack([-score, score], dim=1)


def grey(*levels: int) -> Tensor:
    return torch.tensor(levels, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_accuracies_of_a_network_whose_margins_are_known():
    # the last one is wrong
    images, labels = grey(0, 100, 120, 140, 200, 90), torch.tensor([0, 0, 0, 1, 1, 1])
    got = robust_accuracies(
        Brightness(),
        images,
        labels,
        budgets=[(0.02, 0.01), (0.06, 0.02), (0.2, 0.05), (0.0, 0.0)],
        pgd_steps=10,
        batch_size=4,
        generator=generator(),
    )
    assert [r.n for r in got] == [6] * 4 and [r.eps for r in got] == [0.02, 0.06, 0.2, 0.0]
    assert all(r.clean == pytest.approx(5 / 6) for r in got)
    expected = [5 / 6, 3 / 6, 2 / 6, 5 / 6]  # margins: 0.5, 0.108, 0.029, 0.049, 0.284
    assert [r.fgsm for r in got] == pytest.approx(expected)
    assert [r.pgd for r in got] == pytest.approx(expected)


class Masked(nn.Module):
    """Right at the image and at a full step of 0.1, wrong between.

    Its gradient leads outwards.
    """

    def forward(self, x: Tensor) -> Tensor:
        d = x.mean(dim=(1, 2, 3)) - 0.2
        right = torch.where((d > 0.03) & (d < 0.09), -1.0, 1.0)
        return torch.stack([right - 0.1 * d, torch.zeros_like(d)], dim=1)


def test_pgd_counts_an_image_as_lost_once_any_iterate_is_wrong():
    images, labels = grey(51, 51, 51), torch.zeros(3, dtype=torch.int64)
    got = robust_accuracy(
        Masked(), images, labels, eps=0.1, pgd_steps=10, pgd_alpha=0.025, generator=generator()
    )  # the random start averages out: iterates are near 0, 0.025, 0.05 … 0.1
    assert (got.clean, got.fgsm, got.pgd) == (1.0, 1.0, 0.0)
    last = pgd(
        lambda x, y: input_gradient(Masked(), x, y),
        images.float() / 255,
        labels,
        Budget(torch.tensor(0.1), torch.tensor(0.025), 10),
        generator(),
    )
    # the last iterate alone is fooled by the mask
    assert (Masked()(last.x_adv).argmax(1) == labels).all()


def network() -> nn.Module:
    torch.manual_seed(0)
    net = build("resnet18", shape=(3, 28, 28), classes=10, width=2)
    net.get_submodule("layer2").eval()  # a mixture of modes, as a frozen part of a network has
    return net


def test_the_network_is_left_as_it_was():
    net = network()
    modes = {name: module.training for name, module in net.named_modules()}
    state = {name: value.clone() for name, value in net.state_dict().items()}
    images, labels = torch.randint(0, 256, (10, 3, 28, 28), dtype=torch.uint8), torch.arange(10)
    rng = torch.get_rng_state()
    robust_accuracy(
        net, images, labels, eps=0.03, pgd_steps=2, pgd_alpha=0.02, generator=generator()
    )
    assert {name: module.training for name, module in net.named_modules()} == modes
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert torch.equal(torch.get_rng_state(), rng) and torch.is_grad_enabled()


def test_modes_come_back_after_an_error():
    net = network()
    with pytest.raises(RuntimeError):
        robust_accuracy(
            net,
            torch.zeros(2, 5, 28, 28, dtype=torch.uint8),
            torch.zeros(2, dtype=torch.int64),
            eps=0.1,
            pgd_steps=1,
            pgd_alpha=0.1,
            generator=generator(),
        )
    assert net.training and net.get_submodule("layer1").training
    assert not net.get_submodule("layer2").training


def test_probes_run_in_evaluation_mode_and_float32():
    seen = []

    class Spy(Brightness):
        def forward(self, x: Tensor) -> Tensor:
            seen.append((self.training, x.dtype, torch.is_autocast_enabled("cpu")))
            return super().forward(x)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        robust_accuracy(
            Spy(),
            grey(0, 200),
            torch.tensor([0, 1]),
            eps=0.1,
            pgd_steps=2,
            pgd_alpha=0.1,
            generator=generator(),
        )
    assert set(seen) == {(False, torch.float32, False)} and len(seen) == 5


def test_batch_size_and_repetition_do_not_change_the_figures():
    torch.manual_seed(1)
    net = build("small", shape=(1, 28, 28), classes=3)
    images = torch.randint(0, 256, (40, 1, 28, 28), dtype=torch.uint8)
    labels = net(images.float() / 255).argmax(1)

    def probe(batch_size: int) -> RobustAccuracy:
        return robust_accuracy(
            net,
            images,
            labels,
            eps=0.02,
            pgd_steps=5,
            pgd_alpha=0.005,
            batch_size=batch_size,
            generator=generator(7),
        )

    assert probe(40) == probe(40)
    assert probe(40).clean == probe(7).clean == 1.0 and probe(40).fgsm == probe(7).fgsm < 1
    assert probe(40).pgd <= probe(40).fgsm + 0.05


class Overflowing(nn.Module):
    """Class 0 or 1 by brightness, but no finite answer above a mean of `limit`."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(1, 2, 3))
        score = torch.where(mean > self.limit, torch.nan, 50 * (mean - 0.5))
        return torch.stack([-score, score], dim=1)


@pytest.mark.parametrize(
    ("limit", "blank", "measured"),
    [
        (2.0, 0, {"clean", "fgsm", "pgd"}),
        (0.9, 1, set()),  # the brightest image as it is
        (0.55, 2, set()),
        (0.41, 3, set()),  # the attack makes another one brighter than that
        (-1.0, 4, set()),
    ],
)
def test_an_accuracy_with_an_image_without_a_finite_answer_is_not_measured(limit, blank, measured):
    images, labels = grey(0, 100, 160, 250), torch.tensor([0, 0, 1, 1])
    got = robust_accuracies(
        Overflowing(limit),
        images,
        labels,
        budgets=[(0.02, 0.01), (0.0, 0.0)],
        pgd_steps=3,
        generator=generator(),
    )[0]
    assert got.nonfinite == blank
    assert {name for name in ("clean", "fgsm", "pgd") if not math.isnan(getattr(got, name))} == (
        measured
    )


def test_answers_that_an_attack_alone_makes_infinite_leave_the_clean_accuracy():
    images, labels = grey(100, 200), torch.tensor([0, 1])
    got = robust_accuracies(
        Overflowing(0.40),
        images[:1],
        labels[:1],
        budgets=[(0.02, 0.01)],
        pgd_steps=3,
        generator=generator(),
    )[0]
    assert (got.clean, got.nonfinite) == (1.0, 1)  # 100/255 is below the limit, its attack above
    assert math.isnan(got.fgsm)


def test_where_sizes_cost_batches_are_filled_up_and_nothing_else_changes(monkeypatch):
    images, labels = grey(0, 100, 120, 140, 200, 90, 10), torch.tensor([0, 0, 0, 1, 1, 1, 0])
    x, model, sizes = images / 255, Brightness(), []

    def gradient(at, y, alive):
        assert len(at) == len(y) == len(alive) and at.stride() == x.stride()
        sizes.append(len(at))
        return input_gradient(model, at, y)

    def logits(at, alive):
        assert len(at) == len(alive)
        sizes.append(len(at))
        return model(at)

    def stand():
        sizes.clear()
        eps = torch.tensor(0.06)
        return survivors(logits, gradient, x, labels, x, eps, [0.02] * 5).tolist(), list(sizes)

    plain, grown = stand()
    assert plain == [0, 1, 4, 6] and grown == [7, 6, 6, 5, 4, 4]
    monkeypatch.setattr(robust, "filled", lambda count, device: 8 if count > 4 else 4)
    assert stand() == (plain, [8, 8, 8, 8, 4, 4])


def test_sizes_are_few_on_a_gpu_and_as_they_come_on_a_cpu():
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert {filled(count, gpu) for count in range(1, 513)} == set(SIZES)
    assert [filled(count, gpu) for count in (32, 33, 600)] == [32, 64, 600]
    assert [filled(count, cpu) for count in (1, 33, 600)] == [1, 33, 600]

"""Channel dominance on tiny networks whose channels are planted."""

import math

import pytest
import torch
from torch import Tensor, nn

from selffit.models import build
from selffit.models.base import Network
from selffit.probes.channels import channel_dominance, watching


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


class Planted(Network):
    """Channels whose answers are known beforehand.

    0 = high frequencies (a checkerboard), 1 = brightness, 2 = both, 3 = dead, 4 = noise-sized. The
    logits read the checkerboard, so FGSM perturbations are a checkerboard, while the images are
    smooth: channel 0 sees only the perturbation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 2, stride=2, bias=True)
        board, mean = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]) / 4, torch.full((2, 2), 0.25)
        kernels = torch.stack([board, mean, board + mean, 0 * mean, 1e-6 * board])
        self.conv.weight.data = kernels[:, None]
        self.conv.bias = nn.Parameter(torch.tensor([1.0, 1.0, 1.0, -1.0, 1.0]))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.relu(self.conv(x))
        score = h[:, 0].mean(dim=(1, 2))
        return torch.stack([score, -score], dim=1)

    def sites(self) -> dict[str, nn.Module]:
        return {"conv": self.relu}


def smooth_images(n: int = 8) -> Tensor:
    levels = torch.tensor([60, 200]).repeat(n // 2)
    return levels.to(torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 8, 8)


def test_planted_channels_by_hand():
    images, eps = smooth_images(), 0.1
    (layer,) = channel_dominance(
        Planted(),
        images,
        torch.zeros(8, dtype=torch.int64),
        eps=eps,
        generator=generator(),
        batch_size=3,
    )
    assert layer.name == "conv"
    # R_SI: the checkerboard answers with eps, brightness with 0. R_DI: the mean distance of 60 and
    # 200 from grey.
    away = ((0.5 - 60 / 255) + (200 / 255 - 0.5)) / 2
    r_si, r_di = torch.tensor([eps, 0, eps, 0, 0]), torch.tensor([0, away, away, 0, 0])
    si, di = r_si / r_si.mean(), r_di / r_di.mean()
    assert layer.si == pytest.approx(si.tolist(), abs=1e-4)
    assert layer.di == pytest.approx(di.tolist(), abs=1e-4)
    assert layer.dominance == pytest.approx([1, -1, 0, 0, 0], abs=1e-4)
    assert (layer.top10, layer.pr) == (pytest.approx(0.5, abs=1e-4), pytest.approx(2, abs=1e-3))
    assert layer.gini == pytest.approx(0.6, abs=1e-4)
    # on grey, too, only the checkerboard answers
    assert layer.car == pytest.approx(si.tolist(), abs=1e-4)
    assert (layer.rho, layer.agree) == (pytest.approx(1), 1)


def test_random_signs_are_the_control():
    (layer,) = channel_dominance(
        Planted(),
        smooth_images(64),
        torch.zeros(64, dtype=torch.int64),
        eps=0.1,
        generator=generator(),
    )
    # Random signs excite checkerboard and brightness alike: mean |±1±1±1±1|/4 of a window is 3/8.
    assert layer.rand[0] == pytest.approx(layer.rand[1], rel=0.1)
    assert sum(layer.rand) / 5 == pytest.approx(1) and layer.rand[3] == 0


def test_without_a_budget_nothing_is_called_dominant():
    (layer,) = channel_dominance(
        Planted(),
        smooth_images(),
        torch.zeros(8, dtype=torch.int64),
        eps=0.0,
        generator=generator(),
    )
    assert set(layer.dominance) == {0.0} and set(layer.si) == {0.0}
    assert layer.gini == 0 and layer.pr == 5
    assert math.isnan(layer.rho) and math.isnan(layer.agree) and set(layer.car) == {0.0}


class BrightOrDark(Network):
    """Channels: 0 = checkerboard, 1 = what is above grey, 2 = what is below grey.

    The logits read the first.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 2, stride=2)
        board, mean = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]) / 4, torch.full((2, 2), 0.25)
        self.conv.weight.data = torch.stack([board, mean, -mean])[:, None]
        self.conv.bias = nn.Parameter(torch.tensor([1.0, -0.5, 0.5]))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        score = self.relu(self.conv(x))[:, 0].mean(dim=(1, 2))
        return torch.stack([score, -score], dim=1)

    def sites(self) -> dict[str, nn.Module]:
        return {"conv": self.relu}


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_ranking_is_compared_between_the_first_half_of_the_images_and_the_second(batch_size):
    def rho_and_agree(images: Tensor) -> tuple[float, float]:
        (layer,) = channel_dominance(
            BrightOrDark(),
            images,
            torch.zeros(len(images), dtype=torch.int64),
            eps=0.1,
            generator=generator(),
            batch_size=batch_size,
        )
        return layer.rho, layer.agree

    dark_and_bright = smooth_images()
    assert rho_and_agree(dark_and_bright) == (pytest.approx(1), 1)
    # Three dark, then four bright: dominance 1, 0, -1 and 1, -1, 0.
    assert rho_and_agree(dark_and_bright[[0, 2, 4, 1, 3, 5, 7]]) == (pytest.approx(0.5), 1)
    grey = torch.full_like(dark_and_bright, 128)  # and what is all but grey still ranks: 1, -1, 0
    assert rho_and_agree(torch.cat([dark_and_bright[1::2], grey[:4]])) == (pytest.approx(1), 1)
    assert math.isnan(rho_and_agree(dark_and_bright[:1])[0])


class AndDead(BrightOrDark):
    """The same, with as many dead channels again."""

    def __init__(self) -> None:
        super().__init__()
        dead = torch.zeros(3, 1, 2, 2), torch.full((3,), -1.0)
        self.conv.weight.data = torch.cat([self.conv.weight.data, dead[0]])
        self.conv.bias = nn.Parameter(torch.cat([self.conv.bias.data, dead[1]]))  # type: ignore


def test_dead_channels_have_no_say_in_whether_the_halves_agree():
    images = smooth_images()[[0, 2, 4, 1, 3, 5, 7]]
    found = []
    for net in (BrightOrDark(), AndDead()):
        labels = torch.zeros(len(images), dtype=torch.int64)
        (layer,) = channel_dominance(net, images, labels, eps=0.1, generator=generator())
        found.append((layer.rho, layer.agree))
    assert found[0] == found[1] == (pytest.approx(0.5), 1)


@pytest.mark.parametrize("name", ["small", "resnet18", "preact-resnet18"])
def test_every_layer_of_the_networks(name):
    torch.manual_seed(0)
    net = build(name, shape=(3, 28, 28), classes=10, width=4).train()
    images = torch.randint(0, 256, (6, 3, 28, 28), dtype=torch.uint8)
    state = {key: value.clone() for key, value in net.state_dict().items()}
    rng = torch.get_rng_state()

    def probe(batch_size: int):
        return channel_dominance(
            net, images, torch.arange(6), eps=8 / 255, generator=generator(), batch_size=batch_size
        )

    layers = probe(6)
    assert [layer.name for layer in layers] == list(net.sites())
    for layer in layers:
        assert (
            len(layer.dominance)
            == len(layer.si)
            == len(layer.di)
            == len(layer.rand)
            == len(layer.car)
            >= 4
        )
        assert all(-1 <= d <= 1 for d in layer.dominance)
        assert -1 <= layer.rho <= 1 and 0 <= layer.agree <= 1
        assert 0 <= layer.gini < 1 and 0 < layer.top10 <= 1 and 1 <= layer.pr <= len(layer.si)
    for whole, parts in zip(layers, probe(4), strict=True):  # FGSM is the same in other batches
        assert whole.di == pytest.approx(parts.di, rel=1e-3, abs=1e-4)
    assert net.training and torch.equal(torch.get_rng_state(), rng)
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())
    assert not any(module._forward_hooks for module in net.modules())


def test_hooks_are_removed_after_an_error():
    net = build("small", shape=(1, 28, 28), classes=10)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        channel_dominance(
            net,
            torch.zeros(2, 1, 40, 28, dtype=torch.uint8),
            torch.zeros(2, dtype=torch.int64),
            eps=0.1,
            generator=generator(),
        )
    assert not any(module._forward_hooks for module in net.modules()) and net.training


def test_watching_sees_detached_maps_in_order():
    net, seen = build("small", shape=(1, 28, 28), classes=10), []
    with watching(
        net, lambda name, output: seen.append((name, output.requires_grad, tuple(output.shape)))
    ):
        net(torch.rand(2, 1, 28, 28))
    net(torch.rand(2, 1, 28, 28))
    assert seen == [("conv1", False, (2, 16, 14, 14)), ("conv2", False, (2, 32, 7, 7))]

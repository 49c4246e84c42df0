"""The causal check on a network where one planted channel recognises the own perturbation."""

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selffit.eventlog import kinds
from selffit.models import build
from selffit.models.base import Network
from selffit.probes.attacks import ProbeAttack
from selffit.probes.causal import causal_check, stages
from selffit.probes.channels import channel_dominance

EPS = 0.1


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Overfitted(Network):
    """Dark or bright, with catastrophic overfitting that can be counted by hand.

    Channel 0 (self) sees e = how much checkerboard there is, channels 1 and 2 (data) the mean pixel
    m, 3 to 9 a bit of both without any use, 10 nothing. score = m - 0.5 + 4e near e = 0, so FGSM
    takes e to ±EPS; beyond EPS/2 the score turns, and says the label that the perturbation was made
    for. PGD in small steps gets stuck at EPS/2, where the score is wrong. A zeroed channel says
    nothing.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 11, 8)
        index = torch.arange(8)
        board = (1.0 - 2 * ((index[:, None] + index) % 2)) / 64
        mean = torch.full((8, 8), 1 / 64)
        kernels = [board, mean, mean, *[0.3 * (mean + board)] * 7, 0 * mean]
        self.conv.weight.data = torch.stack(kernels)[:, None]
        self.conv.bias = nn.Parameter(torch.tensor([1.0, 0, 0, *[1.0] * 7, -1.0]))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        h = self.relu(self.conv(x))[:, :, 0, 0]
        e = torch.where(h[:, 0] > 0, h[:, 0] - 1, 0.0)
        m = torch.where(h[:, 1:3] > 0, h[:, 1:3] - 0.5, 0.0).mean(1)
        score = m + 4 * e - 20 * (F.relu(e - EPS / 2) - F.relu(-e - EPS / 2))
        return torch.stack([-score, score], dim=1)

    def sites(self) -> dict[str, nn.Module]:
        return {"stage.conv": self.relu}


def images(n: int = 16) -> tuple[Tensor, Tensor]:
    """Margins 0.049 and 0.151: half of them stand a perturbation of EPS once channel 0 is gone."""
    levels = torch.tensor([115, 140, 89, 166], dtype=torch.uint8).repeat(n // 4)
    return levels.reshape(-1, 1, 1, 1).expand(-1, 1, 8, 8), torch.tensor([0, 1]).repeat(n // 2)


def check(model: Network | None = None, **others):
    options: dict[str, Any] = {
        "attack": ProbeAttack(EPS),
        "pgd_alpha": EPS / 8,
        "pgd_steps": 10,
        "generator": generator(),
    }
    return causal_check(model or Overfitted(), *images(), **(options | others))


def left(found: kinds.Effects) -> dict[str, float]:
    """What was measured, by name."""
    names = ("clean", "fgsm", "pgd", "carrier", "swap")
    values = {name: found.value(name) for name in names}
    return {name: value for name, value in values.items() if not math.isnan(value)}


def test_the_planted_channel_ranks_first():
    (layer,) = channel_dominance(Overfitted(), *images(), eps=EPS, generator=generator())
    assert layer.dominance[0] == pytest.approx(1) and layer.dominance[1:3] == pytest.approx(
        (-1, -1), abs=1e-4
    )
    assert all(0 < d < 0.5 for d in layer.dominance[3:10]) and layer.dominance[10] == 0
    assert layer.car[0] == max(layer.car) and layer.agree == 1


def test_masking_the_self_channels_takes_fgsm_accuracy_away_and_gives_pgd_back():
    found = check(draws=1)
    assert (found.n, found.n_rank, found.eps, found.pgd_steps, found.attack) == (
        8,
        8,
        EPS,
        10,
        "fgsm",
    )
    assert left(found.base) == {"clean": 1, "fgsm": 1, "pgd": 0, "carrier": 1, "swap": 1}
    rows = {(row.group, row.share): row for row in found.rows}
    assert len(found.rows) == len(rows) == 4 * 5 and {row.stage for row in found.rows} == {"stage"}
    # of 10 living
    assert [rows["self", share].channels for share in (0.02, 0.05, 0.1, 0.2, 0.4)] == [
        1,
        1,
        1,
        2,
        4,
    ]
    without_self = {"clean": 1, "fgsm": 0.5, "pgd": 0.5, "carrier": 0, "swap": 0}
    for share in (0.02, 0.05, 0.1, 0.2, 0.4):
        assert left(rows["self", share]) == without_self
        assert left(rows["norm", share]) == left(
            found.base
        )  # the largest activations are of no use
        data = left(rows["data", share])
        assert data["fgsm"] == data["carrier"] == data["swap"] == 1 and data["pgd"] == 0
        assert data["clean"] == (1 if share <= 0.1 else 0.5)  # the second data channel goes at 0.2
        assert left(rows["random", share]) in (left(found.base), data, without_self)


def random_channels(share: float, draws: int) -> tuple[float, kinds.Ablation]:
    """Groups that took channel 0, of the random ones, and what is left without those."""
    rows = {row.group: row for row in check(shares=(share,), draws=draws).rows}
    assert rows["norm"].quantile == 1  # none of them leaves more
    return rows["self"].quantile, rows["random"]


def test_random_channels_are_a_mean_over_draws_with_a_spread_and_a_place_for_the_others():
    hit, random = random_channels(0.2, 40)  # of 45 pairs of ten living ones
    assert 0.05 < hit < 0.4 and random.draws == 40
    assert random.fgsm == pytest.approx(1 - hit / 2, abs=1e-4)
    assert random.fgsm_sd == pytest.approx(math.sqrt(hit * (1 - hit) / 4 * 40 / 39), abs=1e-4)


def test_where_there_are_few_groups_of_a_size_all_of_them_are_measured_and_nothing_is_estimated():
    hit, random = random_channels(0.1, 20)
    assert (hit, random.draws, random.clean, random.clean_sd) == (0.1, 10, 1, 0)
    assert (random.fgsm, random.fgsm_sd) == (0.95, 0.15)
    hit, random = random_channels(0.2, 45)
    assert (hit, random.draws, random.fgsm, random.fgsm_sd) == (0.2, 45, 0.9, 0.2)


def test_no_draw_of_random_channels_is_refused():
    with pytest.raises(ValueError, match="0 draws"):
        check(draws=0)


def test_single_channels():
    found = check(singles=3)
    assert [(s.layer, s.channel) for s in found.single] == [
        ("stage.conv", 0),
        ("stage.conv", 3),
        ("stage.conv", 4),
    ]
    assert found.single[0].dominance == pytest.approx(1)
    assert left(found.single[0]) == {"clean": 1, "fgsm": 0.5, "pgd": 0.5, "carrier": 0}
    assert (
        left(found.single[1])
        == left(found.single[2])
        == {"clean": 1, "fgsm": 1, "pgd": 0, "carrier": 1}
    )
    assert len(check(singles=99).single) == 10  # the dead channel is not tried


def test_hooks_are_gone_and_the_network_is_as_it_was():
    net = Overfitted()
    assert check(net) == check(net)
    assert not any(module._forward_hooks for module in net.modules()) and net.training


def test_seed_and_batch_size():
    torch.manual_seed(0)
    net = build("small", shape=(1, 28, 28), classes=3, width=4)
    nn.init.normal_(
        net.get_parameter("output.weight"), std=0.5
    )  # so that all classes are predicted
    pixels = torch.randint(0, 256, (24, 1, 28, 28), dtype=torch.uint8)
    labels = (net(pixels.float() / 255).argmax(1) + torch.arange(24) % 2) % 3

    def probe(seed: int = 0, **others):
        return causal_check(
            net,
            pixels,
            labels,
            attack=ProbeAttack(0.02, 2),
            pgd_alpha=0.005,
            pgd_steps=3,
            generator=generator(seed),
            shares=(0.4,),
            singles=2,
            **others,
        )

    found = probe()
    assert found == probe() == probe(batch_size=7) and found != probe(1)
    assert [row.stage for row in found.rows] == ["conv1"] * 4 + ["conv2"] * 4
    assert [single.layer for single in found.single] == ["conv1"] * 2 + ["conv2"] * 2
    assert found.attack == "pgd-2"


def test_stages_are_the_first_part_of_a_sites_name():
    found = stages(build("resnet18", shape=(3, 32, 32), classes=10, width=2))
    assert list(found) == ["conv1", "layer1", "layer2", "layer3", "layer4"]
    assert found["conv1"] == ["conv1"]
    assert found["layer3"] == [
        "layer3.0.conv1",
        "layer3.0.conv2",
        "layer3.1.conv1",
        "layer3.1.conv2",
    ]


def test_groups_repeat_measurements_of_the_same_channels_only_once():
    net, passes = Overfitted(), []
    net.register_forward_hook(lambda *_: passes.append(1))
    check(net, shares=(0.1,), singles=1)
    once = len(passes)
    passes.clear()
    check(net, shares=(0.1, 0.05, 0.02), singles=1)
    assert len(passes) == once  # all are one channel


def test_data_of_a_record():
    data = check(shares=(0.02,), singles=1).data()
    assert list(data) == [
        "n",
        "n_rank",
        "eps",
        "pgd_steps",
        "attack",
        "base",
        "rows",
        "single",
        "budget",
        "left",
        "precision",
        "sec",
    ]
    effects = ["clean", "fgsm", "pgd", "carrier", "swap"]
    assert list(data["base"]) == effects
    group = ["stage", "group", "share", "channels"]
    assert list(data["rows"][0]) == [*group, "draws", "clean_sd", "fgsm_sd", "quantile", *effects]
    assert [row["group"] for row in data["rows"]] == ["self", "data", "random", "norm"]
    assert data["single"] == [
        {
            "layer": "stage.conv",
            "channel": 0,
            "dominance": 1.0,
            "clean": 1.0,
            "fgsm": 0.5,
            "pgd": 0.5,
            "carrier": 0.0,
            "swap": None,  # not measured
        }
    ]

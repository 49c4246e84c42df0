"""Self-information on networks of one habit.

They read only their perturbation, only the image, or hide their gradient.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selffit.eventlog import kinds
from selffit.models import build
from selffit.probes.attacks import ProbeAttack
from selffit.probes.selfinfo import (
    DOSES,
    MIX,
    class_generic,
    class_patterns,
    conflict,
    mix,
    own_effect,
    self_information,
    shuffled,
    swap,
)

EPS = 0.1
LABELS = torch.arange(4).repeat(6)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(bright: int = 204, dark: int = 77) -> Tensor:
    """8×8, one quadrant brighter than the others: the one with the number of the label."""
    quarter = (
        torch.where(F.one_hot(LABELS, 4).bool(), bright, dark).to(torch.uint8).reshape(-1, 1, 2, 2)
    )
    return quarter.repeat_interleave(4, 2).repeat_interleave(4, 3)


def quadrants(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 4).flatten(1)


class ReadsTheImage(nn.Module):
    """The brightest quadrant, by a margin of 0.5: a step of EPS changes nothing."""

    def forward(self, x: Tensor) -> Tensor:
        return 10 * quadrants(x)


class ReadsItself(nn.Module):
    """Sees nothing in an image, and the label in its own FGSM perturbation.

    s_c = how much there is of class c's sign pattern, a fine one that no image holds. z_c falls
    with a small s_c, so the FGSM step for label y is EPS times the pattern of y; but once s_c is
    above EPS/2, z_c leaps up.
    """

    def __init__(self) -> None:
        super().__init__()
        # Walsh functions, orthogonal to all quadrants
        masks = (0b000001, 0b001000, 0b000011, 0b011000)
        bits = [[((p & mask).bit_count()) % 2 for p in range(64)] for mask in masks]
        self.patterns = 1.0 - 2 * torch.tensor(bits)

    def forward(self, x: Tensor) -> Tensor:
        s = x.flatten(1) @ self.patterns.T / 64
        # class 0 where there is nothing
        return torch.tensor([0.5, 0, 0, 0]) - s + 100 * F.relu(s - EPS / 2)


class HidesItsGradient(nn.Module):
    """Right about images, with a gradient of zero (noise = 0) or one that means nothing."""

    def __init__(self, noise: float) -> None:
        super().__init__()
        self.weights = noise * torch.randn(64, 4, generator=generator(3))

    def forward(self, x: Tensor) -> Tensor:
        return (
            10 * F.one_hot(quadrants(x).argmax(1), 4) + torch.sin(1e4 * x.flatten(1)) @ self.weights
        )


def full(model: nn.Module, **others) -> kinds.SelfProbe:
    mean = (images().float() / 255).mean(0)
    return self_information(
        model,
        images(),
        LABELS,
        attack=ProbeAttack(EPS),
        generator=generator(),
        classes=4,
        mean=mean,
        full=True,
        **others,
    )


def test_a_network_that_reads_only_its_perturbation():
    found = full(ReadsItself(), reference=ReadsTheImage())
    assert (found.n, found.full, found.eps, found.attack) == (24, True, EPS, "fgsm")
    ones = [
        "own",
        "abnormal",
        "swap",
        "carrier_grey",
        "carrier_mean",
        "conflict_self",
        "p_abnormal",
        "p_dominate",
    ]
    assert {name: found.values[name] for name in ones} == dict.fromkeys(ones, 1.0)
    # it says class 0
    chance = ["clean", "signs", "shuffled", "other", "control_grey", "control_mean"]
    assert {name: found.values[name] for name in chance} == dict.fromkeys(chance, 0.25)
    assert found.values["conflict_data"] == found.values["conflict_other"] == 0
    # with the perturbation of another network it says class 0, whoever that was made for
    assert 0 < found.values["control_conflict"] < 0.5 and 0 < found.values["control_swap"] < 0.5
    assert found.values["gap"] == 0.75
    assert found.dose and found.mix
    dose = dict(zip(found.dose.k, found.dose.acc, strict=True))
    assert [dose[k] for k in (0, 0.25, 0.5)] == [0.25] * 3 and [
        dose[k] for k in (1, 1.25, 1.5)
    ] == [1] * 3
    assert found.mix.acc[0] == 1 and found.mix.acc[-1] == found.values["signs"]


def test_a_network_that_reads_only_the_image():
    found = full(ReadsTheImage(), reference=ReadsItself())
    ones = ["clean", "own", "signs", "shuffled", "other", "conflict_data"]
    assert {name: found.values[name] for name in ones} == dict.fromkeys(ones, 1.0)
    zeros = [
        "abnormal",
        "swap",
        "carrier_grey",
        "carrier_mean",
        "conflict_self",
        "conflict_other",
        "gap",
    ]
    zeros += ["p_abnormal", "p_dominate"]
    assert {name: found.values[name] for name in zeros} == dict.fromkeys(zeros, 0.0)
    data = found.data()
    assert data["dose"] == {"k": list(DOSES), "acc": [1.0] * 13}
    assert data["mix"] == {"share": list(MIX), "acc": [1.0] * 5}


@pytest.mark.parametrize("noise", [0.0, 1e-3])
def test_a_hidden_gradient_is_no_self_information(noise):
    values = full(HidesItsGradient(noise)).values
    assert values["own"] == values["clean"] == values["conflict_data"] == 1
    assert values["swap"] == values["conflict_self"] == values["p_dominate"] == 0
    assert values["carrier_grey"] <= 0.375  # chance is 0.25; 24 images
    if not noise:
        assert values["abnormal"] == values["p_abnormal"] == 0 and values["carrier_grey"] == 0.25


def test_the_perturbation_works_at_black_and_white_pixels_too():
    """Every pixel is 0 or 1: an attack that differentiates through a clamp would do nothing."""
    found = self_information(
        ReadsTheImage(),
        images(255, 0),
        LABELS,
        attack=ProbeAttack(0.6),
        generator=generator(),
        classes=4,
    )
    assert (found.values["clean"], found.values["own"]) == (1, 0)


def test_the_single_probes_by_hand():
    model, x = ReadsItself(), images().float() / 255
    attack, other = ProbeAttack(EPS), (LABELS + 1) % 4
    delta, clean = (
        attack.delta(model, x, LABELS),
        F.cross_entropy(model(x), LABELS, reduction="none"),
    )
    assert [hit.all().item() for hit in own_effect(model, x, LABELS, delta, clean)] == [True, True]
    assert swap(model, x, other, attack).all() and not swap(ReadsTheImage(), x, other, attack).any()
    foreign = delta.roll(1, 0)  # the image before has another label
    shares = conflict(model, x, LABELS, foreign, LABELS.roll(1))
    assert [hits.float().mean().item() for hits in shares.values()] == [1, 0, 0]
    # no conflict
    assert not any(hits.any() for hits in conflict(model, x, LABELS, delta, LABELS).values())
    patterns = class_patterns(model, images(), 4, attack)
    rises, dominates = class_generic(model, x, LABELS, model(x), patterns, torch.tensor([1, 2, 3]))
    assert rises.tolist() == dominates.tolist() == [1.0] * 24
    upside_down = class_generic(model, x, LABELS, model(x), -patterns, torch.tensor([2]))
    # z_c rises a little; class 0 wins
    assert [hits.mean().item() for hits in upside_down] == [1.0, 0.25]


def test_shuffling_moves_whole_pixels_and_mixing_replaces_entries():
    delta = torch.arange(2 * 3 * 4.0).reshape(2, 3, 2, 2)
    orders = torch.tensor([[3, 2, 1, 0], [0, 2, 1, 3]])
    moved = shuffled(delta, orders)
    assert moved[0].flatten(1).tolist() == [[3, 2, 1, 0], [7, 6, 5, 4], [11, 10, 9, 8]]
    assert moved[1, 0].flatten().tolist() == [12, 14, 13, 15]

    seen = []

    class Model(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return torch.zeros(1, 2)

    coins = torch.tensor([0.1, 0.3, 0.6, 0.9]).reshape(1, 1, 2, 2)
    signs, own = torch.full((1, 1, 2, 2), -0.1), torch.full((1, 1, 2, 2), 0.1)
    x, y = torch.full((1, 1, 2, 2), 0.5), torch.zeros(1, dtype=torch.int64)
    mix(Model(), x, y, own, signs, coins)
    replaced = [(x < 0.5).flatten().tolist() for x in seen]
    assert replaced == [[i < count for i in range(4)] for count in range(5)]


def small_set(n: int = 30):
    torch.manual_seed(1)
    net = build("small", shape=(3, 28, 28), classes=5)
    pixels = torch.randint(0, 256, (n, 3, 28, 28), dtype=torch.uint8)
    return net, pixels, net(pixels.float() / 255).argmax(1)


@pytest.mark.parametrize("attack", [ProbeAttack(0.05), ProbeAttack(0.05, 2, 0.04, corner=True)])
def test_the_seed_decides_the_batch_size_does_not(attack):
    net, pixels, labels = small_set(12)
    labels = (labels + torch.arange(12) % 2) % 5

    def probe(seed: int = 0, **changes):
        options = {
            "full": True,
            "mean": torch.rand(3, 28, 28, generator=generator()),
            "reference": small_set()[0],
        }
        return self_information(
            net,
            pixels,
            labels,
            attack=attack,
            generator=generator(seed),
            classes=5,
            **(options | changes),
        )

    assert probe() == probe() == probe(batch_size=5)
    assert probe() != probe(seed=1)
    light = probe(full=False)
    assert light.dose is None and light.mix is None and not light.full
    # the same draws come first
    assert light.values == {name: probe().values[name] for name in light.values}


def test_values_follow_from_each_other():
    net, pixels, predicted = small_set()
    labels = (predicted + torch.arange(30) % 2) % 5  # every second label is wrong
    found = self_information(
        net,
        pixels,
        labels,
        attack=ProbeAttack(0.02),
        generator=generator(),
        classes=5,
        mean=torch.zeros(3, 28, 28),
        full=True,
    )
    values = found.values
    assert found.dose and found.mix
    assert values["clean"] == found.dose.acc[0] == 0.5
    assert found.dose.acc[DOSES.index(1)] == found.mix.acc[0] == values["own"]
    assert found.mix.acc[-1] == values["signs"]
    assert sum(values[f"conflict_{which}"] for which in ("self", "data", "other")) == pytest.approx(
        1, abs=1e-4
    )
    assert not {"other", "gap", "control_grey", "control_swap", "control_conflict"} & set(values)
    assert all(
        type(value) is float for value in [*values.values(), *found.dose.acc, *found.mix.acc]
    )


def test_the_light_set_is_cheap():
    """In forward passes with a batch of one image each.

    A gradient is a forward pass here, and a backward pass; those for y and y′ share the first.
    """
    net, pixels, labels = small_set(4)
    passes = []
    net.register_forward_hook(
        lambda _module, inputs, _output: passes.append(torch.is_grad_enabled())
    )
    # the reference is the same network here
    for reference, expected in ((None, (5, 1)), (net, (7, 2))):
        passes.clear()
        self_information(
            net,
            pixels,
            labels,
            attack=ProbeAttack(0.02),
            generator=generator(),
            classes=5,
            reference=reference,
        )
        assert (passes.count(False), passes.count(True)) == expected


def test_data_of_a_record():
    found = full(ReadsItself())
    data = found.data()
    assert found.dose is not None
    assert list(data)[:7] == ["n", "full", "eps", "attack", "values", "dose", "mix"]
    assert list(data)[7:] == ["why", "reference", "index", "components", "precision", "sec"]
    assert data["dose"] == {
        "k": list(DOSES),
        "acc": [round(a, 5) for a in found.dose.acc],
    }
    light = self_information(
        ReadsItself(),
        images()[:3],
        LABELS[:3],
        attack=ProbeAttack(EPS),
        generator=generator(),
        classes=4,
    )
    assert light.data()["values"]["clean"] == 0.33333 and light.data()["dose"] is None


def test_the_full_set_needs_the_training_mean():
    with pytest.raises(ValueError, match="training mean"):
        self_information(
            ReadsItself(),
            images(),
            LABELS,
            attack=ProbeAttack(EPS),
            generator=generator(),
            classes=4,
            full=True,
        )

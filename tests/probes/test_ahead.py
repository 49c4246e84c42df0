"""What stands at a larger budget than the training's."""

import pytest
import torch
from made_up.probing import subject_of
from torch import Tensor, nn

from selffit.probes.ahead import BEYOND, ahead_probe, looks_ahead
from selffit.probes.attacks import ProbeAttack


class Brightness(nn.Module):
    """Class 1 where the mean pixel is above 0.5; robust up to the distance of the mean from 0.5."""

    def forward(self, x: Tensor) -> Tensor:
        score = 50 * (x.mean(dim=(1, 2, 3)) - 0.5)
        return torch.stack([-score, score], dim=1)


class Hollow(nn.Module):
    """Class 0 but for a hollow near a mean of 0.56, which a step of 0.15 jumps over."""

    def forward(self, x: Tensor) -> Tensor:
        far = (x.mean(dim=(1, 2, 3)) - 0.56) / 0.03
        return torch.stack([0.5 - torch.exp(-(far**2) / 2), torch.zeros_like(far)], dim=1)


def grey(*levels: int) -> Tensor:
    return torch.tensor(levels, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def test_it_looks_beyond_the_budget():
    # margins 0.108, 0.029, 0.049, 0.284
    images, labels = grey(100, 120, 140, 200), torch.tensor([0, 0, 1, 1])
    near = ahead_probe(subject_of(Brightness(), images, labels, 0.03), 4)
    assert (near.n, near.eps) == (4, pytest.approx(BEYOND * 0.03))
    assert (near.fgsm, near.pgd) == (0.75, 0.75)
    # the training's own budget would leave the third
    far = ahead_probe(subject_of(Brightness(), images, labels, 0.045), 4)
    assert (far.fgsm, far.pgd) == (0.5, 0.5)


def test_the_further_steps_find_what_a_single_one_jumps_over():
    images, labels = grey(127, 127), torch.tensor([0, 0])
    found = ahead_probe(subject_of(Hollow(), images, labels, 0.12), 2)
    assert (found.fgsm, found.pgd) == (1.0, 0.0)


def test_fewer_images_are_the_first_ones():
    images, labels = grey(0, 255, 127, 128), torch.tensor([0, 1, 1, 0])
    found = ahead_probe(subject_of(Brightness(), images, labels, 0.1), 2)
    assert (found.n, found.fgsm, found.pgd) == (2, 1.0, 1.0)


def test_it_looks_at_as_many_images_as_the_answer_needs():
    images, labels = grey(*[0] * 300), torch.zeros(300, dtype=torch.int64)

    def eighths_lost(k: int, most: int = 300):
        mixed = images.clone()
        mixed[torch.arange(300) % 8 < k] = 127  # what a single step jumps over
        return ahead_probe(subject_of(Hollow(), mixed, labels, 0.12), most)

    assert [eighths_lost(k).n for k in (0, 4, 5, 8)] == [32, 128, 300, 32]
    half = eighths_lost(4)
    assert (half.fgsm, half.pgd) == (1.0, 0.5)
    assert eighths_lost(5, most=100).n == 100


def test_an_attack_of_several_steps_is_not_looked_beyond():
    assert looks_ahead(ProbeAttack(0.1))
    assert not looks_ahead(ProbeAttack(0.1, steps=5))

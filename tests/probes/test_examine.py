"""The attack and the mean image that an examiner is given.

Its figures are tested where they are used.
"""

import torch
from selffit.probes.examine import probe_attack, training_mean

from selffit.config import RunConfig


def test_a_single_step_method_is_probed_with_one_step_from_the_image():
    attack = probe_attack(RunConfig(method="rs-fgsm", eps=0.1, alpha=0.125), 0.05)
    assert (attack.name, attack.eps) == ("fgsm", 0.05)


def test_a_multi_step_method_is_probed_with_its_own_steps_at_the_same_ratio():
    config = RunConfig(method="pgd", eps=0.1, alpha=0.05, attack_steps=3, corner=True)
    attack = probe_attack(config, 0.02)
    assert (attack.name, attack.alpha) == ("pgd-3 corners", 0.01)


def test_the_mean_of_many_bright_images_is_exact():
    images = torch.full((70_000, 1, 2, 2), 255, dtype=torch.uint8)
    images[::2, :, 0] = 0
    assert torch.equal(training_mean(images), torch.tensor([[[0.5, 0.5], [1.0, 1.0]]]))

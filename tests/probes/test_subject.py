"""The attack and the mean image that a subject is examined with, and what `timed` adds.

The figures of probes are tested where they are used.
"""

import torch

from selffit.config import RunConfig
from selffit.eventlog import kinds
from selffit.models import build
from selffit.probes.strong import strong_probe
from selffit.probes.subject import Subject, probe_attack, probe_generator, training_mean


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


def test_a_probe_says_which_network_it_measured_and_how_long_that_took():
    images = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8)
    subject = Subject(
        model=build("small", shape=(1, 28, 28), classes=10, width=2),
        at=kinds.Place(branch="b1", step=7),
        images=images,
        labels=torch.arange(4),
        classes=10,
        class_names=(),
        eps=0.1,
        attack=probe_attack(RunConfig(eps=0.1), 0.1),
        probe_steps=1,
        probe_alpha=0.1,
        mean=None,
        generator=lambda: probe_generator(images.device),
    )
    probe = strong_probe(subject, 3)
    assert (probe.branch, probe.step, probe.n) == ("b1", 7, 3) and probe.sec >= 0

"""The random choices of probes: what they guarantee, and that they cover what they may choose."""

import torch

from selffit.probes.draws import other_labels, partners, pixel_orders, random_signs


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_other_labels_are_uniform_over_the_other_classes():
    labels = torch.arange(5).repeat(2000)
    other = other_labels(labels, 5, generator())
    pairs = torch.bincount(5 * labels + other, minlength=25).reshape(5, 5)
    assert (
        pairs.diagonal().eq(0).all()
        and pairs[~torch.eye(5, dtype=torch.bool)].sub(500).abs().max() < 100
    )


def test_partners_have_another_label_and_come_from_all_other_classes():
    labels = torch.tensor([0, 1, 2, 3, 4] * 20 + [7] * 300)[
        torch.randperm(400, generator=generator(1))
    ]
    found = torch.cat(
        [torch.stack([labels, labels[partners(labels, generator(seed))]], 1) for seed in range(20)]
    )
    met = set(map(tuple, found.tolist()))
    assert all(a != b for a, b in met)
    assert len(met) == 6 * 5  # although three quarters of the images are of one class


def test_partners_are_uniform_over_images():
    labels = torch.tensor([0, 0, 1, 1, 1, 2])
    found = torch.stack([partners(labels, generator(seed)) for seed in range(2000)])
    share = torch.bincount(found[:, 0], minlength=6) / 2000
    torch.testing.assert_close(
        share, torch.tensor([0, 0, 0.25, 0.25, 0.25, 0.25]), atol=0.04, rtol=0
    )


def test_images_of_one_class_have_no_partner_of_another():
    assert partners(torch.tensor([3, 3, 3]), generator()).max() < 3


def test_signs_and_orders():
    images = torch.zeros(40, 3, 8, 8, dtype=torch.uint8)
    signs = random_signs(images, generator())
    assert (
        signs.shape == images.shape
        and set(signs.unique().tolist()) == {-1.0, 1.0}
        and abs(signs.mean()) < 0.05
    )
    orders = pixel_orders(images, generator())
    assert torch.equal(orders.sort(1).values, torch.arange(64).expand(40, -1)) and not torch.equal(
        orders[0], orders[1]
    )

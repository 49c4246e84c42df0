"""The image strip: its text decodes to the images, and its predictions are the network's."""

from base64 import b64decode
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from selffit.probes.attacks import ProbeAttack
from selffit.probes.strip import image_strip


class Reddish(nn.Module):
    """Class 1 where red is brighter than green; blue is not read."""

    def forward(self, x: Tensor) -> Tensor:
        score = 5 * (x[:, 0] - x[:, 1]).mean(dim=(1, 2))
        return torch.stack([-score, score], dim=1)


def strip(n: int = 5, **others):
    images = torch.randint(
        0, 256, (n, 3, 4, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    images[0, 0], images[0, 1] = 140, 128  # right, by less than the attack takes
    options: dict[str, Any] = {"attack": ProbeAttack(0.1), "class_names": ("green", "red")}
    labels = torch.tensor([1, 0, 1, 0, 1])[:n]
    return images, image_strip(Reddish(), images, labels, **options | others).data()


def decode(rows: list[str], kind: type) -> np.ndarray:
    return np.stack([np.frombuffer(b64decode(row), kind).reshape(6, 3) for row in rows])


def test_rows_decode_to_pixels_and_signs():
    images, data = strip()
    assert data["shape"] == [3, 4, 6] and (data["eps"], data["attack"]) == (0.1, "fgsm")
    assert data["classes"] == ["green", "red"] and [row["y"] for row in data["rows"]] == [
        1,
        0,
        1,
        0,
    ]
    for image, row in zip(images, data["rows"], strict=False):
        assert len(row["x"]) == len(row["delta"]) == 4
        assert np.array_equal(decode(row["x"], np.uint8), image.permute(1, 2, 0).numpy())
        away = np.array([-127, 127, 0]) if row["y"] else np.array([127, -127, 0])
        assert np.array_equal(decode(row["delta"], np.int8), np.broadcast_to(away, (4, 6, 3)))


def test_predictions_are_those_on_the_image_the_sum_and_the_carrier():
    _, data = strip()
    red = data["rows"][0]
    d = 12 / 255  # red minus green; the attack takes 0.2 from it
    for view, score in (("clean", 5 * d), ("own", 5 * (d - 0.2)), ("carrier", 5 * -0.2)):
        p = 1 / (1 + np.exp(-2 * score))
        assert red[view] == [int(p > 0.5), pytest.approx(max(p, 1 - p), abs=2e-5)]


def test_few_images_and_no_budget():
    assert len(strip(2)[1]["rows"]) == 2 and len(strip(5, count=3)[1]["rows"]) == 3
    _, data = strip(1, attack=ProbeAttack(0.0), class_names=())
    assert not decode(data["rows"][0]["delta"], np.int8).any() and data["classes"] == []
    assert data["rows"][0]["own"] == data["rows"][0]["clean"]


def test_small_perturbations_keep_their_share_of_eps():
    _, data = strip(2, attack=ProbeAttack(0.1, 2, 0.02))
    # 127 · 0.04 / 0.1
    assert set(np.unique(decode(data["rows"][0]["delta"], np.int8))) == {-51, 0, 51}

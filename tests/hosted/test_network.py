"""Networks and held-out images as people have them, and the sentences for what does not fit."""

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from made_up import rs_fgsm
from torch import Tensor, nn

from selffit import Monitor
from selffit.errors import UserError
from selffit.hosted.heldout import image_set
from selffit.hosted.network import adapted, can_be_copied, device_of, unwrapped

CPU = torch.device("cpu")
X, Y = torch.rand(20, 3, 8, 8), torch.arange(20) % 10


class Block(nn.Module):
    """Like a residual block: one activation that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU()
        self.head = nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.conv2(x) + x)
        logits: Tensor = self.head(x.mean((2, 3)))
        return logits


def test_the_site_of_a_convolution_is_what_follows_it_and_runs_once() -> None:
    network = adapted(rs_fgsm.network(), torch.rand(1, *rs_fgsm.SHAPE), None)
    assert {name: type(m).__name__ for name, m in network.sites().items()} == {
        "0": "ReLU",
        "3": "ReLU",
    }
    block = adapted(Block(), X[:1], None)
    assert {name: type(m).__name__ for name, m in block.sites().items()} == {
        "conv1": "BatchNorm2d",
        "conv2": "Conv2d",
    }
    assert block.classes == 10 and block.training  # as it was


def test_normalisation_from_outside_is_part_of_what_is_probed() -> None:
    model = Block().eval()
    for normalise in (((0.5, 0.4, 0.3), (0.2, 0.2, 0.2)), lambda x: (x - MEAN) / 0.2):
        network = adapted(model, X[:1], normalise)
        assert torch.allclose(network(X), model((X - MEAN) / 0.2), atol=1e-5)


MEAN = torch.tensor((0.5, 0.4, 0.3)).reshape(1, 3, 1, 1)


def test_wrappers_are_taken_off() -> None:
    model = Block()
    assert unwrapped(nn.DataParallel(model)) is model
    assert unwrapped(model) is model


def test_a_network_that_cannot_be_copied_is_seen() -> None:
    model = Block()
    assert can_be_copied(adapted(model, X[:1], None))
    model.lock = threading.Lock()  # type: ignore[assignment]
    assert not can_be_copied(adapted(model, X[:1], None))


def test_a_network_on_two_devices_is_refused() -> None:
    model = Block()
    model.head = nn.Linear(4, 10, device="meta")
    with pytest.raises(UserError, match=r"several devices \(cpu, meta"):
        device_of(model)


@pytest.mark.parametrize(
    "heldout, says",
    [
        (X, "heldout is"),
        ((X, Y[:3]), "do not fit"),
        ((X[:, 0], Y), "do not fit"),
        ((X[:8], Y[:8]), "at least 16"),
        ((X.permute(0, 2, 3, 1), Y), "channels last"),
        ((X * 4 - 2, Y), "normalize=.mean, std."),
        ((X * 255, Y), "give pixels in .0,1."),
        ((X, Y.float()), "give class numbers"),
        (((X * 9).int(), Y), "give uint8, or floats"),
    ],
)
def test_held_out_images_that_do_not_fit_are_refused_in_a_sentence(heldout: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        image_set(heldout, "", CPU)


def test_eight_bit_images_are_taken_exactly_and_in_a_balanced_order() -> None:
    levels = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8)
    found, said = image_set((levels.float() / 255, Y), "mine", CPU)
    assert said == "" and sorted(found.held_y[:10].tolist()) == list(range(10))
    again, _ = image_set((levels.numpy(), Y.numpy()), "mine", CPU)
    assert torch.equal(found.held_x, again.held_x)
    assert "rounded" in image_set((X, Y), "mine", CPU)[1]


@pytest.mark.parametrize(
    "model, more, says",
    [
        ("resnet", {}, "model is a str"),
        (Block(), {"heldout": (torch.rand(20, 1, 8, 8), Y)}, "does not take a held-out image"),
        (Block(), {"heldout": (X, Y + 1)}, "a label is 10, and the network knows 10 classes"),
        (nn.Identity(), {}, "probes need logits"),
        (Block(), {"eps": "many"}, "eps"),
        (Block(), {"epsilon": 1}, "is nothing that it goes by"),
        (Block(), {"normalize": ((0.5, 0.5), 1.0)}, "2 numbers"),
        (Block(), {"name": "../x"}, "cannot be the name of a run"),
    ],
)
def test_what_a_monitor_cannot_watch_is_refused_and_leaves_nothing(
    tmp_path: Path, model: Any, more: dict[str, Any], says: str
) -> None:
    given: dict[str, Any] = {"heldout": (X, Y), "eps": 0.1, "runs": tmp_path / "runs", **more}
    with pytest.raises(UserError, match=says):
        Monitor(model, **given)
    assert not (tmp_path / "runs").exists()

"""From a file to a network: what the file does not say is tried, and refused where it is not clear.

The truth here is what a network of ours says: labels are its answers.
"""

import argparse
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from made_up.foreign import SHAPE
from torch import Tensor

from selffit.analysis.foreign.network import read_network
from selffit.config import RunConfig
from selffit.data.imageset import ImageSet, as_float
from selffit.errors import UserError
from selffit.models import build
from selffit.models.base import Network, own_tensors

IMAGES = 96
CONFIG = RunConfig(data="cifar10", model="preact-resnet18")


def options(**given: object) -> argparse.Namespace:
    names = ("entry", "shortcut", "input_mean", "input_std", "input_scale")
    return argparse.Namespace(**{**dict.fromkeys(names), **given})


def pictures() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(IMAGES, 3, 4, 4, generator=generator)
    return (torch.nn.functional.interpolate(coarse, size=32) * 255).to(torch.uint8)


def answers(model: Network, x: Tensor) -> ImageSet:
    """Images with a network's answers as labels."""
    with torch.no_grad():
        y = model(as_float(x)).argmax(1)
    assert len(y.unique()) > 3
    return ImageSet(
        name="made up", classes=10, shape=SHAPE, train_x=x, train_y=y, held_x=x[:16], held_y=y[:16]
    )


def trained(*, silent: bool = False, **how: Any) -> tuple[Network, ImageSet]:
    """A network whose batch norms know the images, and those with its answers.

    silent: its projecting shortcuts say nothing.
    """
    torch.manual_seed(0)
    model: Any = build("preact-resnet18", shape=SHAPE, classes=10, width=4, **how)
    x = pictures()
    with torch.no_grad():
        for name, value in model.named_parameters():
            if silent and "shortcut" in name:
                value.zero_()
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # the mean of what was seen
        model(as_float(x))
        logits = model.eval()(as_float(x))
        model.output.bias -= logits.mean(0)  # every class is somebody's answer
    return model, answers(model, x)


@pytest.fixture
def saved(tmp_path):
    def save(model: Network, **more: object) -> Path:
        path = tmp_path / "their.pth"
        torch.save({**own_tensors(model), **more}, path)
        return path

    return save


@pytest.mark.parametrize("shortcut", ["raw", "activated"])
@pytest.mark.parametrize("final_bn", [True, False])
def test_what_shortcuts_see_is_tried_and_the_last_norm_is_the_files(saved, shortcut, final_bn):
    model, images = trained(shortcut=shortcut, final_bn=final_bn)
    given = options(input_mean="0")
    found = read_network(saved(model), CONFIG, images, given)
    assert (found.config.shortcut, found.config.final_bn) == (shortcut, final_bn)
    assert found.config.width == 4
    x = as_float(images.train_x)
    assert torch.allclose(found.model(x), model(x), atol=1e-6)
    assert ("without a last normalisation, for the file has none" in found.said) is not final_bn
    assert re.match(
        rf"took shortcut {shortcut}, right on 1\.00 of 96 clean training images "
        r"\(\.\d\d with shortcut \w+\)$",
        found.said[-1],
    )
    assert [trial["clean"] for trial in found.data["tried"]].count(1.0) == 1


NORMALISED: dict[str, Any] = {
    "mean": (0.4914, 0.4822, 0.4465),
    "scale": (4.0, 4.1, 3.8),
    "shortcut": "raw",
}
GIVEN = {"input_mean": "0.4914,0.4822,0.4465", "input_scale": "4,4.1,3.8"}
INSIDE = {"mu": torch.tensor(NORMALISED["mean"]), "sigma": 1 / torch.tensor(NORMALISED["scale"])}


def test_the_normalisation_in_the_file_is_used_and_one_that_is_asked_for_counts_more(saved):
    model, images = trained(**NORMALISED)
    path = saved(model, **INSIDE)
    found = read_network(path, CONFIG, images, options())
    assert found.data["reading"]["clean"] == 1.0
    assert any(said.endswith("(in the file: mu, sigma)") for said in found.said)
    found = read_network(path, CONFIG, images, options(input_mean="0.48", input_std="0.25"))
    assert found.data["reading"]["input_scale"] == [4.0]
    assert "input: mean 0.48 and std 0.25 (as asked for; the file's own (mu, sigma) does not " in (
        "; ".join(found.said)
    )


def test_the_normalisation_of_the_options_is_used(saved):
    model, images = trained(**NORMALISED)
    found = read_network(saved(model), CONFIG, images, options(**GIVEN))
    assert found.data["reading"]["clean"] == 1.0
    assert found.data["reading"]["shortcut"] == "raw"


def test_without_a_preset_the_images_own_normalisation_is_tried_beside_none(saved):
    own = as_float(pictures())
    mean, std = own.mean((0, 2, 3)), own.std((0, 2, 3))
    model, images = trained(mean=mean.tolist(), scale=(1 / std).tolist())
    config = replace(CONFIG, data="svhn")
    found = read_network(saved(model), config, images, options(shortcut="activated"))
    assert found.data["reading"]["input_mean"] == pytest.approx(mean.tolist())
    assert [trial["clean"] == 1.0 for trial in found.data["tried"]] == [False, True]


def test_a_network_that_only_guesses_is_refused_with_reasons_and_accuracies(saved):
    model, images = trained(shortcut="raw")
    images = replace(images, train_y=images.train_y[torch.randperm(IMAGES)])
    with pytest.raises(UserError) as error:
        read_network(saved(model), CONFIG, images, options(shortcut="activated", input_mean="0"))
    for said in ("only guesses: on 96 clean", "--shortcut raw", "--input-mean", "--data"):
        assert said in str(error.value)


def test_readings_that_do_not_differ_are_refused_with_the_option_that_says(saved):
    model, images = trained(shortcut="raw", silent=True)
    with pytest.raises(UserError, match="say which is meant with --shortcut activated or raw"):
        read_network(saved(model), CONFIG, images, options(input_mean="0"))
    found = read_network(saved(model), CONFIG, images, options(input_mean="0", shortcut="raw"))
    assert found.said[-1] == "right on 1.00 of 96 clean training images"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"input_mean": "a"}, "--input-mean must be numbers such as"),
        ({"input_std": "0"}, "--input-std must be positive numbers"),
        ({"input_std": "nan"}, "--input-std must be positive numbers"),
        ({"input_mean": "0.1,0.2"}, "input mean has 2 numbers"),
        ({"input_std": "1", "input_scale": "1"}, "give one of them"),
        ({"shortcut": "both"}, "unknown shortcut 'both'"),
        ({"entry": "best"}, "no entries to choose from"),
    ],
)
def test_options_that_cannot_be_are_refused(saved, given, said):
    model, images = trained()
    with pytest.raises(UserError, match=said):
        read_network(saved(model), CONFIG, images, options(**given))


def test_a_width_that_is_asked_for_is_not_changed(saved):
    model, images = trained()
    with pytest.raises(UserError, match="4 channels: give --width 4"):
        read_network(saved(model), replace(CONFIG, width=8), images, options())

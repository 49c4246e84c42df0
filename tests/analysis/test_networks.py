"""Checkpoints as networks for images that fit.

The weights and settings that were saved, masks included.
"""

import shutil

import pytest
import torch

from selffit import data
from selffit.analysis.networks import check_images, load_checkpoint, run_config
from selffit.checkpoint.errors import Damaged
from selffit.checkpoint.manifest import MODEL, STATE
from selffit.checkpoint.state import CheckpointState
from selffit.checkpoint.store import CheckpointStore
from selffit.data.imageset import ImageSet
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.run.folder.run_dir import RunDir

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def images(tiny_run):
    return data.load(run_config(tiny_run), "cpu")


@pytest.fixture
def saved_with(tiny_run, tmp_path):
    """A copy of the run whose main-11 is main-10 with other live settings."""

    def save(**settings):
        run = RunDir(tmp_path / "copy")
        shutil.copytree(tiny_run.path, run.path)
        _, files = CheckpointStore(run.path).read("main-10")
        state = CheckpointState.decode(files[STATE], "main-10")
        fields = {name: getattr(state, name) for name in state.__struct_fields__}
        changed = CheckpointState(
            **{**fields, "step": 11, "settings": {**state.settings, **settings}}
        )
        CheckpointStore(run.path, 2, reserve=0).write(
            "main-11", {MODEL: files[MODEL], STATE: changed.encode()}
        )
        return run

    return save


def logits(subject, images):
    with torch.no_grad():
        return subject.model(images.held_x[:4].float() / 255)


def test_a_checkpoint_becomes_the_network_that_was_saved(tiny_run, images):
    early, late = (load_checkpoint(tiny_run, id, images, CPU) for id in ("main-5", "main-10"))
    assert (late.id, late.branch, late.step) == ("main-10", "main", 10)
    assert not late.model.training
    assert not torch.equal(logits(early, images), logits(late, images))
    assert torch.equal(
        logits(late, images), logits(load_checkpoint(tiny_run, "main-10", images, CPU), images)
    )


def test_settings_are_those_in_effect_when_it_was_saved(saved_with, images):
    config = load_checkpoint(saved_with(eps=0.05, method="n-fgsm"), "main-11", images, CPU).config
    assert (config.eps, config.method, config.model) == (0.05, "n-fgsm", "small")


def test_zeroed_channels_stay_zeroed(saved_with, images):
    run = saved_with(zeroed={"conv1": {"channels": list(range(16))}})
    free, zeroed = (load_checkpoint(run, id, images, CPU) for id in ("main-10", "main-11"))
    assert logits(zeroed, images).std(dim=0).max() == 0  # nothing of the image passes
    assert logits(free, images).std(dim=0).max() > 0


def test_a_checkpoint_of_an_earlier_version_keeps_its_zeroed_channels(saved_with, images):
    run = saved_with(suppress={"conv1": {"channels": list(range(16)), "mode": "mask"}})
    zeroed = load_checkpoint(run, "main-11", images, CPU)
    assert logits(zeroed, images).std(dim=0).max() == 0


def test_zeroed_channels_that_do_not_exist_are_damage(saved_with, images):
    with pytest.raises(Damaged, match="conv9"):
        load_checkpoint(saved_with(zeroed={"conv9": {"channels": [1]}}), "main-11", images, CPU)


def test_a_channel_beyond_the_layer_is_damage(tmp_path, saved_with, images):
    with pytest.raises(Damaged, match="conv1"):
        load_checkpoint(saved_with(zeroed={"conv1": {"channels": [99]}}), "main-11", images, CPU)


def fake(shape, classes):
    empty = torch.empty(0)
    return ImageSet(
        name="other",
        classes=classes,
        shape=shape,
        train_x=empty,
        train_y=empty,
        held_x=empty,
        held_y=empty,
    )


@pytest.mark.parametrize(
    ("shape", "classes", "model", "fits"),
    [
        ((1, 28, 28), 10, "small", True),
        ((1, 32, 32), 10, "small", False),
        ((1, 32, 32), 10, "single-conv", False),
        ((1, 32, 32), 10, "resnet18", True),
        ((3, 28, 28), 10, "resnet18", False),
        ((1, 28, 28), 100, "resnet18", False),
    ],
)
def test_other_images_have_to_fit_the_network(shape, classes, model, fits):
    trained_on = kinds.ImageSetInfo(shape=(1, 28, 28), classes=10)
    if fits:
        check_images(fake(shape, classes), trained_on, model)
        return
    with pytest.raises(UserError, match=r"trained on 1×28×28 in 10; choose a set of that form"):
        check_images(fake(shape, classes), trained_on, model)

"""A checkpoint of a run as a network to examine: weights, settings in effect, zeroed channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from selffit.checkpoint.errors import Damaged
from selffit.checkpoint.manifest import MODEL, STATE, parse_id
from selffit.checkpoint.state import CheckpointState
from selffit.checkpoint.store import CheckpointStore
from selffit.checkpoint.tensors import load_model
from selffit.config import FIELDS, RunConfig, from_dict
from selffit.control.settings import ZEROED
from selffit.data.imageset import ImageSet
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.fields import items, mapping
from selffit.eventlog.former import settings_today
from selffit.models import MODELS
from selffit.models.base import Network
from selffit.models.zeroing import Zeroing
from selffit.run.folder.run_dir import RunDir
from selffit.train.setup import build_network, layers


@dataclass(frozen=True, kw_only=True)
class SavedNetwork:
    """A network to be diagnosed. `config` holds the settings that it was trained with at that step.

    `id` names it in every record: a checkpoint's id, or the name of the file for one of somebody
    else.
    """

    id: str
    branch: str
    step: int
    model: Network
    config: RunConfig


def run_config(run: RunDir) -> RunConfig:
    """The configuration that a run was started with. Raises UserError."""
    return from_dict(mapping(run.info().get("config")))


def load_checkpoint(run: RunDir, id: str, images: ImageSet, device: torch.device) -> SavedNetwork:
    """Verify and read a checkpoint, and build its network for these images, in evaluation mode.

    Raises Damaged, and UserError where the network is not made for the images or a newer selffit
    wrote it.
    """
    manifest, files = CheckpointStore(run.place).read(id)
    if lost := [name for name in (MODEL, STATE) if name not in files]:
        raise Damaged(id, f"it has no {lost[0]}")
    state = CheckpointState.decode(files[STATE], manifest.id)
    settings = settings_today(state.settings)
    live = {name: settings[name] for name in settings.keys() & FIELDS.keys()}
    config = from_dict({**run_config(run).as_dict(), **live})
    model = build_network(config, images).to(device).eval()
    load_model(files[MODEL], model.state_dict())
    zeroed = mapping(settings.get(ZEROED))
    sizes = {layer.name: layer.channels for layer in layers(model, images)}
    _check_channels(zeroed, sizes, id)
    Zeroing(model, device).set(zeroed)
    branch, step = parse_id(id)
    return SavedNetwork(id=id, branch=branch, step=step, model=model, config=config)


def check_images(images: ImageSet, trained_on: kinds.ImageSetInfo, model: str) -> None:
    """Refuse images at which a network trained on others cannot look.

    Raises UserError.
    """
    shape, classes = trained_on.shape, trained_on.classes
    if not all(shape) or not classes:
        return  # the log does not say: what does not fit shows when the weights are loaded
    same = images.shape == shape or (MODELS[model].any_size and images.shape[0] == shape[0])
    if same and images.classes == classes:
        return
    sides = "×".join(map(str, shape))
    raise UserError(
        f"--data {images.name} has images of {'×'.join(map(str, images.shape))} in "
        f"{images.classes} classes, the network was trained on {sides} in {classes}; choose a set "
        "of that form"
    )


def _check_channels(zeroed: Mapping[str, Any], sizes: Mapping[str, int], id: str) -> None:
    """Raises Damaged for zeroed channels that a network with these layers does not have."""
    for layer, spec in zeroed.items():
        channels = items(mapping(spec).get("channels"))
        if layer not in sizes or not all(
            isinstance(c, int) and 0 <= c < sizes[layer] for c in channels
        ):
            raise Damaged(id, f"it zeroes channels of {layer!r} that the network does not have")

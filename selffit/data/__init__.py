"""Image sets for training and probing: embedded ones, torchvision's, and batches cut from them on
the device.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch

from selffit.data import patterns, strokes
from selffit.data.batches import Batches
from selffit.data.imageset import ImageSet, as_float, balanced_order
from selffit.data.seeds import step_seed
from selffit.data.torchvision_sets import SOURCES, load_training_split
from selffit.errors import UserError

if TYPE_CHECKING:
    from selffit.config import RunConfig

__all__ = ["DATA_SETS", "Batches", "ImageSet", "as_float", "load", "load_set", "step_seed"]

EMBEDDED = {"patterns": patterns, "strokes": strokes}
DATA_SETS = (*EMBEDDED, *SOURCES)


def load(config: "RunConfig", device: torch.device | str) -> ImageSet:
    """The image set of a run, resident on `device`; see `load_set`."""
    return load_set(
        config.data,
        data_dir=config.data_dir,
        download=config.download,
        train_images=config.train_images,
        holdout=config.holdout,
        device=device,
    )


def load_set(
    name: str,
    *,
    data_dir: str = "",
    download: bool = False,
    train_images: int = 0,
    holdout: int = 1000,
    device: torch.device | str = "cpu",
) -> ImageSet:
    """Training and held-out images of a set, on `device`; the same images in every run, whatever
    its seed.

    train_images: how many to train on, 0 for all; the choice is class-balanced.
    holdout: how many to hold out for probes, class-balanced. An embedded set
    generates them in addition, from the same distribution; other sets lose them
    from the training split (the choice is seeded by the set's name only).
    Raises UserError for an unknown, missing or damaged set, or too few images.
    """
    if holdout < 1:
        raise UserError(f"{holdout} held-out images; the probes need at least 1")
    if train_images < 0:
        raise UserError(f"{train_images} training images; use a positive number, or 0 for all")
    if name in EMBEDDED:
        source, classes = EMBEDDED[name], EMBEDDED[name].CLASSES
        train_x, train_y = source.generate("train", train_images or source.TRAIN_IMAGES)
        held_x, held_y = source.generate("held", holdout)
        class_names: tuple[str, ...] = ()
    elif name in SOURCES:
        images, labels, classes = load_training_split(name, data_dir, download)
        available = len(labels) - holdout
        if available < max(train_images, 1):
            raise UserError(
                f"{name} has {len(labels)} training images, {holdout} of them held out: "
                f"cannot train on {train_images or 'any'}; lower the number of training or of "
                "held-out images"
            )
        order = balanced_order(labels, step_seed(0, f"{name}/held-out", 0))
        held, train = order[:holdout], order[holdout : holdout + (train_images or available)]
        train_x, train_y, held_x, held_y = images[train], labels[train], images[held], labels[held]
        class_names = SOURCES[name].names
    else:
        raise UserError(f"unknown data set '{name}'; valid: {', '.join(DATA_SETS)}")

    def resident(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    shape: tuple[int, int, int] = train_x.shape[1:]
    tensors = (resident(array) for array in (train_x, train_y, held_x, held_y))
    return ImageSet(name, classes, shape, *tensors, class_names)

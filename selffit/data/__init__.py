"""Image sets for training and probing: embedded ones, torchvision's, and batches cut from them.

Importing this package loads no torch, so that `selffit.config` can read the catalogue.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING

from selffit.data.catalogue import DATA_SETS
from selffit.data.seeds import step_seed
from selffit.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import torch

    from selffit.config import RunConfig
    from selffit.data.imageset import ImageSet

    Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

__all__ = ["DATA_SETS", "load", "load_set", "read_ahead", "step_seed"]


def read_ahead(config: "RunConfig") -> "Future[Arrays | None]":
    """Begin to read the images of a run in a thread, where that needs no torch.

    So it goes on while torch is loaded. The result is None where `load` has to do it, or to say
    what is wrong.
    """

    def read() -> "Arrays | None":
        try:
            return _arrays(
                config.data, config.data_dir, config.train_images, config.holdout, quick=True
            )
        except Exception:  # whatever it is: `load` meets it again, where it can be told
            return None

    pool = ThreadPoolExecutor(1, thread_name_prefix="images")
    reading = pool.submit(read)
    pool.shutdown(wait=False)
    return reading


def load(
    config: "RunConfig",
    device: "torch.device | str",
    reading: "Future[Arrays | None] | None" = None,
) -> "ImageSet":
    """The image set of a run, resident on `device`; see `load_set`.

    reading: what `read_ahead` has begun.
    """
    if reading is not None and (arrays := reading.result()) is not None:
        return _resident(config.data, arrays, device)
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
    device: "torch.device | str" = "cpu",
) -> "ImageSet":
    """Training and held-out images of a set, on `device`: the same whatever the run's seed.

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
    if name not in DATA_SETS:
        raise UserError(f"unknown data set '{name}'; valid: {', '.join(DATA_SETS)}")
    arrays = _arrays(name, data_dir, train_images, holdout, download=download)
    assert arrays is not None
    return _resident(name, arrays, device)


def _arrays(
    name: str,
    data_dir: str,
    train_images: int,
    holdout: int,
    *,
    download: bool = False,
    quick: bool = False,
) -> "Arrays | None":
    """Training images and labels, held-out images and labels; see `load_set`.

    quick: None where that needs torch.
    """
    if DATA_SETS[name].generator:
        return _generated(name, train_images, holdout)
    from selffit.data.cache import Cached

    cached = Cached(name, data_dir)
    split = cached.load()
    if split is None and quick:
        return None
    if split is None:
        from selffit.data.torchvision_sets import load_training_split

        split = load_training_split(name, data_dir, download)
        cached.store(*split)
    return _cut(name, *split, train_images, holdout)


def _generated(name: str, train_images: int, holdout: int) -> "Arrays":
    """Training images and labels, held-out images and labels of an embedded set."""
    source = import_module(f"selffit.data.{DATA_SETS[name].generator}")
    train = source.generate("train", train_images or source.TRAIN_IMAGES)
    return (*train, *source.generate("held", holdout))


def _cut(
    name: str, images: "np.ndarray", labels: "np.ndarray", train_images: int, holdout: int
) -> "Arrays":
    """The same of another set, both cut from its training split."""
    from selffit.data.order import balanced_order

    available = len(labels) - holdout
    if available < max(train_images, 1):
        raise UserError(
            f"{name} has {len(labels)} training images, {holdout} of them held out: "
            f"cannot train on {train_images or 'any'}; lower the number of training or of "
            "held-out images"
        )
    order = balanced_order(labels, step_seed(0, f"{name}/held-out", 0))
    held, train = order[:holdout], order[holdout : holdout + (train_images or available)]
    return images[train], labels[train], images[held], labels[held]


def _resident(name: str, arrays: "Arrays", device: "torch.device | str") -> "ImageSet":
    import numpy as np
    import torch

    from selffit.data.imageset import ImageSet

    train_x, train_y, held_x, held_y = (
        torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays
    )
    _, channels, height, width = train_x.shape
    return ImageSet(
        name=name,
        classes=DATA_SETS[name].classes,
        shape=(channels, height, width),
        train_x=train_x,
        train_y=train_y,
        held_x=held_x,
        held_y=held_y,
        class_names=DATA_SETS[name].class_names,
    )

"""The training splits of torchvision's CIFAR-10/100, SVHN, MNIST and Fashion-MNIST as plain arrays.

torchvision finds, checks and downloads the files; pixels are taken from its
raw arrays, not image by image. Test splits are never opened as images.
"""

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from selffit.errors import UserError

DEFAULT_DIR = "data"
_REPAIR = "delete it and run again with --download"


@dataclass(frozen=True)
class _Source:
    """Where torchvision keeps one set: its class there, the classes, the files under the data
    folder.

    names: of the classes, where a number does not say it as well.
    """

    torchvision_name: str
    classes: int
    folder: str  # "" where the files lie in the data folder itself
    train_files: tuple[str, ...]
    names: tuple[str, ...] = ()


_CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_FASHION = (
    "T-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
_IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
SOURCES = {
    "cifar10": _Source(
        "CIFAR10",
        10,
        "cifar-10-batches-py",
        tuple(f"data_batch_{i}" for i in range(1, 6)),
        _CIFAR10,
    ),
    "cifar100": _Source("CIFAR100", 100, "cifar-100-python", ("train",)),
    "svhn": _Source("SVHN", 10, "", ("train_32x32.mat",)),
    "mnist": _Source("MNIST", 10, "MNIST/raw", _IDX),
    "fashion-mnist": _Source("FashionMNIST", 10, "FashionMNIST/raw", _IDX, _FASHION),
}


def load_training_split(
    name: str, data_dir: str, download: bool
) -> tuple[np.ndarray, np.ndarray, int]:
    """Images uint8 [N,C,H,W], labels int64 [N] and the number of classes of a torchvision training
    split.

    data_dir: the folder that holds the set's own folder, or that folder
    itself; "" means ./data. Raises UserError where the set is missing,
    damaged or cannot be downloaded.
    """
    source = SOURCES[name]
    root = _root(Path(data_dir or DEFAULT_DIR).expanduser().absolute(), source.folder)
    dataset_class = getattr(import_module("torchvision.datasets"), source.torchvision_name)
    split: dict[str, Any] = {"split": "train"} if name == "svhn" else {"train": True}
    try:
        dataset = dataset_class(str(root), download=download, **split)
    except ModuleNotFoundError as error:
        raise UserError(
            f"reading {name} needs the Python package {error.name}; install it"
        ) from error
    except (RuntimeError, OSError, ValueError, AssertionError, IndexError) as error:
        raise _explain(name, source, dataset_class, root, data_dir, download, error) from error
    images = np.asarray(dataset.data)
    labels = np.asarray(dataset.labels if name == "svhn" else dataset.targets, dtype=np.int64)
    if images.ndim == 3:
        images = images[:, None]
    elif name != "svhn":  # CIFAR comes as [N,H,W,C], SVHN as [N,C,H,W]
        images = images.transpose(0, 3, 1, 2)
    if len(images) != len(labels) or len(labels) == 0:
        text = f"{len(images)} images but {len(labels)} labels"
        raise UserError(f"{name} in {root / source.folder} is damaged: {text}; {_REPAIR}")
    return images, labels, source.classes


def _root(given: Path, folder: str) -> Path:
    """torchvision's root for a data folder that may also be (or lie in) the set's own folder."""
    own = Path(folder).parts
    for depth in range(len(own), 0, -1):
        if given.parts[-depth:] == own[:depth]:
            return Path(*given.parts[:-depth])
    return given


def _explain(
    name: str,
    source: _Source,
    dataset_class: Any,
    root: Path,
    data_dir: str,
    download: bool,
    error: Exception,
) -> UserError:
    """What to tell a person whose set could not be read: missing, damaged, or not downloaded."""
    folder = root / source.folder
    if isinstance(error, PermissionError):
        return UserError(
            f"no permission to use {name} in {folder}: {error}; give another folder with --data-dir"
        )
    if not any(os.path.isfile(folder / file) for file in source.train_files):
        if download:
            return UserError(
                f"could not download {name} into {root}: {error}; check the network or use "
                "--data-dir"
            )
        where = "--data-dir" if data_dir else "the default of --data-dir"
        return UserError(
            f"{name} was not found: looked for {source.train_files[0]} in {folder} ({where}); "
            "give the right folder with --data-dir or fetch the set with --download"
        )
    return UserError(
        f"{name} in {folder} is damaged: {_damage(source, dataset_class, folder) or error}; "
        f"{_REPAIR}"
    )


def _damage(source: _Source, dataset_class: Any, folder: Path) -> str:
    """Names the first file that is missing or whose MD5 is not torchvision's; "" where no file can
    be blamed.
    """
    check_integrity = import_module("torchvision.datasets.utils").check_integrity
    # None: must exist
    known: list[tuple[str, str | None]] = [(file, None) for file in source.train_files]
    for listing in ("train_list", "test_list"):
        known += getattr(dataset_class, listing, [])
    if hasattr(dataset_class, "meta"):
        known.append((dataset_class.meta["filename"], dataset_class.meta["md5"]))
    if hasattr(dataset_class, "split_list"):
        known.append(dataset_class.split_list["train"][1:])
    for file, md5 in known:
        if not os.path.isfile(folder / file):
            return f"{file} is missing"
        if not check_integrity(str(folder / file), md5):
            return f"the checksum of {file} is wrong"
    return ""

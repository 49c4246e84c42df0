"""The training splits of torchvision's CIFAR-10/100, SVHN, MNIST and Fashion-MNIST as plain arrays.

torchvision finds, checks and downloads the files; pixels are taken from its
raw arrays, not image by image. Test splits are never opened as images.
"""

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from selffit.data.catalogue import DATA_SETS, DataSet, not_found
from selffit.errors import UserError

_REPAIR = "delete it and run again with --download"


def load_training_split(name: str, data_dir: str, download: bool) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N,C,H,W] and labels int64 [N] of a torchvision training split.

    data_dir: the folder that holds the set's own folder, or that folder
    itself; "" means ./data. Raises UserError where the set is missing,
    damaged or cannot be downloaded.
    """
    source = DATA_SETS[name]
    root = source.root(data_dir)
    dataset_class = getattr(import_module("torchvision.datasets"), source.torchvision)
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
    return images, labels


def _explain(
    name: str,
    source: DataSet,
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
    if not any(os.path.isfile(folder / file) for file in source.files):
        if download:
            return UserError(
                f"could not download {name} into {root}: {error}; check the network or use "
                "--data-dir"
            )
        return UserError(not_found(name, data_dir, source.files[0]))
    return UserError(
        f"{name} in {folder} is damaged: {_damage(source, dataset_class, folder) or error}; "
        f"{_REPAIR}"
    )


def _damage(source: DataSet, dataset_class: Any, folder: Path) -> str:
    """Name the first file that is missing or whose MD5 is not torchvision's.

    "" where no file can be blamed.
    """
    check_integrity = import_module("torchvision.datasets.utils").check_integrity
    # None: must exist
    known: list[tuple[str, str | None]] = [(file, None) for file in source.files]
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

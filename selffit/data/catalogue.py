"""Every image set by name: where its images come from, and what its classes are called.

Loads no torch.
"""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_DIR = "data"
AUGMENTATIONS = ("none", "crop", "crop-flip")


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One set: made on the spot by `generator`, a module of this folder, or read by torchvision.

    torchvision: its class there. classes: how many; class_names: theirs, where a number does not
    say it as well. folder: its own under the data folder, "" where the files lie in the data folder
    itself. files: those of the training split.
    """

    generator: str = ""
    torchvision: str = ""
    classes: int = 10
    class_names: tuple[str, ...] = ()
    folder: str = ""
    files: tuple[str, ...] = ()

    def root(self, data_dir: str) -> Path:
        """Torchvision's root for a data folder, "" for the default.

        The folder may also be (or lie in) the set's own.
        """
        given = Path(data_dir or DEFAULT_DIR).expanduser().absolute()
        own = Path(self.folder).parts
        for depth in range(len(own), 0, -1):
            if given.parts[-depth:] == own[:depth]:
                return Path(*given.parts[:-depth])
        return given


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
DATA_SETS = {
    "patterns": DataSet(generator="patterns"),
    "strokes": DataSet(generator="strokes"),
    "cifar10": DataSet(
        torchvision="CIFAR10",
        class_names=_CIFAR10,
        folder="cifar-10-batches-py",
        files=tuple(f"data_batch_{i}" for i in range(1, 6)),
    ),
    "cifar100": DataSet(
        torchvision="CIFAR100", classes=100, folder="cifar-100-python", files=("train",)
    ),
    "svhn": DataSet(torchvision="SVHN", files=("train_32x32.mat",)),
    "mnist": DataSet(torchvision="MNIST", folder="MNIST/raw", files=_IDX),
    "fashion-mnist": DataSet(
        torchvision="FashionMNIST",
        class_names=_FASHION,
        folder="FashionMNIST/raw",
        files=_IDX,
    ),
}


def missing(name: str, data_dir: str) -> str:
    """Why the images of a set cannot be where they are looked for, "" where they may be.

    Says nothing of folders that cannot be looked into, nor of files in a layout that only
    torchvision knows.
    """
    source = DATA_SETS[name]
    folder = source.root(data_dir) / source.folder
    try:
        lost = [file for file in source.files if not _is_there(folder / file)]
    except OSError:
        return ""
    if not lost or _is_there(folder.parent / "processed"):  # older torchvisions kept MNIST there
        return ""
    return not_found(name, data_dir, lost[0])


def _is_there(path: Path) -> bool:
    """Raises OSError where nobody can know."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def not_found(name: str, data_dir: str, file: str) -> str:
    """What to tell a person of a set of which a file is not there, and what to do."""
    source = DATA_SETS[name]
    where = "--data-dir" if data_dir else "the default of --data-dir"
    return (
        f"{name} was not found: looked for {file} in {source.root(data_dir) / source.folder} "
        f"({where}); give the right folder with --data-dir or fetch the set with --download"
    )

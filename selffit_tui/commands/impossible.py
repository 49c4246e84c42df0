"""What `selffit train` refuses before anything is started: a cheap look at the disk, no torch.

The trainer has the last word: where this cannot tell, it says nothing.
"""

import sys
from pathlib import Path

from selffit.config import RunConfig
from selffit.data.catalogue import DATA_SETS, missing
from selffit.errors import UserError

# One of them is there where torch can see a GPU as "cuda": NVIDIA's driver, also in a container or
# under WSL, or AMD's
DRIVERS = ("proc/driver/nvidia", "dev/nvidiactl", "dev/nvidia0", "dev/dxg", "dev/kfd")


def refuse_impossible(config: RunConfig, root: Path = Path("/")) -> None:
    """Raises UserError for a data set that is not there, and for a device that cannot exist.

    `root` is where the system's files are.
    """
    if not config.download and not DATA_SETS[config.data].generator:
        says = missing(config.data, config.data_dir)
        if says:
            raise UserError(says)
    if config.device.startswith("cuda") and sys.platform == "linux":
        _check_cuda(config.device, root)


def _check_cuda(device: str, root: Path) -> None:
    if not any((root / driver).exists() for driver in DRIVERS):
        raise UserError(
            f"--device {device}: this machine has no GPU driver; use --device cpu or auto"
        )
    count = _count(root)
    if ":" in device and count is not None and int(device.split(":")[1]) >= count:
        names = "cuda:0 only" if count == 1 else f"cuda:0 to cuda:{count - 1}"
        raise UserError(f"--device {device}: this machine has {names}; choose one of these")


def _count(root: Path) -> int | None:
    """The number of NVIDIA GPUs, None where the driver does not list any."""
    try:
        return len(list((root / "proc/driver/nvidia/gpus").iterdir())) or None
    except OSError:
        return None

"""How long saving and loading a PreAct ResNet-18 checkpoint takes, part by part.

11.2 M parameters, SGD with momentum. Only `copy` holds up training; the rest may run in a thread.
Medians of five, on the disk of the current folder.
"""

import os
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from selffit.checkpoint.manifest import STATE
from selffit.checkpoint.state import CheckpointState
from selffit.checkpoint.store import CheckpointStore
from selffit.checkpoint.tensors import restore, state_to_files
from selffit.models import build

TARGETS = {"copy": 0.25, "write": 3.0, "verify": 0.5, "read": 1.0, "restore": 0.5}  # seconds
ROUNDS = 5

seconds: dict[str, list[float]] = defaultdict(list)


@contextmanager
def timed(part: str) -> Iterator[None]:
    """Note the seconds of a block under the name of this part."""
    start = time.perf_counter()
    yield
    seconds[part].append(time.perf_counter() - start)


def main() -> None:
    """Saves and loads, and prints a line a part."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = build("preact-resnet18", shape=(3, 32, 32), classes=10).to(device)
    optimizer = torch.optim.SGD(
        net.parameters(), lr=torch.tensor(0.1, device=device), momentum=0.9, fused=True
    )
    for parameter in net.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    with tempfile.TemporaryDirectory(dir=".") as run:
        store = CheckpointStore(Path(run), attempt=1)
        for step in range(ROUNDS):
            id = f"main-{step}"
            with timed("copy"):
                files, structure = state_to_files(net.state_dict(), optimizer)
            state = CheckpointState(
                step=step, branch="main", attempt=1, settings={}, version=0, optimizer=structure
            )
            with timed("write"):
                manifest = store.write(id, {**files, STATE: state.encode()})
            with timed("verify"):
                store.verify(id)
            with timed("read"):
                _, loaded = store.read(id)
            with timed("restore"):
                restore(
                    loaded,
                    CheckpointState.decode(loaded[STATE], id).optimizer,
                    net.state_dict(),
                    optimizer,
                )
    for part, target in TARGETS.items():
        took = statistics.median(seconds[part])
        print(
            f"checkpoint {part}: {took:.3f} s, target {target} s, "
            f"{'ok' if took <= target else 'missed'}"
        )
    where = (
        torch.cuda.get_device_name()
        if device.type == "cuda"
        else platform.processor() or platform.machine()
    )
    load = os.getloadavg()[0]
    print(
        f"{manifest.size / 1e6:.1f} MB; {where}, {os.cpu_count()} cores, load {load:.1f}, torch "
        f"{torch.__version__}"
    )


if __name__ == "__main__":
    main()

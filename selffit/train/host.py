"""The heartbeat: a sample of the machine every two seconds, whatever the trainer does."""

import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil

from selffit.eventlog.folder import Place, root_of

if TYPE_CHECKING:
    import torch

PERIOD = 2.0  # seconds
SAMPLED = ("cpu", "rss", "gpu", "gpu_mem", "gpu_total", "gpu_temp", "disk_free")
_REFUSED = (OSError, psutil.Error)


class Gpu:
    """Utilisation, memory and temperature of an NVIDIA GPU by NVML; every failure reads as null."""

    def __init__(self, uuid: str) -> None:
        """`uuid` as torch gives it.

        CUDA's device numbers are not NVML's where devices are hidden or reordered.
        """
        import pynvml

        self._nvml = pynvml
        self._handle: Any = None
        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")

    def sample(self) -> dict[str, Any]:
        """What the driver tells now, with the fields of a `host` record."""
        if self._handle is None:
            return {}
        nvml, found = self._nvml, {}
        with suppress(nvml.NVMLError):
            found["gpu"] = nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu / 100
        with suppress(nvml.NVMLError):
            memory = nvml.nvmlDeviceGetMemoryInfo(self._handle)
            found["gpu_mem"], found["gpu_total"] = int(memory.used), int(memory.total)
        with suppress(nvml.NVMLError):
            found["gpu_temp"] = nvml.nvmlDeviceGetTemperature(
                self._handle, nvml.NVML_TEMPERATURE_GPU
            )
        return found


class Heartbeat(threading.Thread):
    """Calls `beat` with a sample every PERIOD seconds until `stop`.

    A sample: cpu (share of the machine), rss of this process, gpu (share or null), gpu_mem,
    gpu_total, gpu_temp (°C), disk_free on the run directory's disk; memory in bytes.
    """

    def __init__(self, run: Place, beat: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._run = run
        self._beat = beat
        self._process = psutil.Process()
        self._over = threading.Event()
        self._gpu: Gpu | None = None
        self._said = False  # that a beat has failed
        with suppress(*_REFUSED):
            psutil.cpu_percent(None)  # the first call only starts the measurement

    def watch_gpu(self, device: "torch.device") -> None:
        """Include a CUDA device in the samples from now on."""
        import torch

        with suppress(ImportError):
            self._gpu = Gpu(str(torch.cuda.get_device_properties(device).uuid))

    def watch_process(self, pid: int) -> None:
        """Sample another process than this one from now on."""
        with suppress(*_REFUSED):
            self._process = psutil.Process(pid)

    def run(self) -> None:
        """The thread's work; `start` begins it."""
        while not self._over.wait(PERIOD):
            try:
                self._beat(self.sample())
            # Whatever it is: without the next beat the run would be taken for lost, and nobody
            # would look whether it was taken over.
            except Exception:
                if not self._said:
                    self._said = True
                    print(
                        "a heartbeat failed; the next ones are tried all the same:", file=sys.stderr
                    )
                    traceback.print_exc()

    def sample(self) -> dict[str, Any]:
        """One sample now; what the system refuses to tell, such as without descriptors, is null."""
        host: dict[str, Any] = dict.fromkeys(SAMPLED)
        with suppress(*_REFUSED):
            host["cpu"] = psutil.cpu_percent(None) / 100
        with suppress(*_REFUSED):
            host["rss"] = self._process.memory_info().rss
        with suppress(*_REFUSED):
            with root_of(self._run) as folder:
                disk = os.statvfs(folder.fd)
            host["disk_free"] = disk.f_bavail * disk.f_frsize
        if self._gpu is not None:
            host.update(self._gpu.sample())
        return host

    def stop(self) -> None:
        """End the thread; returns once it has ended."""
        self._over.set()
        self.join()

"""Which process wrote something, and whether it still runs: host, boot, process id and start time.

A process id alone may be used again after its process has died, and means nothing on another
machine.
"""

import os
import socket
from functools import lru_cache
from typing import Any

import msgspec

_TICK = 0.02  # seconds: start times closer than this are the same (the kernel counts in hundredths)


class ProcessIdentity(msgspec.Struct, frozen=True):
    """What tells one process from all others.

    host: its name; boot: identifier of the boot; pstart: start of the process, in seconds since
    boot on Linux.
    """

    host: str
    boot: str
    pid: int
    pstart: float

    def as_data(self) -> dict[str, Any]:
        """As the data of an `open` record."""
        return {"host": self.host, "boot": self.boot, "pid": self.pid, "pstart": self.pstart}

    @classmethod
    def from_data(cls, data: object) -> "ProcessIdentity | None":
        """From an `open` record's data or an attempt file; None when it is not one.

        Other fields are ignored.
        """
        try:
            return msgspec.convert(data, cls)
        except msgspec.ValidationError:
            return None


def here() -> ProcessIdentity:
    """The process that asks."""
    identity = for_pid(os.getpid())
    assert identity is not None
    return identity


def for_pid(pid: int) -> ProcessIdentity | None:
    """A process of this machine by its id; None when there is none (a zombie counts as none)."""
    start = _start_time(pid)
    return None if start is None else ProcessIdentity(socket.gethostname(), _boot(), pid, start)


def is_alive(identity: ProcessIdentity) -> bool | None:
    """Whether that very process still runs; None on another host, where nobody can know."""
    if identity.host != socket.gethostname():
        return None
    if identity.boot != _boot():
        return False
    start = _start_time(identity.pid)
    return start is not None and abs(start - identity.pstart) < _TICK


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:  # not Linux
        import psutil

        return str(int(psutil.boot_time()))


def _start_time(pid: int) -> float | None:
    if not 0 < pid < 2**31:
        return None
    if os.path.exists("/proc/self/stat"):
        return _linux_start_time(pid)
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None


def _linux_start_time(pid: int) -> float | None:
    """Fields 3 (state) and 22 (start, in clock ticks since boot) of /proc/<pid>/stat; see proc(5).

    The clock since boot is not moved by time corrections, as the wall clock that psutil computes
    is.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # the name in brackets may hold anything
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    if len(fields) < 20 or fields[0] in (b"Z", b"X"):
        return None
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")

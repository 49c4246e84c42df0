"""Which process wrote something, and whether it still runs: host, boot, process id and start time.

A process id alone may be used again after its process has died, and means nothing on another
machine, nor in another PID namespace of the same one: only who sees the table of processes that the
identity was taken from can say that the process is gone.
"""

import os
import socket
import sys
from functools import lru_cache
from typing import Any

import msgspec

_TICK = 0.02  # seconds: start times closer than this are the same (the kernel counts in hundredths)


class ProcessIdentity(msgspec.Struct, frozen=True):
    """What tells one process from all others.

    host: its name; boot: identifier of the boot; pstart: start of the process, in seconds since
    boot on Linux; pidns: the PID namespace that pid belongs to, "" where that is not known.
    """

    host: str
    boot: str
    pid: int
    pstart: float
    pidns: str = ""

    def as_data(self) -> dict[str, Any]:
        """As the data of an `open` record."""
        return {
            "host": self.host,
            "boot": self.boot,
            "pid": self.pid,
            "pstart": self.pstart,
            "pidns": self.pidns,
        }

    def is_that(self, other: "ProcessIdentity") -> bool:
        """Whether both are one process; start times come from a clock with ticks."""
        mine, its = self.as_data(), other.as_data()
        began, its_began = mine.pop("pstart"), its.pop("pstart")
        return mine == its and abs(began - its_began) < _TICK

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
    if start is None:
        return None
    return ProcessIdentity(socket.gethostname(), _boot(), pid, start, _namespace())


def is_alive(identity: ProcessIdentity) -> bool | None:
    """Whether that very process still runs; None where nobody can know from here.

    That is so on another host, after a boot, in another PID namespace (a container may have the
    name of its host, or that of its predecessor on another one), and where the system hides other
    people's processes.
    """
    if (identity.host, identity.boot) != (socket.gethostname(), _boot()):
        return None
    start = _start_time(identity.pid)
    if start is not None and abs(start - identity.pstart) < _TICK:
        return True
    if not identity.pidns or identity.pidns != _namespace():
        return None
    return None if start is None and _is_hidden(identity.pid) else False


@lru_cache(maxsize=1)
def _namespace() -> str:
    """The PID namespace of this process; "" where it is not to be had."""
    if sys.platform != "linux":
        return "none"  # there is but one table of processes
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _is_hidden(pid: int) -> bool:
    """Whether there is a process of that id which /proc does not show us (`hidepid`)."""
    if not 0 < pid < 2**31 or os.path.exists(f"/proc/{pid}/stat"):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return os.path.exists("/proc/self/stat")


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

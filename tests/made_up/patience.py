"""Waiting for a process on a machine of any speed: by what it gets done, not by the clock."""

import subprocess
import time

import psutil

IDLE = 120.0  # seconds without any processor time: it hangs


def output_of(process: "subprocess.Popen[str]", idle: float = IDLE) -> tuple[str, str]:
    """What a process has printed by its end, however long that takes.

    Importing torch alone takes 5 seconds of processor time and has been seen to take 27 of the
    clock where its libraries had to be read again; on a busy machine there is no telling. Raises
    TimeoutExpired where neither the process nor a child of it got processor time for `idle`
    seconds, and ends it.
    """
    spent, since = -1.0, time.monotonic()
    while True:
        try:
            return process.communicate(timeout=min(1.0, idle))
        except subprocess.TimeoutExpired:
            now = _spent(process.pid)
            if now != spent:
                spent, since = now, time.monotonic()
            elif time.monotonic() - since > idle:
                process.kill()
                raise


def _spent(pid: int) -> float:
    """Processor time of a process and its children, in seconds."""
    try:
        top = psutil.Process(pid)
        every = [top, *top.children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in every)
    except psutil.NoSuchProcess:  # just now
        return -1.0

"""How tests wait for processes: a slow one is waited for, one that hangs is not."""

import itertools
import subprocess
import sys
from typing import Any

import pytest
from made_up import patience


class Slow:
    """A process that has not ended the first times that somebody asks."""

    def __init__(self, times):
        self.pid, self.left, self.killed = 1, times, False

    def communicate(self, timeout):
        self.left -= 1
        if self.left >= 0:
            raise subprocess.TimeoutExpired("slow", timeout)
        return "out", "err"

    def kill(self):
        self.killed = True


def test_a_process_that_gets_processor_time_is_waited_for(monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(patience, "_spent", lambda pid: 0.01 * next(ticks))
    process: Any = Slow(50)
    assert patience.output_of(process, idle=0.0) == ("out", "err") and not process.killed


def test_one_that_gets_none_is_ended(monkeypatch):
    monkeypatch.setattr(patience, "_spent", lambda pid: 3.0)
    process: Any = Slow(50)
    with pytest.raises(subprocess.TimeoutExpired):
        patience.output_of(process, idle=0.0)
    assert process.killed


def test_the_output_of_a_real_one_is_whole_and_its_time_is_seen():
    code = "import time\nwhile time.process_time() < 0.1: pass\nprint('done'); input()"
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None and process.stdout.readline() == "done\n"
    assert patience._spent(process.pid) >= 0.05
    assert patience.output_of(process)[0] == ""
    assert process.returncode == 1  # nobody had anything to say to it

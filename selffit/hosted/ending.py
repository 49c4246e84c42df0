"""How somebody's program or loop ended: in the words of the log, and with which code we end."""

from __future__ import annotations

import signal as signals
from dataclasses import dataclass

from selffit.postmortem import signal_name
from selffit.train.stopping import ENDED_BY
from selffit.vocabulary import exit_code


@dataclass(frozen=True)
class Ended:
    """How, why, and the exit code of whoever has run it: its own, as a shell would tell it."""

    how: str
    reason: str
    code: int


def ended(code: int, asked: str, why: str, last: str, memory: str) -> Ended:
    """What became of a program.

    code: as `Popen.wait` gives it. asked: "stopped" or "preempted" where that was asked for, with
    `why`. last: the last line that it printed on stderr. memory: evidence that the kernel killed a
    process for want of memory, "" for none.
    """
    how_it_went = f"exit code {code}" if code >= 0 else f"ended by {signal_name(-code)}"
    if asked:
        return Ended(asked, f"{why} ({how_it_went})", exit_code(asked))
    if code == 0:
        return Ended("finished", "", 0)
    if code > 0:
        return Ended("crashed", f"{how_it_went}: {last}" if last else how_it_went, code)
    number = -code
    if number in ENDED_BY:  # by somebody else
        return Ended(ENDED_BY[signals.Signals(number)], how_it_went, 128 + number)
    if number == signals.SIGKILL and memory:
        return Ended("oom", f"{how_it_went}, probably because memory ran out: {memory}", 137)
    return Ended("killed", how_it_went, 128 + number)


def how_left(error: BaseException) -> tuple[str, str]:
    """How a loop ended that an error has left, and why."""
    if isinstance(error, KeyboardInterrupt):
        return "stopped", "interrupted"
    if isinstance(error, SystemExit) and not error.code:
        return "finished", ""
    return "crashed", f"{type(error).__name__}: {error}"

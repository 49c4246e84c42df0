"""How a trainer process ended and why.

As far as its exit status, its last words and the kernel can tell.
"""

import signal as signals
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selffit.eventlog.decode import Damaged, NewerFormat, decode
from selffit.eventlog.folder import Place, root_of
from selffit.eventlog.kinds import Exited
from selffit.vocabulary import ENDINGS

TAIL_BYTES = 1 << 16  # of a file whose last lines are wanted: never read a huge one whole
STDERR_LINES = 20
LINE_LENGTH = 500


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How a process ended.

    how: the word of the `sup.exit` record; code: exit status, negative for a signal; signal: its
    number or 0; again: whether another attempt begins.
    """

    how: str
    code: int
    signal: int
    text: str
    stderr: tuple[str, ...]
    again: bool = False

    def event(self, *, seconds: float) -> Exited:
        """Return the event: the process ran so many seconds."""
        return Exited(
            how=self.how,
            code=self.code,
            signal=signal_name(self.signal) if self.signal else None,
            stderr=self.stderr,
            text=self.text,
            seconds=seconds,
            again=self.again,
        )


def classify(
    code: int, end: Mapping[str, Any] | None, stderr: tuple[str, ...], memory: str
) -> Exit:
    """What an exit status means.

    code: as `Popen.wait` gives it. end: data of the trainer's own `end` record, None when it wrote
    none. stderr: its last lines. memory: evidence that the kernel killed a process for memory
    meanwhile, "" for none.
    """
    signal = -code if code < 0 else 0
    how, text = _judge(code, end, stderr, memory)
    known_good = how in ENDINGS and not ENDINGS[how].bad
    return Exit(how=how, code=code, signal=signal, text=text, stderr=() if known_good else stderr)


def _judge(
    code: int, end: Mapping[str, Any] | None, stderr: tuple[str, ...], memory: str
) -> tuple[str, str]:
    last = stderr[-1] if stderr else ""
    if end is not None and isinstance(end.get("how"), str):
        reason = str(end.get("reason") or "")
        if code >= 0:
            return end["how"], reason
        # its work was done by then
        return end["how"], f"{reason} (then ended by {signal_name(-code)})".strip()
    if code == 0:
        return "finished", "the process ended well, but its log has no end: was the disk full?"
    if code == 2:
        return "refused", last or "refused to start, without a reason"
    if code == 3:
        return "superseded", ENDINGS["superseded"].meaning
    if code > 0:
        return "crashed", last or f"ended with exit code {code}"
    name = signal_name(-code)
    if -code in (signals.SIGTERM, signals.SIGINT):
        return "stopped", f"stopped by {name} before it was ready to say so itself"
    if -code in (signals.SIGUSR1, signals.SIGUSR2):
        return "preempted", f"ended by {name} before it was ready to say so itself"
    if -code == signals.SIGKILL and memory:
        return "oom", f"killed by {name}, probably because memory ran out: {memory}"
    return "killed", f"killed by {name}"


def signal_name(number: int) -> str:
    """SIGKILL for 9; 'signal 77' for one without a name."""
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"


def last_lines(run: Place, name: str) -> tuple[str, ...]:
    """The last lines of a file in raw/ of a run, that anybody may have written anything to.

    Empty when it cannot be read.
    """
    text = b""
    with suppress(OSError), root_of(run) as root, root.within("raw") as raw:
        text = raw.tail(name, TAIL_BYTES)
    lines = text.decode("utf-8", "replace").rstrip()
    return (
        tuple(_last_state(line)[:LINE_LENGTH] for line in lines.split("\n")[-STDERR_LINES:])
        if lines
        else ()
    )


def _last_state(line: str) -> str:
    """What a terminal would show of a line: of a progress bar its last state."""
    return line.rstrip().rpartition("\r")[2]


def trainer_end(run: Place, attempt: int) -> Mapping[str, Any] | None:
    """The data of the attempt's `end` record, None where its log has none."""
    tails: list[bytes] = []
    with suppress(OSError), root_of(run) as root, root.within("log", "trainer") as log:
        files = [name for name in log.names() if name.startswith(f"{attempt:06d}-")]
        tails = [log.tail(name, TAIL_BYTES) for name in files[:-3:-1]]
    for text in tails:
        for line in reversed(text.split(b"\n")):
            with suppress(Damaged, NewerFormat):
                record = decode(line, "trainer", attempt, plain=False)
                if record.k == "end":
                    return record.d
    return None


class MemoryKills:
    """Whether the kernel killed processes for want of memory since this object was made.

    Linux only.
    """

    def __init__(self) -> None:
        self._before = _kill_counters()

    def evidence(self) -> str:
        """In words, "" for none. Another process may have been the victim: evidence, no proof."""
        for where, count in _kill_counters().items():
            if count > self._before.get(where, count):
                return f"the kernel's count of out-of-memory kills in {where} rose meanwhile"
        return ""


def _kill_counters() -> dict[str, int]:
    """Out-of-memory kills so far: of this process's control group, and of the machine.

    The control group may be of version 2 or 1.
    """
    counters: dict[str, int] = {}
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if not controllers:
                files = [
                    f"/sys/fs/cgroup{group}/memory.events",
                    f"/sys/fs/cgroup/unified{group}/memory.events",
                ]
            elif "memory" in controllers.split(","):
                files = [f"/sys/fs/cgroup/memory{group}/memory.oom_control"]
            else:
                continue
            for file in files:
                _add_counter(counters, "its control group", Path(file))
    _add_counter(counters, "the machine", Path("/proc/vmstat"))
    return counters


def _add_counter(counters: dict[str, int], where: str, file: Path) -> None:
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                counters[where] = max(counters.get(where, 0), int(count))

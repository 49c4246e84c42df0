"""How far the clock of whoever wrote a log is from ours, by the times of its files.

A file of an attempt says when it was written by the writer's clock, and the file system says it by
its own. Where both ends of an attempt, the file that claimed it and the end of its log, are off by
the same amount, that is the difference of the two clocks. A copy is no such case: all its files are
as old as the copy.
"""

from selffit.eventlog.folder import Folder, Place, root_of
from selffit.eventlog.identity import ATTEMPTS, attempt_file
from selffit.eventlog.jsonfile import read_small
from selffit.eventlog.records import num
from selffit.numbers import age
from selffit.run.folded.state import RunState

_SAME = 10.0  # seconds by which the two may differ: a log may come to the disk a little late


def writer_ahead(run: Place, state: RunState, now: float) -> float:
    """Return seconds by which the writer's clock seems ahead of ours, which shows `now`.

    The writer is that of the newest attempt. Ours is taken for that of the file system, unless a
    file was written in our future. 0 where nothing can be told.
    """
    name = f"{state.attempt:06d}"
    try:
        with root_of(run) as root, root.within(ATTEMPTS) as attempts:
            claim = attempt_file(state.attempt)
            claimed = num(read_small(claim, attempts).get("t")) - attempts.written(claim)
            written = max(_written(root, stream, name) for stream in ("trainer", "supervisor"))
    except (OSError, ValueError):
        return 0.0
    if not written:
        return 0.0
    ahead = state.heard - written  # of the file system's clock
    if not (state.heard and abs(claimed - ahead) < _SAME):
        return 0.0
    return ahead + max(0.0, written - now)


def _written(root: Folder, stream: str, attempt: str) -> float:
    """When the files of a stream of an attempt were written last, 0 without any."""
    try:
        with root.within("log", stream) as log:
            files = [name for name in log.names() if name.startswith(f"{attempt}-")]
            return max((log.written(name) for name in files), default=0.0)
    except FileNotFoundError:
        return 0.0


def clock_words(ahead: float, host: str) -> str:
    """Return what is said of a clock that is so many seconds ahead of ours; "" where it is not."""
    if not ahead:
        return ""
    whose = f"the clock of {host}" if host else "the clock of its machine"
    return f"{whose} differs by {age(abs(ahead))}: it is {'ahead' if ahead > 0 else 'behind'}"

"""How far the clock of whoever wrote a log is from ours, by the times of its files.

A file of an attempt says when it was written by the writer's clock, and the file system says it by
its own. Where both ends of an attempt, the file that claimed it and the end of its log, are off by
the same amount, that is the difference of the two clocks. A copy is no such case: all its files are
as old as the copy.
"""

from pathlib import Path

from selffit.eventlog.jsonfile import read_small
from selffit.eventlog.records import num
from selffit.numbers import age
from selffit.run.state import RunState

_SAME = 10.0  # seconds by which the two may differ: a log may come to the disk a little late


def writer_ahead(run_dir: Path, state: RunState, now: float) -> float:
    """Return seconds by which the writer's clock seems ahead of ours, which shows `now`.

    The writer is that of the newest attempt. Ours is taken for that of the file system, unless a
    file was written in our future. 0 where nothing can be told.
    """
    name = f"{state.attempt:06d}"
    claim = run_dir / "attempts" / f"{name}.json"
    try:
        claimed = num(read_small(claim).get("t")) - claim.stat().st_mtime
        written = max(
            file.stat().st_mtime
            for stream in ("trainer", "supervisor")
            for file in (run_dir / "log" / stream).glob(f"{name}-*.jsonl")
        )
    except (OSError, ValueError):
        return 0.0
    ahead = state.heard - written  # of the file system's clock
    if not (state.heard and abs(claimed - ahead) < _SAME):
        return 0.0
    return ahead + max(0.0, written - now)


def clock_words(ahead: float, host: str) -> str:
    """Return what is said of a clock that is so many seconds ahead of ours; "" where it is not."""
    if not ahead:
        return ""
    whose = f"the clock of {host}" if host else "the clock of its machine"
    return f"{whose} differs by {age(abs(ahead))}: it is {'ahead' if ahead > 0 else 'behind'}"

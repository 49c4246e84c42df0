"""The rows of runs that have ended, remembered in the user's cache directory.

So a list of a thousand runs need not read a thousand logs.
"""

import msgspec

from selffit.run import cache
from selffit.run.row import Row
from selffit.run.run_dir import RunDir
from selffit.run.state import RunState


class Listed(msgspec.Struct, kw_only=True):
    """What is remembered of a run that has ended."""

    prints: list[cache.Print]
    row: Row


def remembered(run: RunDir, prints: list[cache.Print]) -> Row | None:
    """Return what is remembered of a run whose files are still as they were; None where nothing."""
    listed = cache.load(run.path, Listed)
    return listed.row if listed is not None and listed.prints == prints else None


def remember(run: RunDir, prints: list[cache.Print], row: Row, state: RunState) -> None:
    """Remember the row of a run that has ended and whose log could be read whole."""
    whole = all(notice.kind != "unreadable" for notice in state.notices)
    if row.ended and whole:
        cache.store(run.path, Listed(prints=prints, row=row))

"""Runs that have ended, as they are told from then on: remembered, so that no log is read for it.

By viewers in the user's cache directory, and by the supervisor of a run in its folder (`FILE`):
then a first look at a thousand runs reads a thousand small files. Either counts only for files
that are as they were: the same ones, unchanged; or, where a run was copied or moved to another
disk, files with the same bytes.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from zlib import crc32

import msgspec

from selffit.eventlog.folder import Folder, root_of
from selffit.eventlog.identity import ATTEMPTS
from selffit.run.folded.state import RunState
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.judged.summary import data_age, status_dict
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import sentence
from selffit.run.listing import cache
from selffit.run.listing.glance import glance
from selffit.run.listing.row import Row, row_of

FILE = "ended"  # in the folder of a run
_LARGEST = 4 << 20  # bytes of it
_CHUNK = 1 << 20
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A run that has ended. t: wall clock of its last event; stands: the verdict in a sentence."""

    t: float
    told: dict[str, Any]
    stands: str
    row: Row

    def summary(self, now: float) -> dict[str, Any]:
        """Return its summary, as of the wall clock `now`."""
        return {**self.told, "data_age_s": data_age(self.t, now)}


class Remembered(msgspec.Struct, kw_only=True):
    """What a viewer remembers: the files as they were, and how the run is told."""

    prints: list[cache.Print]
    ended: Ended


class Left(msgspec.Struct, kw_only=True):
    """What its supervisor leaves in the folder of a run.

    sums: the CRC-32 of every file. attempts: their names. mark: of the folder. own: how it is told
    there; copied: in any other folder with the same files.
    """

    prints: list[cache.Print]
    sums: dict[str, int]
    attempts: list[str]
    mark: str
    own: Ended
    copied: Ended


def ended(follower: Follower, name: str, state: RunState | None = None) -> Ended | None:
    """Return how a run is told that has ended and whose log could be read whole; else None.

    `state`: where it is another one than that of the follower.
    """
    state = follower.state if state is None else state
    whole = all(notice.kind != "unreadable" for notice in state.notices)
    if state.ending is None or not whole:
        return None
    word = follower.word()
    return Ended(
        t=state.heard,
        told={**status_dict(state, word, follower.now(), follower.ahead), "run": name},
        stands=sentence(state, verdict(state)),
        row=row_of(state, word, name),
    )


def remembered(run: RunDir, prints: list[cache.Print]) -> Ended | None:
    """Return how a run is told, where that is known of the files that it has now.

    prints: of its files, from before anything else was read of it.
    """
    found = cache.load(run.path, Remembered)
    if found is not None and found.prints == prints:
        return found.ended
    left = _left(run)
    if left is None:
        return None
    if left.prints == prints:
        return left.own
    if not _same(left, prints):
        return None
    try:
        with root_of(run.path) as root, root.within(ATTEMPTS) as attempts:
            if attempts.names() != left.attempts or _sums(root, left.sums) != left.sums:
                return None
            told = left.own if root.mark == left.mark else left.copied
    except OSError:
        return None
    keep(run, prints, told)
    return told


def keep(run: RunDir, prints: list[cache.Print], told: Ended) -> None:
    """Remember how a run is told whose files have these prints."""
    cache.store(run.path, Remembered(prints=prints, ended=told))


def leave(run: RunDir) -> None:
    """Leave in the folder of a run how it is told, for its supervisor that ends.

    Only where the run has ended, with nobody who writes to it; nothing where that is impossible.
    """
    with suppress(OSError), root_of(run.place) as root:
        where = RunDir(root.path)  # wherever it has been moved
        prints = cache.prints(where.path)
        follower = glance(where)
        follower.read_all()
        state, name = follower.state, run.name
        own = ended(follower, name)
        copied = ended(follower, name, replace(state, elsewhere=_telling(state)))
        if own is None or copied is None:
            return
        with root.within(ATTEMPTS) as folder:
            attempts = folder.names()
        sums = _sums(root, _files(root, prints))
        if cache.prints(where.path) != prints:
            return
        left = Left(
            prints=prints, sums=sums, attempts=attempts, mark=root.mark, own=own, copied=copied
        )
        draft = f".{secrets.token_hex(8)}"
        try:
            root.create(draft, cache.packed(left))
            root.rename(draft, FILE)
        except OSError:
            with suppress(OSError):
                root.unlink(draft)


def _telling(state: RunState) -> int:
    """The newest attempt whose log tells in which folder it was begun; 0 where none does."""
    told = (
        attempt.number
        for attempt in state.attempts.values()
        for opened in (attempt.trainer, attempt.supervisor)
        if opened is not None and opened.folder
    )
    return max(told, default=0)


def _left(run: RunDir) -> Left | None:
    try:
        with root_of(run.path) as root:
            return cache.unpacked(root.read(FILE, _LARGEST), Left)
    except OSError:
        return None


def _same(left: Left, prints: list[cache.Print]) -> bool:
    """Whether there are the same files, each as long as it was, as far as names and sizes tell."""
    return list(_sizes(left, left.prints)) == list(_sizes(left, prints))


def _sizes(left: Left, prints: list[cache.Print]) -> Iterator[tuple[str, int]]:
    for name, size, _, _ in prints:
        yield name, size if name in left.sums else 0  # that of a folder says nothing


def _files(root: Folder, prints: list[cache.Print]) -> list[str]:
    """Which of the prints are of files."""
    names = (name for name, _, _, _ in prints)
    return [name for name in names if not stat.S_ISDIR(os.stat(name, dir_fd=root.fd).st_mode)]


def _sums(root: Folder, names: "list[str] | dict[str, int]") -> dict[str, int]:
    """The CRC-32 of regular files in a folder. Raises OSError."""
    found = {}
    for name in names:
        *above, last = name.split("/")
        with root.within(*above) as folder:
            fd = os.open(last, _FLAGS, dir_fd=folder.fd)
        with open(fd, "rb", buffering=0) as opened:
            total = 0
            while chunk := opened.read(_CHUNK):
                total = crc32(chunk, total)
        found[name] = total
    return found

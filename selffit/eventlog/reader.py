"""Follows all streams of a run directory: how any viewer, live or replay, gets at a log."""

import errno
import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from selffit.eventlog.bulk import Items
from selffit.eventlog.folder import Folder, Place, root_of
from selffit.eventlog.identity import RunId, id_of
from selffit.eventlog.kinds.life import BOTH
from selffit.eventlog.names import is_name
from selffit.eventlog.records import Notice
from selffit.eventlog.tail import Item, Mark, Skimmed, StreamTail

if TYPE_CHECKING:
    from selffit.eventlog.extract import Wanted

_STREAMS = 64  # followed at most
_OURS = ("", *BOTH)  # the folder of all streams, and the streams of a run
_NO_FAULT = (errno.ENOENT, errno.EMFILE, errno.ENFILE, errno.EINTR)


class _Home:
    """The run that is read, against which its lines are held."""

    def __init__(self) -> None:
        self.mark = ""
        self._id: RunId | None = None
        self._root: Folder | None = None

    def look(self, root: Folder) -> None:
        """The folder of this poll, open while it lasts."""
        self._root = root
        self.mark = root.mark
        if self._id is None:
            self._id = id_of(root)

    def owns(self, id: str) -> bool:
        """Whether a line with that id is the run's own; where nobody knows, it is."""
        if not id or self._id is None or not self._id.id or self._id.owns(id):
            return True
        if self._root is not None:  # a copy that was resumed has another id since
            self._id = id_of(self._root)
        return self._id is None or not self._id.id or self._id.owns(id)


class _Reader:
    """Reads a run directory as often as it is asked to, and nothing twice.

    Keeps no file open between two polls.

    Everything is opened relative to the run directory and never through a link. Strings are
    cleaned, damage becomes a `Notice`; no content of a log makes `poll` raise.
    """

    def __init__(
        self,
        run: Place,
        skimmed: frozenset[bytes] = frozenset(),
        wanted: Callable[[str], bool] = bool,
        briefs: Mapping[str, int] | None = None,
        extracts: "Wanted | None" = None,
    ) -> None:
        """The directory need not exist yet, or hold a log yet: polls are empty until it does.

        `wanted`: which streams are read, by name; all of them. `briefs`, `extracts`: see
        `StreamTail`.
        """
        self._run = run
        self._wanted = wanted
        self._skimmed = skimmed
        self._briefs = briefs
        self._extracts = extracts
        self._home = _Home()
        self._tails: dict[str, StreamTail] = {}
        self._left_over = Items()
        self._shut: set[str] = set()  # streams of which it was said that they cannot be read

    def _tail(self, stream: str) -> StreamTail:
        return StreamTail(stream, self._home, self._skimmed, self._briefs, self._extracts)

    def _poll(self, limit: int | None) -> Items:
        most = math.inf if limit is None else limit
        items, self._left_over = self._left_over, Items()
        with suppress(OSError), root_of(self._run) as root:  # not there yet, or gone
            self._home.look(root)
            self._read_streams(root, most, items)
        if limit is not None and not self._skimmed and len(items) > limit:
            # a gap and the record behind it come from one line
            self._left_over = Items(items[limit:])
            del items[limit:]
        return items

    def _read_streams(self, root: Folder, most: float, items: Items) -> None:
        try:
            log = root.within("log")
        except OSError as error:
            self._complain("", error, items)
            return
        with log:
            for name in os.listdir(log.fd):
                if name in self._tails or not self._wanted(name):
                    continue
                if is_name(name) and len(self._tails) < _STREAMS:
                    self._tails[name] = self._tail(name)
            for tail in sorted(
                self._tails.values(), key=lambda tail: (tail.stream != "trainer", tail.stream)
            ):
                if items.size < most:
                    self._read_stream(log, tail, most, items)

    def _read_stream(self, log: Folder, tail: StreamTail, most: float, items: Items) -> None:
        try:
            with log.within(tail.stream) as folder:
                tail.read(folder.fd, most, items)
        except OSError as error:  # the next poll tries again
            self._complain(tail.stream, error, items)

    def _complain(self, stream: str, error: OSError, items: Items) -> None:
        """Say once of a stream, or of the whole log, that it cannot be read.

        What is not there yet, or is a file of somebody else, is no fault; nor is a lack of our own.
        """
        somebody_elses = error.errno == errno.ENOTDIR and stream not in _OURS
        if error.errno in _NO_FAULT or somebody_elses or stream in self._shut:
            return
        self._shut.add(stream)
        text = f"cannot be read: {error.strerror}; what it holds is missing"
        items.append(Notice("unreadable", stream, "", 0, text))


class RunReader(_Reader):
    """Reads every record."""

    def __init__(self, run: Place) -> None:
        super().__init__(run)

    def poll(self, limit: int | None = None) -> list[Item]:
        """What is new since the last poll.

        The trainer's stream first, each stream in (attempt, number) order.

        At most `limit` items, so that a long log can be loaded in slices. Fewer than `limit`:
        nothing more to be had at present (but for a file full of damage, whose lines count without
        giving items).
        """
        return self._poll(limit)


class SkimReader(_Reader):
    """Verifies every line, but does not decode those of some kinds, named as in the log."""

    def poll(self, limit: int | None = None) -> list[Skimmed]:
        """What is new since the last poll, as `RunReader.poll` has it.

        In a long file many lines in a row are one item, a `Bulk`: `size_of` counts their lines, and
        they may be more than `limit`.
        """
        return self._poll(limit)

    def marks(self) -> dict[str, Mark]:
        """How far each stream was read, by its name."""
        return {name: tail.mark for name, tail in self._tails.items()}

    def go_on(self, marks: Mapping[str, Mark]) -> None:
        """Begins where another reader of this log has stopped."""
        for name, mark in marks.items():
            self._tails[name] = self._tail(name)
            self._tails[name].mark = mark

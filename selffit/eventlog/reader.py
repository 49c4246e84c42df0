"""Follows all streams of a run directory: how any viewer, live or replay, gets at a log."""

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from selffit.eventlog.names import is_name
from selffit.eventlog.tail import Item, Mark, Skimmed, StreamTail

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_STREAMS = 64  # followed at most


class _Reader:
    """Reads a run directory as often as it is asked to, and nothing twice.

    Keeps no file open between two polls.

    Everything is opened relative to the run directory and never through a link. Strings are
    cleaned, damage becomes a `Notice`; no content of a log makes `poll` raise.
    """

    def __init__(self, run_dir: Path, skimmed: frozenset[bytes] = frozenset()) -> None:
        """The directory need not exist yet, or hold a log yet: polls are empty until it does."""
        self._run_dir = run_dir
        self._skimmed = skimmed
        self._tails: dict[str, StreamTail] = {}
        self._left_over: list[Any] = []

    def _poll(self, limit: int | None) -> list[Any]:
        most = math.inf if limit is None else limit
        items, self._left_over = self._left_over, []
        try:
            run = os.open(self._run_dir, _FOLDER)
        except OSError:
            return items
        try:
            self._read_streams(run, most, items)
        finally:
            os.close(run)
        if limit is not None and len(items) > limit:
            self._left_over = items[limit:]  # a gap and the record behind it come from one line
            del items[limit:]
        return items

    def _read_streams(self, run: int, most: float, items: list[Any]) -> None:
        try:
            log = os.open("log", _FOLDER | os.O_NOFOLLOW, dir_fd=run)
        except OSError:
            return
        try:
            for name in os.listdir(log):
                if name not in self._tails and is_name(name) and len(self._tails) < _STREAMS:
                    self._tails[name] = StreamTail(name, self._skimmed)
            for tail in sorted(
                self._tails.values(), key=lambda tail: (tail.stream != "trainer", tail.stream)
            ):
                if len(items) < most:
                    self._read_stream(log, tail, most, items)
        finally:
            os.close(log)

    def _read_stream(self, log: int, tail: StreamTail, most: float, items: list[Any]) -> None:
        with suppress(
            OSError
        ):  # not a folder, a link, gone, closed to us, or the disk fails: the next poll tries again
            folder = os.open(tail.stream, _FOLDER | os.O_NOFOLLOW, dir_fd=log)
            try:
                tail.read(folder, most, items)
            finally:
                os.close(folder)


class RunReader(_Reader):
    """Reads every record."""

    def __init__(self, run_dir: Path) -> None:
        super().__init__(run_dir)

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
        """What is new since the last poll, as `RunReader.poll` has it."""
        return self._poll(limit)

    def marks(self) -> dict[str, Mark]:
        """How far each stream was read, by its name."""
        return {name: tail.mark for name, tail in self._tails.items()}

    def go_on(self, marks: Mapping[str, Mark]) -> None:
        """Begins where another reader of this log has stopped."""
        for name, mark in marks.items():
            self._tails[name] = StreamTail(name, self._skimmed)
            self._tails[name].mark = mark

"""What a program prints: read from its pipes by threads, and kept in raw/, bounded."""

from __future__ import annotations

import codecs
import os
import queue
import threading
from contextlib import suppress
from typing import IO

from selffit.errors import UserError
from selffit.eventlog.folder import root_of
from selffit.run.folder.run_dir import RunDir

MOST = 16 << 20  # bytes of a file in raw/; one older file is kept beside it
_PIECE = 1 << 16
WAITING = 64  # pieces: a program that prints faster than lines can be read waits for us


class Kept:
    """The copy of one stream in raw/: two files at most, the older one with `.old` behind it."""

    def __init__(self, run: RunDir, name: str, most: int = MOST) -> None:
        self._run = run
        self._name = name
        self._most = most
        self._fd: int | None = None
        self._size = 0
        with suppress(UserError):  # the training is worth more than what it prints
            self._fd = run.raw_file(name)
            self._size = os.fstat(self._fd).st_size

    def write(self, data: bytes) -> None:
        """Keep a piece, or leave it out where the disk refuses."""
        if self._fd is None:
            return
        if self._size + len(data) > self._most:
            self._turn()
        with suppress(OSError):
            self._size += os.write(self._fd, data)

    def _turn(self) -> None:
        with suppress(OSError, UserError), root_of(self._run.place) as root:
            with root.within("raw") as raw:
                raw.rename(self._name, f"{self._name}.old")
            fresh = self._run.raw_file(self._name)
            if self._fd is not None:
                os.close(self._fd)
            self._fd, self._size = fresh, 0

    def close(self) -> None:
        """Close the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


Piece = tuple[str, str]  # of which stream, text


class Output:
    """The pipes of a program as pieces of text, in the order in which they came."""

    def __init__(self, pipes: dict[str, IO[bytes]], kept: dict[str, Kept]) -> None:
        """`pipes` and `kept` by the name of the stream."""
        self._pieces: queue.Queue[Piece] = queue.Queue(WAITING)
        self._kept = kept
        self._threads = [
            threading.Thread(target=self._read, args=(name, pipe), name=name, daemon=True)
            for name, pipe in pipes.items()
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, name: str, pipe: IO[bytes]) -> None:
        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        while data := os.read(pipe.fileno(), _PIECE):
            self._kept[name].write(data)
            self._pieces.put((name, decode(data)))

    def take(self, seconds: float) -> list[Piece]:
        """What has come, after at most so many seconds."""
        found: list[Piece] = []
        with suppress(queue.Empty):
            found.append(self._pieces.get(timeout=seconds))
            while True:
                found.append(self._pieces.get_nowait())
        return found

    @property
    def over(self) -> bool:
        """Whether both pipes have ended and all was taken."""
        return not any(thread.is_alive() for thread in self._threads) and self._pieces.empty()

    def close(self) -> None:
        """Close the files; what others still print into the pipes is lost."""
        for kept in self._kept.values():
            kept.close()

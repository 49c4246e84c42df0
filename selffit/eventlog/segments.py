"""A stream of numbered lines over segment files, and what it does when the disk refuses them.

No threads here: `SegmentedLog` is driven by the writer thread and can be tested without one.

- A sequence number is used up by a line that is whole in a file, never by one that waits or is
  dropped.
- Half a line is cut off again; where that fails, the next line starts a new segment.
- A full disk costs the ballast. The room gained is for critical events: metrics are dropped and
  counted until the ballast can be laid down again.
- After a failed sync the lines since the last good one are taken back and written again in a new
  segment: the kernel may have forgotten them, and the old descriptor would report success the next
  time.
"""

import errno
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from threading import Event as Flag
from typing import Any, NamedTuple

from msgspec.structs import replace

from selffit.eventlog.disk import Ballast, Disk, Segment
from selffit.eventlog.encode import quoted, to_json
from selffit.eventlog.folder import Folder
from selffit.eventlog.framing import MAX_LINE, SUFFIX, run_mark, seal
from selffit.eventlog.kinds import Event, LogFault, LogGap, Opened, Sealed

_FULL = {errno.ENOSPC, errno.EDQUOT}
_BATCH_BYTES = 1 << 18
_HEAD = 96  # bytes set aside for `{"v":1,"a":…,"q":…` and `,"r":…` at their longest


class Line(NamedTuple):
    """An event as a line without its number: `body` runs from `,"t":` to the end of the data."""

    kind: str
    body: bytes
    critical: bool = False
    synced: Flag | None = None  # set once the line is on the disk


def make_line(
    kind: str, data: Mapping[str, Any], step: int = 0, branch: str = "main", critical: bool = False
) -> Line:
    """Return an event stamped with the present time.

    One too long for a line becomes a log.fault that says so.
    """
    body = b',"t":%.3f,"k":%b,"b":%b,"s":%d,"d":%b' % (
        time.time(),
        quoted(kind),
        quoted(branch),
        step,
        to_json(data),
    )
    if len(body) > MAX_LINE - _HEAD - SUFFIX:
        error = f"a {kind[:64]} event of {len(body)} bytes is too long for a line"
        fault = LogFault(error=error, action="left out")
        return make_line(fault.KIND.name, fault.data(), step, branch[:64], critical)
    return Line(kind, body, critical, Flag() if critical else None)


def line_of(event: Event) -> Line:
    """Return the line of an event of the log itself, which belongs to no step."""
    return make_line(event.KIND.name, event.data(), critical=event.KIND.critical)


class SegmentedLog:
    """One stream of one attempt.

    `add` events, `flush` them to the file, `sync` the file; none of them raises.
    """

    def __init__(
        self,
        folder: Folder,
        attempt: int,
        opening: Opened,
        rotate_bytes: int,
        ballast_bytes: int,
        disk: Disk,
        run_id: str = "",
    ) -> None:
        """Starts the first segment in the stream's folder, which is held from now on.

        run_id: of the run, told by every line; "" for a folder that is no run.

        Raises OSError when that is impossible: FileExistsError if there is one.
        """
        self.faults = 0  # episodes of trouble, from the first refusal to the next successful sync
        self.error = ""  # the last refusal
        self.full = False  # the ballast is gone: only critical events are taken
        # events dropped and not yet told of in a log.gap, by kind
        self.dropped: Counter[str] = Counter()
        self.why_dropped = "queue full"
        self.lost = 0  # events dropped, all in all
        self._folder = folder
        self._attempt = attempt
        self._run = run_mark(run_id)
        self._opening = opening
        self._rotate_bytes = rotate_bytes
        self._disk = disk
        self._batch_bytes = min(_BATCH_BYTES, rotate_bytes)  # of one write call
        self._ballast = Ballast(disk, folder, "ballast", ballast_bytes)
        self._waiting: deque[Line] = deque()  # not in the file yet
        self._unsynced: list[Line] = []  # in the file since the last sync
        self._q = 1  # number of the next line
        self._q_synced = 1
        self._number = 0  # of the next segment
        self._sealed: list[int] = []  # numbers of segments that the log went on behind
        self._in_trouble = False
        self._segment: Segment | None = self._start_segment()
        self._ballast.lay()

    @property
    def dirty(self) -> bool:
        """Whether something is in the file that is not known to be on the disk."""
        return bool(self._unsynced)

    def add(self, events: Iterable[Line]) -> None:
        """Take events in order; while the disk is full, only the critical ones."""
        if self.full:
            self._waiting.extend(self._critical_only(events))
        else:
            self._waiting.extend(events)

    def count_dropped(self, dropped: Counter[str], why: str) -> None:
        """Remember events that never got here, for the next log.gap."""
        self.dropped.update(dropped)
        self.lost += dropped.total()
        self.why_dropped = why

    def flush(self) -> bool:
        """Write what waits.

        False when the disk still refuses after what could be done at once was done.
        """
        if self.dropped and not self.full:
            dropped = self.dropped.total()
            self._tell(LogGap(dropped=dropped, kinds=dict(self.dropped), why=self.why_dropped))
            self.dropped.clear()
        # each round meets the disk in another shape: ballast released, new segment
        for _ in range(3):
            try:
                self._write_waiting()
                return True
            except OSError as error:
                if not self._after_refusal(error):
                    break
        return False

    def sync(self) -> bool:
        """Force what is in the file to the disk and tell those who wait for it.

        False when that failed.
        """
        if self._segment is None or not self._unsynced:
            return True
        try:
            self._segment.sync()
        except OSError as error:
            self._take_back(self._segment, error)
            return False
        self._release_waiters()
        if not self._waiting:
            self._in_trouble = False
        return True

    def take_sealed(self) -> list[int]:
        """Return the numbers of the segments that were sealed since this was asked last."""
        found, self._sealed = self._sealed, []
        return found

    def reclaim(self) -> bool:
        """While full: try to lay the ballast down again; True when metrics have room once more."""
        if self.full and self._ballast.lay():
            self.full = False
        return not self.full

    def close(self, reason: str) -> bool:
        """Write what waits and the seal, sync, and give up the files.

        True when all of it reached the disk.
        """
        self._ballast.release()
        self._waiting.append(line_of(Sealed(reason=reason)))
        complete = False
        for _ in range(2):
            self.full = False  # metrics too may have the room of the ballast now
            complete = complete or (self.flush() and self.sync())
            self._ballast.release()  # a rotation lays it anew
        if self._segment is not None:
            self._segment.close()
        return complete

    # -- the good way ------------------------------------------------------------------------------

    def _write_waiting(self) -> None:
        while self._waiting:
            if self._segment is None:
                self._segment = self._start_segment()
            lines: list[bytes] = []
            size = 0
            for event in self._waiting:
                lines.append(self._line(event, len(lines)))
                size += len(lines[-1])
                if size >= self._batch_bytes and event.kind != "open":
                    break
            done, error = self._segment.append(lines)
            self._q += done
            self._unsynced.extend(self._waiting.popleft() for _ in range(done))
            if error is not None:
                raise error
            if self._segment.size >= self._rotate_bytes and self._unsynced[-1].kind != "seal":
                self._rotate(self._segment)

    def _line(self, event: Line, ahead: int = 0) -> bytes:
        parts = (self._attempt, self._q + ahead, event.body, self._run)
        return seal(b'{"v":1,"a":%d,"q":%d%b%b' % parts)

    def _rotate(self, segment: Segment) -> None:
        done, error = segment.append([self._line(line_of(Sealed(reason="rotated")))])
        self._q += done
        if error is not None:
            raise error
        if not self.sync():
            raise OSError(errno.EIO, self.error)
        segment.close()
        self._segment = None
        self._sealed.append(self._number - 1)
        if not self.full and not self._ballast.held:
            self._ballast.lay()

    def _start_segment(self) -> Segment:
        number = self._number
        self._number += 1
        segment = Segment(self._disk, self._folder, f"{self._attempt:06d}-{number:06d}.jsonl")
        # of a segment that never took its first line
        if self._waiting and self._waiting[0].kind == "open":
            self._waiting.popleft()
        opening = replace(self._opening, stream=self._folder.name, seg=number)
        self._waiting.appendleft(line_of(opening))
        return segment

    # -- refusals ----------------------------------------------------------------------------------

    def _after_refusal(self, error: OSError) -> bool:
        """Do what can be done about a failed write; whether trying again at once makes sense."""
        segment = self._segment
        if error.errno in _FULL:
            gained = self._ballast.release()
            if not self.full:
                self.full = True
                self.why_dropped = "disk full"
                self._waiting = deque(self._critical_only(self._waiting))
            self._note(error, "only critical events are written until there is room")
            if segment is not None and not segment.usable:
                self._leave(segment)
            return gained
        self._note(error, "new segment")
        # A file that has taken nothing yet is tried again later: a dead disk must not fill with
        # empty files.
        if segment is None or (segment.usable and segment.size == 0):
            return False
        self._leave(segment)
        return True

    def _leave(self, segment: Segment) -> None:
        """Sync what is whole in the segment and give it up without a seal.

        The next line starts another one.
        """
        if self._unsynced:
            try:
                segment.sync()
            except OSError as error:
                self._take_back(segment, error)
                return
            self._release_waiters()
        segment.close()
        self._segment = None

    def _take_back(self, segment: Segment, error: OSError) -> None:
        """After a failed sync: cut the file back to what is known to be on the disk.

        The rest waits once more.
        """
        self._note(error, "new segment; the lines since the last sync are written again")
        if segment.cut_back(segment.synced):
            self._q = self._q_synced
        else:  # the lines stay where they are, and their numbers are used up
            self._q_synced = self._q
        self._waiting.extendleft(
            reversed([event for event in self._unsynced if event.kind != "open"])
        )
        self._unsynced.clear()
        segment.close()
        self._segment = None

    def _note(self, error: OSError, action: str) -> None:
        """Count an episode of trouble once, and leave word of it for the log."""
        self.error = error.strerror or str(error)
        if self._in_trouble:
            return
        self._in_trouble = True
        self.faults += 1
        code = errno.errorcode.get(error.errno or 0, "")
        self._tell(LogFault(error=f"{code} {self.error}".strip(), action=action))

    def _tell(self, event: Event) -> None:
        """Queue word of a trouble; the seal stays the last line."""
        last = [self._waiting.pop()] if self._waiting and self._waiting[-1].kind == "seal" else []
        self._waiting.extend([line_of(event), *last])

    def _critical_only(self, events: Iterable[Line]) -> list[Line]:
        kept = []
        for event in events:
            if event.critical:
                kept.append(event)
            else:
                self.dropped[event.kind] += 1
                self.lost += 1
        return kept

    def _release_waiters(self) -> None:
        for event in self._unsynced:
            if event.synced is not None:
                event.synced.set()
        self._unsynced.clear()
        self._q_synced = self._q

"""Writes one stream of an event log from a thread of its own, so training never waits for the disk.

`emit` encodes the event and queues it. The writer thread writes batches within BATCH_SECONDS and
forces them to the disk at most once a second; a critical event is forced at once and `emit` waits
for it. When the queue is full because the disk stalls or refuses, metrics are dropped and counted
in a `log.gap`; critical events never are.
"""

import atexit
import errno
import os
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Condition, Thread
from threading import Event as Flag
from time import monotonic
from types import TracebackType
from typing import Any

import selffit
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.disk import Disk
from selffit.eventlog.folder import Place, root_of
from selffit.eventlog.identity import RunId, id_of
from selffit.eventlog.kinds import Event, Opened
from selffit.eventlog.liveness import here
from selffit.eventlog.segments import Line, SegmentedLog, make_line

ROTATE_BYTES = 32 << 20
WORTH_A_BRIEF = 4 << 20  # bytes of a segment of which a brief is left
QUEUE_BYTES = 16 << 20
BALLAST_BYTES = 1 << 20
BATCH_SECONDS = 0.05  # an event is in the file within twice this
SYNC_SECONDS = 1.0
RECLAIM_SECONDS = 2.0  # between two looks whether a full disk has room again
RETRY_SECONDS = (0.25, 5.0)  # first and longest pause between two tries on a disk that refuses


@dataclass(frozen=True)
class Health:
    """How the log fares; the trainer's heartbeat tells it in every `host` record."""

    ok: bool  # nothing is held back or dropped at present
    faults: int  # episodes of trouble with the disk so far
    dropped: int  # metrics dropped so far
    error: str  # the last refusal of the disk, "" if there was none

    def told(self) -> dict[str, Any]:
        """As the fields of a `host` record."""
        return {
            "log_ok": self.ok,
            "log_faults": self.faults,
            "log_dropped": self.dropped,
            "log_error": "" if self.ok else self.error,
        }


class EventWriter:
    """One stream of one attempt, log/<stream>/<attempt>-<segment>.jsonl. Also a context manager."""

    def __init__(
        self,
        run: Place,
        stream: str,
        attempt: int,
        *,
        opening: Mapping[str, Any] | None = None,
        rotate_bytes: int = ROTATE_BYTES,
        queue_bytes: int = QUEUE_BYTES,
        ballast_bytes: int = BALLAST_BYTES,
        critical_timeout: float = 5.0,
        disk: Disk | None = None,
    ) -> None:
        """Creates the first segment with its `open` line, on the disk when this returns.

        `run`: the run's folder, which is held from now on, wherever it is moved. `opening` adds to,
        or replaces, the data of every `open` line: run, version, and the identities of this process
        and of the folder. `critical_timeout`: seconds that `emit` waits at most for a critical
        event. Raises UserError when the log cannot be written at all, or the attempt already has
        one.
        """
        disk = disk or Disk()
        name = run.name
        try:
            with root_of(run) as root, root.ensure("log") as log:
                known = id_of(root) or RunId()
                told = {"run": clean(name), **here().as_data(), "version": selffit.__version__}
                told |= {"folder": root.mark, **(opening or {})}
                folder = log.ensure(stream)
                disk.sync_folder(log)
            self._log = SegmentedLog(
                folder,
                attempt,
                Opened(**told),
                rotate_bytes,
                ballast_bytes,
                disk,
                known.id,
            )
        except FileExistsError as error:
            raise UserError(
                f"attempt {attempt} of {clean(name)} already has a log; start a new attempt"
            ) from error
        except OSError as error:
            raise _cannot_write(name, stream, error.strerror or str(error)) from error
        if not (self._log.flush() and self._log.sync()):
            self._log.close("refused")
            raise _cannot_write(name, stream, self._log.error)

        self._folder = folder
        self._attempt = attempt
        self._has_briefs = rotate_bytes >= WORTH_A_BRIEF
        self._briefing: Thread | None = None  # makes the briefs of segments that were sealed
        self._wake = Condition()  # guards what follows up to the blank line
        self._queue: deque[Line] = deque()
        self._queued_bytes = 0
        self._dropped: Counter[str] = Counter()
        self._urgent = False  # something in the queue must not linger
        self._closing: str | None = None  # the reason, once close was called
        self._ended = False

        self._queue_bytes = queue_bytes
        self._critical_timeout = critical_timeout
        self._refusing = False  # the disk took nothing at the last try
        self._stalled = False  # a critical event waited in vain and no sync has succeeded since
        self._complete = False
        self._thread = Thread(target=self._run, name=f"eventlog-{stream}", daemon=True)
        self._thread.start()
        atexit.register(self._at_exit)

    def emit(self, event: Event, *, step: int = 0, branch: str = "main") -> bool:
        """Log an event of a declared kind, which says whether it is critical; see `put`."""
        kind = event.KIND
        return self.put(kind.name, event.data(), step=step, branch=branch, critical=kind.critical)

    def post(self, event: Event, *, step: int = 0, branch: str = "main") -> Flag:
        """Log an event of a critical kind without waiting for it: never dropped, synced at once.

        Returns what is set once it is on the disk, which is never where the log is closed.
        """
        kind = event.KIND
        line = make_line(kind.name, event.data(), step, branch, critical=True)
        self._enqueue(line)
        assert line.synced is not None
        return line.synced

    def put(
        self,
        kind: str,
        data: Mapping[str, Any],
        *,
        step: int = 0,
        branch: str = "main",
        critical: bool = False,
    ) -> bool:
        """Log an event; the data may be changed afterwards.

        Never raises and never waits for the disk, except that a critical event is waited for,
        `critical_timeout` seconds at most and not at all while the disk is known to refuse. True:
        queued, or, for a critical event, on the disk. False: dropped (a metric, or the log is
        closed), or, for a critical event, kept in memory and tried again.
        """
        event = make_line(kind, data, step, branch, critical)
        if not self._enqueue(event):
            return False
        return True if event.synced is None else self._wait_for(event)

    def _enqueue(self, event: Line) -> bool:
        """Hand a line to the writer thread; False where it is dropped."""
        with self._wake:
            if self._ended or self._closing is not None:
                return False
            full = self._queued_bytes + len(event.body) > self._queue_bytes
            if full and not event.critical:
                self._dropped[event.kind] += 1
                return False
            first = not self._queue
            self._queue.append(event)
            self._queued_bytes += len(event.body)
            if event.critical or 2 * self._queued_bytes > self._queue_bytes:
                self._urgent = True
            if first or self._urgent:
                self._wake.notify()
        return True

    def close(self, reason: str) -> bool:
        """Write everything, then the `seal`.

        Whether all of it reached the disk. The second call does nothing.
        """
        with self._wake:
            if self._closing is None:
                self._closing = reason
                self._wake.notify()
        self._thread.join(2 * self._critical_timeout)
        atexit.unregister(self._at_exit)
        return self._complete

    @property
    def health(self) -> Health:
        """A snapshot, to be asked for at any time and from any thread."""
        log = self._log
        with self._wake:
            waiting, dropped = self._dropped.total(), self._dropped.total() + log.lost
        return Health(
            not (self._refusing or self._stalled or log.full or waiting),
            log.faults,
            dropped,
            log.error,
        )

    def __enter__(self) -> "EventWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close("closed" if kind is None else f"left by {kind.__name__}")

    def _at_exit(self) -> None:
        self.close("interpreter exit")

    def _wait_for(self, event: Line) -> bool:
        assert event.synced is not None
        until = monotonic() + self._critical_timeout
        while not event.synced.wait(0.05):
            if self._refusing or self._stalled or self._ended:
                return event.synced.is_set()
            if monotonic() >= until:
                self._stalled = True
                return False
        return True

    # -- the writer thread -------------------------------------------------------------------------

    def _run(self) -> None:
        log = self._log
        sync_due = reclaim_due = retry = 0.0
        try:
            while True:
                if self._refusing:
                    retry = min(max(2 * retry, RETRY_SECONDS[0]), RETRY_SECONDS[1])
                    closing = self._pause(retry)
                    events: list[Line] = []
                else:
                    retry = 0.0
                    due = [sync_due] * log.dirty + [reclaim_due] * log.full
                    events, closing = self._take(min(due) - monotonic() if due else None)
                if closing is not None:
                    break
                log.add(events)
                now = monotonic()
                if log.full and now >= reclaim_due:
                    log.reclaim()
                    reclaim_due = now + RECLAIM_SECONDS
                written = log.flush()
                if log.dirty and (
                    self._refusing or now >= sync_due or any(event.critical for event in events)
                ):
                    # A failed sync leaves its lines waiting for a new segment: try that at once.
                    written = (log.sync() or (log.flush() and log.sync())) and written
                    sync_due = now + SYNC_SECONDS
                    self._stalled = self._stalled and not written
                self._refusing = not written
                self._leave_briefs()
            log.add(events + self._take(0.0)[0])
            self._complete = log.close(closing)
        finally:
            self._ended = True
        self._leave_briefs()
        if self._briefing is not None:
            self._briefing.join(self._critical_timeout)

    def _leave_briefs(self) -> None:
        """Leave briefs of what was sealed, in a thread of their own: events do not wait for it."""
        numbers = self._log.take_sealed() if self._has_briefs else []
        if not numbers:
            return
        before, folder, attempt = self._briefing, self._folder, self._attempt

        def leave() -> None:
            from selffit.eventlog import briefing  # with all that reads logs

            if before is not None:
                before.join()
            for number in numbers:
                briefing.leave(folder.again(), folder.name, attempt, number)

        self._briefing = Thread(target=leave, name=f"briefs-{folder.name}", daemon=True)
        self._briefing.start()

    def _take(self, timeout: float | None) -> tuple[list[Line], str | None]:
        """What is queued, after a moment for more to come.

        Waits until there is something, or the timeout.
        """
        with self._wake:
            self._wake.wait_for(lambda: self._queue or self._closing is not None, timeout)
            if self._queue:
                self._wake.wait_for(
                    lambda: self._urgent or self._closing is not None, BATCH_SECONDS
                )
            events, self._queue = list(self._queue), deque()
            dropped, self._dropped = self._dropped, Counter()
            self._queued_bytes = 0
            self._urgent = False
            closing = self._closing
            if dropped:
                self._log.count_dropped(dropped, "queue full")
        return events, closing

    def _pause(self, seconds: float) -> str | None:
        """Leave the queue alone for a while: it holds on to events until the disk takes them."""
        with self._wake:
            self._wake.wait_for(lambda: self._closing is not None, seconds)
            return self._closing


def _cannot_write(name: str, stream: str, error: str) -> UserError:
    hint = (
        "free some space"
        if error == os.strerror(errno.ENOSPC)
        else "choose a folder on a disk you can write to"
    )
    return UserError(f"cannot write the event log in {clean(name)}/log/{stream}: {error}; {hint}")

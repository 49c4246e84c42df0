"""Commands of `--notify`: run with one JSON object on stdin for each call, whoever watches or not.

What the person typed is split into words once, as a shell would, and no shell ever sees it, nor any
text from a log: that is on stdin only. A command has so many seconds; what it fails with is told
once, and touches nothing else.
"""

import json
import os
import queue
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.folder import root_of
from selffit.eventlog.identity import begun_here
from selffit.eventlog.records import Unread
from selffit.eventlog.tail import Skimmed
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower, LogSource, singly
from selffit.run.judged.calling import Calls, call_data

FIELD = "notify"  # of run.json
LIMIT = 30.0  # seconds that a command may take
LAST = 40.0  # that the last calls of a run are waited for
MOST = 100  # calls that wait for the command; a later one is left out
POLL_SECONDS = 0.5
_ERROR_LETTERS = 200


def words_of(command: str) -> list[str]:
    """What the person typed, in words; none for "". Raises UserError where it can be no command."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UserError(
            f"--notify {clean(command)[:100]}: {str(error).lower()}; quote it as for a shell"
        ) from None
    if words and shutil.which(words[0]) is None:
        raise UserError(
            f"--notify: there is no program '{clean(words[0])[:100]}'; give its path, or one that "
            "is found on PATH"
        )
    return words


def kept_command(run: RunDir) -> str:
    """The command that was given to an earlier attempt of this run; "" where there was none.

    Also where the folder is not the one that attempt was begun in: a folder from elsewhere must not
    make this machine run anything.
    """
    with suppress(OSError, UserError), root_of(run.place) as root:
        command = run.info().get(FIELD)
        if isinstance(command, str) and begun_here(root):
            return command
    return ""


class Notifier:
    """Runs the command for each call, one after the other, in a thread of its own."""

    def __init__(
        self, words: Sequence[str], failed: Callable[[str], None], limit: float = LIMIT
    ) -> None:
        """`failed` hears of the first failure, in the thread; `limit`: seconds for each call."""
        self._words = list(words)
        self._failed = failed
        self._limit = limit
        self._waiting: queue.Queue[Mapping[str, Any] | None] = queue.Queue(MOST)
        self._told = False
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._thread.start()

    def call(self, data: Mapping[str, Any]) -> None:
        """Run the command with these data when its turn comes; returns at once."""
        try:
            self._waiting.put_nowait(data)
        except queue.Full:
            self._tell(f"{MOST} calls wait for it already")

    def finish(self, seconds: float = LAST) -> None:
        """Wait until all that was asked for is done, but no longer than so many seconds."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=seconds)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (data := self._waiting.get()) is not None:
            if wrong := run_command(self._words, data, self._limit):
                self._tell(wrong)

    def _tell(self, wrong: str) -> None:
        if not self._told:
            self._told = True
            self._failed(wrong)


def run_command(words: Sequence[str], data: Mapping[str, Any], limit: float = LIMIT) -> str:
    """Run a command once with these data on stdin; what went wrong in words, "" for nothing."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(json.dumps(data, allow_nan=False).encode() + b"\n")
        given.seek(0)
        try:
            process = subprocess.Popen(
                words,
                stdin=given,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,  # so that all that it starts can be ended with it
            )
        except OSError as error:
            return f"it cannot be run: {error.strerror}"
        try:
            code = process.wait(limit)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return f"it took longer than {limit:g} s and was ended"
        if not code:
            return ""
        said.seek(max(0, said.seek(0, os.SEEK_END) - 4096))
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
        why = f": {clean(lines[-1])[:_ERROR_LETTERS]}" if lines else ""
        return f"it ended with {'signal' if code < 0 else 'code'} {abs(code)}{why}"


class QuietSource(LogSource):
    """The log of a run without blocks of steps and heartbeats, which nobody is called for."""

    def poll(self, limit: int | None = None) -> Sequence[Skimmed]:
        """Return what is new but for those; `limit` is of no use here."""
        return [item for item in singly(super().poll()) if not isinstance(item, Unread)]


class LogCaller:
    """Follows the log of a run in a thread of its own, and runs the command for what comes."""

    def __init__(self, run: RunDir, words: Sequence[str], failed: Callable[[str], None]) -> None:
        """Only what is logged from now on is called for."""
        self._run_dir = run
        self._notifier = Notifier(words, failed)
        self._follower = Follower(QuietSource(run.place), run.name)
        self._follower.read_all()
        self._calls = Calls()
        self._calls.begin(self._follower.state)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="calling", daemon=True)
        self._thread.start()

    def finish(self, seconds: float = LAST) -> None:
        """Call for what is in the log by now, and wait for the command, but not for ever."""
        end = time.monotonic() + seconds
        self._over.set()
        self._thread.join(seconds)
        self._notifier.finish(max(0.0, end - time.monotonic()))

    def _follow(self) -> None:
        last = False
        while not last:
            last = self._over.wait(POLL_SECONDS)
            # Whatever it is: a log that cannot be read now may be there again in a moment, and the
            # run that is supervised must not feel it.
            with suppress(Exception):
                self._look()

    def _look(self) -> None:
        while self._follower.poll():
            pass
        # of an attempt's end its supervisor has the last word, which is in the log before `finish`
        news = self._calls.news(self._follower.state, now=-float("inf"))
        for call in news:
            data = call_data(self._follower.state, call, self._run_dir.path, self._run_dir.id.id)
            self._notifier.call(data)

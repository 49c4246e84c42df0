"""Following a run without a screen: once for `status`, line by line for pipes and dumb terminals."""

import os
import sys
import time
from subprocess import Popen

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.liveness import ProcessIdentity, is_alive
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice, Record
from selffit.run.run_dir import RunDir
from selffit.run.state import RunState, reduce_all
from selffit.run.summary import run_state_word
from selffit.vocabulary import LOST, state_of
from selffit_tui.talk import put, say, watch_command

POLL_SECONDS = 0.25
LAST_WORD_SECONDS = 3.0  # that the supervisor may take to report the end of its trainer


class Follower:
    """A reader, the state it has led to, and whether the trainer's process is still there."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.state = RunState(run=run.name)
        self._reader = RunReader(run.path)

    def poll(self, limit: int | None = None) -> list[Record | Notice]:
        """The new items, already folded into `state`; after a "restarted" notice the whole log
        comes again.
        """
        items = self._reader.poll(limit)
        if any(isinstance(item, Notice) and item.kind == "restarted" for item in items):
            self._reader, self.state = RunReader(self.run.path), RunState(run=self.run.name)
            items = self._reader.poll(limit)
        if items:
            self.state = reduce_all(self.state, items)
        return items

    def word(self) -> str:
        """The run's state in one word, as of now."""
        return run_state_word(self.state, self.alive(), time.time())

    def alive(self) -> bool | None:
        """Whether the trainer's process exists; None where only its heartbeat can tell."""
        identity = ProcessIdentity.from_data(self.state.identity)
        return None if identity is None else is_alive(identity)

    def over(self) -> bool:
        """Whether nothing more will come: the supervisor has closed the run, or nobody is left who
        could.
        """
        state = self.state
        if state.attempt in state.exits:
            return not state.restarting
        ending = state.ending
        if ending is None:
            return self.word() == LOST.word
        # The trainer's own word: its supervisor, if there is one, has the last one in a moment.
        return self.alive() is not True or time.time() - ending.t > LAST_WORD_SECONDS


def is_plain_terminal() -> bool:
    """Whether stdout is no terminal that a screen could be drawn on."""
    return not (sys.stdout.isatty() and sys.stdin.isatty()) or os.environ.get("TERM", "") in (
        "",
        "dumb",
    )


def read_once(run: RunDir) -> tuple[RunState, str]:
    """The state of a run as its log has it now, and that state in one word."""
    follower = Follower(run)
    while follower.poll():
        pass
    return follower.state, follower.word()


def check_refused(state: RunState) -> None:
    """Raise UserError where the trainer refused to start, with its reason."""
    ending = state.ending
    if ending is not None and ending.how == "refused":
        trainer = state.ends.get(state.attempt)
        raise UserError(
            (trainer.text if trainer else "") or ending.text or "the trainer refused to start"
        )


def wait_for_life(run: RunDir, process: "Popen[bytes]", attempt: int) -> None:
    """Return once this attempt, or a later one, has written a record. Raises UserError where none
    will.
    """
    follower = Follower(run)
    while follower.state.attempt < attempt:
        gone = process.poll() is not None
        if not follower.poll() and follower.state.attempt < attempt:
            if gone:
                raise _never_began(run, process)
            time.sleep(0.02)


def _never_began(run: RunDir, process: "Popen[bytes]") -> UserError:
    try:
        words = (run.raw / "supervisor.err").read_text(errors="replace").strip().splitlines()
    except OSError:
        words = []
    reason = (
        clean(words[-1])[:300]
        if words
        else f"it ended with code {process.returncode} and said nothing"
    )
    return UserError(f"the training could not be started: {reason}")


def wait_for_start(run: RunDir, process: "Popen[bytes]") -> None:
    """Return once the newest attempt trains or has ended. Raises UserError where it was refused or
    never came up.
    """
    follower = Follower(run)
    while (
        follower.state.phase not in ("training", "paused", "finishing")
        and follower.state.ending is None
    ):
        if not follower.poll() and process.poll() is not None and not follower.poll():
            raise _never_began(run, process)
        time.sleep(0.05)
    check_refused(follower.state)


def follow_plain(run: RunDir, process: "Popen[bytes] | None" = None) -> int:
    """Print a run as plain lines until it ends; returns the exit code. Raises UserError where it
    was refused.

    `process` is the supervisor when this command started it: if it dies without a word, nothing
    will follow.
    """
    from selffit_tui.plain.lines import PlainLines

    follower, lines = Follower(run), PlainLines()
    try:
        while True:
            # Asked before the poll: what ended a run is in the log before its process is gone.
            gone = process is not None and process.poll() is not None
            over = gone or follower.over()
            items = follower.poll(2000)
            check_refused(follower.state)
            for line in lines.feed(items, follower.state):
                put(line)
            if over and not items:
                break
            if not items:
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        say(f"\nleft; training goes on. Come back with: {watch_command(run.path)}")
        return 130
    word = follower.word()
    for line in lines.ending(follower.state, word):
        put(line)
    return int(state_of(word).bad)

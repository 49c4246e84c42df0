"""Following a run without a screen: once for `status`, by lines for pipes and dumb terminals."""

import os
import sys
import time
from subprocess import Popen

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.run.follow import Follower
from selffit.run.run_dir import RunDir
from selffit.run.state import RunState
from selffit.run.word import refusal
from selffit.vocabulary import ENDINGS, state_of
from selffit_tui.talk import dumb, put, say, watch_command

POLL_SECONDS = 0.25
SLICE = 10_000  # items of one read


def is_plain_terminal() -> bool:
    """Whether stdout is no terminal that a screen could be drawn on."""
    return not (sys.stdout.isatty() and sys.stdin.isatty()) or dumb(os.environ)


def read_once(run: RunDir) -> tuple[RunState, str]:
    """Return the state of a run as its log has it now, and that state in one word."""
    follower = Follower.of(run)
    return follower.read_all(), follower.word()


def check_refused(state: RunState) -> None:
    """Raise UserError where the trainer refused to start, with its reason."""
    if reason := refusal(state):
        raise UserError(reason)


def wait_for_life(run: RunDir, process: "Popen[bytes]", attempt: int) -> None:
    """Return once this attempt, or a later one, has written a record.

    Raises UserError where none will.
    """
    follower = Follower.of(run)
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
    """Return once the newest attempt trains or has ended.

    Raises UserError where it was refused or never came up.
    """
    follower = Follower.of(run)
    while (
        follower.state.phase not in ("training", "paused", "finishing")
        and follower.state.ending is None
    ):
        if not follower.poll() and process.poll() is not None and not follower.poll():
            raise _never_began(run, process)
        time.sleep(0.05)
    check_refused(follower.state)


def follow_plain(run: RunDir, process: "Popen[bytes] | None" = None) -> int:
    """Print a run as plain lines until it ends; returns the exit code.

    Raises UserError where it was refused. `process` is the supervisor when this command started it:
    if it dies without a word, nothing will follow.
    """
    from selffit_tui.plain.lines import PlainLines, in_time

    run = run.held()
    follower, lines = Follower.of(run), PlainLines()
    try:
        while True:
            # Asked before the poll: what ended a run is in the log before its process is gone.
            gone = process is not None and process.poll() is not None
            over = gone or follower.over()
            items = follower.take(SLICE)
            for line in lines.feed(in_time(items), follower):
                put(line)
            if items:
                continue
            check_refused(follower.state)
            if over:
                break
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        say(f"\nleft; training goes on. Come back with: {watch_command(run.path)}")
        return 130
    word = ENDINGS["gone"].word if run.gone else follower.word()
    for line in lines.ending(follower.state, word):
        put(line)
    return int(state_of(word).bad)

"""Following a run without a screen: once for `status`, by lines for pipes and dumb terminals."""

import os
import sys
import time
from collections.abc import Sequence
from subprocess import Popen

from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.clean import clean
from selffit.eventlog.liveness import for_pid
from selffit.numbers import count
from selffit.outlets import Unwritable
from selffit.run.folded.state import RunState
from selffit.run.folded.word import refusal
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.judged.calling import Calls, call_data
from selffit.run.judged.trouble import left_with
from selffit.run.judged.wording import closing
from selffit.run.listing.glance import glance
from selffit.run.notify import Notifier
from selffit.vocabulary import ENDINGS, LOST
from selffit_tui.talk import dumb, named, put, say, watch_command

POLL_SECONDS = 0.25
START_SECONDS = 120.0  # that a run which is left to itself is waited for at most
FIRST_STEP_SECONDS = 30.0  # and of these, once it trains, its first step
LAST_LINES = 3  # of what a trainer printed that has not come up
_BEGUN = ("training", "paused", "finishing")


def is_plain_terminal() -> bool:
    """Whether stdout is no terminal that a screen could be drawn on."""
    return not (sys.stdout.isatty() and sys.stdin.isatty()) or dumb(os.environ)


def look(run: RunDir, *, watch: bool = True) -> Follower:
    """Return a follower that has read what a summary needs of all that the log of a run has now.

    With `watch`, a run that only its silence would call lost is watched for a heartbeat first.
    """
    follower = glance(run)
    follower.read_all()
    while watch and follower.in_doubt():
        time.sleep(POLL_SECONDS)
        follower.poll()
    return follower


def read_once(run: RunDir) -> tuple[RunState, str]:
    """Return the state of a run as its log has it now, and that state in one word."""
    follower = look(run)
    return follower.state, follower.word()


def check_refused(state: RunState) -> None:
    """Raise UserError where the trainer refused to start, with its reason."""
    if reason := refusal(state):
        raise UserError(reason)


def wait_for_life(run: RunDir, process: "Popen[bytes]", attempt: int) -> None:
    """Return once this attempt, which the supervisor `process` claims, has written a record.

    Raises UserError where none will, such as where somebody else has claimed it.
    """
    follower, mine = Follower.of(run), for_pid(process.pid)
    while follower.state.attempt < attempt:
        gone = process.poll() is not None
        if not follower.poll() and follower.state.attempt < attempt:
            if gone:
                raise _never_began(run, process)
            time.sleep(0.02)
    claimant = run.claimant(attempt)
    if mine is not None and claimant is not None and not mine.is_that(claimant):
        process.wait()  # it is refused the attempt, now or in a moment
        raise _never_began(run, process)


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


def wait_for_start(run: RunDir, process: "Popen[bytes]") -> tuple[str, int]:
    """Wait until the newest attempt has done a step or has ended, but not for ever.

    Returns what became of it in words, and the exit code of whoever leaves it to itself. Raises
    UserError where it was refused or never came up.
    """
    follower = Follower.of(run)
    begun = time.monotonic()
    trains: float | None = None  # since when
    while True:
        # Asked before the poll: what ended a run is in the log before its process is gone.
        gone = process.poll() is not None
        news, state, now = follower.poll(), follower.state, time.monotonic()
        check_refused(state)
        if state.ending is not None:
            word = follower.word()
            last = "".join(f"\n  | {line}" for line in state.ending.stderr[-LAST_LINES:])
            return closing(state, word) + last, left_with(state, word)
        block = state.last(kinds.Steps)
        if block is not None and block.at.attempt == state.attempt:
            return f"training goes on, step {count(state.step)} is done", 0
        if gone and not news:
            raise _never_began(run, process)
        trains = trains or (now if state.phase in _BEGUN else None)
        if trains is not None and (now - trains > FIRST_STEP_SECONDS or state.phase == "paused"):
            return f"training has begun ({state.phase}), no step has been reported yet", 0
        if now - begun > START_SECONDS:
            return f"the run is still starting ({follower.word()})", 0
        time.sleep(0.05)


def follow_plain(
    run: RunDir, process: "Popen[bytes] | None" = None, notify: Sequence[str] = ()
) -> int:
    """Print a run as plain lines until it ends; returns the exit code.

    Raises UserError where it was refused, Unwritable where stdout takes no more. `process` is the
    supervisor when this command started it: if it dies without a word, nothing will follow.
    `notify`: the words of a command that is run for what comes from now on.
    """
    from selffit_tui.plain.lines import PlainLines
    from selffit_tui.plain.merging import Merged

    run = run.held()
    follower, live = Follower.of(run), process is not None or is_live(run)
    items_of, lines = Merged(run, follower), PlainLines(named(run.path), live)
    caller, waiting = _Caller(run, notify), False
    try:
        while True:
            # Asked before the poll: what ended a run is in the log before its process is gone.
            gone = process is not None and process.poll() is not None
            over = gone or follower.over()
            items = items_of.take()
            for line in lines.feed(items, follower):
                put(line)
            if items:
                continue
            caller.look(follower)
            state = follower.state
            check_refused(state)
            if over:
                break
            if not waiting and process is None and not (state.heard or len(state.notices)):
                waiting = True
                say(f"waiting for the first event of {named(run.path)}")
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        say(f"\nleft; training goes on. Come back with: {watch_command(run.path)}")
        return 130
    except Unwritable:
        if process is not None:  # it was started here: whoever did must know
            say(f"training goes on. Come back with: {watch_command(run.path)}")
        raise
    word = ENDINGS["gone"].word if run.gone else follower.word()
    for line in lines.ending(follower.state, word, run.name):
        put(line)
    if word == LOST.word:
        put(f"  {follower.loss()}")
    put_card(run, follower.state, word)
    caller.finish()
    return left_with(follower.state, word)


def is_live(run: RunDir) -> bool:
    """Whether a run has not ended, as far as its log tells at a glance."""
    follower = glance(run)
    follower.read_all()
    return follower.state.ending is None


def put_card(run: RunDir, state: RunState, word: str) -> None:
    """Print the end card of a run that has ended."""
    from selffit_tui.plain.place import place_of
    from selffit_tui.words.end_card import ended, lines

    if ended(state, word) and not run.gone:
        for line in lines(state, word, place_of(run), below=True):
            put("  " + "".join(text for text, _ in line).rstrip())


class _Caller:
    """Runs the command of `watch --notify` for what comes once all that there was has been read."""

    def __init__(self, run: RunDir, words: Sequence[str]) -> None:
        self._run = run
        self._calls: Calls | None = None
        self._notifier = Notifier(words, _notify_failed) if words else None

    def look(self, follower: Follower) -> None:
        """Call for what is new."""
        if self._notifier is None:
            return
        told = follower.state, follower.word(), follower.now()
        if self._calls is None:
            self._calls = Calls()
            self._calls.begin(*told)
        for call in self._calls.news(*told):
            data = call_data(follower.state, call, self._run.path, self._run.id.id)
            self._notifier.call(data)

    def finish(self) -> None:
        """Wait for the command."""
        if self._notifier is not None:
            self._notifier.finish()


def _notify_failed(error: str) -> None:
    say(f"--notify failed: {error}")

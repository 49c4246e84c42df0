"""Whether a run may be gone on with by another attempt, and from which attempt it is taken over.

By the rule of `selffit.run.folded.word`: not while it is heard or its process is there. Where the
process cannot be seen from here (another machine, a container), its silence has to last; whoever
knows better takes the run over.
"""

import time
from collections.abc import Callable

from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.eventlog.liveness import is_alive
from selffit.numbers import age
from selffit.run.folded.state import RunState
from selffit.run.folded.word import LOST_AFTER, host_of, silent_for
from selffit.run.folder.making import is_hosted
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import WATCH_SECONDS, Follower
from selffit.vocabulary import COPY, is_foreign

FINISHING_SECONDS = 60.0  # that a run which is taken over has for its end
_POLL_SECONDS = 0.25


class Finished(UserError):
    """There is nothing to go on with."""


def taken_over(
    run: RunDir,
    *,
    take_over: bool = False,
    loops: bool = False,
    hint: str = "",
    tell: Callable[[str], None] = lambda text: None,
    sleep: Callable[[float], None] = time.sleep,
    check: Callable[[], object] = lambda: None,
) -> int:
    """Return the newest attempt of a run once it is known to be over.

    Waits for that at most until `LOST_AFTER` seconds of silence have passed, and says so to `tell`;
    with `take_over` it does not wait, but for one that is just finishing, and the trainer stops
    when it notices its successor. `loops`: whoever asks is the loop that a Monitor watches. `hint`:
    what a person may do instead. `check`: raises UserError where nobody here could go on with the
    run; it is asked before anything is said. Raises UserError where the run lives, Finished where
    it has ended well.
    """
    option = "take_over=True" if loops else "--take-over"
    newest = run.newest_attempt()  # before anything is looked at: a later one is somebody else's
    follower = Follower.of(run)
    state = follower.read_all()
    if state.ending is not None and is_foreign(state.ending.how):
        raise UserError(
            f"run {run.name} was imported from somebody else's log; there is nothing to resume"
        )
    if is_hosted(run.info()) and not loops:
        hosted = state.last(kinds.Hosted)
        how = (
            "Monitor(resume=…)" if hosted is not None and hosted.by == "monitor" else "selffit run"
        )
        raise UserError(
            f"run {run.name} is somebody else's program, which knows by itself how it goes on; "
            f"start it again with {how}"
        )
    if state.ending is not None and state.ending.how == "finished":
        raise _finished(run)
    check()
    if take_over:
        state = _end_awaited(run, follower, tell, sleep)
        if state.ending is None and state.attempt:
            tell(f"taking run {run.name} over from {_whose(follower)}")
        return newest
    told = False
    while True:
        left = _seconds_left(run, newest, follower, hint, option)
        if left <= 0:
            return newest
        if not told and follower.watched > WATCH_SECONDS:
            told = True
            tell(
                f"run {run.name} may still be alive: {_whose(follower)}, whose process cannot be "
                f"seen from here. It counts as lost after {LOST_AFTER:g} s of silence; waiting for "
                f"that ({option} does not wait)"
            )
        sleep(_POLL_SECONDS)
        follower.poll()


def _finished(run: RunDir) -> Finished:
    return Finished(
        f"run {run.name} has finished; there is nothing to resume, start a new run instead"
    )


def _end_awaited(
    run: RunDir,
    follower: Follower,
    tell: Callable[[str], None],
    sleep: Callable[[float], None],
) -> RunState:
    """The state of a run that is taken over; one whose last step is done may end first.

    What it measures at its end would be lost, and its last steps done again. Raises Finished.
    """
    told = False
    waited = 0.0
    while _is_finishing(follower) and waited < FINISHING_SECONDS:
        if not told:
            told = True
            tell(
                f"run {run.name} is just finishing; waiting for its end, {FINISHING_SECONDS:g} s "
                "at most"
            )
        sleep(_POLL_SECONDS)
        waited += _POLL_SECONDS
        follower.poll()
    state = follower.state
    if state.ending is not None and state.ending.how == "finished":
        raise _finished(run)
    if _is_finishing(follower):
        tell("it has not ended: what it did since its last checkpoint will be done again")
    return state


def _is_finishing(follower: Follower) -> bool:
    """Whether the trainer has said so, and lives as far as anybody can tell."""
    state = follower.state
    if state.ending is not None or state.phase != "finishing" or follower.alive() is False:
        return False
    return silent_for(state, follower.now()) < LOST_AFTER and follower.word() != COPY.word


def _seconds_left(run: RunDir, newest: int, follower: Follower, hint: str, option: str) -> float:
    """Seconds after which the run counts as over, 0 where it does. Raises UserError: it lives."""
    state = follower.state
    if newest > state.attempt:
        return _unheard(run, newest, follower)
    if not newest or state.ending is not None or follower.word() == COPY.word:
        return 0.0
    alive = follower.alive()
    if alive or (alive is None and follower.news):
        word = follower.word()
        raise UserError(
            f"run {run.name} is {word} ({_whose(follower)}){hint}, or stop it and take it over "
            f"with {option}"
        )
    if alive is False:
        return 0.0
    quiet = LOST_AFTER - silent_for(state, follower.now())
    return max(quiet, WATCH_SECONDS - follower.watched)


def _unheard(run: RunDir, newest: int, follower: Follower) -> float:
    """As above for an attempt that was claimed and has not written a word."""
    claimant = run.claimant(newest)
    alive = None if claimant is None else is_alive(claimant)
    if alive:
        raise UserError(f"attempt {newest} of run {run.name} is just being started; watch it")
    if alive is False:
        return 0.0
    return LOST_AFTER - max(0.0, time.time() - run.claimed_at(newest), follower.watched)


def _whose(follower: Follower) -> str:
    """The attempt that a run is taken from, and when it was heard."""
    state, host = follower.state, host_of(follower.state)
    where = f" on {host}" if host else ""
    heard = f"heard {age(silent_for(state, follower.now()))} ago" if state.heard else "not heard"
    return f"attempt {state.attempt}{where}, {heard}"

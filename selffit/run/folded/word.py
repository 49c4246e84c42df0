"""The state of a run in a word, and why its trainer refused to start.

One rule says whether a run that has not ended is alive: first its heartbeat, then its process, then
its supervisor. A fresh heartbeat is life, whatever a table of processes says that may be another
one; a process that is gone for certain is death; where nobody can know, silence is death after
`LOST_AFTER` seconds. A run that never said a word has been silent since it was begun.
"""

import os

from selffit.eventlog.records import num
from selffit.numbers import age
from selffit.run.folded.state import RunState
from selffit.vocabulary import COPY, LOST, SILENT, STARTING, UNREADABLE, ending_word

SILENT_AFTER = (
    30.0  # seconds without an event before a run is called silent; a beat comes every 2 s
)
_SHUT = {"unreadable", "version"}  # kinds of notices: nobody here can read what was written


def _seconds(name: str, usual: float) -> float:
    """A time that the environment may set; what is no positive number is not listened to."""
    try:
        value = num(float(os.environ.get(name, "")))
    except ValueError:
        return usual
    return value if value > 0 else usual


# seconds without an event before a run whose process cannot be seen from here is called lost
LOST_AFTER = _seconds("SELFFIT_LOST_AFTER", 60.0)


def state_word(state: RunState, alive: bool | None, now: float) -> str:
    """Return the state of a run in one word.

    `copy`: this folder is not the one that the newest attempt works in. Seen from another host the
    numbers of folders may be others, so there a run that was heard of just now is not called so.

    `alive` says whether the process of the newest attempt exists (None: it cannot be seen from
    here, so only its heartbeat can tell), `now` is the wall clock in seconds of the machine that it
    runs on (see `Follower.now`). `lost` means: the process is gone and nobody recorded why.
    """
    if state.ending is not None:
        return ending_word(state.ending.how)
    silence = silent_for(state, now)
    if not state.heard and any(notice.kind in _SHUT for notice in state.notices):
        return UNREADABLE.word  # whether anything was said is not known
    if state.is_copy and not (alive is None and silence <= SILENT_AFTER):
        return COPY.word
    if alive is False or (alive is None and silence > LOST_AFTER):
        return LOST.word
    if silence > SILENT_AFTER:
        return SILENT.word
    if state.restarting:
        return "restarting"
    return state.phase or STARTING.word


def silent_for(state: RunState, now: float) -> float:
    """Return seconds since the newest attempt was heard, before its first word since it was begun.

    Never less than 0, which also stands for what is not known.
    """
    since = state.heard or state.begun
    return max(0.0, now - since) if since else 0.0


def loss(state: RunState, alive: bool | None, now: float) -> str:
    """Return why a run is called lost, in words; see `state_word`."""
    if not state.heard:
        return _never_heard(state, alive, now)
    if alive is False:
        return LOST.meaning
    host = host_of(state)
    where = f" on {host}" if host else ""
    return (
        f"nothing was heard of the trainer{where} for {age(silent_for(state, now))}, and after "
        f"{LOST_AFTER:g} s it counts as lost (its process cannot be seen from here)"
    )


def _never_heard(state: RunState, alive: bool | None, now: float) -> str:
    """Why a run is called lost whose log holds nothing; what its processes print lies in raw/."""
    if alive is False:
        return "its process is gone and its log holds no event; see raw/"
    silence = age(silent_for(state, now))
    return f"its log holds no event {silence} after it was begun; see raw/"


def host_of(state: RunState) -> str:
    """Return the name of the machine of the newest attempt, "" where it is not known."""
    opened = state.now.trainer or state.now.supervisor
    return opened.host if opened is not None else ""


def refusal(state: RunState) -> str:
    """Return why the trainer refused to start; '' where it did not."""
    ending = state.ending
    if ending is None or ending.how != "refused":
        return ""
    own = state.now.end  # the supervisor has only its last line
    return (own.reason if own is not None else "") or ending.text or "the trainer refused to start"

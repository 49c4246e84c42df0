"""The state of a run in a word, and why its trainer refused to start."""

from selffit.run.state import RunState
from selffit.vocabulary import COPY, LOST, STARTING, ending_word

SILENT_AFTER = 30.0  # seconds without an event before a run on another host is called silent


def state_word(state: RunState, alive: bool | None, now: float) -> str:
    """Return the state of a run in one word.

    `copy`: this folder is not the one that the newest attempt works in. Seen from another host the
    numbers of folders may be others, so there a run that was heard of just now is not called so.

    `alive` says whether the process of the newest attempt exists (None: it runs on another host, so
    only its heartbeat can tell), `now` is the wall clock in seconds. `lost` means: the process is
    gone and nobody recorded why.
    """
    if state.ending is not None:
        return ending_word(state.ending.how)
    if state.is_copy and not (alive is None and now - state.t <= SILENT_AFTER):
        return COPY.word
    if state.restarting:
        return "restarting"
    if alive is False:
        return LOST.word
    if alive is None and state.t and now - state.t > SILENT_AFTER:
        return "silent"
    return state.phase or STARTING.word


def refusal(state: RunState) -> str:
    """Return why the trainer refused to start; '' where it did not."""
    ending = state.ending
    if ending is None or ending.how != "refused":
        return ""
    own = state.now.end  # the supervisor has only its last line
    return (own.reason if own is not None else "") or ending.text or "the trainer refused to start"

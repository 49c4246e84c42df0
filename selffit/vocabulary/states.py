"""States: how a run fares in a word, and how an attempt ended.

`symbol` and `style` are names that the terminal's side draws (`selffit_tui.draw`).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class State:
    """The state of a run in a word.

    bad: somebody should look; following such a run ends with 1. left: no trainer works on it any
    more, and none has said so.
    """

    word: str
    meaning: str
    symbol: str
    style: str
    bad: bool = False
    left: bool = False

    @property
    def followed(self) -> int:
        """The exit code of whoever has followed a run until it stood like this."""
        return int(self.bad)


@dataclass(frozen=True, kw_only=True)
class Ending(State):
    """How an attempt ended.

    name: `how` of its records. code: exit code of the trainer and of its supervisor, None for 128 +
    the number of a signal. accident: another attempt may go on from the newest checkpoint.
    handed_on: whoever has followed the run ends with its code, too. foreign: no trainer of ours
    ever worked on it, so nothing can be resumed.
    """

    name: str
    code: int | None
    accident: bool = False
    handed_on: bool = False
    foreign: bool = False

    @property
    def followed(self) -> int:
        """The exit code of whoever has followed a run that ended like this."""
        return self.code if self.handed_on and self.code else int(self.bad)


_STATES = (
    State(
        word="starting",
        meaning="the process is coming up",
        symbol="starting",
        style="title",
    ),
    State(
        word="imports",
        meaning="torch and what needs it are being imported",
        symbol="starting",
        style="title",
    ),
    State(word="data", meaning="images are being loaded", symbol="starting", style="title"),
    State(word="model", meaning="the network is being built", symbol="starting", style="title"),
    State(word="training", meaning="steps are being done", symbol="running", style="good"),
    State(
        word="paused",
        meaning="training is held before the next step, as somebody asked",
        symbol="paused",
        style="paused",
    ),
    State(
        word="finishing",
        meaning="the last probe and the last checkpoint are being made",
        symbol="running",
        style="good",
    ),
    State(
        word="restarting",
        meaning="an attempt ended by accident; the next one begins",
        symbol="starting",
        style="warn",
    ),
)
STARTING = _STATES[0]
COPY = State(
    word="copy",
    meaning="a copy of a run that has not ended: its trainer, if there is one, works elsewhere",
    symbol="unknown",
    style="warn",
    left=True,
)
UNREADABLE = State(
    word="unreadable",
    meaning="a folder that may hold a run, or the log of one, that cannot be read here",
    symbol="unknown",
    style="warn",
    bad=True,
    left=True,
)
DAMAGED = State(
    word="damaged",
    meaning="a folder of a run without a run.json that can be used",
    symbol="unknown",
    style="ended",
    bad=True,
    left=True,
)
SILENT = State(
    word="silent",
    meaning="nothing was heard of the trainer for a while, and it is not known to be gone",
    symbol="unknown",
    style="warn",
)
LOST = State(
    word="lost",
    meaning="the trainer is gone and nothing recorded why",
    symbol="unknown",
    style="ended",
    bad=True,
    left=True,
)
_LEFT = (COPY, UNREADABLE, DAMAGED, LOST)
_ENDINGS = (
    Ending(
        name="finished",
        word="finished",
        meaning="all epochs are done",
        symbol="finished",
        style="good",
        code=0,
    ),
    Ending(  # the epochs are done, but what they trained is of no use
        name="diverged",
        word="diverged",
        meaning="all epochs are done, but training had diverged on the way",
        symbol="failed",
        style="ended",
        bad=True,
        code=4,
    ),
    Ending(
        name="stopped",
        word="stopped",
        meaning="somebody, or a rule of the run, asked it to stop",
        symbol="stopped",
        style="title",
        code=0,
    ),
    Ending(
        name="preempted",
        word="preempted",
        meaning="a scheduler asked it to save and to end; it is to be resumed",
        symbol="stopped",
        style="title",
        code=75,  # "try again": that of sysexits.h for a failure that passes
        handed_on=True,
    ),
    Ending(
        name="unsaved",
        word="not saved",
        meaning="training came to its end, or was stopped, and its last checkpoint was not saved",
        symbol="failed",
        style="ended",
        bad=True,
        code=1,
    ),
    Ending(
        name="refused",
        word="refused",
        meaning="the trainer did not start, and said why",
        symbol="failed",
        style="ended",
        bad=True,
        code=2,
    ),
    Ending(
        name="crashed",
        word="crashed",
        meaning="the program raised an error",
        symbol="failed",
        style="ended",
        bad=True,
        code=1,
        accident=True,
    ),
    Ending(  # of an attempt: the run goes on in another one, so it is no bad end
        name="superseded",
        word="superseded",
        meaning="another attempt took over this run",
        symbol="stopped",
        style="title",
        code=3,
    ),
    Ending(
        name="gone",
        word="gone",
        meaning="the folder of the run was deleted, or moved to another file system",
        symbol="failed",
        style="ended",
        bad=True,
        code=1,
    ),
    Ending(
        name="killed",
        word="killed",
        meaning="a signal ended the process",
        symbol="failed",
        style="ended",
        bad=True,
        code=None,
        accident=True,
    ),
    Ending(
        name="oom",
        word="out of memory",
        meaning="the kernel ended the process, probably for want of memory",
        symbol="failed",
        style="ended",
        bad=True,
        code=None,
        accident=True,
    ),
)
IMPORTED = Ending(
    name="imported",
    word="imported",
    meaning="measured by another program and imported: no trainer belongs to it, so nothing can "
    "act on it",
    symbol="finished",
    style="title",
    code=0,
    foreign=True,
)
ENDINGS: Mapping[str, Ending] = {ending.name: ending for ending in (*_ENDINGS, IMPORTED)}
STATES: Mapping[str, State] = {
    state.word: state for state in (*_STATES, SILENT, *_LEFT, *ENDINGS.values())
}


def ending_word(how: str) -> str:
    """What people read of an attempt that ended like this."""
    return ENDINGS[how].word if how in ENDINGS else how or "ended"


def exit_code(how: str, signal: int = 0) -> int:
    """The exit code of a process whose attempt ended like this, by that signal if by one."""
    code = ENDINGS[how].code if how in ENDINGS else None
    return 128 + signal if code is None else code


def state_of(word: str) -> State:
    """The state of that word; one that is not known looks like a run that is starting."""
    known = STATES.get(word)
    if known is not None:
        return known
    return State(word=word, meaning="", symbol=STARTING.symbol, style=STARTING.style)


def ended_badly(how: str) -> bool:
    """Whether an attempt that ended like this needs somebody to look."""
    return how in ENDINGS and ENDINGS[how].bad


def is_foreign(how: str) -> bool:
    """Whether a run that ended like this never had a trainer of ours."""
    return how in ENDINGS and ENDINGS[how].foreign

"""What a person has chosen to look at, and everything that a widget needs to draw itself."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, TypeVar

from selffit.control.ledger import Ledger
from selffit.eventlog import kinds
from selffit.run.folded.lineage import ActiveLine
from selffit.run.folded.state import RunState
from selffit.run.folded.word import state_word
from selffit.run.judged.ahead import next_probe
from selffit.run.judged.health import Limit, limits
from selffit.run.judged.verdict import Verdict, verdict
from selffit.run.recording.recording import Recording
from selffit.vocabulary import state_of
from selffit_tui.draw.glyphs import BRAILLE, Glyphs
from selffit_tui.draw.raster import Window, window
from selffit_tui.model.replay import Replay
from selffit_tui.model.requests import Request
from selffit_tui.model.series import Columns
from selffit_tui.model.usual import Usual, calm_until, usual_of

OVERVIEW = "overview"  # several panels at once; else the name of one
# change of rank since so many channel probes earlier; 0 = since the first
BASELINES = (1, 3, 10, 0)
MAX_ZOOM = 24
FEWEST_STEPS = 50  # on the steps axis of a run that has just begun


Alarm = tuple[str, str, int | None]  # what stands, on which branch, and since when


def alarm_of(found: Verdict) -> Alarm:
    """What an alarm is told by."""
    return found.state, found.branch, found.since


class Measured(Protocol):
    """What was measured at a step of a branch."""

    @property
    def branch(self) -> str:
        """The branch of the run."""

    @property
    def step(self) -> int:
        """The training step."""


M = TypeVar("M", bound=Measured)


@dataclass(frozen=True)
class Snapshot:
    """What the feed knows: the newest state, and what only the machine can tell.

    `alive`: see `liveness.is_alive`. `loading`: share of the log that has been read, None when all
    of it has. `ahead`: seconds by which the clock of the run's machine is ahead of ours.
    `recording`: all that was read, None where nobody keeps it; `position`: that of `state` in it.
    """

    state: RunState = field(default_factory=RunState)
    alive: bool | None = None
    log_bytes: int = 0
    loading: float | None = None
    ahead: float = 0.0
    recording: Recording | None = field(default=None, repr=False, compare=False)
    position: int = 0

    def at(self, position: int) -> "Snapshot":
        """This snapshot with the state of another position; itself where nothing was recorded."""
        if self.recording is None or position == self.position:
            return self
        position = min(max(0, position), len(self.recording))
        return replace(self, state=self.recording.state_at(position), position=position)

    def word(self, now: float) -> str:
        """The state of the run in a word at our wall clock `now`."""
        return state_word(self.state, self.alive, now + self.ahead)


@dataclass(frozen=True, kw_only=True)
class View:
    """The choices of the person watching; changing one makes a new view."""

    panel: str = OVERVIEW
    cursor: int | None = None  # the step that the clock stands at, None at the newest
    zoom: int = 0  # how often the steps axis was halved
    layer: int = 0
    baseline: int = 0  # index into BASELINES
    smooth: bool = False
    log_axis: bool = False
    scroll: int = 0
    seen: Alarm | None = None  # the alarm that somebody has said to have seen
    every: bool = False  # event, not the important ones only
    find: str = ""  # what is looked for among the events

    def zoomed(self, by: int) -> "View":
        """One level closer or farther; 0 shows everything."""
        return replace(self, zoom=min(MAX_ZOOM, max(0, self.zoom + by)) if by else 0)

    def showing(self, panel: str) -> "View":
        """One panel alone, or the overview, from its beginning."""
        return replace(self, panel=panel, scroll=0)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One consistent picture: a state, a view of it, and the present time (wall clock, seconds)."""

    snapshot: Snapshot
    view: View
    columns: Columns
    now: float
    newest: Snapshot  # what has been read; differs from `snapshot` while the past is on show
    glyphs: Glyphs = BRAILLE
    narrow: bool = False
    requests: tuple[Request, ...] = ()  # what was asked for from here, oldest first
    readonly: bool = False
    replay: Replay = field(default_factory=Replay)
    then: float | None = None  # the wall clock of what is drawn, None: now

    @property
    def state(self) -> RunState:
        """The state that is drawn."""
        return self.snapshot.state

    @property
    def word(self) -> str:
        """The state of the run in a word, as of what is drawn."""
        return self.present_word if self.then is None else self.snapshot.word(self.then)

    @property
    def present_word(self) -> str:
        """The state of the run in a word, as of now."""
        return self.newest.word(self.now)

    @property
    def ledger(self) -> Ledger:
        """The control state of the newest state."""
        return self.newest.state.ledger

    @property
    def line(self) -> ActiveLine:
        """The active line of what is drawn."""
        return self.columns.line

    @cached_property
    def verdict(self) -> Verdict:
        """What stands in the newest state, whatever is drawn."""
        return verdict(self.newest.state)

    @cached_property
    def stands(self) -> Verdict:
        """What stands in the state that is drawn."""
        return self.verdict if self.is_newest else verdict(self.state)

    @cached_property
    def usual(self) -> Mapping[str, Usual]:
        """What is usual of the signals, by name: before what stands, else until now."""
        end = calm_until(self.state, self.stands, self.line)
        return usual_of(self.columns, end)

    @cached_property
    def limits(self) -> list[Limit]:
        """What each probe of the active line was held against."""
        return limits(self.state)

    @property
    def is_newest(self) -> bool:
        """Whether the newest state is drawn, not one of the past."""
        return self.state is self.newest.state

    @property
    def newest_alarm(self) -> Verdict | None:
        """What stands now in a run that goes on, and is worse than what is drawn; None without it.

        The end of a run that is played again is no news.
        """
        now = self.verdict
        if not self.working:
            return None
        return now if now.fallen and alarm_of(now) != alarm_of(self.stands) else None

    @property
    def seen(self) -> bool:
        """Whether somebody has said to have seen what stands."""
        return self.view.seen == alarm_of(self.stands)

    @property
    def may_act(self) -> bool:
        """Whether interventions are offered.

        Not when only watching, nor when no trainer is left to take them.
        """
        return not self.readonly and self.working

    @property
    def working(self) -> bool:
        """Whether the run has not ended, and a trainer works on it as far as anybody can tell."""
        return self.newest.state.ending is None and not state_of(self.present_word).left

    @property
    def goes(self) -> bool:
        """Whether what is drawn goes on by itself, so that it can be held."""
        return self.working if self.replay.live else self.replay.clock.playing

    def window(self, columns: int) -> Window:
        """The steps that charts of so many columns of dots show, at the present zoom and cursor."""
        last = max(float(self.state.step), float(FEWEST_STEPS), self.columns.last_step)
        if not self.replay.live:  # the axis stays what it is while the clock moves on it
            last = max(last, float(self.newest.state.step), *map(float, self.replay.reached))
        if not self.view.zoom:
            return window(0.0, last, columns)
        span = max(last / 2.0**self.view.zoom, 4.0)
        centre = last - span / 2 if self.view.cursor is None else float(self.view.cursor)
        first = min(max(0.0, centre - span / 2), max(0.0, last - span))
        return window(first, first + span, columns)

    def on_line(self, history: Iterable[M]) -> list[M]:
        """What there is of a history on the active line, in the order of steps."""
        line = self.line
        return sorted((e for e in history if line.holds(e.branch, e.step)), key=lambda e: e.step)

    def up_to_cursor(self, entries: Iterable[M]) -> list[M]:
        """Those at or before the cursor, all where there is none."""
        cursor = self.view.cursor
        return [entry for entry in entries if cursor is None or entry.step <= cursor]

    def newest_of(self, history: Sequence[M]) -> M | None:
        """The newest entry on the active line, at or before the cursor where there is one.

        None when there is none.
        """
        line, cursor = self.line, self.view.cursor
        last = float("inf") if cursor is None else cursor
        for index in range(len(history) - 1, -1, -1):
            entry = history[index]
            if entry.step <= last and line.holds(entry.branch, entry.step):
                return entry
        return None

    def channel_probe(self) -> int | None:
        """The index of the channel probe to show, None when there is none.

        It is the newest one at or before the cursor.
        """
        probes = self.columns.channels
        if self.view.cursor is None:
            return len(probes) - 1 if len(probes) else None
        return next(
            (i for i in range(len(probes) - 1, -1, -1) if probes[i].step <= self.view.cursor), None
        )

    def layer_name(self) -> str:
        """The layer whose channels are on show, '' before the first channel probe."""
        index = self.channel_probe()
        layers = self.columns.channels[index].layers if index is not None else ()
        return layers[self.view.layer % len(layers)].name if layers else ""

    def baseline_probe(self, index: int) -> kinds.ChannelProbe | None:
        """The channel probe that ranks are compared with, None when there is no earlier one."""
        back = BASELINES[self.view.baseline]
        earlier = 0 if back == 0 else index - back
        return self.columns.channels[max(0, earlier)] if index > 0 else None

    def full_sets(self) -> list[kinds.SelfProbe]:
        """The full sets of self-information that are shown, each with its dose curve."""
        sets = [
            probe
            for probe in self.on_line(self.state.all(kinds.SelfProbe))
            if probe.full and len(probe.doses[0])
        ]
        return self.up_to_cursor(sets)

    def compared(self, sets: Sequence[kinds.SelfProbe]) -> kinds.SelfProbe | None:
        """The full set that the newest one is compared with.

        It is the last before the onset, or simply the one before; None when there is none.
        """
        onset = verdict(self.state).onset
        end = sets[-1].step
        if onset is not None and onset.about <= end:
            end = onset.about
        return next((probe for probe in reversed(sets[:-1]) if probe.step < end), None)

    def next_probe(self) -> int | None:
        """The step of the next regular probe, None when it is not known."""
        return next_probe(self.state)

"""The state of a run as a pure function of its events: `reduce(state, item) -> state`.

Live watching, `status` and replay all use this one function; it knows nothing of files, clocks or
screens. The streams of a run may reach a reader in any interleaving, so what the supervisor says
and what the trainer says is kept apart by attempt and only combined when asked for: the order
between streams does not matter. What is kept of a kind is declared with the kind
(`selffit.eventlog.kinds`).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from selffit.control.ledger import Ledger
from selffit.detect.divergence import ASSUMED_CLASSES
from selffit.eventlog import kinds
from selffit.eventlog.batch import batch_of
from selffit.eventlog.bulk import Bulk
from selffit.eventlog.fields import EMPTY
from selffit.eventlog.history import History
from selffit.eventlog.kinds import KINDS, Event
from selffit.eventlog.records import Notice, Record, Unread, num
from selffit.eventlog.tail import Skimmed
from selffit.run.folded.attempt import Attempt as Attempt
from selffit.run.folded.attempt import Ending
from selffit.run.folded.blocks import Blocks
from selffit.run.folded.lineage import ActiveLine, line_of
from selffit.run.folded.quick import STEPS, event_of
from selffit.run.folded.taking import Draft, Kept, take, take_steps

NAN = float("nan")
E = TypeVar("E", bound=Event)
Foldable = Skimmed | Event  # what a state is made of: lines of a log, or the events that they tell
_NONE: History[Any] = History()
_EXIT = kinds.Exited.KIND.name


@dataclass(frozen=True, kw_only=True)
class RunState:
    """Everything that a reader knows about a run, immutable."""

    run: str = ""
    attempts: Mapping[int, Attempt] = field(default_factory=dict)
    attempt: int = 0  # the newest
    branch: str = "main"  # the active one
    phase: str = ""  # what the trainer said it is doing: starting, data, model, training, finishing
    step: int = 0
    epoch: float = 0.0
    t: float = 0.0  # wall clock of the newest record
    heard: float = 0.0  # of the last one of the newest attempt, by the clock of who wrote it
    heard_of: str = ""  # the stream that it came from
    started: float = NAN  # wall clock of the first record
    start: kinds.RunStart | None = None
    ledger: Ledger = field(default_factory=Ledger)
    kept: Mapping[type[Event], Kept] = field(default_factory=dict)
    newest: Mapping[type[Event], Any] = field(default_factory=dict)
    events: History[Event] = field(default_factory=History)  # those that are worth a line
    dropped: int = 0  # metrics that the writer had to drop, as the log itself says
    saves: int = 0  # checkpoints that were saved
    failed_saves: int = 0  # and that could not be
    unsaved: kinds.CheckpointFailed | None = None  # the last of those, None once one was saved
    # when the newest attempt was begun, by what lies beside an empty log: known to who follows it
    begun: float = field(default=0.0, compare=False)
    notices: History[Notice] = field(default_factory=History)  # what is wrong with the log
    elsewhere: int = 0  # the newest attempt that was begun in another folder than the one read

    def all(self, kind: type[E]) -> History[E]:
        """Return every event of a kind that is kept, in the order of the log.

        Of blocks of steps, which are many, what `Blocks` keeps of them.
        """
        return cast(History[E], self.kept.get(kind, _NONE))

    @property
    def blocks(self) -> Blocks:
        """Every block of training steps, in columns."""
        found = self.kept.get(kinds.Steps)
        return found if isinstance(found, Blocks) else Blocks()

    def last(self, kind: type[E]) -> E | None:
        """Return the newest event of a kind that is kept, wherever it happened; None before one."""
        found: E | None = self.newest.get(kind) if kind in self.newest else self.all(kind).last
        return found

    def current(self, kind: type[E]) -> E | None:
        """Return the newest event of a kind that stands on the active line; None before one."""
        line = self.line
        for event in _backwards(self.all(kind)):
            if line.holds(event.branch, event.step):
                return event
        return None

    @property
    def line(self) -> ActiveLine:
        """The pieces of branches that lead to the present step.

        A roll-back that was decided turns it only where its branch begins: until then the run
        stands where it was.
        """
        return line_of(self.ledger, self.branch)

    @property
    def now(self) -> Attempt:
        """The newest attempt."""
        return self.attempts.get(self.attempt) or Attempt(number=self.attempt)

    @property
    def addressed(self) -> int | None:
        """The attempt that a command is meant for: the one that trains or is being started.

        None before the first.
        """
        return self.attempt + self.restarting or None

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration, empty before `run.start`."""
        return self.start.config if self.start is not None else EMPTY

    @property
    def steps_total(self) -> int:
        """Training steps of the whole run, 0 before `run.start`."""
        return self.start.steps_total if self.start is not None else 0

    @property
    def last_step(self) -> int:
        """The step at which training ends: before `steps_total` where `stop_epoch` says so."""
        stop = num(self.setting("stop_epoch"))
        if self.start is None or not stop > 0:
            return self.steps_total
        return round(min(self.steps_total, stop * self.start.steps_per_epoch))

    @property
    def ending(self) -> Ending | None:
        """How the newest attempt ended; None while it runs and while the next one is started."""
        return None if self.now.restarting else self.now.ending

    @property
    def restarting(self) -> bool:
        """Whether the newest attempt has ended and the supervisor is starting another."""
        return self.now.restarting

    @property
    def is_copy(self) -> bool:
        """Whether the newest attempt has not ended and works in another folder, if at all."""
        return self.ending is None and self.copied

    @property
    def copied(self) -> bool:
        """Whether the newest attempt, ended or not, was begun in another folder."""
        return 0 < self.attempt == self.elsewhere

    def setting(self, name: str) -> Any:
        """Return a setting as it is now.

        eps, alpha and lr follow schedules, so their newest logged value counts, as long as it was
        logged on this branch; else what interventions changed or the configuration says.
        """
        block = self.last(kinds.Steps)
        if block is not None and block.branch == self.branch and (values := block.cols.get(name)):
            return num(values[-1])
        return self.ledger.overrides.get(name, self.config.get(name))


def unit_of(state: RunState) -> str:
    """Return what a step of this log stands for: "step", or "epoch" where no step was told."""
    told = state.last(kinds.Hosted) or state.last(kinds.Imported)
    return "epoch" if told is not None and told.unit == "epoch" else "step"


def is_only_told(state: RunState) -> bool:
    """Whether nothing of ours measures: all that is known is what somebody's program printed."""
    hosted = state.last(kinds.Hosted)
    by_lines = hosted is not None and hosted.by == "lines"
    return by_lines or state.last(kinds.Imported) is not None


def classes_of(state: RunState) -> tuple[int, bool]:
    """Return how many classes there are, 0 where that is not known, and whether that is assumed.

    It is where somebody else's log does not tell: by the same guess as of a table.
    """
    known = state.start.classes if state.start is not None else 0
    assumed = not known and is_only_told(state)
    return (ASSUMED_CLASSES if assumed else known), assumed


def _backwards(events: History[E]) -> Iterable[E]:
    return (events[index] for index in range(len(events) - 1, -1, -1))


def reduce(state: RunState, item: Record | Notice) -> RunState:
    """Return the state after one more item."""
    return reduce_all(state, (item,))


def reduce_all(
    state: RunState,
    items: Iterable[Foldable],
    each: Callable[[Mapping[str, Any]], None] | None = None,
) -> RunState:
    """Return the state after all items: as one by one, with one new state for the batch.

    `each` is shown the fields of the state after every item but a bulk, to read them at once; but
    for `newest`, which is made of the whole batch.
    """
    draft = {name: getattr(state, name) for name in RunState.__dataclass_fields__}
    draft["kept"] = dict(state.kept)
    # a long log is half heartbeats: only the newest counts
    latest: Latest = {}
    for item in items:
        if isinstance(item, Bulk):
            _take_many(draft, item, latest)
            continue
        if isinstance(item, Notice):
            _notice(draft, item)
        elif isinstance(item, Event):
            branch, step, t, attempt, stream = item.at
            _place(draft, attempt, t, stream, branch, step, type(item) is kinds.Exited)
            if type(item).KIND.kept == "newest":
                latest[type(item)] = item
            else:
                take(draft, item)
        else:
            _place_of(draft, item)
            _take_one(draft, item, latest)
        if each is not None:
            each(draft)
    if latest:
        newest = {cls: event for cls, item in latest.items() if (event := _event(item)) is not None}
        draft["newest"] = {**draft["newest"], **newest}
    return replace(state, **draft)


Latest = dict[type[Event], Record | Unread | Event]


def _take_one(draft: Draft, item: Record | Unread, latest: Latest) -> None:
    cls = KINDS.get(item.k)
    if cls is not None and cls.KIND.kept == "newest":
        latest[cls] = item
    elif (event := _event(item)) is not None:
        take(draft, event)


def _take_many(draft: Draft, bulk: Bulk, latest: Latest) -> None:
    """What every line of a bulk would do by itself, one after the other."""
    _place_of(draft, bulk.place(0))
    _place_many(draft, bulk)
    kinds_of = bulk.kinds()
    others = kinds_of - {STEPS} - {k for k in kinds_of if KINDS[k].KIND.kept == "newest"}
    indices = bulk.of_kind(STEPS) if STEPS in kinds_of else []
    batch = batch_of(bulk, indices) if indices and not others else None
    if others or (indices and batch is None):
        for line in bulk:
            _take_one(draft, line, latest)
        return
    for kind in kinds_of - {STEPS}:
        latest[KINDS[kind]] = bulk.line(bulk.of_kind(kind)[-1])
    if batch is None:
        return
    last = event_of(bulk.line(indices[-1]))
    assert isinstance(last, kinds.Steps)
    take_steps(draft, last)
    draft["step"] = max(draft["step"], int((batch.first + batch.size).max()))
    blocks = draft["kept"].get(kinds.Steps)
    draft["kept"][kinds.Steps] = (blocks or Blocks()).extend(batch, last)


def _place_many(draft: Draft, bulk: Bulk) -> None:
    """What the lines of a bulk tell by themselves, once the first of them has been looked at."""
    times = bulk.t
    draft["t"] = max(draft["t"], float(times.max()))
    draft["started"] = min(draft["started"], float(times.min()))
    if bulk.a == draft["attempt"] and draft["heard_of"] == bulk.stream:
        draft["heard"] = float(times[-1])
    if bulk.stream == "trainer":
        branch = draft["branch"]
        here = [number for number, name in enumerate(bulk.names) if name[1] == branch]
        steps = [int(bulk.s[bulk.of == number].max(initial=0)) for number in here]
        draft["step"] = max(draft["step"], *steps, 0)


def _event(item: Record | Unread | Event) -> Event | None:
    if isinstance(item, Event):
        return item
    return kinds.of_record(item) if isinstance(item, Record) else event_of(item)


def _notice(draft: Draft, notice: Notice) -> None:
    if notice.kind == "elsewhere":
        draft["elsewhere"] = max(draft["elsewhere"], int(notice.file[:6]))
    else:
        draft["notices"] = draft["notices"].append(notice)


def _place_of(draft: Draft, item: Record | Unread) -> None:
    _place(draft, item.a, item.t, item.stream, item.b, item.s, item.k == _EXIT)


def _place(
    draft: Draft, attempt: int, t: float, stream: str, branch: str, step: int, exit: bool
) -> None:
    """What every record tells by itself."""
    if attempt > draft["attempt"]:
        draft["attempt"] = attempt
        draft["phase"] = "starting"
        draft["heard_of"] = ""
    draft["t"] = max(draft["t"], t)
    if attempt == draft["attempt"] and (
        # streams are read one by one: what a supervisor said when it began is no news of a trainer
        stream == "trainer" or draft["heard_of"] != "trainer" or exit
    ):
        draft["heard"] = t
        draft["heard_of"] = stream
    if not draft["started"] <= t:  # also true while it is NaN
        draft["started"] = t
    if stream == "trainer" and branch == draft["branch"] and step > draft["step"]:
        draft["step"] = step

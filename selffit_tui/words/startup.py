"""What a run that is coming up does just now, step by step, and how long each step took."""

from collections.abc import Iterator, Mapping

from selffit.eventlog import kinds
from selffit.eventlog.history import History
from selffit.numbers import duration
from selffit.run.folded.state import RunState
from selffit.run.judged.trouble import shut_out
from selffit.vocabulary import state_of
from selffit_tui.draw.spans import Line

SPAWNED = "spawned"
FIRST = "training"  # the phase whose first step or probe is waited for
STEPS = {  # by phase, in the order in which they come
    SPAWNED: "the trainer is spawned",
    "starting": "its process comes up, the log is opened",
    "imports": "torch is imported",
    "data": "the images are read",
    "model": "the network and its optimiser are built",
    FIRST: "the first probe and the first steps are made",
}
PATIENCE = {  # seconds after which it is said why this takes so long
    "imports": (10.0, "the first time after an installation, or from a shared disk: a minute"),
    "data": (20.0, "large sets are read whole, so that no step waits for them"),
}
DONE, NOW = "recovered", "running"  # names of symbols


def coming_up(state: RunState) -> bool:
    """Whether nothing of a run is there to be seen yet but that it is coming up."""
    measured = len(state.blocks) or len(state.all(kinds.RobustProbe))
    return not measured and state.ending is None and shut_out(state) is None


def begun(state: RunState) -> dict[str, float]:
    """When each step of the newest attempt began, wall clock of its machine, by its name."""
    found: dict[str, float] = {}
    spawned = state.now.spawned
    if spawned is not None:
        found[SPAWNED] = spawned.t
    events: History[kinds.Event] = state.events
    for event in events:
        if isinstance(event, kinds.Phase) and event.at.attempt == state.attempt:
            found[event.name] = event.t
    return found


def lines(state: RunState, now: float, symbols: Mapping[str, str]) -> list[Line]:
    """A line for each step: done, under way, or to come. `now`: wall clock of the run's machine."""
    return list(_lines(begun(state), now, symbols))


def _lines(at: dict[str, float], now: float, symbols: Mapping[str, str]) -> Iterator[Line]:
    names = list(STEPS)
    newest = max((names.index(name) for name in at if name in STEPS), default=-1)
    for number, name in enumerate(names):
        if number > newest:
            yield [(f"   {STEPS[name]}", "dim")]
            continue
        later = [at[other] for other in names[number + 1 :] if other in at]
        took = (min(later) if later else now) - at.get(name, min(later, default=now))
        over = number < newest
        style = "dim" if over else "strong"
        symbol, ink = (symbols[DONE], "good") if over else (symbols[NOW], state_of(name).style)
        line: Line = [(f" {symbol} ", ink), (STEPS[name], style)]
        if took >= 0.1 and name in at:
            line.append((f"  {took:.1f} s" if took < 60 else f"  {duration(took)}", "dim"))
        yield line
        patience, why = PATIENCE.get(name, (0.0, ""))
        if not over and why and took > patience:
            yield [(f"   {why}", "dim")]
    if newest < 0:
        yield [(f" {symbols[NOW]} its supervisor comes up", "strong")]

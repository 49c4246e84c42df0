"""The timeline: the whole run in a row, where the clock stands in it, and what lies there.

On the first rail is the line of history that leads to the newest step, on the second what a
roll-back left behind.
"""

from collections.abc import Callable
from dataclasses import dataclass

from rich.cells import cell_len

from selffit.numbers import count, duration
from selffit.run.again.firing import HIT
from selffit.run.folded.lineage import ActiveLine
from selffit.vocabulary import state_of
from selffit_tui.draw.spans import Line, Span, crop, width_of
from selffit_tui.model.clock import gap_words, speed_words
from selffit_tui.model.replay import SHOWN, looks, rank
from selffit_tui.model.scene import Scene
from selffit_tui.panels.header import Item, pack
from selffit_tui.panels.widget import LineWidget
from selffit_tui.screens.keys import key_of, shown_keys
from selffit_tui.screens.rules import passed, rule_words, said_first

LEAST_HEIGHT = 20  # lines of a terminal from which there is a timeline
ROOMY = 34  # and from which a second rail
LEAST_WORDS = 10  # cells for what a mark says
SHORTEST = 16  # cells of a rail
RAIL_SHARE = 0.52  # of the width that the rail takes
MEANINGS = (("play", "play"), ("step-forth", ""), ("mark-next", ""), ("live", "end"))


class Timeline(LineWidget):
    """One line, two where there is a branch and room, and one for other rules."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The rails, and what is said of the clock."""
        return timeline_lines(scene, width, height)


def timeline_height(scene: Scene, height: int) -> int:
    """The lines that it has in a terminal of that height."""
    if height < LEAST_HEIGHT or not scene.replay.length:
        return 0
    return 1 + second_rail(scene, height) + (scene.replay.rules is not None)


def second_rail(scene: Scene, height: int) -> bool:
    """Whether there is a branch, and room for what was left behind, in a terminal so high."""
    return height >= ROOMY and len(scene.newest.state.ledger.branches) > 1


def timeline_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The rails at the left, at the right what is said of the clock and of what lies under it."""
    if width <= 0 or height <= 0:
        return [[]] * max(0, height)
    room = max(0, width - max(SHORTEST, round(width * RAIL_SHARE)) - 3)
    rail = max(1, width - room - 3)  # it stays where it is, whatever is said
    below: list[Line] = []
    if scene.replay.rules is not None and height > 1:
        height -= 1
        row: Line = [(" ", "text"), *rule_row(scene, rail), ("  ", "text")]
        below = [crop([*row, *rule_words(scene, room)], width, scene.glyphs.ellipsis)]
    status = pack(_status(scene), room)
    if height > 1:
        told = [status, _hint(scene, room)]
    else:
        hint = _hint(scene, room - width_of(status) - 2)
        if not hint and scene.replay.mark is not None:  # what lies here matters more than the time
            status = pack(_status(scene)[:1], room)
            hint = _hint(scene, room - width_of(status) - 2)
        told = [[*status, ("  ", "text"), *hint] if hint else status]
    rails = rail_lines(scene, rail, height)
    above = [
        crop([(" ", "text"), *line, ("  ", "text"), *words], width, scene.glyphs.ellipsis)
        for line, words in zip(rails, [*told, *[[]] * (height - len(told))], strict=True)
    ]
    return above + below


# ---- what is said ----------------------------------------------------------------------------
def _status(scene: Scene) -> list[Item]:
    """Live, held or playing; where, and what goes on meanwhile."""
    replay, symbols = scene.replay, scene.glyphs.symbols
    step: list[Span] = [("at ", "dim"), (count(replay.step), "strong")]
    if replay.live:
        if scene.working:
            return [(1, [("live ", "good"), *step])]
        ended = state_of(scene.present_word)
        words: list[Span] = [(f"{symbols[ended.symbol]} end ", ended.style), *step]
        return [(1, words), (3, [(duration(replay.end), "dim")])]
    where: list[Span] = [(duration(replay.t), "text"), (f" of {duration(replay.end)}", "dim")]
    clock = replay.clock
    if clock.playing:
        how: Span = (f"{symbols['chosen']} {speed_words(clock.speed)} ", "act")
    else:
        how = (f"{symbols['paused']} held ", "strong")
    items: list[Item] = [(1, [how, *step]), (2, where)]
    if replay.gap:
        items.append((3, [(gap_words(replay.gap), "warn")]))
    elif (ahead := meanwhile(scene)) is not None:
        items.append((3, [ahead]))
    return items


def meanwhile(scene: Scene) -> Span | None:
    """What goes on in a run whose past is on show: how much, or what is wrong by now."""
    if scene.replay.live or not scene.working:
        return None
    alarm = scene.newest_alarm
    if alarm is not None:
        symbol = scene.glyphs.symbols[alarm.level.symbol]
        return f"by now {symbol} {alarm.level.label}", alarm.level.banner
    further = scene.newest.state.step - scene.replay.step
    return f"the run goes on{f', +{count(further)}' if further > 0 else ''}", "dim"


def _hint(scene: Scene, room: int) -> list[Span]:
    """What the mark under the clock says; where there is none, the keys."""
    moment = scene.replay.mark
    if moment is not None:
        symbol, style = looks(moment)
        kind = f"{moment.kind}: " if moment.is_alert else ""
        words = f"{scene.glyphs.symbols[symbol]} {kind}{moment.text}"
        if room < LEAST_WORDS:
            return []
        return crop([(words, style)], min(room, cell_len(words)), scene.glyphs.ellipsis)
    items: list[Item] = []
    for place, (id, meaning) in enumerate(MEANINGS):
        words = meaning
        if id == "live" and scene.replay.live:
            continue
        if id == "play" and scene.goes:
            words = "hold"
        shown = _first_key(id, scene)
        if id == "step-forth":
            words = scene.replay.unit
            between = "/" if scene.glyphs.plain else ""  # there, arrows are words
            shown = f"{_first_key('step-back', scene)}{between}{shown}"
        if id == "mark-next":
            words, shown = scene.replay.choice.name, "[ ]"
        items.append((place, [(shown, "key"), (f" {words}", "dim")]))
    return pack(items, room)


def _first_key(id: str, scene: Scene) -> str:
    return shown_keys(key_of(id), scene.glyphs.plain).split(" ")[0]


# ---- the rails -------------------------------------------------------------------------------
def cell_of(scene: Scene, width: int) -> Callable[[float], int]:
    """What gives the cell of a step on a rail of that width."""
    state, across = scene.newest.state, max(0, width - 1)
    last = max(state.last_step, state.step, 1, *scene.replay.reached, 0)
    return lambda step: min(across, max(0, round(step * across / last)))


def rule_row(scene: Scene, width: int) -> Line:
    """Where other rules fire: their first letters, false alarms faint."""
    rail, cell = _Rail([(" ", "text")] * width), cell_of(scene, width)
    taken: set[int] = set()
    for one in said_first(scene):
        at = cell(one.firing.step)
        while at in taken:  # of several in one cell the next ones stand beside it
            at += 1
        taken.add(at)
        style = "act" if passed(scene, one) and one.what == HIT else "faint"
        rail.put(at, one.rule[0], style)
    return _joined(rail.cells)


@dataclass
class _Rail:
    """The cells of a rail, each a character and its ink."""

    cells: list[Span]

    def put(self, cell: int, text: str, style: str) -> None:
        """Writes over cells, from one on; what does not fit moves to the left."""
        first = max(0, min(cell, len(self.cells) - len(text)))
        for offset, character in enumerate(text[: len(self.cells)]):
            self.cells[first + offset] = (character, style)


def rail_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The first rail, and from a height of 2 on the second."""
    glyphs, state, replay = scene.glyphs, scene.newest.state, scene.replay
    line = state.line
    rails = [_Rail([(" ", "text")] * width) for _ in range(height)]
    across, cell = max(0, width - 1), cell_of(scene, width)

    on_line = line.holds(replay.branch, replay.step)
    here, known = cell(replay.step), cell(state.step)
    first = rails[0]
    played = here if on_line else cell(_left_at(line, scene, replay.branch))
    for index in range(width):
        style = "dim" if index <= played else "faint"
        first.cells[index] = (glyphs.rule, style) if index <= known else (glyphs.later, "faint")
    first.put(0, glyphs.rail_begin, "dim")
    first.put(across, glyphs.rail_end if width > 1 else "", "faint")
    if height > 1:
        for branch, (begin, end) in left_behind(scene).items():
            passed = branch == replay.branch and not on_line
            for index in range(cell(begin), cell(end) + 1):
                done = passed and index <= here
                rails[1].put(index, glyphs.rule, "dim" if done else "faint")
            rails[1].put(cell(begin), glyphs.corner, "faint")
    for moment in sorted(filter(SHOWN.takes, replay.moments), key=rank):
        symbol, style = looks(moment)
        live = line.holds(moment.branch, moment.step)
        rail = rails[0 if live or height == 1 else 1]
        reached = moment.position <= replay.position and (live or height > 1)
        rail.put(cell(moment.step), glyphs.symbols[symbol], style if reached else "faint")
    rail = rails[0 if on_line or height == 1 else 1]
    shown = rail.cells[here][0]
    if shown in (glyphs.rule, glyphs.later, " ", glyphs.corner):
        shown = glyphs.here
    rail.cells[here] = (shown, "strong" if replay.live else "tab")
    return [_joined(rail.cells) for rail in rails]


def left_behind(scene: Scene) -> dict[str, tuple[float, float]]:
    """The abandoned part of each branch: the step at which it was left, and the last one."""
    state = scene.newest.state
    line = state.line
    ends: dict[str, float] = {}
    for moment in scene.replay.moments:
        ends[moment.branch] = max(ends.get(moment.branch, 0), moment.step)
    found: dict[str, tuple[float, float]] = {}
    for name in state.ledger.branches:
        begin = _left_at(line, scene, name)
        end = ends.get(name, begin)
        if line.end(name) < float("inf") and end > begin:
            found[name] = begin, end
    return found


def _left_at(line: ActiveLine, scene: Scene, name: str) -> float:
    """The step at which a branch leaves the line of the newest step."""
    end = line.end(name)
    if end == float("inf"):
        return float(scene.newest.state.step)
    branch = scene.newest.state.ledger.branches.get(name)
    return end if end >= 0 else float(branch.base_step if branch is not None else 0)


def _joined(cells: list[Span]) -> Line:
    """Neighbours of one ink as one span."""
    line: Line = []
    for text, style in cells:
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + text, style)
        else:
            line.append((text, style))
    return line

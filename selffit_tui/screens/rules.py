"""What other rules would have said of the log: a table, and a row of marks on the timeline."""

from collections.abc import Callable, Sequence

from rich.style import Style
from textual.app import ComposeResult
from textual.events import Key, Resize
from textual.screen import ModalScreen

from selffit.numbers import THOUSANDS, count, known
from selffit.run.again.firing import AGAIN, FALSE, HIT, Held
from selffit.run.again.rules import RULES
from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.spans import Line, Span, crop, framed
from selffit_tui.model.scene import Scene
from selffit_tui.panels.typed import passed_on
from selffit_tui.panels.widget import LineWidget

WIDEST = 92
NAME, STEP, LATE, SAVED = 9, 20, 14, 14  # cells of the columns
WORKING = "judging the log by other rules; a long one takes a while"
HEADS = (("rule", NAME), ("fires at step", STEP), ("late", LATE), ("saves", SAVED))


def late_words(one: Held) -> str:
    """How late a rule is: +0, −31 steps; or that it is a false alarm."""
    if one.what == FALSE or one.late is None:
        return FALSE
    sign = "\u2212" if one.late < 0 else "+"
    return f"{sign}{count(abs(one.late))} steps"


def saved_words(one: Held) -> str:
    """The epochs that it would have saved."""
    return f"{one.saved:.1f} epochs" if one.what == HIT and known(one.saved) else ""


def said_first(scene: Scene) -> list[Held]:
    """What other rules say, but for what they say again, by time."""
    told = (one for one in scene.replay.rules or () if one.what != AGAIN)
    return sorted(told, key=lambda one: (one.firing.step, one.firing.t))


def passed(scene: Scene, one: Held) -> bool:
    """Whether it has been said by the time that is shown."""
    return scene.then is None or one.firing.t <= scene.then


def rule_words(scene: Scene, room: int) -> Line:
    """Of the rules that have fired by now the names and how late, beside their row of marks."""
    if scene.replay.judging:
        return crop([(WORKING, "dim")], min(room, len(WORKING)), scene.glyphs.ellipsis)
    fired = [one for one in said_first(scene) if passed(scene, one)]
    if not fired:
        return crop([("w: none of the other rules has fired", "dim")], room, scene.glyphs.ellipsis)
    words: Line = []
    false: set[str] = set()
    for one in fired:
        if one.what == FALSE:
            if one.rule not in false:
                words += [(one.rule, "faint"), (" false  ", "dim")]
            false.add(one.rule)
        else:
            late = late_words(one).removesuffix(" steps")
            words += [(one.rule, "act"), (f" {late}  ", "dim")]
    return crop(words, room, scene.glyphs.ellipsis)


def rules_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The box with the table."""
    room = max(1, width - 4)
    body = _table(scene, room) if scene.replay.rules is not None else []
    if scene.replay.judging:
        body = [[(f" {part}", "act")] for part in wrap(WORKING, room)]
    title: list[Span] = [("other rules", "title"), ("  over the same log", "dim")]
    foot: list[Span] = [("esc: back, marks stay   x: without marks", "dim")]
    return framed(body, width, height, scene.glyphs, title, foot=foot)


def _table(scene: Scene, room: int) -> list[Line]:
    """A line a hit, one for the false alarms of a rule, and below it what the rules are."""
    firings = said_first(scene)
    several = len({one.firing.branch for one in firings}) > 1
    lines: list[Line] = [[(" ", "text"), *((fit(head, cells), "dim") for head, cells in HEADS)]]
    for name in RULES:
        mine = [one for one in firings if one.rule == name]
        rows = [_row(one, several) for one in mine if one.what == HIT]
        false = [one for one in mine if one.what == FALSE]
        lines += [*rows, *([_row(false[0], several, len(false) - 1)] if false else [])]
        lines += [] if mine else [_silent(name)]
    lines.append([])
    for name, rule in RULES.items():
        for index, part in enumerate(wrap(rule.help, max(1, room - NAME - 1))):
            lines.append([(f" {fit(name if not index else '', NAME)}", "strong"), (part, "dim")])
    told = (
        "late: steps after the first probe of the fall; saves: epochs that the branch went on for "
        "afterwards; false: nothing fell there, or not yet"
    )
    return [*lines, [], *([(f" {part}", "faint")] for part in wrap(told, room))]


def _row(one: Held, several: bool, more: int = 0) -> Line:
    where = f"{count(one.firing.step)}{f' of {one.firing.branch}' if several else ''}"
    where += f" +{more} more" if more else ""
    style = "faint" if one.what == FALSE else "text"
    return [
        (f" {fit(one.rule, NAME)}", "faint" if one.what == FALSE else "act"),
        (fit(where.replace(THOUSANDS, " "), STEP), style),
        (fit(late_words(one).replace(THOUSANDS, " "), LATE), style),
        (fit(saved_words(one), SAVED), style),
    ]


def _silent(name: str) -> Line:
    return [(f" {fit(name, NAME)}", "dim"), ("says nothing", "dim")]


class RulesPanel(LineWidget):
    """The box."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The table, or that it is being made."""
        return rules_lines(scene, width, height)


class RulesScreen(ModalScreen[bool]):
    """Ends with whether the marks stay on the timeline; `scene` gives what there is to draw."""

    CSS = "RulesScreen { align: center middle; background: transparent; }"

    def __init__(self, styles: dict[str, Style], scene: Callable[[], Scene]) -> None:
        super().__init__()
        self._inks = styles
        self._scene = scene

    def compose(self) -> ComposeResult:
        """The box."""
        yield RulesPanel(self._inks)

    def on_mount(self) -> None:
        """Draws the box."""
        self.show()

    def on_resize(self, event: Resize) -> None:
        """Draws the box for the new size."""
        self.show()

    def on_key(self, event: Key) -> None:
        """Back, with or without the marks."""
        if passed_on(self, event):
            return
        event.stop()
        event.prevent_default()
        if event.key in ("escape", "w", "W", "q", "enter", "space", "ctrl+c"):
            self.dismiss(True)
        elif event.key == "x":
            self.dismiss(False)

    def show(self) -> None:
        """Draws what there is by now."""
        if not self.is_mounted:
            return
        width, height = self.app.size
        scene, panel = self._scene(), self.query_one(RulesPanel)
        cells = min(WIDEST, max(1, width - 4)) if width > 60 else width
        panel.styles.width = cells
        panel.styles.height = min(height, max(5, _height(rules_lines(scene, cells, height))))
        panel.show(scene)


def _height(lines: Sequence[Line]) -> int:
    """The lines up to the last one that says something, with the border."""
    used = [i for i, line in enumerate(lines[:-1]) if any(t.strip(" │|") for t, _ in line)]
    return (used[-1] if used else 0) + 2

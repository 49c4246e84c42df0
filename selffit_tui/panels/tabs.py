"""The line of tabs and the footer: which panels there are, and which keys."""

from selffit.run.lineage import stands
from selffit.vocabulary import LOST, level_of
from selffit_tui.draw.spans import Line, Span, crop, width_of
from selffit_tui.model.scene import PANELS, Scene
from selffit_tui.panels.keys import MARKS_IN_FOOTER, keys_of
from selffit_tui.panels.panel import Panel


class Tabs(Panel):
    """One line: the panels with the key of each, the chosen one in reverse video."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        return [tab_line(scene, width)]


class Footer(Panel):
    """One line: the most important keys."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        return [footer_line(scene, width)]


def tab_line(scene: Scene, width: int) -> Line:
    """The tabs; a mark stands beside the alerts when there are any.

    Where not all names fit closely, only the chosen tab has its name: which one that is must never
    be cut off.
    """
    names = [
        ("charts" if scene.narrow else "overview") if panel == "overview" else panel
        for panel in PANELS
    ]
    alarms = [_alarm(scene) if panel == "alerts" else "" for panel in PANELS]
    chosen = PANELS.index(scene.view.panel)
    words = [
        f"{number} {name}{alarm}"
        for number, (name, alarm) in enumerate(zip(names, alarms, strict=True), 1)
    ]
    edge: list[Span] = []
    if sum(map(len, words)) + 3 * len(words) < width:
        words, edge = [f" {word} " for word in words], [(" ", "text")]
    elif sum(map(len, words)) + len(words) - 1 > width:
        words = [
            word if i == chosen else f"{i + 1}{alarms[i].strip()}" for i, word in enumerate(words)
        ]
    spans = [
        span
        for i, word in enumerate(words)
        for span in ((word, "tab" if i == chosen else "dim"), (" ", "text"))
    ]
    return crop([*edge, *spans], width)


def _alarm(scene: Scene) -> str:
    """The symbol of the newest alert, unless a roll-back has left that behind."""
    alert = scene.state.alerts.last
    if alert is None or not stands(alert, scene.columns.control.line):
        return ""
    return " " + scene.glyphs.symbols[level_of(alert.level).symbol]


def footer_line(scene: Scene, width: int) -> Line:
    """Keys and words from the key table; what does not fit is in the help."""
    table = keys_of(readonly=not scene.may_act)
    shown: list[tuple[str, str]] = [
        (key.shown.split(" ")[0], key.footer) for key in table if key.footer
    ]
    shown.insert(len(shown) - 3, MARKS_IN_FOOTER)
    shown[0] = (
        shown[0][0],
        "leave (training goes on)"
        if width >= 100 and scene.newest.state.ending is None and scene.word != LOST.word
        else shown[0][1],
    )
    help_key = shown.pop()
    tail: list[Span] = [(f" {help_key[0]} ", "key"), (help_key[1], "dim")]
    spans: list[Span] = []
    for key, words in shown:
        item: list[Span] = [(f" {key} ", "key"), (f"{words} ", "dim")]
        if width_of([*spans, *item, *tail]) > width:
            break
        spans += item
    return crop([*spans, *tail], width)

"""The one table of keys of the Run screen: it dispatches them, fills the footer, writes the help.

Each key has a second one. Those of a panel are said by its class.
"""

import re
from dataclasses import dataclass, replace

from textual.binding import Binding, BindingType

from selffit_tui.model.scene import OVERVIEW
from selffit_tui.panels.list import OVERVIEW_KEYS, TABBED

# Textual's names as people read them; the arrows are named in ASCII
SHOWN = {
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "comma": ",",
    "full_stop": ".",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "underscore": "_",
    "colon": ":",
    "question_mark": "?",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
    "left_parenthesis": "(",
    "right_parenthesis": ")",
    "at": "@",
    "semicolon": ";",
    "apostrophe": "'",
    "slash": "/",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "escape": "esc",
}
ARROWS = {"left": "←", "right": "→", "up": "↑", "down": "↓"}


@dataclass(frozen=True, kw_only=True)
class Key:
    """What one command of a screen answers to. `id` is stable: people rebind by it."""

    id: str
    keys: tuple[str, ...]  # Textual's names; the first two are shown
    action: str
    help: str
    footer: str = ""  # its words in the footer, '' to leave it out
    acts: bool = False  # changes the run, so it is not there for those who only watch


# these are the same on every screen with a table of keys
LEAVE = Key(id="leave", keys=("q", "f10", "ctrl+c"), action="leave", help="leave", footer="leave")
HELP = Key(id="help", keys=("question_mark", "f1"), action="help", help="this help", footer="help")
ZOOM_IN = Key(id="zoom-in", keys=("plus", "equals_sign"), action="zoom(1)", help="zoom in")
ZOOM_OUT = Key(id="zoom-out", keys=("minus", "underscore"), action="zoom(-1)", help="zoom out")

RUN_KEYS = (
    replace(LEAVE, help="leave the view; training goes on"),
    Key(
        id="intervene",
        keys=("i", "f11"),
        action="intervene",
        help="act: roll back, pause, change settings, stop",
        footer="act",
        acts=True,
    ),
    Key(
        id="palette",
        keys=("colon", "ctrl+p"),
        action="command_palette",
        help="find everything by its name: panels, layers, interventions",
    ),
    Key(
        id="play",
        keys=("space", "p"),
        action="play",
        help="hold what is drawn, or play on from there; the run goes on meanwhile",
        footer="hold",
    ),
    Key(
        id="step-back",
        keys=("left", "comma"),
        action="step(-1)",
        help="a step back in time: every panel shows what was known then",
    ),
    Key(
        id="step-forth",
        keys=("right", "full_stop"),
        action="step(1)",
        help="a step forth",
    ),
    Key(
        id="steps-back",
        keys=("shift+left", "left_curly_bracket"),
        action="step(-10)",
        help="ten steps back",
    ),
    Key(
        id="steps-forth",
        keys=("shift+right", "right_curly_bracket"),
        action="step(10)",
        help="ten steps forth",
    ),
    Key(
        id="unit",
        keys=("u", "U"),
        action="unit",
        help="what a step is: an event, a block of training steps, a probe, an epoch",
    ),
    Key(
        id="mark-previous",
        keys=("left_square_bracket", "semicolon"),
        action="mark(-1)",
        help="to the mark before",
    ),
    Key(
        id="mark-next",
        keys=("right_square_bracket", "apostrophe"),
        action="mark(1)",
        help="to the next mark",
    ),
    Key(
        id="marks",
        keys=("f", "F"),
        action="marks",
        help="which marks: all but checkpoints, alerts, acts, checkpoints",
    ),
    Key(
        id="go-to",
        keys=("at", "ctrl+g"),
        action="go_to",
        help="go to a step, an epoch, a time or a mark",
    ),
    Key(
        id="slower",
        keys=("less_than_sign", "left_parenthesis"),
        action="faster(-1)",
        help="play slower, down to a quarter of recorded time",
    ),
    Key(
        id="faster",
        keys=("greater_than_sign", "right_parenthesis"),
        action="faster(1)",
        help="play faster, up to 64 times, then as fast as it draws",
    ),
    Key(
        id="begin",
        keys=("b", "ctrl+home"),
        action="begin",
        help="to the beginning",
    ),
    Key(
        id="rules",
        keys=("w", "W"),
        action="rules",
        help="what other rules would have said of this log, and when",
    ),
    Key(
        id="live",
        keys=("e", "end"),
        action="live",
        help="to the end: what is known now, as it comes",
    ),
    Key(
        id="back",
        keys=("escape", "ctrl+e"),
        action="back",
        help="back: from an answer, a search, a panel, the past",
    ),
    replace(ZOOM_IN, help="zoom in on steps: at the cursor, else the newest"),
    ZOOM_OUT,
    Key(id="zoom-reset", keys=("z", "home"), action="zoom(0)", help="show all steps"),
    Key(
        id="smooth",
        keys=("s", "S"),
        action="smooth",
        help="smooth the signals; the raw line stays",
    ),
    Key(
        id="log-axis",
        keys=("y", "f8"),
        action="log_axis",
        help="logarithmic axis for loss and abnormal",
    ),
    Key(
        id="layer-next",
        keys=("l", "f9"),
        action="layer(1)",
        help="next layer of ranking and heat strip",
    ),
    Key(id="layer-previous", keys=("L", "shift+f9"), action="layer(-1)", help="the layer before"),
    Key(
        id="baseline",
        keys=("d", "D"),
        action="baseline",
        help="change of rank since: 1, 3, 10 probes earlier, the first",
    ),
    Key(
        id="open",
        keys=("enter", "x"),
        action="open",
        help="open: all evidence, or the chart alone; again: back",
        footer="open",
    ),
    Key(
        id="seen",
        keys=("a", "A"),
        action="seen",
        help="seen: the first line stops shouting, and says the same",
    ),
    Key(
        id="words",
        keys=("t", "T"),
        action="words",
        help="words: what those on show mean",
        footer="words",
    ),
    Key(
        id="find",
        keys=("slash", "ctrl+f"),
        action="find",
        help="find among the events",
    ),
    Key(
        id="every",
        keys=("v", "V"),
        action="every",
        help="all events, or the important ones",
    ),
    Key(id="panel-next", keys=("tab", "n"), action="panel(1)", help="next panel", footer="panel"),
    Key(id="panel-previous", keys=("shift+tab", "N"), action="panel(-1)", help="the panel before"),
    Key(
        id=OVERVIEW,
        keys=OVERVIEW_KEYS,
        action=f"panel_named({OVERVIEW!r})",
        help="the overview (narrow: both charts)",
    ),
    *(
        Key(
            id=panel.name,
            keys=panel.keys,
            action=f"panel_named({panel.name!r})",
            help=panel.help,
        )
        for panel in TABBED
    ),
    Key(id="scroll-up", keys=("up", "k"), action="scroll_list(-1)", help="up: newer"),
    Key(id="scroll-down", keys=("down", "j"), action="scroll_list(1)", help="down: older"),
    Key(id="page-up", keys=("pageup", "ctrl+u"), action="page(-1)", help="a page up"),
    Key(id="page-down", keys=("pagedown", "ctrl+d"), action="page(1)", help="a page down"),
    Key(id="first", keys=("g", "shift+home"), action="first", help="the first of a list"),
    Key(id="last", keys=("G", "shift+end"), action="last", help="the last of a list"),
    Key(id="runs", keys=("r", "R"), action="app.runs", help="all runs", footer="runs"),
    Key(id="compare", keys=("c", "K"), action="app.compare", help="compare its branches"),
    Key(
        id="compare-with",
        keys=("C", "M"),
        action="app.compare_with",
        help="compare it with other runs: choose them",
    ),
    Key(
        id="card",
        keys=("E", "O"),
        action="app.card",
        help="the card: how it comes up, how it has ended and what to type next",
    ),
    HELP,
)
WATCH_KEYS = tuple(key for key in RUN_KEYS if not key.acts)
MARKS_IN_FOOTER = ("[ ]", "marks")
PANELS_IN_FOOTER = ("1-9", "panels")
PALETTE_IN_FOOTER = (":", "everything")


def shown_keys(key: Key, plain: bool = False) -> str:
    """The first two keys as people read them; in ASCII (`plain`) the arrows are named."""
    return " ".join(_shown(name, plain) for name in key.keys[:2])


def _shown(name: str, plain: bool) -> str:
    if name.startswith("shift+"):
        return ("shift-" if plain else "⇧") + _shown(name.removeprefix("shift+"), plain)
    if re.fullmatch("f[0-9]+", name):
        return name.upper()
    return SHOWN.get(name, name if plain else ARROWS.get(name, name))


def key_of(id: str) -> Key:
    """The key of that id."""
    return next(key for key in RUN_KEYS if key.id == id)


def keys_of(readonly: bool) -> tuple[Key, ...]:
    """The keys that there are, with or without those that act on the run."""
    return WATCH_KEYS if readonly else RUN_KEYS


def bindings(table: tuple[Key, ...], at_once: bool = False) -> list[BindingType]:
    """The table as Textual wants it; `at_once`: before the next key, see `panels.typed`."""
    return [
        Binding(",".join(key.keys), key.action, key.help, show=False, id=key.id, priority=at_once)
        for key in table
    ]

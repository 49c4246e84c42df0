"""The one table of keys of the Run screen: it dispatches them, fills the footer, writes the help.

Each key has a second one. Those of a panel are said by its class.
"""

import re
from dataclasses import dataclass

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
    "slash": "/",
    "escape": "esc",
}
ARROWS = {"left": "←", "right": "→", "up": "↑", "down": "↓"}


@dataclass(frozen=True, kw_only=True)
class Key:
    """What one command of the Run screen answers to. `id` is stable: people rebind by it."""

    id: str
    keys: tuple[str, ...]  # Textual's names; the first two are shown
    action: str
    help: str
    footer: str = ""  # its words in the footer, '' to leave it out
    acts: bool = False  # changes the run, so it is not there for those who only watch


RUN_KEYS = (
    Key(
        id="leave",
        keys=("q", "f10", "ctrl+c"),
        action="leave",
        help="leave the view; training goes on",
        footer="leave",
    ),
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
        help="find an intervention by its name",
        acts=True,
    ),
    Key(
        id="pause-view",
        keys=("space", "p"),
        action="pause_view",
        help="freeze what is drawn; reading goes on",
        footer="freeze",
    ),
    Key(
        id="mark-previous",
        keys=("left_square_bracket", "comma"),
        action="mark(-1)",
        help="cursor to the mark before",
    ),
    Key(
        id="mark-next",
        keys=("right_square_bracket", "full_stop"),
        action="mark(1)",
        help="cursor to the next mark",
    ),
    Key(
        id="cursor-left",
        keys=("left", "less_than_sign"),
        action="cursor(-1)",
        help="cursor to the left, with the values there",
    ),
    Key(
        id="cursor-right",
        keys=("right", "greater_than_sign"),
        action="cursor(1)",
        help="cursor to the right",
    ),
    Key(
        id="cursor-off",
        keys=("escape", "end"),
        action="cursor_off",
        help="no cursor: back to the newest values; then back to the runs",
    ),
    Key(
        id="zoom-in",
        keys=("plus", "equals_sign"),
        action="zoom(1)",
        help="zoom in on steps: at the cursor, else the newest",
    ),
    Key(id="zoom-out", keys=("minus", "underscore"), action="zoom(-1)", help="zoom out"),
    Key(id="zoom-reset", keys=("0", "home"), action="zoom(0)", help="show all steps"),
    Key(
        id="smooth",
        keys=("s", "f7"),
        action="smooth",
        help="smooth the signals; the raw line stays",
    ),
    Key(
        id="log-axis",
        keys=("g", "f8"),
        action="log_axis",
        help="logarithmic axis for loss and abnormal",
    ),
    Key(
        id="layer-next",
        keys=("l", "f9"),
        action="layer(1)",
        help="next layer of ranking and heat strip",
        footer="layer",
    ),
    Key(id="layer-previous", keys=("L", "shift+f9"), action="layer(-1)", help="the layer before"),
    Key(
        id="baseline",
        keys=("d", "f12"),
        action="baseline",
        help="change of rank since: 1, 3, 10 probes earlier, the first",
    ),
    Key(id="panel-next", keys=("tab", "n"), action="panel(1)", help="next panel", footer="panel"),
    Key(id="panel-previous", keys=("shift+tab", "N"), action="panel(-1)", help="the panel before"),
    Key(
        id=OVERVIEW,
        keys=OVERVIEW_KEYS,
        action=f"panel_named({OVERVIEW!r})",
        help="the overview (narrow: the two charts)",
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
    Key(id="scroll-up", keys=("up", "k"), action="scroll_list(-1)", help="newer events or alerts"),
    Key(
        id="scroll-down", keys=("down", "j"), action="scroll_list(1)", help="older events or alerts"
    ),
    Key(id="runs", keys=("r", "R"), action="app.runs", help="all runs", footer="runs"),
    Key(id="compare", keys=("c", "C"), action="app.compare", help="compare its branches"),
    Key(id="help", keys=("question_mark", "f1"), action="help", help="this help", footer="help"),
)
WATCH_KEYS = tuple(key for key in RUN_KEYS if not key.acts)
MARKS_IN_FOOTER = ("[ ]", "marks")


def shown_keys(key: Key, plain: bool = False) -> str:
    """The first two keys as people read them; in ASCII (`plain`) the arrows are named."""
    return " ".join(_shown(name, plain) for name in key.keys[:2])


def _shown(name: str, plain: bool) -> str:
    if name.startswith("shift+"):
        return ("shift-" if plain else "⇧") + _shown(name.removeprefix("shift+"), plain)
    if re.fullmatch("f[0-9]+", name):
        return name.upper()
    return SHOWN.get(name, name if plain else ARROWS.get(name, name))


def keys_of(readonly: bool) -> tuple[Key, ...]:
    """The keys that there are, with or without those that act on the run."""
    return WATCH_KEYS if readonly else RUN_KEYS


def bindings(table: tuple[Key, ...]) -> list[BindingType]:
    """The table as Textual wants it."""
    return [
        Binding(",".join(key.keys), key.action, key.help, show=False, id=key.id) for key in table
    ]

"""The one table of keys: it dispatches them, fills the footer and writes the help. Each key has a
second one.
"""

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True)
class Key:
    """What one command of the Run screen answers to. `id` is stable: people rebind by it."""

    id: str
    keys: tuple[str, ...]  # Textual's names
    action: str
    shown: str  # the keys as people read them
    help: str
    footer: str = ""  # its words in the footer, '' to leave it out
    acts: bool = False  # changes the run, so it is not there for those who only watch


RUN_KEYS = (
    Key(
        "leave",
        ("q", "f10", "ctrl+c"),
        "leave",
        "q F10",
        "leave the view; training goes on",
        "leave",
    ),
    Key(
        "intervene",
        ("i", "f11"),
        "intervene",
        "i F11",
        "act: roll back, pause, change settings, stop",
        "act",
        True,
    ),
    Key(
        "palette",
        ("colon", "ctrl+p"),
        "command_palette",
        ": ctrl+p",
        "find an intervention by its name",
        acts=True,
    ),
    Key(
        "pause-view",
        ("space", "p"),
        "pause_view",
        "space p",
        "freeze what is drawn; reading goes on",
        "freeze",
    ),
    Key(
        "mark-previous",
        ("left_square_bracket", "comma"),
        "mark(-1)",
        "[ ,",
        "cursor to the mark before",
    ),
    Key(
        "mark-next",
        ("right_square_bracket", "full_stop"),
        "mark(1)",
        "] .",
        "cursor to the next mark",
    ),
    Key(
        "cursor-left",
        ("left", "less_than_sign"),
        "cursor(-1)",
        "← <",
        "cursor to the left, with the values there",
    ),
    Key("cursor-right", ("right", "greater_than_sign"), "cursor(1)", "→ >", "cursor to the right"),
    Key(
        "cursor-off",
        ("escape", "end"),
        "cursor_off",
        "esc end",
        "no cursor: back to the newest values",
    ),
    Key(
        "zoom-in",
        ("plus", "equals_sign"),
        "zoom(1)",
        "+ =",
        "zoom in on steps: at the cursor, else the newest",
    ),
    Key("zoom-out", ("minus", "underscore"), "zoom(-1)", "- _", "zoom out"),
    Key("zoom-reset", ("0", "home"), "zoom(0)", "0 home", "show all steps"),
    Key("smooth", ("s", "f7"), "smooth", "s F7", "smooth the signals; the raw line stays"),
    Key("log-axis", ("g", "f8"), "log_axis", "g F8", "logarithmic axis for loss and abnormal", ""),
    Key(
        "layer-next",
        ("l", "f9"),
        "layer(1)",
        "l F9",
        "next layer of ranking and heat strip",
        "layer",
    ),
    Key("layer-previous", ("L", "shift+f9"), "layer(-1)", "L ⇧F9", "the layer before"),
    Key(
        "baseline",
        ("d", "f12"),
        "baseline",
        "d F12",
        "change of rank since: 1, 3, 10 probes earlier, the first",
    ),
    Key("panel-next", ("tab", "n"), "panel(1)", "tab n", "next panel", "panel"),
    Key("panel-previous", ("shift+tab", "N"), "panel(-1)", "⇧tab N", "the panel before"),
    Key(
        "overview",
        ("1", "f2"),
        "panel_named('overview')",
        "1 F2",
        "the overview (narrow: the two charts)",
    ),
    Key("signals", ("2", "f3"), "panel_named('signals')", "2 F3", "CO signals alone"),
    Key("channels", ("3", "f4"), "panel_named('channels')", "3 F4", "channel ranking alone"),
    Key("alerts", ("4", "f5"), "panel_named('alerts')", "4 F5", "alerts alone"),
    Key("events", ("5", "f6"), "panel_named('events')", "5 F6", "events alone"),
    Key(
        "self",
        ("6", "f"),
        "panel_named('self')",
        "6 f",
        "self-information alone: what the network reads of itself",
    ),
    Key(
        "dose",
        ("7", "o"),
        "panel_named('dose')",
        "7 o",
        "dose alone: accuracy against the size of the perturbation",
    ),
    Key(
        "images",
        ("8", "m"),
        "panel_named('images')",
        "8 m",
        "images alone: x, perturbation, both, and the answers",
    ),
    Key(
        "heat",
        ("9", "h"),
        "panel_named('heat')",
        "9 h",
        "heat strip: the channels of a layer through time",
    ),
    Key("scroll-up", ("up", "k"), "scroll_list(-1)", "↑ k", "newer events or alerts"),
    Key("scroll-down", ("down", "j"), "scroll_list(1)", "↓ j", "older events or alerts"),
    Key("help", ("question_mark", "f1"), "help", "? F1", "this help", "help"),
)
WATCH_KEYS = tuple(key for key in RUN_KEYS if not key.acts)
MARKS_IN_FOOTER = ("[ ]", "marks")


def shown_keys(key: Key, plain: bool) -> str:
    """The keys as text; in ASCII the arrows are named."""
    if not plain:
        return key.shown
    names = {"←": "left", "→": "right", "↑": "up", "↓": "down"}
    return " ".join(names.get(part, part.replace("⇧", "shift-")) for part in key.shown.split(" "))


def keys_of(readonly: bool) -> tuple[Key, ...]:
    """The keys that there are, with or without those that act on the run."""
    return WATCH_KEYS if readonly else RUN_KEYS


def bindings(table: tuple[Key, ...]) -> list[BindingType]:
    """The table as Textual wants it."""
    return [
        Binding(",".join(key.keys), key.action, key.help, show=False, id=key.id) for key in table
    ]

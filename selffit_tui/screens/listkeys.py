"""The keys of the Runs screen and of the Compare screen; `keys.py` has those of the Run screen.

They dispatch the keys, fill the footers and write the help.
"""

from selffit_tui.screens.keys import HELP, LEAVE, ZOOM_IN, ZOOM_OUT, Key

_SCROLL = (
    Key(id="up", keys=("up", "k"), action="move(-1)", help="up"),
    Key(id="down", keys=("down", "j"), action="move(1)", help="down"),
    Key(id="page-up", keys=("pageup", "ctrl+b"), action="page(-1)", help="a page up"),
    Key(id="page-down", keys=("pagedown", "ctrl+f"), action="page(1)", help="a page down"),
    Key(id="first", keys=("g", "home"), action="end(-1)", help="the first"),
    Key(id="last", keys=("G", "end"), action="end(1)", help="the last"),
)

RUNS_KEYS = (
    LEAVE,
    Key(id="open", keys=("enter", "o"), action="open", help="open the run", footer="open"),
    Key(
        id="back",
        keys=("escape", "backspace"),
        action="back",
        help="take away the news, the filter, the marks; then back to where one came from",
    ),
    Key(
        id="filter",
        keys=("slash", "f3"),
        action="filter",
        help="show only some: method:fgsm eps>8/255 verdict:onset tag:x -word",
        footer="filter",
    ),
    Key(
        id="mark",
        keys=("space", "m"),
        action="mark",
        help="mark it, or not: marked runs have a letter",
        footer="mark",
    ),
    Key(
        id="compare",
        keys=("c", "C"),
        action="compare",
        help="compare the marked ones; without any, this one with its branches",
        footer="compare",
    ),
    Key(id="sort", keys=("s", "f7"), action="sort", help="sort by the next column", footer="sort"),
    Key(id="sort-back", keys=("S", "shift+f7"), action="sort_back", help="by the column before"),
    Key(id="turn", keys=("v", "f8"), action="turn", help="sort the other way round"),
    Key(
        id="tag",
        keys=("t", "f5"),
        action="tag",
        help="tags of the run (of the marked ones: added, -tag takes away)",
        footer="tag",
    ),
    Key(id="note", keys=("n", "f6"), action="note", help="a note to the run"),
    Key(
        id="delete",
        keys=("d", "delete"),
        action="delete",
        help="delete the run, or the marked ones, after a question; never one that goes on",
    ),
    *_SCROLL,
    HELP,
)

COMPARE_KEYS = (
    LEAVE,
    Key(id="back", keys=("escape", "backspace"), action="back", help="back", footer="back"),
    Key(
        id="measure",
        keys=("m", "tab"),
        action="measure(1)",
        help="the next measure",
        footer="measure",
    ),
    Key(
        id="measure-back",
        keys=("M", "shift+tab"),
        action="measure(-1)",
        help="the measure before",
    ),
    Key(
        id="multiples",
        keys=("v", "f8"),
        action="multiples",
        help="several measures at once, or one",
        footer="several",
    ),
    Key(
        id="align",
        keys=("a", "f7"),
        action="align",
        help="align by step, by epoch, by onset",
        footer="align",
    ),
    Key(
        id="branches",
        keys=("b", "f6"),
        action="branches",
        help="each branch as a line of its own, or only the line that stands",
        footer="branches",
    ),
    Key(
        id="table",
        keys=("d", "f9"),
        action="table",
        help="results and differences alone, the chart alone, or both",
        footer="table",
    ),
    Key(id="cursor-left", keys=("left", "less_than_sign"), action="cursor(-1)", help="cursor left"),
    Key(
        id="cursor-right",
        keys=("right", "greater_than_sign"),
        action="cursor(1)",
        help="cursor right, with the values there",
    ),
    ZOOM_IN,
    ZOOM_OUT,
    Key(id="zoom-reset", keys=("0", "f4"), action="zoom(0)", help="show everything"),
    Key(
        id="export",
        keys=("w", "f5"),
        action="export",
        help="write what is seen to a file: .csv, .json or .svg",
        footer="write",
    ),
    *_SCROLL,
    HELP,
)

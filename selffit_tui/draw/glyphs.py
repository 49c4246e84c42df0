"""The characters that charts, borders and symbols are made of: with braille, or ASCII only."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Glyphs:
    """One set of characters.

    A cell of a chart has `across` × `down` dots; `cells[bits]` is its character.

    Bit `down * x + y` of a cell stands for the dot in column x and row y, counted from the top
    left.
    """

    across: int
    down: int
    cells: str
    frame: str = "╭─╮│╰╯"  # top left, horizontal, top right, vertical, bottom left, bottom right
    bar: str = " ▏▎▍▌▋▊▉█"  # empty to full in eighths, growing to the right
    bar_ends: str = "▕▏"
    bar_rest: str = "░"
    bar_left: str = " ▕▐█"  # empty to full, growing to the left (block characters have only these)
    rule: str = "─"
    tick: str = "┴"
    corner: str = "╰"
    upright: str = "│"
    axis: str = "┤"
    mark: str = "┊"
    dash: str = "╌"
    centre: str = "│"
    rail_begin: str = "├"
    rail_end: str = "┤"
    later: str = "┄"  # of a rail: what is not yet
    here: str = "┼"  # where the clock stands on a rail
    ellipsis: str = "…"
    bullet: str = "·"
    symbols: dict[str, str] = field(default_factory=dict)
    plain: bool = False


SYMBOLS = {
    "starting": "◌",
    "running": "●",
    "finished": "✓",
    "stopped": "■",
    "failed": "✖",
    "unknown": "?",
    "paused": "‖",
    "up": "▲",
    "down": "▼",
    "suspect": "!",
    "onset": "!!",
    "recovered": "✓",
    "masked": "?!",
    "diverged": "~!",
    "applied": "◆",
    "checkpoint": "◇",
    "off": "×",
    "alone": "◉",
    "chosen": "▸",
}
ASCII_SYMBOLS = {
    **SYMBOLS,
    "starting": "o",
    "running": "*",
    "finished": "+",
    "stopped": "#",
    "failed": "X",
    "paused": "=",
    "up": "^",
    "down": "v",
    "recovered": "ok",
    "applied": "o",
    "checkpoint": "c",
    "off": "x",
    "alone": "@",
    "chosen": ">",
}


def _braille() -> str:
    # Unicode numbers the dots 1-3 down the left column, 4-6 down the right one, 7 and 8 below them.
    weight = (0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80)
    return "".join(
        chr(0x2800 + sum(w for bit, w in enumerate(weight) if bits >> bit & 1))
        for bits in range(256)
    )


BRAILLE = Glyphs(across=2, down=4, cells=" " + _braille()[1:], symbols=SYMBOLS)
ASCII = Glyphs(
    across=1,
    down=2,
    cells=" '.:",
    frame="+-+|++",
    bar=" #",
    bar_left=" #",
    bar_ends="[]",
    bar_rest=".",
    rule="-",
    tick="+",
    corner="+",
    upright="|",
    axis="+",
    mark=":",
    dash="-",
    centre="|",
    rail_begin="|",
    rail_end="|",
    later=".",
    here="|",
    ellipsis="~",
    bullet="-",
    symbols=ASCII_SYMBOLS,
    plain=True,
)

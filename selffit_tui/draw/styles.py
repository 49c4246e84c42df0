"""The few colours of the screens, as named styles: from 256, the terminal's own 16, or none at all.

Every meaning is also carried by a word, a symbol or reverse video; colour only helps. 256 colours,
not 24-bit ones: a change of colour then costs half the bytes on a slow link, and tmux passes them
everywhere.
"""

from rich.style import Style

PAPER = 233
BACKGROUND = "#121212"  # the same colour for Textual

# name: (colour of the 256, colour of the 16, attributes kept without any colour)
_INKS: dict[str, tuple[int, str, str]] = {
    "text": (252, "default", ""),
    "strong": (255, "default", "bold"),
    "dim": (246, "default", ""),
    "faint": (241, "bright_black", ""),
    "frame": (238, "bright_black", ""),
    "title": (146, "default", ""),
    "clean": (110, "bright_blue", ""),
    "fgsm": (179, "yellow", ""),
    "pgd": (79, "bright_cyan", "bold"),
    "final": (66, "cyan", ""),
    "signal": (140, "bright_magenta", ""),
    "raw": (60, "magenta", ""),
    "self": (173, "yellow", ""),
    "data": (74, "bright_blue", ""),
    "warn": (221, "bright_yellow", "bold"),
    "alert": (203, "bright_red", "bold"),
    "good": (114, "bright_green", "bold"),
    "key": (179, "yellow", "bold"),
    "mark": (95, "red", ""),
    "past": (244, "bright_black", "dim"),
    "past_clean": (67, "bright_black", "dim"),
    "past_fgsm": (136, "bright_black", "dim"),
    "past_pgd": (36, "bright_black", "dim"),
    "act": (81, "bright_cyan", "bold"),
    "cursor": (255, "bright_white", "bold"),
}
# These must shout without any colour: reverse video where there is no paper of their own.
_BANNERS: dict[str, tuple[int, int, str]] = {
    "onset": (231, 124, "red"),
    "ended": (231, 88, "red"),
    "paused": (233, 252, "default"),
    "tab": (233, 110, "default"),
    "chosen": (255, 238, "default"),
}
# Shades of the heat strip from -1 (data) over 0 to +1 (self), and the paper where nothing was
# measured; of the 256.
_SHADES = (117, 74, 25, 18, 235, 52, 130, 173, 216, PAPER)
UNMEASURED = len(_SHADES) - 1


def _ink(name: str, colours: str) -> Style:
    number, ansi, attributes = _INKS[name]
    style = Style.parse(attributes) if attributes else Style()
    if colours == "256":
        return style + Style(color=f"color({number})", bgcolor=f"color({PAPER})")
    return style + Style(color=ansi) if colours == "ansi" else style


def _banner(name: str, colours: str) -> Style:
    ink, paper, ansi = _BANNERS[name]
    if colours == "256":
        return Style(color=f"color({ink})", bgcolor=f"color({paper})", bold=True)
    return Style(reverse=True, bold=True, color=ansi if colours == "ansi" else None)


def palette(colours: str) -> dict[str, Style]:
    """Style by name for '256', 'ansi' or 'none' (see `environment.colours`).

    Shades are there with 256 only.
    """
    styles = {name: _ink(name, colours) for name in _INKS} | {
        name: _banner(name, colours) for name in _BANNERS
    }
    return styles | (_shades() if colours == "256" else {})


def shade(upper: int, lower: int) -> str:
    """The name of the style of two shades above each other in a cell, the upper one in its ink.

    Shades are 0 … 8, UNMEASURED.
    """
    return f"shade{upper}{lower}"


def _shades() -> dict[str, Style]:
    pairs = ((upper, lower) for upper in range(len(_SHADES)) for lower in range(len(_SHADES)))
    return {
        shade(upper, lower): Style(
            color=f"color({_SHADES[upper]})", bgcolor=f"color({_SHADES[lower]})"
        )
        for upper, lower in pairs
    }

"""The few colours of the screens, as named styles: from 256, the terminal's own 16, or none at all.

Every meaning is also carried by a word, a symbol or reverse video; colour only helps. 256 colours,
not 24-bit ones: a change of colour then costs half the bytes on a slow link, and tmux passes them
everywhere.
"""

from rich.style import Style

PAPER, LIGHT_PAPER = 233, 231
BACKGROUND, LIGHT_BACKGROUND = "#121212", "#ffffff"  # the same colours for Textual

# name: (colour of the 256 on dark paper, on light paper, of the 16, attributes kept without colour)
_INKS: dict[str, tuple[int, int, str, str]] = {
    "text": (252, 235, "default", ""),
    "strong": (255, 16, "default", "bold"),
    "dim": (246, 240, "default", ""),
    "faint": (243, 243, "bright_black", ""),
    "frame": (238, 250, "bright_black", ""),
    "title": (146, 61, "default", ""),
    "clean": (110, 25, "bright_blue", ""),
    "fgsm": (179, 130, "yellow", ""),
    "pgd": (79, 29, "bright_cyan", "bold"),
    "final": (66, 66, "cyan", ""),
    "signal": (140, 91, "bright_magenta", ""),
    "raw": (60, 146, "magenta", ""),
    "self": (173, 130, "yellow", ""),
    "data": (74, 25, "bright_blue", ""),
    "warn": (221, 94, "bright_yellow", "bold"),
    "alert": (203, 160, "bright_red", "bold"),
    "good": (114, 28, "bright_green", "bold"),
    "key": (179, 94, "yellow", "bold"),
    "mark": (95, 131, "red", ""),
    "best": (65, 71, "green", ""),
    "alarm": (131, 167, "red", ""),
    "usual": (242, 245, "bright_black", ""),
    "past": (244, 247, "bright_black", "dim"),
    "past_clean": (67, 110, "bright_black", "dim"),
    "past_fgsm": (136, 179, "bright_black", "dim"),
    "past_pgd": (36, 72, "bright_black", "dim"),
    "act": (81, 31, "bright_cyan", "bold"),
    "cursor": (255, 16, "bright_white", "bold"),
}
# These must shout without any colour: reverse video where there is no paper of their own.
# name: ink and paper on dark, ink and paper on light, of the 16
_BANNERS: dict[str, tuple[tuple[int, int], tuple[int, int], str]] = {
    "onset": ((231, 124), (231, 160), "red"),
    "ended": ((231, 88), (231, 124), "red"),
    "caution": ((233, 221), (16, 221), "yellow"),
    "paused": ((233, 252), (231, 240), "default"),
    "tab": ((233, 110), (231, 25), "default"),
    "chosen": ((255, 238), (16, 252), "default"),
}
# The line of what stands, where it is calm: on paper of its own, and bold without colours.
_CALM: dict[str, tuple[tuple[int, int], tuple[int, int], str]] = {
    "calm": ((157, 22), (22, 194), "green"),
    "acted": ((159, 24), (18, 195), "cyan"),
    "idle": ((252, 236), (235, 254), "default"),
}
# Shades of the heat strip from -1 (data) over 0 to +1 (self), and the paper where nothing was
# measured; of the 256.
_SHADES = (117, 74, 25, 18, 235, 52, 130, 173, 216, PAPER)
_LIGHT_SHADES = (18, 25, 74, 153, 254, 223, 216, 173, 130, LIGHT_PAPER)
UNMEASURED = len(_SHADES) - 1


def _ink(name: str, colours: str, light: bool) -> Style:
    dark, bright, ansi, attributes = _INKS[name]
    style = Style.parse(attributes) if attributes else Style()
    if colours == "256":
        number, paper = (bright, LIGHT_PAPER) if light else (dark, PAPER)
        return style + Style(color=f"color({number})", bgcolor=f"color({paper})")
    if light:  # the bright ones of a terminal's palette are made for dark paper
        ansi = {"bright_black": "bright_black", "bright_white": "black"}.get(
            ansi, ansi.removeprefix("bright_")
        )
    return style + Style(color=ansi) if colours == "ansi" else style


def _banner(name: str, colours: str, light: bool) -> Style:
    shouts = name in _BANNERS
    on_dark, on_light, ansi = _BANNERS[name] if shouts else _CALM[name]
    if colours == "256":
        ink, paper = on_light if light else on_dark
        return Style(color=f"color({ink})", bgcolor=f"color({paper})", bold=True)
    return Style(reverse=shouts or None, bold=True, color=ansi if colours == "ansi" else None)


def palette(colours: str, light: bool = False) -> dict[str, Style]:
    """Style by name for '256', 'ansi' or 'none' (see `environment.colours`), on dark or light.

    Shades are there with 256 only.
    """
    styles = {name: _ink(name, colours, light) for name in _INKS} | {
        name: _banner(name, colours, light) for name in (*_BANNERS, *_CALM)
    }
    return styles | (_shades(light) if colours == "256" else {})


def shade(upper: int, lower: int) -> str:
    """The name of the style of two shades above each other in a cell, the upper one in its ink.

    Shades are 0 … 8, UNMEASURED.
    """
    return f"shade{upper}{lower}"


def _shades(light: bool) -> dict[str, Style]:
    shades = _LIGHT_SHADES if light else _SHADES
    pairs = ((upper, lower) for upper in range(len(_SHADES)) for lower in range(len(_SHADES)))
    return {
        shade(upper, lower): Style(
            color=f"color({shades[upper]})", bgcolor=f"color({shades[lower]})"
        )
        for upper, lower in pairs
    }

"""What colours the terminal has, and the switches that must be set before Textual is imported."""

import os
from collections.abc import Mapping

from selffit_tui.talk import dumb, terminal

SWITCHES = {
    "TEXTUAL_ANIMATIONS": "none",  # nothing here moves; a slow link must not pay for easing
    # also keeps Textual off in-band resize reports, which an input line can forge
    "TEXTUAL_SMOOTH_SCROLL": "0",
    "TEXTUAL_FPS": "20",  # screen updates at most; keys still act at once
}


def set_switches() -> None:
    """Puts our defaults into the environment; what the user has set wins.

    Textual reads them at import.
    """
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)


def colours(environ: Mapping[str, str]) -> str:
    """'256', 'ansi' (the 16 colours of the terminal's own palette) or 'none'."""
    if "NO_COLOR" in environ:
        return "none"
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return "256"
    if dumb(environ):
        return "none"
    term = terminal(environ)
    return "256" if "256color" in term or "direct" in term or "kitty" in term else "ansi"

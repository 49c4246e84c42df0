"""What the terminal can show, and the switches that must be set before Textual is imported."""

import os
from collections.abc import Mapping
from pathlib import Path

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


def first_environment() -> Mapping[str, str]:
    """The environment as this process got it.

    Under a C locale Python itself sets LC_CTYPE to C.UTF-8 at start (PEP 538), which says nothing
    about the terminal; Linux keeps the original.
    """
    try:
        block = Path("/proc/self/environ").read_bytes()
    except OSError:
        return os.environ
    pairs = (entry.partition(b"=") for entry in block.split(b"\0") if b"=" in entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def ascii_reason(original: Mapping[str, str], current: Mapping[str, str]) -> str:
    """Why only ASCII can be drawn, '' when the terminal takes UTF-8.

    The locale decides as in POSIX: LC_ALL, then LC_CTYPE, then LANG; SELFFIT_ASCII=1 or 0 overrules
    it.
    """
    forced = current.get("SELFFIT_ASCII", "")
    if forced:
        return "" if forced == "0" else f"SELFFIT_ASCII={forced}"
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := original.get(name):
            known = value.lower().replace("-", "")
            return "" if "utf8" in known else f"the locale {name}={value} is not UTF-8"
    return "no locale is set (LC_ALL, LC_CTYPE, LANG)"


def why_ascii() -> str:
    """Why this process draws ASCII only, '' when it does not."""
    return ascii_reason(first_environment(), os.environ)


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

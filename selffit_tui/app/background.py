"""Whether the terminal has light paper: it is asked (OSC 11), and nobody waits for it.

An answer comes in milliseconds or not at all; a second question that every terminal answers says
when there is none to wait for. What comes later is taken for nothing by the decoder of input.
"""

import os
import re
import select
import sys
import termios
import time
import tty
from contextlib import suppress
from typing import TextIO

MOMENT = 0.15  # seconds that an answer may take
QUESTION = b"\x1b]11;?\x1b\\\x1b[c"  # the colour of the paper; who are you?
_COLOUR = re.compile(
    rb"\x1b\]11;rgba?:([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})/([0-9a-fA-F]{1,4})[^\x07\x1b]*"
    rb"(?:\x07|\x1b\\)"
)
_NAME = re.compile(rb"\x1b\[\?[0-9;]*c")
_LIGHT_FROM = 0.5  # of the brightness of white


def is_light(answer: bytes) -> bool | None:
    """Whether the paper in a terminal's answer is light; None where it does not say."""
    found = _COLOUR.search(answer)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    bright: float = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return bright >= _LIGHT_FROM


def without_answers(data: bytes) -> bytes:
    """What else was typed meanwhile."""
    return _NAME.sub(b"", _COLOUR.sub(b"", data))


def paper(light: bool | None) -> tuple[bool, bytes]:
    """Return whether to draw for light paper, and what was typed while the terminal was asked.

    `light`: what somebody said of it; None: the terminal is asked.
    """
    if light is not None:
        return light, b""
    found, typed = ask()
    return bool(found), typed


def ask(moment: float = MOMENT) -> tuple[bool | None, bytes]:
    """Ask the terminal for its paper, and return what it says and what else was typed.

    None without a terminal on both sides, or without an answer in a moment.
    """
    screen = next((f for f in (sys.__stderr__, sys.__stdout__) if _is_terminal(f)), None)
    keys = sys.__stdin__
    if screen is None or keys is None or not _is_terminal(keys):
        return None, b""
    try:
        before = termios.tcgetattr(keys.fileno())
    except (termios.error, OSError):
        return None, b""
    data = b""
    try:
        tty.setcbreak(keys.fileno(), termios.TCSANOW)
        os.write(screen.fileno(), QUESTION)
        end = time.monotonic() + moment
        while (left := end - time.monotonic()) > 0 and _NAME.search(data) is None:
            if select.select([keys.fileno()], [], [], left)[0]:
                more = os.read(keys.fileno(), 1024)
                if not more:
                    break
                data += more
    except (termios.error, OSError):
        pass  # the screen itself will say what is wrong with the terminal
    finally:
        with suppress(termios.error, OSError):
            termios.tcsetattr(keys.fileno(), termios.TCSANOW, before)
    return is_light(data), without_answers(data)


def _is_terminal(file: TextIO | None) -> bool:
    try:
        return file is not None and file.isatty()
    except ValueError:  # closed
        return False

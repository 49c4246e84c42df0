"""Talking to the person: who they are, what they have to type, and lines that are not data."""

import getpass
import json
import os
import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from selffit.numbers import THOUSANDS
from selffit.outlets import styled
from selffit_tui.gate import one_line

_GROUPED = re.compile(r"(?<=[0-9])\\u00a0(?=[0-9]{3})")  # as JSON writes `numbers.THOUSANDS`
RUNS = Path("runs")  # where runs lie by default, in the current folder


def me() -> str:
    """user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # an id without an entry in the password file
        user = f"uid-{os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def typed(command: str) -> str:
    """A sub-command as this person has to type it: `uv run` does not put selffit on the path."""
    return f"{'uv run ' if 'UV_RUN_RECURSION_DEPTH' in os.environ else ''}selffit {command}"


def named(path: Path) -> str:
    """A run as this person has to name it from the current folder."""
    home = path.parent.resolve() == (Path.cwd() / RUNS).resolve()
    below = os.path.relpath(path)
    # a word without a slash is a name in the folder of runs
    if not home and os.sep not in below:
        below = f"./{below}"
    return _quoted(path.name if home else below)


def _quoted(word: str) -> str:
    """A word as a shell takes it, on one line whatever is in it."""
    if word.isprintable():
        return quote(word)
    plain = (
        chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}"
        for byte in os.fsencode(word)
    )
    return f"$'{''.join(plain)}'"


def watch_command(path: Path) -> str:
    """The command that opens the view of this run again from the current folder."""
    return typed(f"watch {named(path)}")


def terminal(environ: Mapping[str, str]) -> str:
    """The kind of terminal, in lower case; "" where the environment does not tell."""
    return environ.get("TERM", "").strip().lower()


def dumb(environ: Mapping[str, str]) -> bool:
    """Whether it can only print lines."""
    return terminal(environ) in ("", "dumb", "unknown")


def say(text: str) -> None:
    """A line for the person, not for a pipe; where nobody can read it, it is not said."""
    for line in text.split("\n"):
        print(one_line(line), file=sys.stderr)


def put(text: str) -> None:
    """Lines of data for people, at once; the one way to stdout of lines that are no JSON."""
    for line in text.split("\n"):
        print(one_line(line), flush=True)


def put_drawn(text: str) -> None:
    """Tables for people, in the colours that they were drawn in."""
    with styled():
        print(text.replace(THOUSANDS, " "), end="", flush=True)


def put_json(data: Mapping[str, Any]) -> None:
    """A line of data for programs, at once: numbers in sentences are not grouped there."""
    print(_GROUPED.sub("", json.dumps(data, allow_nan=False)), flush=True)

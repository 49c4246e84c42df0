"""What leaves on stdout and stderr: harmless text, in whatever encoding, on whatever disk.

`speaking` runs a program behind two outlets, and is the one place where streams are set up.

- Control and direction characters become visible escapes, whoever writes them (a library's warning,
  a traceback, argparse); only what is drawn inside `styled()` keeps its colours.
- What the encoding has no character for is transliterated by the one table `PLAIN`; a locale that
  is not UTF-8 gets ASCII, also where Python itself has chosen UTF-8 for it.
- A stdout that takes no more ends the program in order: quietly where whoever read it has gone
  (`| head`), else with an error. A stderr that takes no more is left alone: nobody could be told.
"""

import codecs
import errno
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO, cast

from selffit.errors import UserError
from selffit.eventlog.clean import clean, visible

# Equivalents in ASCII, as wide as what they stand for.
PLAIN = {
    **{"→": ">", "←": "<", "↑": "^", "↓": "v", "↦": ">", "⇧": "^", "≥": ">", "≤": "<"},
    **{"Δ": "d", "δ": "d", "ε": "e", "α": "a", "θ": "t", "Σ": "S", "×": "x", "·": "*"},
    **{"−": "-", "–": "-", "—": "-", "‖": "=", "≠": "#", "≡": "=", "²": "2", "₀": "0"},
    **{"…": "~", "≈": "~", "±": "~", "°": " ", "′": "'", "“": '"', "”": '"', "‘": "'", "’": "'"},
    **{"●": "*", "◉": "@", "◌": "o", "◆": "o", "◇": "o", "■": "#", "▲": "^", "▼": "v", "▸": ">"},
    **{"✔": "+", "✓": "+", "✖": "X", "•": "*", "\u00a0": " "},
    **dict.fromkeys("─━┄┈╌═", "-"),
    **dict.fromkeys("│┃┆┊╎║", "|"),
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
    **dict.fromkeys("▏▎▍░▁▂▕", "."),
    **dict.fromkeys("▌▒▃▄▅▐▀", ":"),
    **dict.fromkeys("▋▊▉█▓▆▇", "#"),
}
# In running text two characters say it better, and nothing stands in columns.
SPELT = {"→": "->", "↦": "->", "←": "<-", "≥": ">=", "≤": "<=", "≠": "!=", "±": "+-", "∞": "inf"}
ERRORS = "selffit.transliterate"  # name of the way in which streams treat what they cannot encode

# For children whose output becomes a file of the run, which is read as UTF-8 wherever it was made.
FILE_ENCODING = {"PYTHONIOENCODING": "utf-8:backslashreplace"}

_LINES = re.compile("(\r\n|[\r\n\t])")
_STYLED = re.compile("(\r\n|[\r\n\t]|\x1b\\[[0-9;]{0,40}m)")


class Unwritable(Exception):
    """stdout takes no more. `unread`: because whoever read it has gone, which is no fault."""

    def __init__(self, error: Exception) -> None:
        self.unread = isinstance(error, BrokenPipeError)
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "free some space, or send it elsewhere" if full else "send it elsewhere"
        super().__init__(f"cannot write to standard output: {why}; {hint}")


class Outlet:
    """A text stream whose writers need not be trusted. All but writing is that of the stream."""

    def __init__(self, stream: TextIO, *, must: bool) -> None:
        """`must`: a write that fails is an error (stdout); else it is given up (stderr)."""
        self._stream = stream
        self._must = must
        self.styled = False

    def write(self, text: str) -> int:
        """Writes the text, harmless. Raises Unwritable."""
        self._attempt(lambda: self._stream.write(harmless(text, self.styled)))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes one text after the other. Raises Unwritable."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Hands on what has been written. Raises Unwritable."""
        self._attempt(self._stream.flush)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _attempt(self, what: Callable[[], object]) -> None:
        try:
            what()
        except (OSError, ValueError) as error:  # ValueError: it has been closed
            self._give_up()
            if self._must:
                raise Unwritable(error) from error

    def _give_up(self) -> None:
        """What is still in its buffer goes nowhere, so that no later flush complains again."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def harmless(text: str, styled: bool = False) -> str:
    """Text without control and direction characters but line breaks and tabs.

    A carriage return becomes a line break, for what follows it would be written over what stands
    there. `styled`: colours stay.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    parts = (_STYLED if styled else _LINES).split(text)
    parts[::2] = map(visible, parts[::2])
    return "".join("\n" if part in ("\r", "\r\n") else part for part in parts)


@contextmanager
def styled() -> Iterator[None]:
    """What is drawn by code that uses colours, and whose words are ours, keeps them."""
    outlets = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, Outlet)]
    for outlet in outlets:
        outlet.styled = True
    try:
        yield
    finally:
        for outlet in outlets:
            outlet.styled = False


def transliterated(error: UnicodeError) -> tuple[str, int]:
    """The error handler `ERRORS` of encodings."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(SPELT.get(c) or PLAIN.get(c) or "?" * _cells(c) for c in wrong), error.end


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def guarded(stream: TextIO | None, *, must: bool) -> TextIO:
    """The stream as an outlet; nowhere, where there is none (`>&-`)."""
    if isinstance(stream, Outlet):
        return cast(TextIO, stream)
    if stream is None:
        stream = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for as long as we live)
    if isinstance(stream, TextIOWrapper):
        codecs.register_error(ERRORS, transliterated)
        reason = why_ascii()
        plain = reason and (is_utf8(stream.encoding) or reason.startswith(_FORCED))
        stream.reconfigure(encoding="ascii" if plain else None, errors=ERRORS)
    return cast(TextIO, Outlet(stream, must=must))


def open_outlets() -> None:
    """Puts outlets in the place of stdout and stderr; a second time changes nothing.

    A standard stream that was closed becomes one to nowhere: else the next file to be opened would
    take its number, and be written to by whoever writes to that.
    """
    spare = os.open(os.devnull, os.O_RDWR)
    while spare <= 2:
        spare = os.open(os.devnull, os.O_RDWR)
    os.close(spare)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = guarded(sys.stdout, must=True)
    sys.stderr = guarded(sys.stderr, must=False)


def speaking(program: Callable[[], int]) -> int:
    """Runs a program behind outlets; returns its exit code.

    2 for bad input, for what the system refuses (a file that may not be read, no descriptors left)
    and where stdout takes no more, with a sentence on stderr; 0 where nobody reads on; 130
    interrupted. Anything else that is raised is a defect, and keeps its traceback.
    """
    open_outlets()
    try:
        code = program()
        sys.stdout.flush()
    except UserError as error:
        return _refuse(error)
    except Unwritable as error:
        return 0 if error.unread else _refuse(error)
    except OSError as error:
        what = f"cannot use {error.filename}: " if error.filename is not None else ""
        why = error.strerror or str(error) or type(error).__name__
        return _refuse(UserError(f"{what}{why}; is it there, open to you, and is there room?"))
    except KeyboardInterrupt:
        return 130
    return code


def _refuse(error: Exception) -> int:
    print(f"selffit: {clean(' '.join(str(error).split()))}", file=sys.stderr, flush=True)
    return 2


def is_utf8(encoding: str) -> bool:
    """Whether this is a name of UTF-8."""
    return encoding.lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig", "cp65001")


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


_FORCED = "SELFFIT_ASCII"


def ascii_reason(original: Mapping[str, str], current: Mapping[str, str]) -> str:
    """Why only ASCII can be shown, '' when whoever looks takes UTF-8.

    SELFFIT_ASCII=1 or 0 overrules all; then what was said to Python (PYTHONIOENCODING,
    PYTHONUTF8=1); then the locale as in POSIX: LC_ALL, LC_CTYPE, LANG.
    """
    if forced := current.get(_FORCED, ""):
        return "" if forced == "0" else f"{_FORCED}={forced}"
    if said := current.get("PYTHONIOENCODING", "").partition(":")[0]:
        return "" if is_utf8(said) else f"PYTHONIOENCODING={said} is not UTF-8"
    if current.get("PYTHONUTF8") == "1":
        return ""
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        if value := original.get(name):
            known = value.lower().replace("-", "")
            return "" if "utf8" in known else f"the locale {name}={value} is not UTF-8"
    return "no locale is set (LC_ALL, LC_CTYPE, LANG)"


def why_ascii() -> str:
    """Why this process shows ASCII only, '' when it does not."""
    return ascii_reason(first_environment(), os.environ)

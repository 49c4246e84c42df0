"""Printed text as lines: pieces put together, progress bars taken apart, colours left out."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 4096  # characters of a line that are looked at
PREFIX = 200  # characters in which that of a logger ends
BLANKS = 8  # of a longer run so many are left, for patterns take the longer the more there are
LOOKED_AT = 50  # lines that tell whether a logger wrote them
HELD = 1 << 16  # characters of a line that has not ended

_BLANKS = re.compile(rf"\s{{{BLANKS + 1},}}")
_END = re.compile(r"\r\n|\n|\r")
# CSI and OSC sequences, two-character escapes, and what is left of them
_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]"
    r"|[\x00-\x08\x0b-\x1f\x7f]"
)
_CLOCK = (
    r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[T ,]+\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?"
    r"(?:Z|[+-]\d\d:?\d\d)?"
)
_LEVEL = r"(?:DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL)"
_PREFIX = re.compile(
    rf"""\s*(?:
      \[[^\[\]]*\d{{1,2}}:\d{{2}}[^\[\]]*\]\s*(?:[-:|]\s+|(?={_LEVEL}\b))?  # [2020/01/01 12:00] -
    | {_CLOCK}\s*(?:[-:|]\s*)?                                     # 2020-01-01 12:00:00,123 -
    | \[?{_LEVEL}\]?(?::[\w.]+:|\s*[-:|]\s*|\s+)                  # INFO:root:   [INFO] -   INFO |
    | \[?(?:rank\s*)\d+\]?\s*[:|]?\s+                             # [rank0]:
    | [\w.]+(?::[\w.<>]+)?:\d+\s+[-|]\s+                          # module:function:12 -
    | [A-Za-z_][\w.]*\s+[-|]\s+(?={_LEVEL}\b)                    # my.logger - INFO -
    | \[[\w./-]+:\d+\]\s*(?:[-:|]\s+)?                           # [train.py:12] -
    | \d{{1,4}}:\s+(?=\[)                                         # 0: [… of srun --label
    )""",
    re.VERBOSE,
)


class Splitter:
    """Takes text in pieces of any size and gives whole lines, each with its number from 1.

    A carriage return ends a line too: of a progress bar every state is a line, with the number of
    the line that it stands in. Of a line beyond `HELD` characters the beginning is given, the rest
    left out.
    """

    def __init__(self) -> None:
        self._held = ""
        self._number = 1
        self._cut = False  # the rest of this line does not count

    def feed(self, text: str) -> Iterator[tuple[int, str]]:
        """Take a piece; the lines that end in it."""
        text = self._held + text
        at = 0
        for match in _END.finditer(text):
            if match[0] == "\r" and match.end() == len(text):
                break  # may be half of \r\n
            line = text[at : match.start()]
            at = match.end()
            if line and not self._cut:
                yield self._number, line
            self._cut = False
            self._number += match[0] != "\r"
        self._held = text[at:]
        if len(self._held) > HELD:
            if not self._cut:
                yield self._number, self._held[:HELD]
            self._held, self._cut = "", True

    def close(self) -> Iterator[tuple[int, str]]:
        """The last line, which nothing ends."""
        line, self._held = self._held.rstrip("\r"), ""
        if line and not self._cut:
            yield self._number, line
        self._cut = False


def readings(line: str) -> Iterator[str]:
    """A line without colours: first without what a logger put before the message, then whole."""
    text = _BLANKS.sub(" " * BLANKS, _ANSI.sub("", line[:LONGEST]).strip())
    message = text
    for _ in range(4):
        found = _PREFIX.match(message, 0, PREFIX)
        if found is None or not found[0].strip() or found.end() == len(message):
            break
        message = message[found.end() :].lstrip()
    if message != text:
        yield message
    yield text


def message_of(line: str) -> str:
    """A line without colours and without what a logger put before the message."""
    return next(readings(line))


def is_logged(text: str) -> bool:
    """Whether a logger wrote most of a text: judged by its first lines."""
    lines = [line for line in text.splitlines()[:LOOKED_AT] if line.strip()]
    return sum(len(list(readings(line))) > 1 for line in lines) > len(lines) / 2

"""Makes text from a log harmless.

Control and direction characters become visible escapes, long text is cut.

Everything in a log is untrusted: a class name or the last line of stderr may hold an escape
sequence that moves the cursor, a right-to-left override that turns a message round, or a megabyte
of blanks.
"""

import re
from typing import Any

MAX_TEXT = 2000  # characters of one string
MAX_DEPTH = 16  # nesting of objects and arrays in a line, the line's own braces included
MAX_KEYS = 4096  # keys in all objects of a line

# C0, DEL and C1; arabic letter mark, direction marks, embeddings, overrides and isolates; line and
# paragraph separators; lone surrogates (a Python string holds a proper pair as one character, so
# any is a lone one). And what is invisible or joins others: it moves what follows by an amount that
# terminals disagree about.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\u00ad\u034f\u180e\u200b-\u200d\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ff]"
)


class Refused(Exception):
    """The data of a line breaks a limit that no writer of ours comes near."""


def visible(text: str) -> str:
    r"""The text with visible escapes such as `\x1b` or `\u202e` for unsafe characters."""
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def clean(text: str) -> str:
    r"""The text with visible escapes for unsafe characters, at most MAX_TEXT characters.

    `…` stands where the text was cut.
    """
    if text.isascii() and text.isprintable() and len(text) <= MAX_TEXT:
        return text  # nearly every one
    if len(text) > MAX_TEXT:
        return visible(text[:MAX_TEXT])[: MAX_TEXT - 1] + "…"
    text = visible(text)
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def clean_data(data: dict[str, Any], depth: int = 1) -> dict[str, Any]:
    """A copy of decoded JSON with every key and string cleaned; `depth` is the nesting around it.

    Raises `Refused` beyond MAX_DEPTH levels or MAX_KEYS keys.
    """
    return _Walk().table(data, depth + 1)


class _Walk:
    def __init__(self) -> None:
        self.keys = 0

    def table(self, data: dict[str, Any], depth: int) -> dict[str, Any]:
        self.keys += len(data)
        if self.keys > MAX_KEYS:
            raise Refused(f"more than {MAX_KEYS} keys")
        if depth > MAX_DEPTH:
            raise Refused(f"nested deeper than {MAX_DEPTH}")
        return {clean(key): self.value(value, depth) for key, value in data.items()}

    def value(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return clean(value)
        if kind is dict:
            return self.table(value, depth + 1)
        if kind is list:
            if depth >= MAX_DEPTH:
                raise Refused(f"nested deeper than {MAX_DEPTH}")
            return [item if type(item) is float else self.value(item, depth + 1) for item in value]
        return value

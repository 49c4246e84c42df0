"""The bytes of a file as text, whatever encoding they are in; what is no text is refused."""

from __future__ import annotations

import codecs
from pathlib import Path

from selffit.errors import UserError

LIMIT = 64 << 20  # bytes; a table of epochs has some thousands
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_NO_TEXT = (
    (b"PK\x03\x04", "is a ZIP archive or a workbook", "export the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook", "export the sheet as CSV"),
    (b"\x1f\x8b", "is compressed", "unpack it with gunzip first"),
    (b"PAR1", "is a Parquet file", "export it as CSV"),
    (b"{", "is JSON", "write a CSV table with a row for each epoch"),
    (b"[{", "is JSON", "write a CSV table with a row for each epoch"),
)
_CONTROL = frozenset(range(32)) - set(b"\t\n\r\x0b\x0c")


def read_text(path: Path) -> tuple[str, list[str]]:
    """Return the text of a file, and what was assumed of its encoding.

    UTF-8 and its byte-order mark go without saying; UTF-16 and UTF-32 with a mark, UTF-16 without
    one, and Windows-1252 are said.

    Raises UserError for a file that cannot be read, is empty, larger than 64 MiB or no text.
    """
    raw = _bytes(path)
    for mark, what, todo in _NO_TEXT:
        if raw.lstrip()[: len(mark)] == mark:
            raise UserError(f"{path}: {what}, not a table; {todo}")
    return _as_text(raw, path)


def read_any_text(path: Path) -> tuple[str, list[str]]:
    """The same of a file that may hold JSON or printed lines as well as a table."""
    raw = _bytes(path)
    for mark, what, todo in _NO_TEXT:
        if mark not in (b"{", b"[{") and raw[: len(mark)] == mark:
            raise UserError(f"{path}: {what}; {todo}")
    return _as_text(raw, path)


def _as_text(raw: bytes, path: Path) -> tuple[str, list[str]]:
    text, said = _decoded(raw, path)
    if "\0" in text:
        raise _no_text(path, text[: text.index("\0")].count("\n") + 1)
    if not text.strip():
        raise UserError(f"{path}: is empty; expected a table with a header line")
    return text, said


def _decoded(raw: bytes, path: Path) -> tuple[str, list[str]]:
    for mark, codec, name in _MARKS:
        if raw.startswith(mark):
            return raw.decode(codec, "replace"), [f"encoding {name}"]
    for codec, zeros, letters in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        if len(raw) >= 8 and not any(raw[zeros:400:2]) and all(raw[letters:400:2]):
            return raw.decode(codec, "replace"), ["encoding UTF-16, without its mark"]
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        if _CONTROL & set(raw):
            raise _no_text(path, raw[: error.start].count(b"\n") + 1) from None
        return raw.decode("cp1252", "replace"), ["encoding Windows-1252"]


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(LIMIT + 1)
    except IsADirectoryError:
        raise UserError(f"{path}: is a directory; name the CSV files in it") from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error}); check the path"
        ) from None
    except ValueError as error:  # a NUL in the path
        raise UserError(f"{str(path)!r}: not a file name ({error})") from None
    if len(raw) > LIMIT:
        raise UserError(f"{path}: larger than {LIMIT >> 20} MiB, no table of epochs; name another")
    return raw


def _no_text(path: Path, line: int) -> UserError:
    return UserError(f"{path}, line {line}: not text; expected a table such as a CSV file")

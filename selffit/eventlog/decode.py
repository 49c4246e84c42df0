"""One line of bytes to one cleaned record, with limits for hostile input."""

import re
from collections.abc import Container

import msgspec

from selffit.eventlog.clean import MAX_DEPTH, MAX_KEYS, MAX_TEXT, Refused, clean, clean_data
from selffit.eventlog.framing import verify
from selffit.eventlog.records import FORMAT_VERSION, Record, Unread


class Damaged(Exception):
    """The line is not what a writer made; the text says how."""


class NewerFormat(Exception):
    """The line has a higher format version; the argument is that version."""


class _Version(msgspec.Struct):
    v: int


_RECORD = msgspec.json.Decoder(Record)
_VERSION = msgspec.json.Decoder(_Version)
_set = msgspec.structs.force_setattr

# One JSON escape; a proper surrogate pair counts as one. Group 1 is a surrogate on its own.
_ESCAPE = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)


# How our writer begins a line; any other valid JSON is decoded.
_HEAD = re.compile(
    rb'\{"v":%d,"a":([0-9]{1,15}),"q":([0-9]{1,15}),"t":([0-9]{1,10}(?:\.[0-9]{1,9})?),'
    rb'"k":"([a-z.]{1,40})","b":"([A-Za-z0-9._-]{1,64})","s":([0-9]{1,15}),"d":\{' % FORMAT_VERSION
)


def skim(line: bytes, stream: str, attempt: int, kinds: Container[bytes]) -> Unread | None:
    """What the head of a line says, where its kind is one of `kinds`, its checksum verified.

    None: it has to be decoded. Raises `Damaged`.
    """
    head = _HEAD.match(line)
    if head is None or head[4] not in kinds or int(head[1]) != attempt:
        return None
    if not verify(line):
        raise Damaged("the checksum does not match")
    return Unread(
        line=line,
        stream=stream,
        a=attempt,
        q=int(head[2]),
        t=float(head[3]),
        k=head[4].decode(),
        b=head[5].decode(),
        s=int(head[6]),
    )


def read(line: Unread) -> Record | None:
    """The record of a line that was only skimmed, None where its data are not what they can be."""
    try:
        return decode(line.line, line.stream, line.a, is_plain(line.line))
    except (Damaged, NewerFormat):
        return None


def is_plain(block: bytes) -> bool:
    """Whether no string in these lines can need cleaning: ASCII, no escape, no DEL.

    (Raw control characters inside strings are refused by the decoder.) Asked once for a block of
    many lines.
    """
    return block.isascii() and b"\\" not in block and b"\x7f" not in block


def decode(line: bytes, stream: str, attempt: int, plain: bool) -> Record:
    """The record of a line without its newline, which must belong to the given attempt.

    `plain`: see is_plain. Raises `Damaged`, or `NewerFormat` for an intact line of a higher
    version.
    """
    if not verify(line):
        raise Damaged("the checksum does not match")
    try:
        record = _RECORD.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        record = _second_look(line, error)
    if record.v != FORMAT_VERSION:
        raise (
            NewerFormat(record.v)
            if record.v > FORMAT_VERSION
            else Damaged(f"format version {record.v}")
        )
    if record.a != attempt:
        raise Damaged(f"a line of attempt {record.a} in a file of attempt {attempt}")
    _set(record, "stream", stream)
    if (
        not plain
        or line.count(b"{") + line.count(b"[") > MAX_DEPTH
        or (len(line) > MAX_TEXT and _is_large(line))
    ):
        _clean(record)
    return record


def _is_large(line: bytes) -> bool:
    """Whether a plain line may hold a string too long or too many keys.

    Every second piece is between quotes.
    """
    return (
        max(map(len, line.split(b'"')[1::2]), default=0) > MAX_TEXT or line.count(b":") > MAX_KEYS
    )


def _clean(record: Record) -> None:
    try:
        _set(record, "d", clean_data(record.d))
    except Refused as error:
        raise Damaged(str(error)) from None
    _set(record, "k", clean(record.k))
    _set(record, "b", clean(record.b))


def _second_look(line: bytes, error: Exception) -> Record:
    """Lone surrogates, which JSON allows and the decoder does not, as visible text.

    Otherwise says what is wrong.
    """
    if isinstance(error, RecursionError):
        raise Damaged(f"nested deeper than {MAX_DEPTH}") from None
    if b"\\u" in line:
        visible = _ESCAPE.sub(lambda escape: b"\\" + escape[0] if escape[1] else escape[0], line)
        if visible != line:
            try:
                return _RECORD.decode(visible)
            except (msgspec.MsgspecError, ValueError, RecursionError) as second:
                error = second
    try:
        version = _VERSION.decode(line).v
    except (msgspec.MsgspecError, ValueError, RecursionError):
        version = FORMAT_VERSION
    if version > FORMAT_VERSION:
        raise NewerFormat(version)
    raise Damaged(f"not a record: {clean(str(error))[:200]}") from None

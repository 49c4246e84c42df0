"""The frame of a line: `,"c":"1a2b3c4d"}` and a newline behind the body, with the body's CRC-32.

The last 17 bytes have a fixed form. A reader rebuilds them from the body and compares bytes:
parsing the eight digits and comparing numbers would let a damaged line with, say, an upper-case
digit through.
"""

from zlib import crc32

SUFFIX = 16  # bytes of `,"c":"1a2b3c4d"}`
# where a line without its newline has `,"r":"9f3c1a2b4d5e"`, the id of its run
RUN = slice(-SUFFIX - 19, -SUFFIX)
RUN_HEAD = b',"r":"'
MAX_LINE = 1 << 20  # bytes of a whole line with its newline; a longer one is skipped


def seal(body: bytes) -> bytes:
    """The whole line for a body such as `{"v":1,…,"d":{}`: JSON without its closing brace."""
    return b"%b%b\n" % (body, suffix(crc32(body)))


def suffix(sum: int) -> bytes:
    """The end of a line with that checksum, without its newline."""
    return b',"c":"%08x"}' % sum


def run_mark(id: str) -> bytes:
    """What stands before the suffix of every line of the run with that id; nothing for ""."""
    return b'%b%b"' % (RUN_HEAD, id.encode("ascii")) if id else b""


def id_in(part: bytes) -> str:
    """The id of a run in the part RUN of a line, "" where there is none.

    The data of a line end in a brace, never like this.
    """
    if not (part.startswith(RUN_HEAD) and part.endswith(b'"')):
        return ""
    return part[len(RUN_HEAD) : -1].decode("ascii", "replace")


def verify(line: bytes) -> bool:
    """Whether a line (without its newline) ends in the suffix that its body asks for."""
    return line.endswith(suffix(crc32(line[:-SUFFIX])))

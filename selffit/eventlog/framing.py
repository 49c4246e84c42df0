"""The frame of a line: `,"c":"1a2b3c4d"}` and a newline behind the body, with the body's CRC-32.

The last 17 bytes have a fixed form. A reader rebuilds them from the body and compares bytes:
parsing the eight digits and comparing numbers would let a damaged line with, say, an upper-case
digit through.
"""

from zlib import crc32

SUFFIX = 16  # bytes of `,"c":"1a2b3c4d"}`
MAX_LINE = 1 << 20  # bytes of a whole line with its newline; a longer one is skipped


def seal(body: bytes) -> bytes:
    """The whole line for a body such as `{"v":1,…,"d":{}`: JSON without its closing brace."""
    return b'%b,"c":"%08x"}\n' % (body, crc32(body))


def verify(line: bytes) -> bool:
    """Whether a line (without its newline) ends in the suffix that its body asks for."""
    return line.endswith(b',"c":"%08x"}' % crc32(line[:-SUFFIX]))

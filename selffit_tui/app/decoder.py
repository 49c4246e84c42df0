"""What the terminal sends: bytes → messages, by a grammar that nothing can keep waiting.

Textual 8.2.8 decodes strictly, so one byte that is not UTF-8 (an X10 mouse report, a tmux
re-attach) ends the app; a paste that is never closed makes it deaf for ever; what it does not know
(an answer to a question of somebody else's) it takes for keys. Here the bytes are first cut into
text, sequences, strings and pastes; Textual's parser sees whole sequences only, and says which key
each is. Nothing else but keys, pastes and focus is let through: sizes come from the terminal's
own record, and what the mouse does is heard only where it was asked for.

A `tick` is silence of the terminal: it ends whatever has been begun, a paste after `PASTE_TICKS`.
"""

import codecs
import re

from textual import events, messages
from textual._xterm_parser import XTermParser
from textual.message import Message

SEQUENCE_BYTES = 32  # Textual's parser takes no longer one for a sequence
JUNK_BYTES = 4096  # of a string or of parameters, after which nobody waits for their end
PASTE_KEPT = 1 << 16  # bytes of a paste that are handed on; a longer one ends with the next tick
PASTE_BYTES = 1 << 20  # a longer paste is none
PASTE_TICKS = 10  # so many ticks in a row end a paste that was not closed

_TAKEN = (
    events.Key,
    events.Paste,
    events.AppFocus,
    events.AppBlur,
    messages.TerminalSupportsSynchronizedOutput,
)
_PASTE_ENDS = b"\x1b[201~"
_UNIT = re.compile(
    rb"""\x1b(?:
        (?P<paste> \[200~ )
      | (?P<string> [\]PX^_] )                # OSC, DCS, SOS, PM, APC; their end is left alone:
      | (?P<ignored> \\ | \[M[\x00-\xff]{3} )   # and so are X10 mouse reports
      | (?P<alt> [\x00-\x1a\x1c-\x4e\x51-\x57\x59\x5a\x60-\x7f]
               | [\xc2-\xf4][\x80-\xbf]{1,3} )
      | \[\[[A-E] | \[[0-9]{1,2}\$(?!y)       # function keys of the Linux console, of rxvt
      | \[(?![\[M])[0-?]*[ -/]*[@-~]          # CSI
      | O[0-9;]*[@-~]                         # SS3
    )""",
    re.VERBOSE,
)
_BEGUN = re.compile(rb"\x1b(?:\[(?:\[|M[\x00-\xff]{0,2}|[0-?]*[ -/]*)|O[0-9;]*)?\Z")
_BROKEN = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|O[0-9;]*)?")
_STRING_ENDS = re.compile(rb"[\x07\x18\x1a\x1b]")
_JUNK_ENDS = re.compile(rb"[@-~\x00-\x1f]")  # a final byte, or what no parameter can hold


class InputDecoder:
    """Terminal input bytes → messages; never raises, whatever the bytes are."""

    def __init__(self, mouse: bool = False) -> None:
        self._taken = (*_TAKEN, events.MouseEvent) if mouse else _TAKEN
        self._parser = XTermParser(False)
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._begun = b""  # of a sequence
        self._inside: re.Pattern[bytes] | None = None  # what ends a string or endless parameters
        self._paste: bytearray | None = None
        self._size = 0  # bytes of the string or paste so far
        self._ticks = 0  # since the last byte

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete."""
        self._ticks = 0
        data, self._begun = self._begun + data, b""
        found: list[Message] = []
        place = 0
        while place < len(data):
            if self._paste is not None:
                place = self._pasted(self._paste, data, place, found)
            elif self._inside is not None:
                place = self._skipped(self._inside, data, place)
            elif data[place] == 0x1B:
                place = self._sequence(data, place, found)
            else:
                end = data.find(b"\x1b", place)
                end = len(data) if end < 0 else end
                found += self._text(data[place:end])
                place = end
        return found

    def tick(self) -> list[Message]:
        """The messages that waiting completes, e.g. a lone Esc."""
        self._ticks += 1
        found: list[Message] = []
        if self._paste is not None:
            if self._ticks >= PASTE_TICKS or self._size > PASTE_KEPT:
                self._paste += self._begun
                self._begun = b""
                found += self._end_paste(self._paste)
            return found
        begun, self._begun, self._inside = self._begun, b"", None
        if begun == b"\x1b":
            found.append(events.Key("escape", "\x1b"))
        return found

    def _text(self, data: bytes) -> list[Message]:
        text = self._utf8.decode(data)
        return self._parsed(text) if text else []

    def _sequence(self, data: bytes, place: int, found: list[Message]) -> int:
        """Takes the sequence at this place; returns where it ends."""
        self._utf8.reset()
        unit = _UNIT.match(data, place)
        if unit is None:
            return self._no_sequence(data, place, found)
        kind = unit.lastgroup
        if kind == "paste":
            self._paste, self._size = bytearray(), 0
        elif kind == "string":
            self._inside, self._size = _STRING_ENDS, 0
        elif kind != "ignored" and len(unit[0]) <= SEQUENCE_BYTES:
            found += self._keys(unit[0], waits=kind == "alt")
        return unit.end()

    def _no_sequence(self, data: bytes, place: int, found: list[Message]) -> int:
        """The rest of it may come, or it is broken: then the Esc alone is a key."""
        begun = _BEGUN.match(data, place)
        if begun is not None and len(begun[0]) <= SEQUENCE_BYTES:
            self._begun = begun[0]
            return len(data)
        if begun is not None:  # parameters without end
            self._inside, self._size = _JUNK_ENDS, len(begun[0])
            return len(data)
        broken = _BROKEN.match(data, place)
        assert broken is not None
        if len(broken[0]) == 1:
            found.append(events.Key("escape", "\x1b"))
        return broken.end()

    def _skipped(self, ends: re.Pattern[bytes], data: bytes, place: int) -> int:
        """Skips what belongs to a string or to parameters; returns where it goes on."""
        end = ends.search(data, place, place + JUNK_BYTES - self._size)
        if end is not None:
            self._inside = None
            return end.start() if end[0] == b"\x1b" else end.end()
        skipped = min(len(data) - place, JUNK_BYTES - self._size)
        self._size += skipped
        if self._size >= JUNK_BYTES:
            self._inside = None
        return place + skipped

    def _pasted(self, paste: bytearray, data: bytes, place: int, found: list[Message]) -> int:
        """Takes what belongs to a paste; returns where it ends."""
        end = data.find(_PASTE_ENDS, place, place + PASTE_BYTES + len(_PASTE_ENDS) - self._size)
        closed, stop = end >= 0, end
        if not closed:
            rest = data[place:]
            held = next((n for n in range(5, 0, -1) if rest.endswith(_PASTE_ENDS[:n])), 0)
            self._begun = rest[len(rest) - held :] if held else b""
            stop = min(len(data) - held, place + PASTE_BYTES - self._size)
        self._size += stop - place
        paste += data[place : place + min(stop - place, PASTE_KEPT - len(paste))]
        if closed or self._size >= PASTE_BYTES:
            self._begun = b""
            found += self._end_paste(paste)
            return stop + len(_PASTE_ENDS) * closed
        return len(data)

    def _end_paste(self, paste: bytearray) -> list[Message]:
        self._paste = None
        return [events.Paste(bytes(paste).decode("utf-8", "replace").replace("\x00", ""))]

    def _keys(self, sequence: bytes, waits: bool) -> list[Message]:
        """The keys of a whole sequence, none where nobody knows it; `waits`: it may be Alt+key."""
        found = self._parsed(sequence.decode("utf-8", "replace"))
        if self._parser._awaiting.timeout is None:
            return found
        if waits:
            self._parser._timeout_time = 0.0
            found += self._parsed("")
        if self._parser._awaiting.timeout is not None:  # a sequence that it does not know
            self._parser = XTermParser(False)
        return found

    def _parsed(self, text: str) -> list[Message]:
        parsed: list[Message] = []
        try:
            if text:
                parsed.extend(self._parser.feed(text))
            parsed.extend(self._parser.tick())
        except (ValueError, OverflowError, ZeroDivisionError, StopIteration, RuntimeError):
            # A forged report (a code point of 10 digits, a window of 0 pixels): drop it and start
            # afresh.
            self._parser = XTermParser(False)
        return [message for message in parsed if isinstance(message, self._taken)]

"""The tolerant driver: why it exists, and that it holds."""

import inspect
from typing import TextIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.drivers.linux_driver import LinuxDriver

from selffit.outlets import guarded
from selffit_tui.app.decoder import (
    JUNK_BYTES,
    PASTE_BYTES,
    PASTE_KEPT,
    PASTE_TICKS,
    InputDecoder,
)
from selffit_tui.app.driver import LastingOutput
from selffit_tui.talk import say


def keys(messages):
    return [message.key for message in messages if isinstance(message, events.Key)]


def test_textual_still_decodes_input_strictly():
    # When this fails, Textual has changed: look whether selffit_tui.app.decoder is still needed.
    source = inspect.getsource(LinuxDriver.run_input_thread)
    assert 'getincrementaldecoder("utf-8")()' in source


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"\xc3(",
        b"\x1b[M\xe0\x21\x21",
        b"\x1b[99999999999u",
        b"\x1b[48;0;0;0;0t\x1b[<0;1;1M",
        b"\x1b[1;1;99999999u",
    ],
)
def test_keys_still_arrive_after_bytes_that_are_no_input(data):
    decoder = InputDecoder()
    decoder.feed(data)
    assert keys(decoder.feed(b"zl"))[-1] == "l"


@pytest.mark.parametrize("kind", ["]", "P", "_", "^", "X", "[", "[?", "[200~", "O", "[<"])
def test_a_key_after_silence_is_a_key_whatever_was_left_unfinished(kind):
    for junk in (b"", b"1;1;1", b"1;" * 5000, b"\xff;" * 50, b"1" * (PASTE_KEPT + 1)):
        decoder = InputDecoder()
        decoder.feed(b"\x1b" + kind.encode() + junk)
        for _ in range(PASTE_TICKS):
            decoder.tick()
        assert keys(decoder.feed(b"q")) == ["q"]


@pytest.mark.parametrize(
    ("begins", "limit", "size"),
    [
        (b"\x1b]52;", JUNK_BYTES, 1),
        (b"\x1bP", JUNK_BYTES, 4096),
        (b"\x1b[", JUNK_BYTES, 1),
        (b"\x1b[", JUNK_BYTES, 4096),
        (b"\x1b[200~", PASTE_BYTES, 4096),
    ],
)
def test_without_any_silence_nothing_keeps_keys_away_for_long(begins, limit, size):
    decoder = InputDecoder()
    decoder.feed(begins)
    for _ in range(limit // size + 2):
        decoder.feed(b"1" * size)
    assert keys(decoder.feed(b"q"))[-1] == "q"


def test_a_paste_is_one_message_however_it_is_cut():
    whole = "\x1b[200~żółw\x1b[A q\x00\x1b[201~j".encode()
    for size in (1, 2, 5, 100):
        decoder, found = InputDecoder(), []
        for place in range(0, len(whole), size):
            found += decoder.feed(whole[place : place + size])
        assert isinstance(found[0], events.Paste) and found[0].text == "żółw\x1b[A q"
        assert keys(found) == ["j"]


def test_a_long_paste_is_cut_and_none_of_it_becomes_keys():
    decoder = InputDecoder()
    (paste,) = decoder.feed(b"\x1b[200~" + b"q" * (PASTE_BYTES // 2) + b"\x1b[201~")
    assert isinstance(paste, events.Paste) and paste.text == "q" * PASTE_KEPT


@pytest.mark.parametrize(
    "report",
    [
        b"\x1b[48;65535;65535;1;1t",
        b"\x1b[?2048;1$y",
        b"\x1b[?64;1;2c",
        b"\x1b]11;rgb:ffff/ffff/ffff\x07",
        b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\",
        b"\x1bP>|tmux 3.4\x1b\\",
        b"\x1b_Gi=31;OK\x1b\\",
        b"\x1b[99999;99999R",
        b"\x1b[<0;10;10M",
        b"\x1b[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18m",
        b"\x1b[201~",
    ],
)
def test_answers_to_questions_that_nobody_asked_are_no_keys_and_no_sizes(report):
    decoder = InputDecoder()
    found = [message for byte in report for message in decoder.feed(bytes([byte]))]
    assert [*found, *decoder.tick(), *InputDecoder().feed(report)] == []
    assert keys(decoder.feed(b"q")) == ["q"]


@pytest.mark.parametrize(
    ("sequence", "wanted"),
    [
        (b"\x1b[A\x1bOB\x1b[1;5C", ["up", "down", "ctrl+right"]),
        (b"\x1bOP\x1b[15~\x1b[[A\x1b[7$", ["f1", "f5", "f1", "shift+home"]),
        (b"\x1b[97;5u\x1b[27u", ["ctrl+a", "escape"]),
        (b"\x1bx\x1bG", ["alt+x", "alt+shift+g"]),
        (b"\x1b\x1b[A", ["escape", "up"]),
        (b"\r\t\x7f\x03", ["enter", "tab", "backspace", "ctrl+c"]),
    ],
)
def test_keys_are_those_that_textual_knows(sequence, wanted):
    assert keys(InputDecoder().feed(sequence)) == wanted


def test_an_escape_alone_is_a_key_after_a_moment_and_half_a_sequence_is_none():
    decoder = InputDecoder()
    assert decoder.feed(b"\x1b") == [] and keys(decoder.tick()) == ["escape"]
    assert decoder.feed(b"\x1b[") == [] and decoder.tick() == []


def test_mouse_reports_are_no_keys_even_in_pieces():
    decoder = InputDecoder()
    assert keys(decoder.feed(b"\x1b[Mqq")) == []
    assert keys(decoder.feed(b"q" + b"\x1b[M !!" + b"a")) == ["a"]


def test_a_character_split_between_two_reads_arrives_whole():
    decoder = InputDecoder()
    assert keys(decoder.feed("é".encode()[:1])) == []
    (message,) = decoder.feed("é".encode()[1:])
    assert isinstance(message, events.Key) and message.character == "é"


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_no_bytes_in_any_pieces_raise(pieces):
    decoder = InputDecoder()
    for piece in pieces:
        decoder.feed(piece)
        decoder.tick()


def test_a_terminal_that_is_gone_takes_everything_without_complaint():
    class Gone:
        def write(self, text):
            raise OSError(5, "Input/output error")

        flush = write

    output = LastingOutput(cast(TextIO, Gone()))
    output.write("x")
    output.flush()
    assert output.gone


def test_talking_to_a_terminal_that_is_gone_raises_nothing(monkeypatch):
    class Gone:
        def write(self, text=""):
            raise OSError(5, "Input/output error")

        flush = fileno = write

    monkeypatch.setattr("sys.stderr", guarded(cast(TextIO, Gone()), must=False))
    say("training goes on")

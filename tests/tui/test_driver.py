"""The tolerant driver: why it exists, and that it holds."""

import inspect
from typing import TextIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.drivers.linux_driver import LinuxDriver

from selffit.outlets import guarded
from selffit_tui.app.driver import InputDecoder, LastingOutput
from selffit_tui.talk import say


def keys(messages):
    return [message.key for message in messages if isinstance(message, events.Key)]


def test_textual_still_decodes_input_strictly():
    # When this fails, Textual has changed: look whether selffit_tui.app.driver is still needed.
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

"""The Run screen in a real pseudo-terminal: what a pilot without one cannot show."""

import random
import re
import signal
import termios
import time

from selffit_tui.app.decoder import PASTE_TICKS
from selffit_tui.app.driver import SELECT_SECONDS

COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|4[0-7]|9[0-7]|10[0-7]|38|48)(?:;[0-9;]*)?m")
REVERSE = re.compile(rb"\x1b\[(?:[0-9;]*;)?7(?:;[0-9;]*)?m !! ONSET")


def test_odd_bytes_mouse_reports_and_resizes_do_no_harm(in_terminal):
    terminal = in_terminal(LANG="C.UTF-8")
    terminal.wait_for("ONSET")
    rng = random.Random(0)
    for turn in range(200):
        terminal.resize(rng.choice((1, 2, 40, 80, 120, 200)), rng.choice((1, 2, 9, 24, 40, 70)))
        if turn % 10 == 0:
            terminal.send(bytes(rng.randrange(128, 256) for _ in range(20)))
            terminal.send(
                b"\x1b[M"
                + bytes(rng.randrange(32, 256) for _ in range(3))
                + b"\x1b[48;0;0;0;0t\x1b[48;65535;65535;1;1t\x1b[9999999999u"
            )
        terminal.read(0.005)
    terminal.resize(120, 40)
    terminal.read(0.2)
    terminal.send(b"\x1b[200~a paste that nobody closes\x1b]52;")
    terminal.read(2 * SELECT_SECONDS * PASTE_TICKS)
    size = len(terminal.output)
    terminal.send(b"?")
    terminal.wait_for("keys and legend", since=size)
    terminal.send(b"q")
    terminal.read(0.3)
    terminal.send(b"q")
    assert terminal.wait() == 0
    assert b"going_on=True" in terminal.output and b"Traceback" not in terminal.output


def test_a_closed_terminal_ends_the_view(in_terminal):
    terminal = in_terminal()
    terminal.wait_for("ONSET")
    terminal.hang_up()
    assert terminal.wait() == 128 + signal.SIGHUP


def test_sigterm_restores_the_terminal(in_terminal):
    terminal = in_terminal()
    before = termios.tcgetattr(terminal.master)
    terminal.wait_for("ONSET")
    assert termios.tcgetattr(terminal.master)[3] != before[3]
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.wait() == 128 + signal.SIGTERM
    assert termios.tcgetattr(terminal.master) == before
    assert b"\x1b[?1049l" in terminal.output and b"\x1b[?25h" in terminal.output
    assert b"\x1b[?1000h" not in terminal.output  # the mouse was left alone


def test_without_colours_the_onset_is_readable_by_word_symbol_and_reverse_video(in_terminal):
    terminal = in_terminal(80, 24, NO_COLOR="1", TERM="xterm", COLORTERM="")
    terminal.wait_for("ONSET")
    terminal.read(0.5)
    assert REVERSE.search(terminal.output) and not COLOUR.search(terminal.output)


def test_a_c_locale_gets_ascii_only_and_is_told_why(in_terminal):
    terminal = in_terminal(80, 24, LC_ALL="C", TERM="xterm", COLORTERM="")
    terminal.wait_for("ONSET")
    terminal.send(b"?")
    terminal.wait_for("because the locale LC_ALL=C is not UTF-8")
    assert terminal.output.isascii()
    assert b"\x1b[38;2" not in terminal.output  # and no more than 16 colours


def test_a_stalled_terminal_cannot_keep_the_view_from_ending(in_terminal):
    terminal = in_terminal()
    terminal.wait_for("ONSET")
    for turn in range(60):  # more than a terminal that nobody reads takes
        terminal.resize(120 + turn % 2 * 40, 40 + turn % 2 * 20)
        time.sleep(0.03)
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(timeout=15) == 128 + signal.SIGTERM

"""A person is told at once that something happens; a pipe gets no more lines than before."""

import sys

import pytest

from selffit_tui import cli

READING = "reading the settings …\n"


@pytest.fixture
def train(monkeypatch, capsys):
    def go(*args: str, terminal: bool) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["selffit", "train", *args])
        for name in ("stdout", "stderr"):  # put back afterwards, without the outlets
            monkeypatch.setattr(sys, name, getattr(sys, name))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
        with pytest.raises(SystemExit):
            cli.main()
        out, err = capsys.readouterr()
        return out, err

    return go


def test_a_terminal_is_told_before_the_options_are_read(train):
    _, err = train("--no-such-option", terminal=True)
    assert err.startswith(READING + "selffit: No such option")


def test_a_pipe_gets_the_error_alone(train):
    _, err = train("--no-such-option", terminal=False)
    assert err.startswith("selffit: No such option")


def test_help_needs_no_such_words(train):
    _, err = train("--help", terminal=True)
    assert err == ""

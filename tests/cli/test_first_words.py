"""A person is told at once that something happens; a pipe gets no more lines than before."""

import subprocess
import sys

import pytest

from selffit_tui import start
from selffit_tui.commands import helped

READING = f"{start.READING}\n"


@pytest.fixture
def train(monkeypatch, capsys):
    def go(*args: str, terminal: bool) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["selffit", "train", *args])
        for name in ("stdout", "stderr"):  # put back afterwards, without the outlets
            monkeypatch.setattr(sys, name, getattr(sys, name))
        monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
        with pytest.raises(SystemExit):
            start.main()
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


def test_other_commands_need_no_such_words():
    assert not start.is_slow(["status", "train"])
    assert not start.is_slow([])


def test_the_words_come_before_anything_large_is_loaded():
    code = (
        "import sys; from selffit_tui import start\n"
        "sys.argv[1:] = ['train', '--no-such-option']; sys.stderr.isatty = lambda: True\n"
        "told = lambda text, **_: (print(sorted({'typer', 'rich', 'msgspec'} & {*sys.modules})),"
        " sys.exit())\n"
        "start.print = told; start.main()"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_help_is_drawn_without_what_it_does_not_draw():
    code = (
        "import sys; from selffit_tui import start; sys.argv[1:] = ['--help']\n"
        "try: start.main()\n"
        "finally: print(sorted({'markdown_it', 'pygments', 'rich.traceback'} & {*sys.modules}))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.endswith("[]\n")
    assert "Usage: selffit" in said.stdout


def test_what_stands_in_for_a_class_is_that_class_once_it_is_used():
    late = helped._Late("Markdown", (), {"__module__": "rich.markdown"})
    from rich.markdown import Markdown

    assert type(late("# text")) is Markdown
    assert late.elements is Markdown.elements

"""A folder to work in, and the command line in this process."""

import sys

import pytest

from selffit_tui import cli


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Runs a command in the folder of the test; (exit code, stdout, stderr)."""
    monkeypatch.setenv("SELFFIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["selffit", *map(str, args)])
        code: str | int = 0
        try:
            cli.main()
        except SystemExit as exit:
            code = exit.code or 0
        out = capsys.readouterr()
        return code, out.out.replace("\u00a0", " "), out.err.replace("\u00a0", " ")

    return run

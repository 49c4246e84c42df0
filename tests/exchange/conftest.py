"""A folder to work in, and the command line in this process."""

import pytest


@pytest.fixture
def command(monkeypatch, selffit, tmp_path):
    """Runs a command in the folder of the test; (exit code, stdout, stderr)."""
    monkeypatch.setenv("SELFFIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)

    def run(*args):
        code, out, err = selffit(*args)
        return code, out.replace("\u00a0", " "), err.replace("\u00a0", " ")

    return run

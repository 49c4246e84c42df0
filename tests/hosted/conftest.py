"""Runs of somebody's programs."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from selffit.hosted.program import Program, create
from selffit.run.folder.run_dir import RunDir


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tiny networks are faster on one thread, and other tests get theirs back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def program_run(tmp_path: Path) -> Callable[..., RunDir]:
    """Makes the run of a Python program, given by its text; it has not begun."""

    def make(code: str, **more: Any) -> RunDir:
        script = tmp_path / "their_train.py"
        script.write_text(code)
        settings = more.pop("settings", {})
        program = Program((sys.executable, "-u", str(script)), **more)
        return create(program, tmp_path / "runs", "theirs", settings)

    return make

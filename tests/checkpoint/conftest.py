"""A run directory with a store in it."""

from pathlib import Path

import pytest
from made_up.store import Store


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def store(run: Path) -> Store:
    return Store(run, attempt=3, reserve=0)

"""A checkpoint store that says where it is, for tests that look at or harm its files."""

from pathlib import Path

from selffit.checkpoint.store import FOLDER, CheckpointStore


class Store(CheckpointStore):
    """A store in a run directory that stays where it is; `path` is its folder."""

    def __init__(self, run: Path, attempt: int = 0, **more: int) -> None:
        super().__init__(run, attempt, **more)
        self.path = run / FOLDER

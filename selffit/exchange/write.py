"""Recordings as run directories: all of them whole, or none at all."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import selffit
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.liveness import here
from selffit.eventlog.names import is_name
from selffit.eventlog.writer import EventWriter
from selffit.exchange.events import events_of
from selffit.exchange.recording import Recording
from selffit.run.folder.run_dir import RunDir

QUEUE_BYTES = 1 << 30  # nothing is dropped: an import waits for the disk
LONGEST_NAME = 64
# names of files that say nothing: then that of the folder is taken
_DULL = {
    "output",
    "log",
    "logs",
    "train",
    "training",
    "results",
    "progress",
    "metrics",
    "stdout",
    "out",
}


def write_runs(recordings: Sequence[Recording], root: Path, name: str | None) -> list[RunDir]:
    """Write recordings as runs under `root` and return them.

    name: of a single run, and what the names of several begin with; None: as the source is called.
    Raises UserError: a name is taken or malformed, the disk is full or cannot be written to.
    """
    names = _names(recordings, root, name)
    draft = root / f".import-{secrets.token_hex(8)}"
    made: list[Path] = []
    try:
        runs = [_write(one, draft, called) for one, called in zip(recordings, names, strict=True)]
        for run in runs:
            made.append(_moved(run, root / run.name))
    except BaseException:
        for path in made:
            shutil.rmtree(path, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return [RunDir.open(path) for path in made]


def _write(recording: Recording, draft: Path, name: str) -> RunDir:
    info = {
        "config": {**recording.settings},
        "version": selffit.__version__,
        "imported": {
            "source": clean(recording.source),
            "format": recording.format,
            "unit": recording.unit,
            "columns": {role: clean(called) for role, called in recording.columns.items()},
            "assumed": [clean(said) for said in recording.assumed],
            "left_out": [clean(said) for said in recording.left_out],
        },
    }
    run = RunDir.create(draft, name, _plain(info))
    with EventWriter(
        run.path, "trainer", run.claim_attempt(here()), queue_bytes=QUEUE_BYTES
    ) as log:
        for event in events_of(recording):
            log.emit(event, step=event.step, branch=event.branch)
        if not log.close("imported"):
            raise UserError(f"cannot write the log of {name}: {log.health.error}; free some space")
    return run


def _moved(run: RunDir, path: Path) -> Path:
    try:
        if os.path.lexists(path):
            raise FileExistsError
        run.path.rename(path)
    except OSError as error:
        why = getattr(error, "strerror", None) or "there is already something of that name"
        raise UserError(f"cannot make {clean(str(path))}: {why}; choose another --name") from error
    return path


def _names(recordings: Sequence[Recording], root: Path, name: str | None) -> list[str]:
    """A name for each, none of them taken where somebody chose it."""
    names: list[str] = []
    for recording in recordings:
        if name is not None:
            wanted = name
            if len(recordings) > 1:
                wanted = f"{name}-{_usable(recording.name)}"[:LONGEST_NAME]
        else:
            wanted = _usable(recording.name)
        if name is not None and wanted not in names and is_name(wanted):
            if os.path.lexists(root / wanted):
                raise UserError(
                    f"there is already something called {wanted} in {clean(str(root))}; choose "
                    "another --name"
                )
        elif name is None or wanted in names:
            wanted = _free(wanted, root, names)
        names.append(wanted)
    return names


def _free(wanted: str, root: Path, taken: Sequence[str]) -> str:
    for number in range(1, 10_000):
        ending = "" if number == 1 else f"-{number}"
        name = wanted[: LONGEST_NAME - len(ending)] + ending
        if name not in taken and not os.path.lexists(root / name):
            return name
    raise UserError(f"no free name {wanted}-2 … in {clean(str(root))}; choose one with --name")


def run_name(path: Path) -> str:
    """What a run is called that was read from a file or folder."""
    stem = path.name if path.is_dir() else path.stem
    with suppress(OSError):
        if stem.casefold() in _DULL or stem.startswith(("events.out", "run-")):
            stem = path.resolve().parent.name or stem
    return _usable(stem)


def _usable(name: str) -> str:
    """The name with what a run's name cannot have left out."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:LONGEST_NAME]
    return name if name and name != "latest" else "imported"


def _plain(value: Any) -> Any:
    """Settings as JSON has them."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)

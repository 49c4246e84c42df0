"""Whose a folder is: the id of the run in run.json, and in which folder its attempts were begun.

A run is known by a random id, not by where it lies. The id stands in run.json, in every line of its
log and in the manifest of every checkpoint. A copy of a folder has the same content and another
number in the file system (`Folder.mark`), by which it is told from the run itself.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from selffit.eventlog.folder import Folder
from selffit.eventlog.jsonfile import read_small

RUN_FILE = "run.json"
ATTEMPTS = "attempts"

_ATTEMPT = re.compile(r"([0-9]{6})\.json")
_ID = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class RunId:
    """The id of a run, and those that it had before: a copy that is resumed gets another.

    "" stands for a run from before there were ids.
    """

    id: str = ""
    origins: tuple[str, ...] = ()

    def owns(self, id: str) -> bool:
        """Whether a line or a checkpoint with that id belongs to the run."""
        return id == self.id or id in self.origins


def new_id() -> str:
    """Twelve random hexadecimal digits."""
    return secrets.token_hex(6)


def run_id(info: Mapping[str, Any]) -> RunId:
    """The ids that run.json tells; what is none is left out."""
    listed = info.get("origins")
    before = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    known = [id for id in (item.get("id") for item in before) if id == "" or _is_id(id)]
    own = info.get("id")
    return RunId(str(own) if _is_id(own) else "", tuple(map(str, known)))


def id_of(folder: Folder) -> RunId | None:
    """The ids of the run in a folder; None where it holds no run.json that can be read."""
    try:
        return run_id(read_small(RUN_FILE, folder))
    except (OSError, ValueError):
        return None


def attempt_file(attempt: int) -> str:
    """The name of the file that claims an attempt."""
    return f"{attempt:06d}.json"


def newest_attempt(folder: Folder) -> int:
    """The highest number of an attempt that was claimed, 0 before the first. Raises OSError."""
    with folder.within(ATTEMPTS) as attempts:
        names = map(_ATTEMPT.fullmatch, attempts.names())
        return max((int(name[1]) for name in names if name), default=0)


def is_copy(folder: Folder) -> bool:
    """Whether the newest attempt was begun in another folder than this one.

    Also after a restore: nobody can tell that from a copy. False where nothing is known.
    """
    return _begun(folder) not in ("", folder.mark)


def begun_here(folder: Folder) -> bool:
    """Whether the newest attempt is known to have been begun in this very folder."""
    return _begun(folder) == folder.mark != ""


def _begun(folder: Folder) -> str:
    """The mark of the folder that the newest attempt was begun in, "" where it is not known."""
    try:
        newest = newest_attempt(folder)
        with folder.within(ATTEMPTS) as attempts:
            begun = read_small(attempt_file(newest), attempts).get("folder") if newest else None
        return begun if isinstance(begun, str) else ""
    except (OSError, ValueError):
        return ""


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None

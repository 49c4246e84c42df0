"""Who began a run, and when, by what lies beside its log: known before its first word."""

from contextlib import suppress
from pathlib import Path

from selffit.errors import UserError
from selffit.eventlog.folder import Folder, Place
from selffit.eventlog.liveness import is_alive
from selffit.run.folder.run_dir import RunDir


def begun(place: Place) -> float:
    """Return the wall clock at which the newest attempt was claimed, else the run was made.

    In seconds; 0 where neither is known.
    """
    run = _run(place)
    with suppress(UserError):
        return run.claimed_at(run.newest_attempt()) or run.created()
    return 0.0


def claimant_lives(place: Place) -> bool | None:
    """Whether the process that claimed the newest attempt exists; None where nobody can know.

    False in a copy of the folder: whoever claimed the attempt works elsewhere.
    """
    run = _run(place)
    identity = run.claimant(run.newest_attempt())
    if identity is None:
        return None
    return False if run.is_copy else is_alive(identity)


def _run(place: Place) -> RunDir:
    return RunDir(Path(place.name), place) if isinstance(place, Folder) else RunDir(place)

"""Deleting the folder of a run: never one that is trained in, nor anything behind a link."""

import secrets
import time
from contextlib import suppress
from pathlib import Path

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.folder import Folder
from selffit.eventlog.identity import ATTEMPTS, RUN_FILE
from selffit.run.folded.word import LOST_AFTER
from selffit.run.folder.run_dir import RunDir
from selffit.run.listing.glance import glance
from selffit.vocabulary import LOST, STARTING, state_of

POLL_SECONDS = 0.25


def remove_run(root: Path, name: str) -> None:
    """Delete the run of that name in a folder of runs, for good.

    Raises UserError: no run, a link, a run that goes on, or one that cannot be deleted.
    """
    shown = clean(name)
    parts = name.split("/")
    if not all(part and part not in (".", "..") and "\0" not in part for part in parts):
        raise UserError(f"'{shown}' is not a run of this folder; nothing was deleted")
    try:
        with Folder.root(root) as top, top.within(*parts[:-1]) as parent:
            if not parent.holds(parts[-1]):
                raise UserError(f"{shown} is gone already")
            if not parent.is_folder(parts[-1]):
                raise UserError(
                    f"{shown} is a link, or no folder: delete it yourself where it leads to, if "
                    "you mean it"
                )
            with Folder(parts[-1], parent) as home:
                _check_run(home, shown)
                _check_ended(RunDir(root / name, home.again()), home, shown)
                _delete(parent, parts[-1], home, shown)
    except OSError as error:
        raise UserError(f"cannot delete {shown}: {error.strerror}") from error


def _check_run(home: Folder, shown: str) -> None:
    if home.holds(RUN_FILE) or (home.holds("log") and home.holds(ATTEMPTS)):
        return
    raise UserError(f"{shown} is not a run: it holds no {RUN_FILE}; it is not deleted")


def _check_ended(run: RunDir, home: Folder, shown: str) -> None:
    """Refuses a run that goes on, or of which nobody can tell that it does not."""
    follower = glance(run)
    follower.read_all()
    while follower.in_doubt():  # only the clocks say that nobody is there
        time.sleep(POLL_SECONDS)
        follower.poll()
    state, word = follower.state, follower.word()
    newest = run.newest_attempt()
    if not state.attempt:  # nothing was ever logged: it may have been made a moment ago
        quiet = time.time() - max(run.claimed_at(newest), home.written("."))
        word = STARTING.word if quiet < LOST_AFTER else LOST.word
    elif newest > state.attempt:
        word = STARTING.word
    if (state.ending is None and not state_of(word).left) or word == STARTING.word:
        raise UserError(f"{shown} is {word}: stop it before you delete it")


def _delete(parent: Folder, name: str, home: Folder, shown: str) -> None:
    """First out of sight in one step, then what it holds; never another folder that took its place.

    A part that cannot be deleted stays under a name that says so.
    """
    doomed = f".gone-{secrets.token_hex(8)}"
    parent.rename(name, doomed)
    if not parent.is_folder(doomed) or _mark(parent, doomed) != home.mark:
        with suppress(OSError):
            parent.rename(doomed, name)
        raise UserError(f"{shown} is another folder by now; it is not deleted")
    try:
        parent.remove(doomed)
    except OSError as error:
        raise UserError(
            f"a part of {shown} could not be deleted: {error.strerror}; what is left is called "
            f"{doomed}"
        ) from error


def _mark(parent: Folder, name: str) -> str:
    with Folder(name, parent) as found:
        return found.mark

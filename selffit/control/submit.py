"""The viewer's end of the command channel: one new file in the inbox, complete or not there."""

import errno
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from selffit.control.commands import Command
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.disk import Disk
from selffit.eventlog.jsonfile import write_new


def submit(run_path: Path, command: Command) -> None:
    """Put a command into the inbox of a run: temporary name, sync, rename, sync of the folder.

    Submitting the same command again is harmless. Raises UserError when it could not be put there;
    then the trainer will not see it.
    """
    inbox = run_path / "control" / "inbox"
    draft = inbox / f".{command.id}.{os.getpid()}"  # the trainer ignores names with a leading dot
    try:
        write_new(draft, msgspec.structs.asdict(command))
        try:
            os.rename(draft, inbox / f"{command.id}.json")
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise
    except OSError as error:
        raise _cannot(run_path, error) from error
    # the file is there; only its survival of a power loss is uncertain, and the log will tell
    with suppress(OSError):
        Disk().sync_folder(inbox)


def _cannot(run_path: Path, error: OSError) -> UserError:
    shown = clean(str(run_path))
    code = error.errno or 0
    if code in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        if not run_path.is_dir():
            return UserError(f"the run directory {shown} is gone; check the path")
        return UserError(
            f"{shown} has no control/inbox, so its trainer takes no commands; check that it is a "
            "run"
        )
    hint = {
        errno.EACCES: "only the owner of the run may command it",
        errno.EPERM: "only the owner of the run may command it",
        errno.EROFS: "mount the disk for writing, or send the command from the trainer's host",
        errno.ENOSPC: "free some space and send it again",
        errno.EDQUOT: "free some of your quota and send it again",
        errno.EEXIST: "it is being submitted already; send it again",
    }.get(code, "send it again")
    return UserError(f"cannot write into the inbox of {shown}: {error.strerror}; {hint}")

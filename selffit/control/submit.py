"""The viewer's end of the command channel: one new file in the inbox, complete or not there."""

import errno
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from selffit.control.commands import Command
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.folder import Place, root_of
from selffit.eventlog.identity import is_copy
from selffit.eventlog.jsonfile import write_new


def submit(run: Place, command: Command) -> None:
    """Put a command into the inbox of a run: temporary name, sync, rename, sync of the folder.

    Submitting the same command again is harmless. Raises UserError when it could not be put there,
    or the folder is a copy of the run: then no trainer will see it.
    """
    draft = f".{command.id}.{os.getpid()}"  # the trainer ignores names with a leading dot
    try:
        with root_of(run) as root, root.within("control", "inbox") as inbox:
            if is_copy(root):
                raise UserError(
                    f"{clean(root.name)} is a copy of a run, and no trainer looks into it; send "
                    "the command to the run itself, or resume the copy as a run of its own"
                )
            write_new(inbox, draft, msgspec.structs.asdict(command))
            try:
                inbox.rename(draft, f"{command.id}.json")
            except OSError:
                with suppress(OSError):
                    inbox.unlink(draft)
                raise
            # the file is there; only its survival of a power loss is uncertain, and the log tells
            with suppress(OSError):
                inbox.sync()
    except OSError as error:
        raise _cannot(run, error) from error


def _cannot(run: Place, error: OSError) -> UserError:
    shown = clean(str(run) if isinstance(run, Path) else run.name)
    code = error.errno or 0
    if code in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
        if isinstance(run, Path) and not run.is_dir():
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

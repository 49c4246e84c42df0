"""A file that a person named for something to be written to: a report, a picture. Whole or not.

`check_place` asks before minutes of work what `write_whole` would find out after them.
"""

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from selffit.errors import UserError
from selffit.eventlog.clean import clean

HINT = "name a file in a folder that exists and that you can write to"


def check_place(path: Path, option: str) -> None:
    """Raises UserError where no file of this name could be written; `option` asked for it."""
    try:
        if str(path) == "-":  # elsewhere that is stdout: nobody wants a file of that name
            raise ValueError("/dev/stdout is what to write to stdout")
        mode = _mode(path)
        if mode is None:
            folder = path.absolute().parent
            if not stat.S_ISDIR(os.stat(folder).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, "its folder cannot be written to")
        elif stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        elif not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        raise _refusal(path, option, error) from error


def write_whole(path: Path, text: str, option: str) -> None:
    """Writes a file of UTF-8; what was there stays as it was until all of the new one is there.

    What is no regular file (`/dev/stdout`, a pipe), or lies in a folder that takes no other file,
    is written to as it is. Raises UserError.
    """
    data = text.encode("utf-8", "replace")
    draft = None
    try:
        mode = _mode(path)
        target = Path(os.path.realpath(path))
        if mode is not None and not (stat.S_ISREG(mode) and os.access(target.parent, os.W_OK)):
            with open(path, "wb") as file:
                file.write(data)
            return
        draft = target.with_name(f".selffit-{secrets.token_hex(8)}")
        with open(draft, "xb") as file:
            file.write(data)
            if mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
        os.replace(draft, target)
    except (OSError, ValueError) as error:
        if draft is not None:
            with suppress(OSError):
                draft.unlink()
        raise _refusal(path, option, error) from error


def _mode(path: Path) -> int | None:
    """What kind of thing is there, None for nothing."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _refusal(path: Path, option: str, error: Exception) -> UserError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UserError(f"cannot write {option} {clean(str(path))[:300]}: {why}; {HINT}")

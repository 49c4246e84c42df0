"""Making the directory of a new run: whole or not at all."""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.folder import Folder
from selffit.eventlog.identity import ATTEMPTS, RUN_FILE, new_id
from selffit.eventlog.jsonfile import write_new
from selffit.eventlog.names import RULE, is_name

FOLDERS = (ATTEMPTS, "log", "control", "control/inbox", "control/done", "ckpt", "raw")
PROGRAM = "program"  # in run.json of somebody else's program: its command line without folders
HOST_MODULE = "selffit.hosted"  # what runs it in the place of a trainer

_TRIES = 100  # random names that may be taken before we give up
# bytes that a disk must have free for a new run: its log, its ballast, a first checkpoint
_LEAST_FREE = 32 << 20


def is_hosted(info: Mapping[str, Any]) -> bool:
    """Whether run.json is that of somebody else's program or training loop."""
    return PROGRAM in info


def make(root: Path, name: str | None, info: Mapping[str, Any], stem: str) -> Path:
    """Make a run under `root` and return where it is; see `RunDir.create`. Raises UserError."""
    if name is not None:
        _check_new_name(name)
        if os.path.lexists(root / name):
            raise _taken(root, name)
    elif not is_name(f"{stem}-0000"):
        raise UserError(f"{stem!r} cannot begin the name of a run: {RULE}")
    draft = root / f".new-{secrets.token_hex(8)}"
    made: list[Path] = []
    try:
        made = [folder for folder in (root, *root.parents) if not folder.exists()]
        root.mkdir(parents=True, exist_ok=True)
        _check_space(root)
        path = _build(draft, root, name, stem, info)
    except OSError as error:
        raise _cannot_create(root, error) from error
    finally:  # when all went well the draft has been renamed, and the folders are not empty
        shutil.rmtree(draft, ignore_errors=True)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
    return path


def _build(draft: Path, root: Path, name: str | None, stem: str, info: Mapping[str, Any]) -> Path:
    """Build the run as `draft`, then rename it into place: the step that makes it a run."""
    draft.mkdir(mode=0o700)
    for below in FOLDERS:
        (draft / below).mkdir(mode=0o700)
    with Folder(draft) as folder, Folder.root(root) as parent:
        for _ in range(_TRIES):
            final = name if name is not None else f"{stem}-{secrets.token_hex(2)}"
            about = {**info, "v": 1, "id": new_id(), "name": final, "created": time.time()}
            try:
                if not os.path.lexists(root / final):
                    write_new(folder, f".{RUN_FILE}", about)
                    folder.rename(f".{RUN_FILE}", RUN_FILE)
                    for below in FOLDERS:
                        with folder.within(*below.split("/")) as made:
                            made.sync()
                    folder.sync()
                    # fails on a file and on a folder with anything in it
                    parent.rename(draft.name, final)
                    parent.sync()
                    return root / final
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                    raise
            if name is not None:
                raise _taken(root, name)
    raise UserError(
        f"no free name {stem}-0000 … {stem}-ffff in {clean(str(root))}; name the run yourself"
    )


def _check_space(root: Path) -> None:
    disk = os.statvfs(root)
    if disk.f_bavail * disk.f_frsize < _LEAST_FREE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _check_new_name(name: str) -> None:
    if not is_name(name):
        raise UserError(f"'{clean(name)}' cannot be the name of a run: {RULE}")
    if name == "latest":
        raise UserError(
            "a run cannot be called latest: that word means the newest run; choose another name"
        )


def _taken(root: Path, name: str) -> UserError:
    return UserError(
        f"there is already something called {name} in {clean(str(root))}; choose another name"
    )


def _cannot_create(root: Path, error: OSError) -> UserError:
    hint = {
        errno.ENOSPC: "free some space or choose another folder",
        errno.EDQUOT: "free some of your quota or choose another folder",
        errno.ENOTDIR: "a file is in the way; choose another folder",
        errno.EEXIST: "a file is in the way; choose another folder",
    }.get(error.errno or 0, "choose a folder that you can write to")
    return UserError(f"cannot create a run in {clean(str(root))}: {error.strerror}; {hint}")

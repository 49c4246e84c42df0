"""Opens the file of a shared run, as if somebody hostile had packed it.

Only names that a pack has are taken, each once; no links, no devices; counts and sizes are bounded
while they are read, whatever the archive says of itself. The run appears whole or not at all.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.identity import RUN_FILE
from selffit.eventlog.names import RULE, is_name
from selffit.exchange.pack import ABOUT, FORMAT, MEMBER
from selffit.run.folder.making import FOLDERS
from selffit.run.folder.run_dir import RunDir
from selffit.run.notify import FIELD

MOST_FILES = 10_000
MOST_BYTES = 8 << 30  # of all files, unpacked
MOST_OF_ONE = 64 << 20  # of a file of the log: they are rotated at 32 MiB
MOST_OF_SMALL = 1 << 20  # of run.json and the attempts
MOST_RATIO = 200  # unpacked to packed: logs come to 20
_FREE = 8 << 20  # bytes that are not counted for that
_SLICE = 1 << 20


def unpack(path: Path, root: Path, name: str | None = None) -> RunDir:
    """Unpack a shared run under `root` (made where it lacks) and return it.

    name: what it is called there, None for the name that it was packed with. Raises UserError: no
    such file or none of a run, damaged, hostile, a name that is taken, no room.
    """
    draft = root / f".open-{secrets.token_hex(8)}"
    made = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        with zipfile.ZipFile(path) as archive:
            members = _checked(archive, path)
            final = _name(_about(archive, members[ABOUT], path), name, path)
            if os.path.lexists(root / final):
                raise UserError(
                    f"there is already something called {final} in {clean(str(root))}; nothing was "
                    "overwritten: choose another --name"
                )
            draft.mkdir(parents=True, mode=0o700)
            for folder in FOLDERS:
                (draft / folder).mkdir(mode=0o700)
            _extract(archive, members, draft, path)
        RunDir.open(draft).remember(FIELD, None)  # its run.json can be used, and calls nothing
        try:
            if os.path.lexists(root / final):
                raise FileExistsError
            draft.rename(root / final)
        except FileExistsError:
            raise UserError(f"there is something called {final} by now; choose --name") from None
        made = []
    except FileNotFoundError:
        raise UserError(f"{clean(str(path))}: no such file") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UserError(
            f"{clean(str(path))}: not the file of a run, or damaged ({clean(str(error))[:200]}); "
            "ask for it again"
        ) from None
    except OSError as error:
        raise UserError(
            f"cannot open {clean(str(path))} in {clean(str(root))}: {error.strerror or error}"
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        for empty in made:
            if empty.is_dir() and not any(empty.iterdir()):
                empty.rmdir()
    return RunDir.open(root / final)


def _checked(archive: zipfile.ZipFile, path: Path) -> dict[str, zipfile.ZipInfo]:
    """The members by name, where all of them are what a pack may hold. Raises UserError."""
    infos = archive.infolist()
    if len(infos) > MOST_FILES:
        raise _refused(path, f"{len(infos)} files, and a run has {MOST_FILES} at most")
    members: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for info in infos:
        shown = clean(info.filename)[:100]
        mode = info.external_attr >> 16
        if not MEMBER.fullmatch(info.filename) or info.orig_filename != info.filename:
            raise _refused(path, f"{shown}, which no run has")
        if info.filename in members:
            raise _refused(path, f"{shown} twice")
        if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise _refused(path, f"{shown}, a link or a device")
        if info.flag_bits & 0x1:
            raise _refused(path, f"{shown}, which is encrypted")
        if info.file_size > _most(info.filename):
            raise _refused(path, f"{shown} of {info.file_size} bytes")
        total += info.file_size
        members[info.filename] = info
    for needed in (ABOUT, RUN_FILE):
        if needed not in members:
            raise UserError(f"{clean(str(path))}: not the file of a run: it holds no {needed}")
    if total > min(MOST_BYTES, MOST_RATIO * os.path.getsize(path) + _FREE):
        raise _refused(path, f"{total} bytes in {os.path.getsize(path)}")
    return members


def _extract(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], draft: Path, path: Path
) -> None:
    total = 0
    for name, info in members.items():
        if name == ABOUT:
            continue
        target = draft / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            for data in _content(archive, info, path):
                total += len(data)
                if total > MOST_BYTES:
                    raise _refused(path, f"more than {MOST_BYTES} bytes")
                file.write(data)


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> Iterator[bytes]:
    """What a member holds, by slices; never more than one may. Raises UserError."""
    size = 0
    with archive.open(info) as member:
        while data := member.read(_SLICE):
            size += len(data)
            if size > _most(info.filename):
                raise _refused(path, f"{info.filename}, which is larger than it says")
            yield data


def _about(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> dict[str, Any]:
    try:
        about = json.loads(b"".join(_content(archive, info, path)))
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict) or not isinstance(about.get("pack"), int):
        raise UserError(f"{clean(str(path))}: not the file of a run: its {ABOUT} is damaged")
    if about["pack"] > FORMAT:
        raise UserError(f"{clean(str(path))}: packed by a newer selffit; update to open it")
    return about


def _name(about: dict[str, Any], name: str | None, path: Path) -> str:
    called = name if name is not None else about.get("name")
    if not isinstance(called, str) or not is_name(called) or called == "latest":
        where = "--name" if name is not None else f"the name in {clean(str(path))}"
        raise UserError(f"{where} cannot be that of a run: {RULE}; give another with --name")
    return called


def _most(name: str) -> int:
    return MOST_OF_ONE if name.startswith("log/") else MOST_OF_SMALL


def _refused(path: Path, what: str) -> UserError:
    return UserError(f"{clean(str(path))}: refused: it holds {what}; nothing was unpacked")

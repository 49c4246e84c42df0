"""A run as one file to share: its log and what it is, without weights and without what it printed.

The file is a ZIP archive of `run.json`, `attempts/` and `log/` as they lie in the run's folder, and
of `pack.json`, which says that it is one. A run that still grows is packed as it is now. The
command of `--notify` is left out: it is of this machine, and may hold an address or a token.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import selffit
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.folder import Folder
from selffit.eventlog.identity import ATTEMPTS, RUN_FILE
from selffit.run.folder.run_dir import RunDir
from selffit.run.folder.thinning import Thinning, thin_run
from selffit.run.notify import FIELD

ABOUT = "pack.json"
FORMAT = 1
SUFFIX = ".selffit"
# everything that a pack may hold: no other name is written or read
MEMBER = re.compile(
    rf"{re.escape(ABOUT)}|{re.escape(RUN_FILE)}|{ATTEMPTS}/[0-9]{{6}}\.json|"
    r"log/[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[0-9]{6}-[0-9]{6}\.jsonl"
)
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same run gives the same file


def pack_thinned(run: RunDir, path: Path, how: Thinning | None = None) -> int:
    """Pack a thinned copy (`selffit.run.folder.thinning`) as `pack` does; the run stays whole."""
    run.info()
    with tempfile.TemporaryDirectory(prefix="selffit-") as folder:
        copy = Path(folder) / run.name
        thin_run(run, copy, how or Thinning())
        return pack(RunDir.open(copy), path)


def pack(run: RunDir, path: Path) -> int:
    """Write a run into a file and return its bytes; what was there is replaced when all is written.

    Raises UserError where the run cannot be read or the file cannot be written.
    """
    info = run.info()
    draft = path.absolute().with_name(f".selffit-{secrets.token_hex(8)}")
    about = {"selffit": selffit.__version__, "pack": FORMAT, "name": run.name, "id": info.get("id")}
    try:
        with zipfile.ZipFile(draft, "x", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_member(ABOUT), json.dumps(about, indent=1) + "\n")
            with Folder.root(run.path) as root:
                for name, folder, file in _files(root):
                    content = folder.read(file)
                    if name == RUN_FILE:
                        content = _without_command(content)
                    archive.writestr(_member(name), content)
        size = draft.stat().st_size
        os.replace(draft, path)
    except OSError as error:
        raise UserError(
            f"cannot pack {run.name} into {clean(str(path))}: {error.strerror or error}; name a "
            "file in a folder that exists and that you can write to"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return size


def _files(root: Folder) -> Iterator[tuple[str, Folder, str]]:
    """The files that belong into a pack: the name there, its folder, and the name in it."""
    yield RUN_FILE, root, RUN_FILE
    for folder in (ATTEMPTS, "log"):
        if not root.is_folder(folder):
            continue
        with root.within(folder) as inner:
            for name in sorted(inner.names()):
                if MEMBER.fullmatch(f"{folder}/{name}"):
                    yield f"{folder}/{name}", inner, name
                elif folder == "log" and inner.is_folder(name):
                    with inner.within(name) as stream:
                        for file in sorted(stream.names()):
                            if MEMBER.fullmatch(f"log/{name}/{file}"):
                                yield f"log/{name}/{file}", stream, file


def _without_command(content: bytes) -> bytes:
    """run.json as it is, but for the command of `--notify`."""
    about = json.loads(content)
    if FIELD not in about:
        return content
    return json.dumps({k: v for k, v in about.items() if k != FIELD}).encode()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o600 << 16
    return info

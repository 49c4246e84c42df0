"""Run directories: their layout, creation in one step, attempts, and how a person names one.

RUN/run.json                 identity, resolved configuration, versions, seed; written once
RUN/attempts/000003.json     one start of the trainer: host, boot, pid, start time
RUN/log/<stream>/000003-000000.jsonl
RUN/control/inbox  RUN/control/done
RUN/ckpt  RUN/raw
"""

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from selffit.errors import UserError
from selffit.eventlog.clean import Refused, clean, clean_data
from selffit.eventlog.disk import Disk
from selffit.eventlog.jsonfile import read_small, write_new
from selffit.eventlog.liveness import ProcessIdentity
from selffit.eventlog.names import RULE, is_name
from selffit.eventlog.records import num

_ATTEMPT = re.compile(r"([0-9]{6})\.json")
_TRIES = 100  # random names that may be taken before we give up
_FOLDERS = ("attempts", "log", "control", "control/inbox", "control/done", "ckpt", "raw")
# bytes that a disk must have free for a new run: its log, its ballast, a first checkpoint
_LEAST_FREE = 32 << 20
_END_OF_TIME = 1e11  # seconds since the epoch; a calendar cannot show much more


@dataclass(frozen=True)
class RunDir:
    """An existing run directory. `create` makes one, `open` checks one."""

    path: Path

    @property
    def name(self) -> str:
        """The name of the run, which is that of its folder."""
        return self.path.name

    @property
    def inbox(self) -> Path:
        """Where commands are put for the trainer."""
        return self.path / "control" / "inbox"

    @property
    def done(self) -> Path:
        """Where commands lie that the trainer has answered."""
        return self.path / "control" / "done"

    @property
    def ckpt(self) -> Path:
        """The folder of the checkpoints."""
        return self.path / "ckpt"

    @property
    def raw(self) -> Path:
        """What the processes print, as it comes."""
        return self.path / "raw"

    @classmethod
    def create(
        cls, root: Path, name: str | None, info: Mapping[str, Any], *, stem: str = "run"
    ) -> "RunDir":
        """Make a run directory under `root` (made too where it lacks), whole or not at all.

        `info` becomes run.json, with `v`, `name` and `created` (seconds) added. Without a name it
        is called `<stem>-<four random hex digits>`. Raises UserError: name taken or malformed, root
        not writable, disk full.
        """
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
            path = _make(draft, root, name, stem, info)
        except OSError as error:
            raise _cannot_create(root, error) from error
        finally:  # when all went well the draft has been renamed, and the folders are not empty
            shutil.rmtree(draft, ignore_errors=True)
            for folder in made:
                with suppress(OSError):
                    folder.rmdir()
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> "RunDir":
        """An existing run directory.

        Raises UserError when it is none, or its run.json cannot be used.
        """
        run = cls(Path(os.path.abspath(path)))
        run.info()
        return run

    def info(self) -> dict[str, Any]:
        """run.json, its strings cleaned; `created` is a finite number. Raises UserError."""
        try:
            info = clean_data(read_small(self.path / "run.json"))
            if not 0 <= num(info.get("created")) < _END_OF_TIME:
                raise ValueError("`created` is not a time")
        except (FileNotFoundError, NotADirectoryError):
            raise UserError(f"{_shown(self.path)} is not a run: {self._lack()}") from None
        except OSError as error:
            raise UserError(
                f"cannot read run.json of {_shown(self.path)}: {error.strerror}"
            ) from error
        except (ValueError, Refused) as error:
            text = clean(str(error))[:200]
            raise UserError(
                f"{_shown(self.path)} is not a run: its run.json is damaged ({text})"
            ) from None
        return info

    def created(self) -> float:
        """When the run was created, in seconds since the epoch. Raises UserError."""
        return float(self.info()["created"])

    def claim_attempt(self, identity: ProcessIdentity, after: int | None = None) -> int:
        """Number the next start of the trainer, 1, 2, 3 …, exclusively.

        `after`: the newest attempt that the caller knows of and takes for ended; where there is a
        later one by now, it is somebody else's run. Raises UserError then, and when the attempt
        cannot be written.
        """
        folder, disk = self.path / "attempts", Disk()
        attempt = self.newest_attempt()
        while True:
            if after is not None and attempt > after:
                raise UserError(
                    f"somebody else has just started attempt {attempt} of {self.name}; watch that "
                    "one, or resume the run when it has ended"
                )
            attempt += 1
            try:
                write_new(self._claim(attempt), identity.as_data() | {"t": time.time()})
                disk.sync_folder(folder)
            except FileExistsError:
                continue  # somebody else started an attempt just now
            except OSError as error:
                raise UserError(
                    f"cannot start an attempt in {_shown(self.path)}: {error.strerror}"
                ) from error
            return attempt

    def claimant(self, attempt: int) -> ProcessIdentity | None:
        """The process that claimed an attempt; None where that cannot be read, or not yet."""
        try:
            return ProcessIdentity.from_data(read_small(self._claim(attempt)))
        except (OSError, ValueError):
            return None

    def claimed_at(self, attempt: int) -> float:
        """The wall clock at which an attempt was claimed, in seconds; 0 where it is not known."""
        try:
            found = num(read_small(self._claim(attempt)).get("t"))
        except (OSError, ValueError):
            return 0.0
        return found if found > 0 else 0.0

    def successor(self, attempt: int) -> int:
        """The newest attempt after this one, 0 without any.

        It needs no descriptor where there are none left: the next number is looked for by its name.
        """
        newest = self.newest_attempt()
        if newest > attempt:
            return newest
        return attempt + 1 if os.path.lexists(self._claim(attempt + 1)) else 0

    def _claim(self, attempt: int) -> Path:
        return self.path / "attempts" / f"{attempt:06d}.json"

    def newest_attempt(self) -> int:
        """The highest attempt number, 0 before the first."""
        try:
            names = os.listdir(self.path / "attempts")
        except OSError:
            return 0
        return max((int(match[1]) for match in map(_ATTEMPT.fullmatch, names) if match), default=0)

    def remove(self) -> None:
        """Delete a run that was refused before it began.

        Raises UserError when it has a checkpoint or was restarted.
        """
        if self.newest_attempt() > 1 or (self.ckpt.is_dir() and any(self.ckpt.iterdir())):
            raise UserError(f"{_shown(self.path)} has begun; it is not removed")
        doomed = self.path.with_name(f".gone-{secrets.token_hex(8)}")
        try:
            self.path.rename(doomed)  # first out of sight, in one step
            shutil.rmtree(doomed)
        except OSError as error:
            raise UserError(f"cannot remove {_shown(self.path)}: {error.strerror}") from error

    def _lack(self) -> str:
        if self.path.is_dir():
            return "it holds no run.json"
        return "it is not a folder" if os.path.lexists(self.path) else "there is no such folder"


def _make(draft: Path, root: Path, name: str | None, stem: str, info: Mapping[str, Any]) -> Path:
    """Build the run as `draft`, then rename it into place: the step that makes it a run."""
    disk = Disk()
    draft.mkdir(mode=0o700)
    for folder in _FOLDERS:
        (draft / folder).mkdir(mode=0o700)
    for _ in range(_TRIES):
        final = name if name is not None else f"{stem}-{secrets.token_hex(2)}"
        try:
            if not os.path.lexists(root / final):
                write_new(
                    draft / ".run.json", {**info, "v": 1, "name": final, "created": time.time()}
                )
                os.rename(draft / ".run.json", draft / "run.json")
                for folder in (*_FOLDERS, "."):
                    disk.sync_folder(draft / folder)
                # fails on a file and on a folder with anything in it
                os.rename(draft, root / final)
                disk.sync_folder(root)
                return root / final
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
        if name is not None:
            raise _taken(root, name)
    raise UserError(
        f"no free name {stem}-0000 … {stem}-ffff in {_shown(root)}; name the run yourself"
    )


def _check_space(root: Path) -> None:
    disk = os.statvfs(root)
    if disk.f_bavail * disk.f_frsize < _LEAST_FREE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _check_new_name(name: str) -> None:
    if not is_name(name):
        raise UserError(f"{clean(name)!r} cannot be the name of a run: {RULE}")
    if name == "latest":
        raise UserError(
            "a run cannot be called latest: that word means the newest run; choose another name"
        )


def _taken(root: Path, name: str) -> UserError:
    return UserError(
        f"there is already something called {name} in {_shown(root)}; choose another name"
    )


def _cannot_create(root: Path, error: OSError) -> UserError:
    hint = {
        errno.ENOSPC: "free some space or choose another folder",
        errno.EDQUOT: "free some of your quota or choose another folder",
        errno.ENOTDIR: "a file is in the way; choose another folder",
        errno.EEXIST: "a file is in the way; choose another folder",
    }.get(error.errno or 0, "choose a folder that you can write to")
    return UserError(f"cannot create a run in {_shown(root)}: {error.strerror}; {hint}")


def _shown(path: Path) -> str:
    return clean(str(path))


def list_runs(root: Path) -> list[RunDir]:
    """All usable runs directly under `root`, the newest first; none without such a folder."""
    found = []
    for run in _candidates(root):
        try:
            found.append((run.created(), run.name, run))
        except UserError:
            continue  # a folder of something else
    return [run for _, _, run in sorted(found, key=lambda entry: entry[:2], reverse=True)]


def find_run(token: str | None, root: Path) -> RunDir:
    """The run that `token` means, under `root` or anywhere.

    token: a path (absolute or with a slash), a name under `root`, a unique beginning of one,
    `latest` or None for the newest. Raises UserError that names the candidates or the nearest name.
    """
    if token is None or token == "latest":
        runs = list_runs(root)
        if not runs:
            raise UserError(
                f"there is no run in {_shown(root)} yet; start one or name another folder"
            )
        return runs[0]
    if "/" in token or token in (".", ".."):
        if "\0" in token:
            raise UserError("a path cannot hold a null character; check the name of the run")
        return RunDir.open(Path(token))
    names = sorted(run.name for run in _candidates(root))
    if token in names:
        return RunDir.open(root / token)
    # A folder of something else may begin alike; only when no run does, say what is wrong with the
    # folder.
    matches = [name for name in names if token and name.startswith(token)]
    usable = [name for name in matches if _usable(root / name)]
    if len(usable) == 1 or (len(matches) == 1 and not usable):
        return RunDir.open(root / (usable or matches)[0])
    where = _shown(root)
    if usable:
        shown = ", ".join(usable[:8]) + (f" and {len(usable) - 8} more" if len(usable) > 8 else "")
        raise UserError(
            f"{len(usable)} runs in {where} begin with {token}: {shown}; type more of the name"
        )
    near = get_close_matches(token[:64], names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "list the runs there, or give a path"
    raise UserError(f"there is no run {clean(token)[:80]!r} in {where}; {hint}")


def _usable(path: Path) -> bool:
    try:
        RunDir.open(path)
    except UserError:
        return False
    return True


def _candidates(root: Path) -> list[RunDir]:
    try:
        with os.scandir(root) as entries:
            return [
                RunDir(Path(entry.path))
                for entry in entries
                if is_name(entry.name) and entry.is_dir()
            ]
    except OSError:
        return []

"""Run directories: their layout, creation in one step, attempts.

RUN/run.json                 id, resolved configuration, versions, seed; changed by a resume only
RUN/attempts/000003.json     one start of the trainer: host, boot, pid, start time, in which folder
RUN/log/<stream>/000003-000000.jsonl
RUN/control/inbox  RUN/control/done
RUN/ckpt  RUN/raw
RUN/ended                    how a run that has ended is told: see `selffit.run.listing.memory`

Whoever only looks at a run goes by its path. Its trainer and its supervisor hold the folder
(`RunDir.held`): what they write goes where that is moved, and never into a successor at its path.
"""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selffit.errors import UserError
from selffit.eventlog.clean import Refused, clean, clean_data
from selffit.eventlog.folder import Folder, Place, root_of
from selffit.eventlog.identity import (
    ATTEMPTS,
    RUN_FILE,
    RunId,
    attempt_file,
    id_of,
    is_copy,
    new_id,
    newest_attempt,
    run_id,
)
from selffit.eventlog.jsonfile import read_small, replace, write_new
from selffit.eventlog.liveness import ProcessIdentity
from selffit.eventlog.records import num
from selffit.run.folder.making import FOLDERS, make

_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}
_END_OF_TIME = 1e11  # seconds since the epoch; a calendar cannot show much more


@dataclass(frozen=True)
class RunDir:
    """An existing run directory. `create` makes one, `open` checks one.

    `home` is the folder itself where it is held; without it everything goes by the path.
    """

    path: Path
    home: Folder | None = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The name of the run for people: that of its folder, whatever is in it made visible."""
        return clean(self.path.name)

    @property
    def place(self) -> Place:
        """What to reach the run by: its folder where it is held, else its path."""
        return self.home or self.path

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
        return cls(make(root, name, info, stem))

    def held(self) -> "RunDir":
        """The same run by its folder, wherever that is moved. Raises UserError where it is gone."""
        if self.home is not None:
            return self
        try:
            return RunDir(self.path, Folder.root(self.path))
        except OSError as error:
            raise self._cannot_read(error) from error

    @classmethod
    def open(cls, path: Path, fd: int | None = None) -> "RunDir":
        """An existing run directory; `fd`: a descriptor of it, which is held.

        Raises UserError when it is none, or its run.json cannot be used.
        """
        path = Path(os.path.abspath(path))
        run = cls(path, None if fd is None else Folder.adopt(fd, path.name))
        run.info()
        return run

    def info(self) -> dict[str, Any]:
        """run.json, its strings cleaned; `created` is a finite number. Raises UserError."""
        try:
            with root_of(self.place) as root:
                info = clean_data(read_small(RUN_FILE, root))
            if not 0 <= num(info.get("created")) < _END_OF_TIME:
                raise ValueError("`created` is not a time")
        except OSError as error:
            raise self._cannot_read(error) from error
        except (ValueError, Refused) as error:
            text = clean(str(error))[:200]
            raise UserError(
                f"{_shown(self.path)} is not a run: its run.json is damaged ({text})"
            ) from None
        return info

    def created(self) -> float:
        """When the run was created, in seconds since the epoch. Raises UserError."""
        return float(self.info()["created"])

    @property
    def id(self) -> RunId:
        """The run's id and those that it had before; blank where its run.json tells none."""
        with suppress(OSError), root_of(self.place) as root:
            return id_of(root) or RunId()
        return RunId()

    @property
    def is_copy(self) -> bool:
        """Whether its newest attempt was begun in another folder: see `identity.is_copy`."""
        with suppress(OSError), root_of(self.place) as root:
            return is_copy(root)
        return False

    @property
    def mark(self) -> str:
        """What tells its folder from a copy of it, "" where it is not there."""
        with suppress(OSError), root_of(self.place) as root:
            return root.mark
        return ""

    @property
    def gone(self) -> bool:
        """Whether a held run was deleted, be it in part, or moved to another file system."""
        try:
            with root_of(self.place) as root:
                return not root.holds(RUN_FILE)
        except OSError as error:
            return error.errno in _NOT_THERE

    def refuse_links(self) -> None:
        """Raises UserError that names what is no folder or file of ours: nothing is written there.

        A folder from elsewhere may hold links that lead anywhere. Of a file that is written on and
        has a second name, as after `cp -al`, the run gets one of its own.
        """
        try:
            with root_of(self.place) as root:
                for below in FOLDERS:
                    *above, name = below.split("/")
                    with root.within(*above) as parent:
                        if parent.holds(name) and not parent.is_folder(name):
                            raise self._in_the_way(below, "a folder")
                if root.holds("raw"):
                    with root.within("raw") as raw:
                        for name in raw.names():
                            raw.unshare(name)
                            if not raw.is_file(name):
                                raise self._in_the_way(f"raw/{name}", "a file")
        except OSError as error:
            raise self._cannot_read(error) from error

    def _in_the_way(self, what: str, wanted: str) -> UserError:
        shown = _shown(self.path / what)
        return UserError(
            f"{shown} is a link, or not {wanted}: a run is written into its own folder only; "
            f"replace it by {wanted}, or remove it"
        )

    def raw_file(self, name: str) -> int:
        """A descriptor that writes at the end of a file in raw/. Raises UserError."""
        try:
            with root_of(self.place) as root, root.ensure("raw") as raw:
                return raw.append(name)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
                raise self._in_the_way(f"raw/{name}", "a file") from error
            shown = _shown(self.path / "raw" / name)
            raise UserError(f"cannot write {shown}: {error.strerror}") from error

    def claim_attempt(self, identity: ProcessIdentity, after: int | None = None) -> int:
        """Number the next start of the trainer, 1, 2, 3 …, exclusively.

        A copy becomes a run of its own by it, and a run from before there were ids gets one.
        `after`: the newest attempt that the caller knows of and takes for ended; where there is a
        later one by now, it is somebody else's run. Raises UserError then, and when the attempt
        cannot be written.
        """
        self.refuse_links()
        try:
            with root_of(self.place) as root:
                for below in FOLDERS:  # what keeps no empty folders may have lost some
                    *above, name = below.split("/")
                    with root.within(*above) as parent:
                        parent.ensure(name).close()
                attempt = newest_attempt(root)
                self._check_free(attempt, after)
                self._become_itself(root)
                about = {**identity.as_data(), "t": time.time(), "folder": root.mark}
                with root.within(ATTEMPTS) as attempts:
                    while True:
                        self._check_free(attempt, after)
                        attempt += 1
                        with suppress(FileExistsError):  # somebody else started one just now
                            write_new(attempts, attempt_file(attempt), about)
                            attempts.sync()
                            return attempt
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or clean(str(error))
            raise UserError(f"cannot start an attempt in {_shown(self.path)}: {why}") from error

    def _check_free(self, attempt: int, after: int | None) -> None:
        if after is not None and attempt > after:
            raise UserError(
                f"somebody else has just started attempt {attempt} of {self.name}; watch that one, "
                "or resume the run when it has ended"
            )

    def _become_itself(self, root: Folder) -> None:
        """Give the run an id of its own where it has none, or has that of the original."""
        info = read_small(RUN_FILE, root)
        known = run_id(info)
        if known.id and not is_copy(root):
            return
        origin = {"id": known.id, "name": info.get("name"), "attempt": newest_attempt(root)}
        before = info.get("origins")
        origins = [*(before if isinstance(before, list) else []), origin]
        replace(root, RUN_FILE, {**info, "id": new_id(), "origins": origins})

    def claimant(self, attempt: int) -> ProcessIdentity | None:
        """The process that claimed an attempt; None where that cannot be read, or not yet."""
        return ProcessIdentity.from_data(self._claim(attempt))

    def claimed_at(self, attempt: int) -> float:
        """The wall clock at which an attempt was claimed, in seconds; 0 where it is not known."""
        found = num(self._claim(attempt).get("t"))
        return found if found > 0 else 0.0

    def successor(self, attempt: int) -> int:
        """The newest attempt after this one, 0 without any.

        It needs no descriptor where there are none left: the next number is looked for by its name.
        """
        newest = self.newest_attempt()
        if newest > attempt:
            return newest
        next_one = f"{ATTEMPTS}/{attempt_file(attempt + 1)}"
        if self.home is not None:
            return attempt + 1 if self.home.holds(next_one) else 0
        return attempt + 1 if os.path.lexists(self.path / next_one) else 0

    def _claim(self, attempt: int) -> dict[str, Any]:
        try:
            with root_of(self.place) as root, root.within(ATTEMPTS) as attempts:
                return read_small(attempt_file(attempt), attempts)
        except (OSError, ValueError):
            return {}

    def newest_attempt(self) -> int:
        """The highest attempt number, 0 before the first."""
        with suppress(OSError), root_of(self.place) as root:
            return newest_attempt(root)
        return 0

    def amend(self, config: Mapping[str, Any]) -> None:
        """Resume with these settings. Raises UserError where run.json cannot be written."""
        try:
            with root_of(self.place) as root:
                replace(root, RUN_FILE, {**read_small(RUN_FILE, root), "config": dict(config)})
        except (OSError, ValueError) as error:
            shown = _shown(self.path)
            raise UserError(f"cannot write run.json of {shown}: {clean(str(error))}") from error

    def remember(self, name: str, value: Any) -> Any:
        """Put a field into run.json, None: take it away; what it was before.

        Raises UserError where run.json cannot be written.
        """
        try:
            with root_of(self.place) as root:
                info = read_small(RUN_FILE, root)
                before = info.pop(name, None)
                if value != before:
                    replace(root, RUN_FILE, info if value is None else {**info, name: value})
                return before
        except (OSError, ValueError) as error:
            shown = _shown(self.path)
            raise UserError(f"cannot write run.json of {shown}: {clean(str(error))}") from error

    def remove(self) -> None:
        """Delete a run that was refused before it began.

        Raises UserError when it has a checkpoint or was restarted, or lies somewhere else by now.
        """
        if self.home is not None and RunDir(self.path).mark != self.mark:
            raise UserError(f"{_shown(self.path)} is another folder by now; it is not removed")
        if self.newest_attempt() > 1 or (self.ckpt.is_dir() and any(self.ckpt.iterdir())):
            raise UserError(f"{_shown(self.path)} has begun; it is not removed")
        doomed = self.path.with_name(f".gone-{secrets.token_hex(8)}")
        try:
            self.path.rename(doomed)  # first out of sight, in one step
            shutil.rmtree(doomed)
        except OSError as error:
            raise UserError(f"cannot remove {_shown(self.path)}: {error.strerror}") from error

    def _cannot_read(self, error: OSError) -> UserError:
        shown = _shown(self.path)
        if error.errno not in _NOT_THERE:
            return UserError(f"cannot read run.json of {shown}: {error.strerror}")
        if self.home is not None:
            return UserError(
                f"the folder of run {self.name} is gone: it was deleted, or moved to "
                "another file system"
            )
        if self.path.is_dir():
            lack = "it holds no run.json"
        else:
            there = os.path.lexists(self.path)
            lack = "it is not a folder" if there else "there is no such folder"
        return UserError(f"{shown} is not a run: {lack}")


def _shown(path: Path) -> str:
    return clean(str(path))

"""The runs of a folder, those that cannot be read among them, and how a person names one.

A run may be called as its owner likes: only new ones are held to the rule for names. Folders are
looked through one level deeper, where they hold no run themselves.
"""

import errno
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.folder import Folder
from selffit.eventlog.identity import ATTEMPTS, RUN_FILE
from selffit.run.folder.run_dir import RunDir
from selffit.vocabulary import DAMAGED, UNREADABLE

_MOST = 10_000  # folders looked into
_CLOSED = {errno.EACCES, errno.EPERM}


@dataclass(frozen=True, kw_only=True)
class Found:
    """A folder that holds a run, or nobody can tell what.

    name: as it is typed, from the folder of runs on. created: seconds since the epoch, 0 where it
    is not known. state: unreadable or damaged, "" where it can be read; why: in words.
    """

    run: RunDir
    name: str
    created: float = 0.0
    state: str = ""
    why: str = ""


def survey(root: Path) -> list[Found]:
    """All runs under `root`, the newest first; behind them, by name, what cannot be read."""
    found = [one for path in _folders(root) for one in _look_into(path, path.name, deeper=True)]
    times = Counter(one.created for one in found)
    usable = [one for one in found if not one.state]
    # a copy was created when the run was: then the run itself counts as the newer one
    usable.sort(
        key=lambda one: (
            one.created,
            times[one.created] == 1 or not one.run.is_copy,
            one.name,
        ),
        reverse=True,
    )
    return usable + sorted((one for one in found if one.state), key=lambda one: one.name)


def list_runs(root: Path) -> list[RunDir]:
    """All usable runs under `root`, the newest first; none without such a folder."""
    return [one.run for one in survey(root) if not one.state]


def find_run(token: str | None, root: Path) -> RunDir:
    """The run that `token` means, under `root` or anywhere.

    token: a path (absolute or with a slash), a name under `root`, a unique beginning of one,
    `latest` or None for the newest. Raises UserError that names the candidates or the nearest name.
    """
    where = clean(str(root))
    if token is None or token == "latest":
        runs = list_runs(root)
        if not runs:
            raise UserError(f"there is no run in {where} yet; start one or name another folder")
        return runs[0]
    if "\0" in token:
        raise UserError("a path cannot hold a null character; check the name of the run")
    if "/" in token or token in (".", ".."):
        path, below = Path(token), root / token
        return RunDir.open(below if not os.path.lexists(path) and os.path.isdir(below) else path)
    folders = {path.name: path for path in _folders(root)}
    if token in folders:
        return RunDir.open(folders[token])
    # A folder of something else may begin alike; only when no run does, say what is wrong with the
    # folder.
    matches = [name for name in sorted(folders) if token and name.startswith(token)]
    usable = [name for name in matches if _usable(folders[name])]
    if len(usable) == 1 or (len(matches) == 1 and not usable):
        return RunDir.open(folders[(usable or matches)[0]])
    if usable:
        shown = ", ".join(map(clean, usable[:8]))
        shown += f" and {len(usable) - 8} more" if len(usable) > 8 else ""
        raise UserError(
            f"{len(usable)} runs in {where} begin with {clean(token)}: {shown}; type more of the "
            "name"
        )
    near = get_close_matches(token[:64], sorted(folders), n=1, cutoff=0.5)
    hint = f"did you mean {clean(near[0])}?" if near else "list the runs there, or give a path"
    raise UserError(f"there is no run '{clean(token)[:80]}' in {where}; {hint}")


def _folders(root: Path) -> list[Path]:
    """The folders in a folder, also behind links; those with a leading dot are not for people."""
    try:
        with os.scandir(root) as entries:
            return [
                Path(entry.path)
                for entry in entries
                if not entry.name.startswith(".") and _is_folder(entry)
            ][:_MOST]
    except OSError:
        return []


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _look_into(path: Path, name: str, deeper: bool) -> Iterator[Found]:
    run = RunDir(Path(os.path.abspath(path)))
    try:
        with Folder.root(path) as folder:
            if folder.holds(RUN_FILE):
                yield _found(run, name)
                return
            broken = folder.holds("log") and folder.holds(ATTEMPTS)
    except OSError as error:
        if error.errno in _CLOSED:
            why = f"{error.strerror}: its owner may open it to you"
            yield Found(run=run, name=name, state=UNREADABLE.word, why=why)
        return
    if broken:
        yield Found(run=run, name=name, state=DAMAGED.word, why="it holds no run.json")
    elif deeper:
        for below in _folders(path):
            yield from _look_into(below, f"{name}/{below.name}", deeper=False)


def _found(run: RunDir, name: str) -> Found:
    try:
        return Found(run=run, name=name, created=run.created())
    except UserError as error:
        closed = getattr(error.__cause__, "errno", None) in _CLOSED
        state = UNREADABLE if closed else DAMAGED
        return Found(run=run, name=name, state=state.word, why=str(error))


def _usable(path: Path) -> bool:
    try:
        RunDir.open(path)
    except UserError:
        return False
    return True

"""What a person means by TARGET: a run with its checkpoints, or one checkpoint.

Without torch, so errors are quick.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from selffit.checkpoint.manifest import is_id, parse_id
from selffit.checkpoint.store import FOLDER, CheckpointStore
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.run.folder.find import find_run
from selffit.run.folder.run_dir import RunDir

PICKLES = (".pt", ".pth", ".tar", ".pkl", ".ckpt", ".bin", ".safetensors")


@dataclass(frozen=True)
class Target:
    """Checkpoints of a run, in the order of branch and step."""

    run: RunDir
    ids: tuple[str, ...]


def find_target(token: str, runs: Path, chosen: Sequence[str] = (), last: bool = False) -> Target:
    """The checkpoints that `token` means.

    All of a run, RUN:main-480, or the path of a checkpoint's folder.

    RUN is a name, a unique beginning of one, a path or `latest`; `runs` is the folder of runs.
    chosen: of a run, these ids only; last: the last one only. Raises UserError where there is no
    such run or checkpoint.
    """
    run, id = _one(token, runs)
    if id is not None:
        if chosen or last:
            raise UserError(
                f"{clean(token)} is one checkpoint; leave --checkpoint and --last out, or name the "
                "run"
            )
        chosen = [id]
    run = run or find_run(token, runs)
    there = sorted(CheckpointStore(run.place).ids(), key=_place)
    if not there:
        raise UserError(
            f"run {run.name} has no checkpoint; a running one saves one with 'ctl {run.name} "
            "checkpoint', a new one with --keep 1 or more"
        )
    for wanted in chosen:
        parse_id(wanted)
        if wanted not in there:
            near = get_close_matches(wanted, there, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {_listed(there)}"
            raise UserError(f"run {run.name} has no checkpoint {wanted}; {hint}")
    ids = [id for id in there if id in chosen] if chosen else there
    return Target(run, tuple(ids[-1:] if last else ids))


def find_reference(token: str, runs: Path, home: RunDir | None) -> Target:
    """One checkpoint, as --reference names it: also a bare id of the run `home`.

    Raises UserError.
    """
    if home is not None and is_id(token):
        return find_target(f"{home.path}:{token}", runs)
    if _one(token, runs)[1] is None:
        raise UserError(
            f"--reference {clean(token)} is no checkpoint; give an id such as main-480, RUN:ID or "
            "its path"
        )
    return find_target(token, runs)


def looks_like_a_pickle(token: str) -> bool:
    """Whether TARGET is a file, or is called as other people's checkpoints are."""
    return Path(token).suffix in PICKLES or ("\0" not in token and Path(token).is_file())


def _one(token: str, runs: Path) -> tuple[RunDir | None, str | None]:
    """Run and id where `token` names one checkpoint, else (None, None)."""
    name, colon, id = token.rpartition(":")
    if colon and is_id(id):
        return find_run(name, runs), id
    if "/" in token and "\0" not in token:
        path = Path(token).absolute()
        if is_id(path.name) and path.parent.name == FOLDER:
            return RunDir.open(path.parent.parent), path.name
        if is_id(path.name) and path.is_dir() and not (path / "run.json").exists():
            raise UserError(
                f"{clean(token)} is not in the {FOLDER} folder of a run, whose run.json says which "
                f"network it is; give RUN/{FOLDER}/{path.name}"
            )
    return None, None


def _place(id: str) -> tuple[int, int]:
    """First main, then b1, b2 …, each by step."""
    branch, step = parse_id(id)
    return (0 if branch == "main" else int(branch[1:])), step


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")

"""The checkpoints of a run directory: written whole or not at all, believed only when verified."""

import errno
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

from selffit.checkpoint import manifest as manifests
from selffit.checkpoint.errors import Damaged, Foreign, NoSpace, SaveFailed
from selffit.checkpoint.manifest import MANIFEST, Entry, Manifest, is_id, parse_id
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.eventlog.folder import Folder, Place, root_of
from selffit.eventlog.identity import RUN_FILE, RunId, id_of

FOLDER = "ckpt"
RESERVE = 256 << 20  # bytes that a checkpoint leaves free, for the event log of the hours to come

ABANDONED = 86_400.0  # seconds without a change after which nobody is writing it any more

_TEMPORARY = re.compile(r"\.tmp-([0-9]{6,})-.+")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# what opening a link, or something else than a folder, ends in
_NO_FOLDER = {errno.ENOTDIR, errno.ELOOP}


class FileWriter(Protocol):
    """Writes a file at the path it is given; OSError when it cannot."""

    @property
    def size(self) -> int:
        """About as many bytes."""

    def __call__(self, path: Path) -> None:
        """Write it."""


Content = bytes | FileWriter
Found = TypeVar("Found")


class CheckpointStore:
    """RUN/ckpt. One trainer writes; anybody may read.

    A checkpoint carries the id of its run. One of another run is no good here: it is not read, not
    counted, not removed, and set aside where one is saved under its name.

    Beside the checkpoints the folder may hold, under names that no id has:
    `.tmp-<attempt>-<id>`, a save or a removal under way or cut short, and
    `.damaged-<id>`, what stood where a checkpoint was saved again, or is not finite.
    `write` may run in a thread of its own: what it is given must not change.
    """

    def __init__(self, run: Place, attempt: int = 0, *, reserve: int = RESERVE) -> None:
        """run: the run directory. attempt: the writer's own; a reader needs none.

        reserve: bytes to leave free.
        """
        self._run = run
        self._own = RunId()
        with suppress(OSError), root_of(run) as root:
            self._own = id_of(root) or RunId()
        self._attempt = attempt
        self._reserve = reserve

    # ---- saving ----------------------------------------------------------------------------------

    def free_space_ok(self, expected_bytes: int) -> bool:
        """Whether the disk has room for so large a checkpoint and the reserve. Raises OSError."""
        with root_of(self._run) as run:
            disk = os.statvfs(run.fd)
        return disk.f_bavail * disk.f_frsize >= expected_bytes + self._reserve

    def write(
        self,
        id: str,
        files: Mapping[str, Content],
        *,
        base: str | None = None,
        t: float | None = None,
    ) -> Manifest:
        """Save a checkpoint; returns when it would survive a power loss.

        files: by name, the content or what writes it. base: the checkpoint
        that this branch started from. t: wall clock, now by default. One that
        is already there, verifies and is of this attempt is left as it is, and
        that is a success; any other is set aside. Raises NoSpace or SaveFailed, with
        nothing left behind, and UserError for an id that is none.
        """
        parse_id(id)
        if base is not None:
            parse_id(base)
        if bad := [name for name in files if not manifests.is_file_name(name)]:
            raise ValueError(f"no names for files of a checkpoint: {bad}")
        size = sum(
            len(content) if isinstance(content, bytes) else content.size
            for content in files.values()
        )
        try:
            with self._made() as root:
                if (present := self._present(id)) is not None:
                    root.sync()  # whoever renamed it in may have been killed before this
                    return present
                if not self.free_space_ok(size):
                    raise NoSpace(
                        f"{size:,} bytes for checkpoint {id} would leave less than "
                        f"{self._reserve:,} free"
                    )
                return self._write(root, id, files, base, time.time() if t is None else t)
        except OSError as fault:
            kind = NoSpace if fault.errno in _FULL else SaveFailed
            raise kind(f"checkpoint {id} was not saved: {fault.strerror or fault}") from fault

    def _present(self, id: str) -> Manifest | None:
        try:
            found = self.verify(id)
            # an earlier attempt may have saved another state that the log never told of
            return found if found.attempt == self._attempt else None
        except Damaged:  # or not there, which is the usual case
            return None
        except UserError as fault:  # a newer selffit's: not to be touched
            raise SaveFailed(str(fault)) from fault

    def _made(self) -> Folder:
        """The folder to save into; never made in what is left of a run that was deleted."""
        with root_of(self._run) as run:
            if self._own.id and not run.holds(RUN_FILE):
                raise FileNotFoundError(errno.ENOENT, "the folder of the run is gone")
            return run.ensure(FOLDER)

    def _opened(self) -> Folder:
        with root_of(self._run) as run:
            return Folder(FOLDER, run)

    def _write(
        self, root: Folder, id: str, files: Mapping[str, Content], base: str | None, t: float
    ) -> Manifest:
        temporary = self._temporary(id)
        if root.holds(temporary):
            root.remove(temporary)
        root.make(temporary)
        try:
            with Folder(temporary, root) as folder:
                entries = {
                    name: self._fill(folder, name, content) for name, content in files.items()
                }
                branch, step = parse_id(id)
                manifest = Manifest(
                    format=manifests.FORMAT_VERSION,
                    id=id,
                    branch=branch,
                    step=step,
                    attempt=self._attempt,
                    t=t,
                    base=base,
                    files=entries,
                    run=self._own.id,
                )
                folder.create(MANIFEST, manifest.encode())
                folder.sync()
            if root.holds(id):
                self._set_aside(root, id)
            root.rename(temporary, id)
        except BaseException:
            with suppress(OSError):  # what cannot be removed now, the next attempt sweeps
                root.remove(temporary)
            raise
        root.sync()
        return manifest

    @staticmethod
    def _fill(folder: Folder, name: str, content: Content) -> Entry:
        if isinstance(content, bytes):
            return Entry(len(content), folder.create(name, content))
        content(folder.path / name)
        return Entry(*folder.settle(name))

    def set_aside(self, id: str) -> None:
        """Take a checkpoint out of the way that cannot be used though it verifies.

        So the step can be saved anew. What cannot be moved stays. Raises UserError for an id that
        is none.
        """
        parse_id(id)
        with suppress(OSError), self._opened() as root:
            if root.holds(id):
                self._set_aside(root, id)
                root.sync()

    def _set_aside(self, root: Folder, id: str) -> None:
        aside = f".damaged-{id}"
        if root.holds(aside):
            root.remove(aside)
        root.rename(id, aside)

    def _temporary(self, id: str) -> str:
        return f".tmp-{self._attempt:06d}-{id}"

    # ---- reading ---------------------------------------------------------------------------------

    def ids(self, branch: str | None = None) -> list[str]:
        """Ids by rising step, damaged ones included. Raises UserError when the folder is a link."""
        try:
            with self._opened() as root:
                found = [name for name in root.names() if is_id(name)]
        except FileNotFoundError:
            return []
        except OSError as fault:
            if fault.errno in _NO_FOLDER:
                raise UserError(
                    f"{clean(self._run.name)}/{FOLDER} is no folder, or a link; replace it by a "
                    "folder"
                ) from fault
            raise
        keys = sorted(
            (step, of, id) for id in found for of, step in [parse_id(id)] if branch in (None, of)
        )
        return [id for _, _, id in keys]

    def verify(self, id: str) -> Manifest:
        """Read everything and compare: every listed file and no other, sizes, hashes, no links.

        Raises Damaged, and UserError for an id that is none or a checkpoint of a newer selffit.
        """
        return self._check(id, lambda folder, name: folder.digest(name))

    def read(self, id: str) -> tuple[Manifest, dict[str, bytes]]:
        """All files of a checkpoint, each hashed as it was read: what comes back is verified."""
        files: dict[str, bytes] = {}

        def take(folder: Folder, name: str) -> str:
            files[name] = folder.read(name)
            return sha256(files[name]).hexdigest()

        return self._check(id, take), files

    def newest_valid(
        self,
        branch: str,
        read: Callable[[str], Found],
        *,
        at_most: int | None = None,
    ) -> tuple[Found | None, list[tuple[str, str]]]:
        """What `read` makes of the newest id of the branch that it does not find Damaged.

        None where there is none that is no later than a step. The list names the newer ones, each
        with a reason. Raises UserError at one that a newer selffit wrote: going back before it
        would throw good work away.
        """
        skipped: list[tuple[str, str]] = []
        for id in reversed(self.ids(branch)):
            if at_most is not None and parse_id(id)[1] > at_most:
                continue
            try:
                return read(id), skipped
            except Damaged as damage:
                skipped.append((id, damage.reason))
        return None, skipped

    def _check(self, id: str, digest: Callable[[Folder, str], str] | None) -> Manifest:
        """Without `digest` all but the content: quick, and blind to changed bytes."""
        parse_id(id)
        try:
            with self._opened() as root, Folder(id, root) as folder:
                manifest = _manifest(folder, id)
                if not self._own.owns(manifest.run):
                    raise Foreign(id, manifest.run)
                present = set(folder.names()) - {MANIFEST}
                if lost := sorted(manifest.files.keys() - present):
                    raise Damaged(id, f"{lost[0]} is missing")
                if strange := sorted(present - manifest.files.keys()):
                    raise Damaged(
                        id, f"it holds {strange[0][:80]!r}, which the manifest does not list"
                    )
                for name, entry in manifest.files.items():
                    if (size := folder.size(name)) != entry.size:
                        raise Damaged(id, f"{name} has {size:,} bytes, not {entry.size:,}")
                    if digest is not None and digest(folder, name) != entry.sha256:
                        raise Damaged(id, f"the content of {name} was changed")
        except FileNotFoundError as fault:
            raise Damaged(id, "there is no such checkpoint") from fault
        except OSError as fault:
            link = "a link, or not a file or folder at all"
            reason = link if fault.errno in _NO_FOLDER else fault.strerror
            raise Damaged(id, f"{fault.filename or id}: {reason}") from fault
        return manifest

    # ---- tidying ---------------------------------------------------------------------------------

    def prune(self, keep_last: int, pinned: Collection[str] = ()) -> list[str]:
        """Remove what lies before the `keep_last` newest whole checkpoints of each branch.

        Returns the ids removed.
        Never one in `pinned`, never one that a checkpoint names as the base of
        its branch (a branch without a checkpoint yet is known to the log only:
        pin its base). Damaged ones do not count towards `keep_last`; seeing
        damage here goes by names and sizes, not by content. What cannot be
        removed stays, and the next call tries again. Raises OSError when the
        folder cannot be listed.
        """
        if keep_last < 1:
            raise ValueError("keep_last must be at least 1")
        ids = self.ids()
        protected = {*pinned, *filter(None, map(self._base, ids))}
        whole = defaultdict[str, list[int]](list)
        for id in ids:
            branch, step = parse_id(id)
            try:
                self._check(id, None)
                whole[branch].append(step)
            except Foreign:
                protected.add(id)
            except Damaged:
                pass
            except UserError:  # a newer selffit's: not ours to judge
                protected.add(id)
        first_kept = {
            branch: sorted(steps)[-keep_last]
            for branch, steps in whole.items()
            if len(steps) >= keep_last
        }
        keys = ((id, *parse_id(id)) for id in ids if id not in protected)
        return self._remove([id for id, branch, step in keys if step < first_kept.get(branch, 0)])

    def sweep(self, dead: Collection[int]) -> list[str]:
        """Remove what saves and removals of earlier, `dead` attempts left half done.

        Left alone: this attempt's own, later ones', and those of any other attempt (a trainer on
        its way out may still be writing) that were changed within a day: of one on a machine that
        has vanished nobody ever knows that it is dead. Returns the names removed.
        """
        removed = []
        with suppress(OSError), self._opened() as root:
            for name in root.names():
                found = _TEMPORARY.fullmatch(name)
                if not found or int(found[1]) >= self._attempt:
                    continue
                with suppress(OSError):
                    if int(found[1]) in dead or _is_abandoned(root, name):
                        root.remove(name)
                        removed.append(name)
        return removed

    def _base(self, id: str) -> str | None:
        try:
            with self._opened() as root, Folder(id, root) as folder:
                return _manifest(folder, id).base
        except (OSError, Damaged, UserError):  # whatever is wrong with it is said elsewhere
            return None

    def _remove(self, ids: list[str]) -> list[str]:
        """Out of sight first, for good, then the manifest, then the rest.

        So no crash leaves half of one under an id.
        """
        removed: list[str] = []
        if not ids:
            return removed
        with suppress(OSError), self._opened() as root:
            for id in ids:
                with suppress(OSError):
                    if root.holds(temporary := self._temporary(id)):
                        root.remove(temporary)
                    root.rename(id, temporary)
                    removed.append(id)
            with suppress(OSError):  # then one may come back after a power loss, but not verify
                root.sync()
            for id in removed:
                with suppress(OSError):  # what is left is swept by the next attempt
                    with Folder(self._temporary(id), root) as folder:
                        folder.unlink(MANIFEST)
                    root.remove(self._temporary(id))
        return removed


def _is_abandoned(root: Folder, name: str) -> bool:
    """Whether neither a folder nor a file in it was changed for a day. Raises OSError."""
    with Folder(name, root) as folder:
        changed = max(root.written(name), *map(folder.written, folder.names()), 0.0)
    return time.time() - changed > ABANDONED


def _manifest(folder: Folder, id: str) -> Manifest:
    if not folder.holds(MANIFEST):
        raise Damaged(id, "it has no manifest: the save or the removal was cut short")
    return manifests.decode(id, folder.read(MANIFEST, limit=manifests.MANIFEST_LIMIT))

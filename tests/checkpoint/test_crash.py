"""Killed, or failing, at each single system call.

Never half a checkpoint that verifies, and the old one survives.

Run as a program (`test_crash.py FOLDER`) it is the victim: it forks once for each call and dies
there. Syncs are counted, not done: a killed process loses nothing that it wrote. Their order, which
a power loss depends on, has a test.
"""

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from selffit.checkpoint.errors import NoSpace, SaveFailed
from selffit.checkpoint.store import FOLDER, CheckpointStore

CALLS = (
    "open",
    "write",
    "fsync",
    "close",
    "mkdir",
    "rename",
    "unlink",
    "rmdir",
    "stat",
    "fstat",
    "listdir",
    "statvfs",
)
FILES = {"model.safetensors": b"w" * 5000, "state.json": b'{"step": 2}\n'}


class Written:
    """A file that writes itself."""

    size = 300

    def __call__(self, path: Path) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(fd, b"m" * self.size)
        os.close(fd)


@contextmanager
def each_call(before: Callable[[int, str, tuple[Any, ...]], None]) -> Iterator[None]:
    """Calls `before(number, name, arguments)` for each system call; it may raise or kill.

    `close` closes first.
    """
    real = {name: getattr(os, name) for name in CALLS}
    count = 0

    def wrapped(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if name == "close":
                real[name](*args)
            before(count, name, args)
            if name not in ("close", "fsync"):
                return real[name](*args, **kwargs)

        return call

    for name in CALLS:
        setattr(os, name, wrapped(name))
    try:
        yield
    finally:
        for name in CALLS:
            setattr(os, name, real[name])


def save(run: Path) -> None:
    """Over a damaged main-2, so that setting it aside is part of the story; main-1 is whole."""
    CheckpointStore(run, attempt=1, reserve=0).write(
        "main-2", {**FILES, "optim.safetensors": Written()}
    )


def prune(run: Path) -> None:
    CheckpointStore(run, attempt=1, reserve=0).prune(1)


def prepare(run: Path, work: Callable[[Path], None]) -> None:
    run.mkdir()
    with each_call(lambda *_: None):
        for id in ("main-0", "main-1") if work is save else ("main-0", "main-1", "main-2"):
            CheckpointStore(run, attempt=1, reserve=0).write(id, FILES)
        if work is save:
            CheckpointStore(run, attempt=1, reserve=0).write("main-2", FILES)
            (run / "ckpt" / "main-2" / "state.json").write_bytes(b"damage")


def newest(
    store: CheckpointStore, branch: str = "main"
) -> tuple[str | None, list[tuple[str, str]]]:
    """Id of the newest one of a branch that verifies, and what was skipped."""
    return store.newest_valid(branch, lambda id: store.verify(id).id)


def still_sound(run: Path) -> None:
    """What a next attempt finds."""
    store = CheckpointStore(run, attempt=2, reserve=0)
    with each_call(lambda *_: None):
        id, skipped = newest(store)
        assert id in ("main-1", "main-2")
        # only what was damaged before
        assert skipped in ([], [("main-2", "state.json has 6 bytes, not 12")])
        for id in store.ids():
            assert id == "main-2" or store.verify(id)
        store.sweep(dead={1})
        assert all(
            path.name[0] != "." or path.name == ".damaged-main-2"
            for path in (run / "ckpt").iterdir()
        )
        save(run)
        assert newest(store) == ("main-2", [])


def kill_at_each_call(work: Callable[[Path], None], root: Path) -> int:
    """Run directories root/<n>, each left by a process that was killed at call n.

    How many calls there are.
    """

    def die_at(target: int) -> Callable[[int, str, tuple[Any, ...]], None]:
        def before(number: int, name: str, args: tuple[Any, ...]) -> None:
            if number == target:
                if name == "write":
                    REAL_WRITE(args[0], bytes(args[1])[: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)

        return before

    for target in range(1, 1000):
        run = root / str(target)
        prepare(run, work)
        child = os.fork()
        if child == 0:
            with each_call(die_at(target)):
                work(run)
            os._exit(0)
        if os.WIFEXITED(status := os.waitpid(child, 0)[1]):
            assert os.WEXITSTATUS(status) == 0
            return target - 1
    raise AssertionError("it never ends")


REAL_WRITE = os.write


@pytest.mark.parametrize("work", ["save", "prune"])
def test_killed_at_any_call_a_valid_checkpoint_is_left_and_nothing_half_verifies(
    work: str, tmp_path: Path
) -> None:
    command = [sys.executable, __file__, work, str(tmp_path)]
    calls = int(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)
    assert calls > (40 if work == "save" else 20)
    for target in range(1, calls + 1):
        still_sound(tmp_path / str(target))


def failing(target: int, code: int, fired: list[str]) -> Callable[..., None]:
    """Refuses the call with that number, and says in `fired` which it was."""

    def fail(number: int, name: str, args: tuple[Any, ...]) -> None:
        if number == target:
            fired.append(name)
            raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failure_of_any_call_of_a_save_is_reported_and_leaves_nothing(
    code: int, tmp_path: Path
) -> None:
    reported = 0
    for target in range(1, 1000):
        run = tmp_path / str(target)
        fired: list[str] = []
        prepare(run, save)

        try:
            with each_call(failing(target, code, fired)):
                save(run)
        except SaveFailed as fault:
            assert isinstance(fault, NoSpace) == (code == errno.ENOSPC)
            assert str(fault) == f"checkpoint main-2 was not saved: {os.strerror(code)}"
            reported += 1
        else:
            assert CheckpointStore(run).verify("main-2")
        assert not list((run / "ckpt").glob(".tmp-*"))
        still_sound(run)
        if not fired:
            break
    assert reported > 30


def test_a_failure_of_any_call_of_a_removal_keeps_the_newest(tmp_path: Path) -> None:
    for target in range(1, 1000):
        run = tmp_path / str(target)
        fired: list[str] = []
        prepare(run, prune)

        with each_call(failing(target, errno.EIO, fired)), suppress(OSError):
            prune(run)
        store = CheckpointStore(run)
        assert newest(store) == ("main-2", [])
        for id in store.ids():
            store.verify(id)
        if not fired:
            assert store.ids() == ["main-2"]
            break


def test_what_a_power_loss_could_take_is_synced_before_what_depends_on_it(tmp_path: Path) -> None:
    happened = []

    def note(number: int, name: str, args: tuple[Any, ...]) -> None:
        if name == "fsync":
            happened.append(("sync", os.path.basename(os.readlink(f"/proc/self/fd/{args[0]}"))))
        elif name == "rename":
            happened.append(("rename", args[1]))
        elif name == "open" and args[1] & os.O_CREAT:
            happened.append(("create", os.path.basename(args[0])))

    run = tmp_path / "run"
    run.mkdir()
    with each_call(note):
        save(run)
    assert happened[0] == ("sync", "run")  # the name ckpt
    manifest = happened.index(("create", "manifest.json"))
    for name in (*FILES, "optim.safetensors"):
        assert happened.index(("create", name)) < happened.index(("sync", name)) < manifest
    temporary = ".tmp-000001-main-2"
    end = [("sync", "manifest.json"), ("sync", temporary), ("rename", "main-2"), ("sync", "ckpt")]
    assert happened[manifest + 1 :] == end


def test_a_file_size_limit_is_no_space_and_leaves_nothing(
    store: CheckpointStore, run: Path
) -> None:
    store.write("main-1", FILES)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))
    try:
        with pytest.raises(NoSpace, match="File too large"):
            store.write("main-2", FILES)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(run / FOLDER) == ["main-1"]
    assert newest(store) == ("main-1", [])


@pytest.mark.parametrize("fault", [KeyboardInterrupt, MemoryError, OSError(errno.EDQUOT, "quota")])
def test_whatever_ends_files_that_write_themselves_leaves_nothing(
    store: CheckpointStore, run: Path, fault: BaseException | type[BaseException]
) -> None:
    class Interrupted:
        size = 10

        def __call__(self, path: Path) -> None:
            path.write_bytes(b"half")
            raise fault

    with pytest.raises((KeyboardInterrupt, MemoryError, NoSpace)):
        store.write("main-1", {**FILES, "x": Interrupted()})
    assert os.listdir(run / FOLDER) == []


def test_a_file_that_writes_itself_as_a_link_is_not_followed(
    store: CheckpointStore, run: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").write_bytes(b"x")

    class Linked:
        size = 1

        def __call__(self, path: Path) -> None:
            path.symlink_to(tmp_path / "outside")

    with pytest.raises(SaveFailed):
        store.write("main-1", {"state.json": Linked()})
    assert os.listdir(run / FOLDER) == []


if __name__ == "__main__":
    print(kill_at_each_call({"save": save, "prune": prune}[sys.argv[1]], Path(sys.argv[2])))

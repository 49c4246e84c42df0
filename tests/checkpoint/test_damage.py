"""Any change to a checkpoint on disk is damage with a reason; the one before it is used instead."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up.store import Store

from selffit.checkpoint.errors import Damaged

FILES = {
    "model.safetensors": bytes(range(256)) * 4,
    "optim.safetensors": b"m" * 300,
    "state.json": b'{"step":2}\n',
}
NAMES = [*FILES, "manifest.json"]


@pytest.fixture
def two(store: Store) -> Store:
    store.write("main-1", FILES)
    store.write("main-2", FILES)
    return store


def newest(store: Store, branch: str = "main") -> tuple[str | None, list[tuple[str, str]]]:
    """Id of the newest one of a branch that verifies, and what was skipped."""
    return store.newest_valid(branch, lambda id: store.verify(id).id)


def falls_back(store: Store) -> str:
    """The reason, the same from all ways to look."""
    with pytest.raises(Damaged) as verified:
        store.verify("main-2")
    with pytest.raises(Damaged) as read:
        store.read("main-2")
    id, skipped = newest(store)
    assert id == "main-1"
    assert skipped == [("main-2", verified.value.reason)] == [("main-2", read.value.reason)]
    return verified.value.reason


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("run"), attempt=1, reserve=0)
    store.write("main-1", FILES)
    store.write("main-2", FILES)
    return store


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(NAMES), st.integers(0, 10**6), st.integers(0, 7))
def test_a_flipped_bit_anywhere_in_any_file_is_found(
    shared: Store, name: str, at: int, bit: int
) -> None:
    path = shared.path / "main-2" / name
    whole = path.read_bytes()
    data = bytearray(whole)
    data[at % len(data)] ^= 1 << bit
    path.write_bytes(data)
    assert falls_back(shared)
    path.write_bytes(whole)
    assert newest(shared) == ("main-2", [])


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(NAMES), st.integers(0, 10**6), st.booleans())
def test_a_cut_or_zeroed_end_of_any_file_is_found(
    shared: Store, name: str, at: int, zeros: bool
) -> None:
    path = shared.path / "main-2" / name
    whole = path.read_bytes()
    kept = whole[: at % len(whole)]
    bad = kept + bytes(len(whole) - len(kept)) * zeros
    path.write_bytes(bad)
    assert (bad == whole) or falls_back(shared)
    path.write_bytes(whole)


def test_a_longer_file_is_found(two: Store) -> None:
    for name in NAMES:
        with open(two.path / "main-2" / name, "ab") as file:
            file.write(b"\n")
        assert falls_back(two)


def swap(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "x")
    (folder / "optim.safetensors").rename(folder / "model.safetensors")
    (folder / "x").rename(folder / "optim.safetensors")


def link(folder: Path) -> None:
    (folder / "state.json").unlink()
    (folder / "state.json").symlink_to("../main-1/state.json")


def link_manifest(folder: Path) -> None:
    (folder / "manifest.json").rename(folder.parent / "kept")
    (folder / "manifest.json").symlink_to("../kept")


def link_folder(folder: Path) -> None:
    folder.rename(folder.parent / "kept")
    folder.symlink_to("kept")


def pipe(folder: Path) -> None:
    (folder / "state.json").unlink()
    os.mkfifo(folder / "state.json")


def subfolder(folder: Path) -> None:
    (folder / "state.json").unlink()
    (folder / "state.json").mkdir()


def copy_of_the_first(folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(folder.parent / "main-1", folder)


def one_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"")


def long_manifest(folder: Path) -> None:
    os.truncate(folder / "manifest.json", 1 << 30)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "model.safetensors is missing"),
        (lambda folder: (folder / "manifest.json").unlink(), "no manifest"),
        (
            lambda folder: (folder / "extra.bin").touch(),
            "'extra.bin', which the manifest does not list",
        ),
        (lambda folder: (folder / "\udcff\n").touch(), "does not list"),
        (swap, "has 300 bytes, not 1,024"),
        (link, "state.json: a link"),
        (link_manifest, "manifest.json: a link"),
        (link_folder, "main-2: a link"),
        (pipe, "not a regular file"),
        (subfolder, "state.json: not a regular file"),
        (copy_of_the_first, "that of main-1"),
        (one_file, "main-2: a link, or not a"),
        (long_manifest, "longer than any of ours"),
    ],
)
def test_harm_is_named_and_the_one_before_is_used(
    two: Store, harm: Callable[[Path], object], reason: str
) -> None:
    harm(two.path / "main-2")
    said = falls_back(two)
    assert reason in said
    assert said.isprintable()

"""Saving, listing, verifying and reading checkpoints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_up.store import Store

from selffit.checkpoint.errors import Damaged, NoSpace, SaveFailed
from selffit.checkpoint.manifest import Manifest
from selffit.errors import UserError

FILES = {"model.safetensors": b"weights" * 1000, "state.json": b"{}\n", "empty": b""}


class Written:
    """A file that writes itself, as those of tensors do."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size = data, len(data)

    def __call__(self, path: Path) -> None:
        path.write_bytes(self.data)


def newest(store: Store, branch: str = "main") -> tuple[str | None, list[tuple[str, str]]]:
    """Id of the newest one of a branch that verifies, and what was skipped."""
    return store.newest_valid(branch, lambda id: store.verify(id).id)


def test_what_is_read_is_what_was_written(store: Store) -> None:
    manifest = store.write(
        "b1-40", {**FILES, "optim.safetensors": Written(b"momentum")}, base="main-30", t=12.5
    )
    again, files = store.read("b1-40")
    assert again == manifest == store.verify("b1-40")
    assert files == {**FILES, "optim.safetensors": b"momentum"}
    assert (again.branch, again.step, again.attempt, again.base, again.t) == (
        "b1",
        40,
        3,
        "main-30",
        12.5,
    )
    assert again.size == sum(map(len, files.values()))


def test_short_writes_are_continued(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:1000]))
    store.write("main-1", FILES)
    assert store.read("main-1")[1] == FILES


def test_only_the_owner_may_look_into_the_folder(store: Store) -> None:
    store.write("main-1", FILES)
    assert [(path.stat().st_mode & 0o777) for path in (store.path, store.path / "main-1")] == [
        0o700,
        0o700,
    ]


def test_saving_what_is_there_and_whole_changes_nothing(store: Store) -> None:
    first = store.write("main-1", FILES, t=1.0)
    assert store.write("main-1", {"state.json": b"other"}, t=2.0) == first
    assert store.read("main-1")[1] == FILES


def test_saving_over_a_damaged_one_sets_it_aside_each_time(store: Store) -> None:
    for round in range(2):
        store.write("main-1", FILES)
        (store.path / "main-1" / "state.json").write_bytes(b"round %d" % round)
    store.write("main-1", FILES)
    assert store.read("main-1")[1] == FILES
    assert (store.path / ".damaged-main-1" / "state.json").read_bytes() == b"round 1"
    assert store.ids() == ["main-1"]


def test_saving_where_a_link_stands_does_not_touch_what_it_points_to(
    store: Store, tmp_path: Path
) -> None:
    store.write("main-1", FILES)
    (store.path / "main-1").rename(tmp_path / "elsewhere")
    (store.path / "main-2").symlink_to(tmp_path / "elsewhere")
    store.write("main-2", FILES)
    assert not (store.path / "main-2").is_symlink()
    assert store.verify("main-2").step == 2
    assert sorted(os.listdir(tmp_path / "elsewhere")) == sorted([*FILES, "manifest.json"])


def test_ids_are_sorted_by_step_as_a_number(store: Store) -> None:
    for id in ("main-1000", "b1-300", "main-200", "b10-5", "main-30"):
        store.write(id, {})
    (store.path / ".tmp-000003-main-7").mkdir()
    (store.path / "notes.txt").write_text("mine")
    assert store.ids() == ["b10-5", "main-30", "main-200", "b1-300", "main-1000"]
    assert store.ids("main") == ["main-30", "main-200", "main-1000"]
    assert store.ids("b2") == []


def test_the_newest_valid_one_is_found_and_the_skipped_ones_are_named(
    store: Store,
) -> None:
    for id in ("main-9", "main-10", "main-11", "b1-12"):
        store.write(id, FILES)
    assert newest(store) == ("main-11", [])
    (store.path / "main-11" / "manifest.json").unlink()
    (store.path / "main-10" / "empty").write_bytes(b"!")
    found, skipped = newest(store)
    assert found == "main-9"
    assert skipped == [
        ("main-11", "it has no manifest: the save or the removal was cut short"),
        ("main-10", "empty has 1 bytes, not 0"),
    ]
    (store.path / "main-9" / "state.json").write_bytes(b"[]\n")
    assert newest(store)[0] is None
    assert newest(store, "b1") == ("b1-12", [])


def test_a_newer_selffits_checkpoint_is_neither_skipped_nor_overwritten(
    store: Store,
) -> None:
    store.write("main-1", FILES)
    store.write("main-2", {})
    newer = Manifest(2, "main-2", "main", 2, 1, 0.0, None, {}).encode()
    (store.path / "main-2" / "manifest.json").write_bytes(newer)
    with pytest.raises(UserError, match="update selffit"):
        newest(store)
    with pytest.raises(SaveFailed, match="update selffit"):
        store.write("main-2", FILES)
    assert store.prune(1) == []
    assert (store.path / "main-2" / "manifest.json").read_bytes() == newer


def test_a_run_without_checkpoints(store: Store) -> None:
    assert store.ids() == []
    assert newest(store) == (None, [])
    assert store.prune(1) == []
    assert store.sweep(dead={1, 2}) == []
    with pytest.raises(Damaged, match="no such checkpoint"):
        store.verify("main-1")


def test_a_linked_checkpoint_folder_is_refused_everywhere(store: Store, tmp_path: Path) -> None:
    store.write("main-1", FILES)
    store.path.rename(tmp_path / "moved")
    store.path.symlink_to(tmp_path / "moved")
    with pytest.raises(Damaged):
        store.verify("main-1")
    with pytest.raises(UserError, match="replace it by a folder"):
        store.ids()
    with pytest.raises(SaveFailed):
        store.write("main-2", FILES)
    assert store.sweep(dead={1, 2}) == []


@pytest.mark.parametrize("id", ["../evil-1", "main-1/..", "main", ""])
def test_an_id_that_is_none_reaches_no_file(store: Store, id: str) -> None:
    for call in (
        store.verify,
        store.read,
        lambda id: store.write(id, FILES),
        store.set_aside,
        lambda id: store.write("b1-1", {}, base=id),
    ):
        with pytest.raises(UserError):
            call(id)
    assert not store.path.exists()


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "manifest.json", ""])
def test_a_file_name_that_is_none_is_refused(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match="no names"):
        store.write("main-1", {name: b""})
    assert not store.path.exists()


def test_what_is_set_aside_is_no_checkpoint_any_more_and_can_be_saved_anew(
    store: Store,
) -> None:
    store.write("main-1", FILES)
    store.set_aside("main-1")
    store.set_aside("main-1")  # nothing there any more
    assert store.ids() == [] and (store.path / ".damaged-main-1").is_dir()
    store.write("main-1", FILES)
    assert store.verify("main-1").id == "main-1"
    store.set_aside("main-1")
    assert store.ids() == []


def test_free_space_is_checked_before_anything_is_written(run: Path) -> None:
    greedy = Store(run, reserve=1 << 60)
    assert not greedy.free_space_ok(0)
    with pytest.raises(NoSpace, match="free"):
        greedy.write("main-1", FILES)
    assert os.listdir(greedy.path) == []
    assert Store(run, reserve=0).free_space_ok(1)


def test_the_size_of_files_that_write_themselves_counts(store: Store) -> None:
    huge = Written(b"")
    huge.size = 1 << 60
    with pytest.raises(NoSpace):
        store.write("main-1", {"model.safetensors": huge})


def test_store_and_state_load_without_torch() -> None:
    code = (
        "import sys, selffit.checkpoint.store, selffit.checkpoint.state;"
        "sys.exit(bool({'torch', 'safetensors', 'numpy'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0

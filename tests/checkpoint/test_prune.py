"""What pruning may and may not remove, and the sweeping of leftovers."""

import os
import time
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up.store import Store

from selffit.checkpoint.manifest import Entry, Manifest, parse_id
from selffit.checkpoint.store import ABANDONED

CONTENT = b"{}\n"


def put(store: Store, id: str, base: str | None = None) -> None:
    """A whole checkpoint, without the syncs of a real save."""
    branch, step = parse_id(id)
    folder = store.path / id
    folder.mkdir(parents=True)
    (folder / "state.json").write_bytes(CONTENT)
    entry = Entry(len(CONTENT), sha256(CONTENT).hexdigest())
    (folder / "manifest.json").write_bytes(
        Manifest(1, id, branch, step, 1, 0.0, base, {"state.json": entry}).encode()
    )


ids = st.builds("{}-{}".format, st.sampled_from(["main", "b1", "b2"]), st.integers(0, 12))
bases = st.fixed_dictionaries({"main": st.none(), "b1": st.none() | ids, "b2": st.none() | ids})


@settings(deadline=None, max_examples=80)
@given(
    st.sets(ids, max_size=14),
    bases,
    st.sets(ids, max_size=4),
    st.sets(ids, max_size=4),
    st.integers(1, 4),
)
def test_exactly_the_old_whole_unprotected_ones_go(
    present: set[str], bases: dict[str, str | None], pinned: set[str], damaged: set[str], keep: int
) -> None:
    with TemporaryDirectory() as run:
        store = Store(Path(run), attempt=1)
        for id in present:
            put(store, id, bases[parse_id(id)[0]])
        for id in damaged & present:
            (store.path / id / "state.json").unlink()
        removed = store.prune(keep, pinned)
        left = set(store.ids())

        assert set(removed) == present - left and len(removed) == len(set(removed))
        for branch in ("main", "b1", "b2"):
            mine = {id for id in present if parse_id(id)[0] == branch}
            whole = sorted(mine - damaged, key=parse_id)
            assert set(whole[-keep:]) <= left  # the newest whole ones stay
            safe = pinned | {bases[parse_id(id)[0]] for id in present}
            for id in mine & set(removed):
                assert id not in safe
                assert sum(parse_id(other) > parse_id(id) for other in whole) >= keep
            for id in set(whole[:-keep]) - safe:
                assert id in removed
        for id in left - damaged:
            store.verify(id)
        assert all(not name.startswith(".") for name in (p.name for p in store.path.glob("*")))
        assert store.prune(keep, pinned) == []


def test_a_branchs_base_stays_even_when_that_branch_is_damaged_but_for_its_manifest(
    store: Store,
) -> None:
    for id in ("main-1", "main-2", "main-3"):
        put(store, id)
    put(store, "b1-4", base="main-1")
    (store.path / "b1-4" / "state.json").unlink()
    assert store.prune(1) == ["main-2"]


def test_keeping_none_is_a_mistake_of_the_caller(store: Store) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        store.prune(0)


def test_a_link_among_the_old_ones_goes_without_what_it_points_to(
    store: Store, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "manifest.json").write_text("precious")
    put(store, "main-2")
    (store.path / "main-1").symlink_to(outside)
    assert store.prune(1) == ["main-1"]
    assert (outside / "manifest.json").read_text() == "precious"


def test_sweeping_spares_this_attempt_later_ones_the_living_and_everything_else(
    store: Store,
) -> None:
    put(store, "main-1")
    for name in (
        ".tmp-000001-main-2",
        ".tmp-000002-main-2",
        ".tmp-000003-main-2",
        ".tmp-000004-main-2",
        ".damaged-main-2",
    ):
        (store.path / name).mkdir()
        (store.path / name / "model.safetensors").write_bytes(b"half")
    assert store.sweep(dead=()) == []
    assert store.sweep(dead={1, 3, 4}) == [".tmp-000001-main-2"]
    assert store.sweep(dead={2}) == [".tmp-000002-main-2"]
    left = [".damaged-main-2", ".tmp-000003-main-2", ".tmp-000004-main-2", "main-1"]
    assert sorted(path.name for path in store.path.iterdir()) == left


def test_what_nobody_has_changed_for_a_day_is_swept_though_nobody_knows_its_writer_dead(
    store: Store,
) -> None:
    long_ago = time.time() - ABANDONED - 60
    for name in (".tmp-000001-main-2", ".tmp-000002-main-2", ".tmp-000003-main-2"):
        (store.path / name).mkdir(parents=True)
        (store.path / name / "model.safetensors").write_bytes(b"half")
        os.utime(store.path / name / "model.safetensors", (long_ago, long_ago))
        os.utime(store.path / name, (long_ago, long_ago))
    (store.path / ".tmp-000001-main-2" / "optim.safetensors").write_bytes(b"just now")
    assert store.sweep(dead=()) == [".tmp-000002-main-2"]


def test_a_leftover_of_this_attempt_does_not_hinder_the_next_save_or_removal(
    store: Store,
) -> None:
    for step in (1, 2):
        leftover = store.path / f".tmp-000003-main-{step}"
        leftover.mkdir(parents=True)
        (leftover / "state.json").write_bytes(b"half")
    put(store, "main-1")
    store.write("main-2", {"state.json": CONTENT})
    assert store.prune(1) == ["main-1"]
    assert [path.name for path in store.path.iterdir()] == ["main-2"]

"""What TARGET means: runs, checkpoints by name and by path, and what is said of the rest."""

import pytest

from selffit.analysis.target import find_reference, find_target, looks_like_a_pickle
from selffit.checkpoint.store import CheckpointStore
from selffit.errors import UserError
from selffit.run.folder.run_dir import RunDir

IDS = ("main-0", "main-5", "main-10", "b2-7", "b10-6")


@pytest.fixture
def run(tmp_path):
    run = RunDir.create(tmp_path / "runs", "demo", {"config": {}})
    for id in reversed(IDS):
        CheckpointStore(run.path, 1, reserve=0).write(id, {"state.json": b"{}"})
    return run


@pytest.fixture
def find(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda token, **more: find_target(token, tmp_path / "runs", **more).ids


@pytest.mark.parametrize("token", ["demo", "de", "latest", "runs/demo", "./runs/demo/"])
def test_a_run_means_its_checkpoints_by_branch_and_step(find, token):
    assert find(token) == IDS


@pytest.mark.parametrize(
    "token", ["demo:b2-7", "runs/demo:b2-7", "runs/demo/ckpt/b2-7", "runs/demo/ckpt/b2-7/"]
)
def test_one_checkpoint_by_name_and_by_path(find, token):
    assert find(token) == ("b2-7",)


def test_the_path_of_a_checkpoint_also_works_from_inside_its_folder(find, run, monkeypatch):
    monkeypatch.chdir(run.ckpt)
    assert find("./main-5") == ("main-5",)


def test_some_of_a_run_in_its_own_order_and_the_last_one(find):
    assert find("demo", chosen=["b2-7", "main-5"]) == ("main-5", "b2-7")
    assert find("demo", last=True) == ("b10-6",)


@pytest.mark.parametrize(
    ("token", "more", "said"),
    [
        ("demo:main-6", {}, r"no checkpoint main-6; did you mean main-"),
        ("demo", {"chosen": ["b7-99"]}, "no checkpoint b7-99"),
        ("demo", {"chosen": ["newest"]}, "ids look like main-1200"),
        ("demo:main-5", {"last": True}, "leave --checkpoint and --last out"),
        ("nothing", {}, "there is no run"),
        ("elsewhere/main-5", {}, "not in the ckpt folder of a run"),
        ("runs/gone/ckpt/main-5", {}, "is not a run"),
        ("x\0y/ckpt/main-5", {}, "null"),
    ],
)
def test_what_is_not_there_is_named(find, tmp_path, token, more, said):
    (tmp_path / "elsewhere" / "main-5").mkdir(parents=True)
    with pytest.raises(UserError, match=said):
        find(token, **more)


def test_a_run_without_checkpoints_says_how_to_get_one(find, tmp_path):
    RunDir.create(tmp_path / "runs", "bare", {"config": {}})
    with pytest.raises(UserError, match=r"bare has no checkpoint; .*ctl bare checkpoint"):
        find("bare")


def test_a_reference_may_be_a_bare_id_of_the_same_run_only_if_it_is_one(run, tmp_path):
    assert find_reference("main-5", tmp_path / "runs", run).ids == ("main-5",)
    assert find_reference("demo:main-0", tmp_path / "runs", None).ids == ("main-0",)
    with pytest.raises(UserError, match="is no checkpoint"):
        find_reference("demo", tmp_path / "runs", run)


def test_files_of_other_people_are_recognised(tmp_path):
    (tmp_path / "weights").write_bytes(b"x")
    assert looks_like_a_pickle("a/b.pt") and looks_like_a_pickle(str(tmp_path / "weights"))
    assert not looks_like_a_pickle("demo") and not looks_like_a_pickle("demo:main-5")

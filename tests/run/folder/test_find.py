"""What is in a folder of runs: whatever people made of names and places, nothing is dropped."""

import os
import shutil
from pathlib import Path

import pytest

from selffit.eventlog.liveness import here
from selffit.run.folder.find import find_run, survey
from selffit.run.folder.run_dir import RunDir

ODD = ["my run (copy)", "实验-1", "a%20b", "-dash", "x" * 200, "esc\x1b[2J"]


def make(root: Path, name: str) -> RunDir:
    return RunDir.create(root, name, {"config": {}})


@pytest.mark.parametrize("name", ODD)
def test_a_run_may_be_called_anything_once_it_is_there(tmp_path: Path, name: str) -> None:
    os.rename(make(tmp_path, "plain").path, tmp_path / name)
    assert [(one.name, one.state) for one in survey(tmp_path)] == [(name, "")]
    assert find_run(name, tmp_path).path == tmp_path / name
    assert find_run(name[:3], tmp_path).path == tmp_path / name
    assert find_run(str(tmp_path / name), Path("nowhere")).path == tmp_path / name


def test_runs_one_level_deeper_are_listed_and_can_be_named(tmp_path: Path) -> None:
    deep = make(tmp_path / "sweep", "one")
    make(tmp_path / "too" / "deep", "two")
    (tmp_path / "notes").mkdir()
    assert [one.name for one in survey(tmp_path)] == ["sweep/one"]
    assert find_run("sweep/one", tmp_path).path == deep.path
    assert find_run("latest", tmp_path).path == deep.path


def test_damaged_runs_are_listed_behind_the_others_with_the_reason(tmp_path: Path) -> None:
    make(tmp_path, "good")
    (make(tmp_path, "bad").path / "run.json").write_text("{")
    (make(tmp_path, "worse").path / "run.json").unlink()
    (tmp_path / "circle").symlink_to("circle")
    found = survey(tmp_path)
    assert [(one.name, one.state) for one in found] == [
        ("good", ""),
        ("bad", "damaged"),
        ("worse", "damaged"),
    ]
    assert "run.json is damaged" in found[1].why and found[2].why == "it holds no run.json"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into everything")
def test_a_folder_that_may_not_be_looked_into_is_listed_as_such(tmp_path: Path) -> None:
    make(tmp_path, "theirs").path.chmod(0)
    try:
        [found] = survey(tmp_path)
    finally:
        (tmp_path / "theirs").chmod(0o700)
    assert (found.name, found.state) == ("theirs", "unreadable")


def test_closed_folders_and_files_are_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "folder")
    make(tmp_path, "file")
    real = os.open

    def closed(path, flags, mode=0o777, *, dir_fd=None):
        if str(path).endswith("/folder") or (path == "run.json" and dir_fd is not None):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", closed)
    assert [(one.name, one.state) for one in survey(tmp_path)] == [
        ("file", "unreadable"),
        ("folder", "unreadable"),
    ]


def test_latest_is_the_run_and_not_its_copy(tmp_path: Path) -> None:
    run = make(tmp_path, "live")
    run.claim_attempt(here())
    for name in ("live-copy", "a-copy"):
        shutil.copytree(run.path, tmp_path / name)
    assert find_run("latest", tmp_path).name == "live"
    assert [one.name for one in survey(tmp_path)] == ["live", "live-copy", "a-copy"]

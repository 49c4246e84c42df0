"""A run that is resumed on another machine: what of its settings may be others there."""

import os
from pathlib import Path
from typing import Any

import pytest

from selffit.config import FIELDS, HOST, resolve, settled
from selffit.errors import UserError
from selffit.run.folder.run_dir import RunDir
from selffit_tui.commands.train import amend, find_resumable

NOTHING: dict[str, Any] = {"preset": None, "name": None, **dict.fromkeys(FIELDS)}


def make(root: Path, **settings: Any) -> RunDir:
    return RunDir.create(root, "run", {"config": resolve("mnist", settings).as_dict()})


def test_a_relative_data_folder_is_kept_as_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settled(resolve("mnist", {"data_dir": "d"})).data_dir == str(tmp_path / "d")
    assert settled(resolve("mnist", {})).data_dir == str(tmp_path / "data"), "the default"
    assert settled(resolve("mnist", {"data_dir": "~/d"})).data_dir == os.path.expanduser("~/d")
    assert settled(resolve("patterns", {})).data_dir == "", "makes its images itself"


def test_what_is_about_the_machine_can_be_given_with_resume(tmp_path: Path) -> None:
    run = make(tmp_path, data_dir="/nowhere/by/now")
    raw = tmp_path / "images" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (raw / file).touch()
    given = {**NOTHING, "data_dir": str(tmp_path / "images"), "threads": "2"}
    assert find_resumable("run", tmp_path, given) == run
    former = amend(run, given)
    assert former is not None and former["data_dir"] == "/nowhere/by/now"
    config = run.info()["config"]
    assert (config["data_dir"], config["threads"]) == (str(tmp_path / "images"), 2)
    assert {k: v for k, v in config.items() if k not in HOST} == {
        k: v for k, v in former.items() if k not in HOST
    }
    assert amend(run, NOTHING) is None


def test_what_is_impossible_here_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    run = make(tmp_path)
    before = run.info()
    for given in ({"data_dir": str(tmp_path / "no")}, {"threads": "-1"}):
        with pytest.raises(UserError):
            amend(run, {**NOTHING, **given})
    assert run.info() == before


@pytest.mark.parametrize("name", [name for name in NOTHING if name not in HOST])
def test_what_decides_the_training_cannot_be_given_with_resume(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"cannot be given with --resume.*--data-dir"):
        find_resumable("run", tmp_path, {**NOTHING, name: "1"})

"""What the command line says before any sub-command: the folder of runs."""

import pytest

from selffit.run.folder.run_dir import RunDir


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """Two folders of runs, of which the environment names the first."""
    monkeypatch.setenv("SELFFIT_RUNS", str(tmp_path / "usual"))
    for folder in ("usual", "other"):
        RunDir.create(tmp_path / folder, f"in-{folder}", {"config": {}})
    return tmp_path


@pytest.mark.parametrize("command", [[], ["runs"], ["status"]])
def test_the_folder_may_be_named_before_the_command_and_without_one(selffit, folders, command):
    code, out, _ = selffit("--runs", str(folders / "other"), *command)
    assert code == 0 and "in-other" in out and "in-usual" not in out


def test_one_that_is_named_behind_the_command_counts(selffit, folders):
    code, out, _ = selffit("--runs", str(folders / "usual"), "runs", "--runs", f"{folders}/other")
    assert code == 0 and "in-other" in out and "in-usual" not in out


def test_what_is_no_folder_is_refused(selffit, folders):
    (folders / "file").touch()
    code, _, err = selffit("--runs", str(folders / "file"))
    assert code == 2 and "cannot look for runs" in err

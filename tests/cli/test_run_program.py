"""`selffit run -- COMMAND` on the command line."""

import subprocess
import sys
from pathlib import Path

import pytest
from made_up.hosted import FALLS

from selffit_tui import cli


@pytest.fixture(autouse=True)
def no_folder_of_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SELFFIT_RUNS", raising=False)


def command(*args: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "selffit_tui", *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_script_is_followed_to_its_end_and_its_exit_code_handed_on(tmp_path: Path) -> None:
    script = tmp_path / "train_theirs.py"
    script.write_text(FALLS + "\nraise SystemExit(5)\n")
    done = command(
        "run",
        "--classes",
        "10",
        "--plain",
        "--",
        sys.executable,
        script.name,
        "--lr=1",
        cwd=tmp_path,
    )
    assert done.returncode == 5, done.stderr
    assert "ONSET" in done.stdout and "crashed" in done.stdout
    [run] = (tmp_path / "runs").iterdir()
    assert run.name.startswith("train_theirs-")
    resumed = command("train", "--resume", run.name, cwd=tmp_path)
    assert resumed.returncode == 2 and "start it again with selffit run" in resumed.stderr


@pytest.mark.parametrize(
    "args, says",
    [
        ((), "nothing to run: write the command behind --"),
        (("--", "no-such-program"), "cannot run 'no-such-program': not in PATH"),
        (("--lines", "nothing", "--", "true"), "no rules of that name; there are aaer"),
        (("--on-co", "rollback", "--", "true"), "there is alert or stop"),
        (("--eps", "much", "--", "true"), "eps"),
        (("--name", "../x", "--", "true"), "cannot be the name of a run"),
    ],
)
def test_bad_input_is_a_sentence_and_leaves_nothing(
    args: tuple[str, ...],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["selffit", "run", *args])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_rules_of_ones_own_are_refused_by_what_is_wrong_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.toml").write_text("[[rule]]\npattern = '('\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["selffit", "run", "--lines", "mine.toml", "--", "true"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "mine.toml, rule 1: the pattern is no regular expression" in capsys.readouterr().err

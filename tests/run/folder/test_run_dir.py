import json
import os
import re
import secrets
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from selffit.errors import UserError
from selffit.eventlog.liveness import ProcessIdentity, here
from selffit.eventlog.names import is_name
from selffit.run.folder.find import find_run, list_runs
from selffit.run.folder.run_dir import RunDir


def claimed_by(run: RunDir, attempt: int) -> ProcessIdentity | None:
    """What the file of an attempt says."""
    data = json.loads((run.path / "attempts" / f"{attempt:06d}.json").read_text("utf-8"))
    return ProcessIdentity.from_data(data)


def make(root: Path, name: str, created: float | None = None) -> RunDir:
    run = RunDir.create(root, name, {"seed": 0})
    if created is not None:
        rewrite(run, created=created)
    return run


def rewrite(run: RunDir, **fields: Any) -> None:
    (run.path / "run.json").write_text(
        json.dumps({"v": 1, "name": run.name, "created": 1.0} | fields)
    )


def contents(root: Path) -> list[str]:
    return sorted(os.listdir(root))


def test_a_new_run_has_the_whole_layout_and_is_private(tmp_path: Path) -> None:
    run = RunDir.create(
        tmp_path / "deep" / "runs", "first", {"seed": 7, "eps": float("nan"), "é": "ü"}
    )
    assert contents(run.path) == ["attempts", "ckpt", "control", "log", "raw", "run.json"]
    assert contents(run.path / "control") == ["done", "inbox"]
    assert all(stat.S_IMODE(os.stat(folder).st_mode) == 0o700 for folder, _, _ in os.walk(run.path))
    info = run.info()
    assert (info["seed"], info["eps"], info["é"], info["name"]) == (7, "NaN", "ü", "first")
    assert abs(info["created"] - time.time()) < 60
    assert contents(tmp_path / "deep" / "runs") == ["first"]


def test_a_run_without_a_name_gets_the_stem_and_four_digits(tmp_path: Path) -> None:
    names = {RunDir.create(tmp_path, None, {}, stem="patterns-fgsm").name for _ in range(5)}
    assert len(names) == 5 and all(
        re.fullmatch(r"patterns-fgsm-[0-9a-f]{4}", name) for name in names
    )


def test_taken_digits_are_tried_again_and_in_the_end_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = iter(["d" * 16, "aaaa", "e" * 16, "aaaa", "bbbb", "f" * 16] + ["aaaa"] * 1000)
    monkeypatch.setattr(secrets, "token_hex", lambda n: next(digits))
    assert [RunDir.create(tmp_path, None, {}).name for _ in range(2)] == ["run-aaaa", "run-bbbb"]
    with pytest.raises(UserError, match="name the run yourself"):
        RunDir.create(tmp_path, None, {})
    assert contents(tmp_path) == ["run-aaaa", "run-bbbb"]


@pytest.mark.parametrize("kind", ["run", "empty folder", "file", "dangling link"])
def test_a_taken_name_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "taken"
    if kind == "run":
        make(tmp_path, "taken")
    elif kind == "empty folder":
        path.mkdir()
    elif kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to("nowhere")
    before = os.lstat(path)
    with pytest.raises(UserError, match="choose another name"):
        RunDir.create(tmp_path, "taken", {})
    assert os.lstat(path) == before and contents(tmp_path) == ["taken"]


def test_a_name_taken_at_the_last_moment_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os.path, "lexists", lambda path: False)
    make(tmp_path, "taken")
    with pytest.raises(UserError, match="choose another name"):
        RunDir.create(tmp_path, "taken", {})
    assert contents(tmp_path) == ["taken"]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".hidden", "a/b", "-x", "a b", "é", "x" * 65, "a\n", "\x1b[2J", "latest"],
)
def test_malformed_names_are_refused_with_the_rule(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        RunDir.create(tmp_path / "runs", name, {})
    assert str(caught.value).isprintable()
    assert not (tmp_path / "runs").exists()
    assert is_name(name) == (name == "latest")


@pytest.mark.parametrize("root", ["file", "file/runs", "/proc/nowhere", "/sys"])
def test_a_root_that_cannot_hold_runs_is_refused(tmp_path: Path, root: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot create a run"):
        RunDir.create(tmp_path / root, "x", {})
    assert contents(tmp_path) == ["file"]


def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path) -> None:
    script = """
        import resource, sys
        from pathlib import Path
        from selffit.errors import UserError
        from selffit.run.folder.run_dir import RunDir
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        try:
            RunDir.create(Path(sys.argv[1]) / "new" / "runs", "x", {"pad": "y" * 1000})
        except UserError as error:
            print(error)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "cannot create a run" in result.stdout and result.returncode == 0
    assert contents(tmp_path) == []


def test_attempts_are_numbered_once_each(tmp_path: Path) -> None:
    run = make(tmp_path, "r")
    assert run.newest_attempt() == 0
    assert [run.claim_attempt(here()) for _ in range(3)] == [1, 2, 3]
    assert run.newest_attempt() == 3 and claimed_by(run, 2) == here()
    (run.path / "attempts" / "000009.json").write_text("")
    (run.path / "attempts" / "junk").write_text("")
    assert run.claim_attempt(here()) == 10


def test_an_attempt_claimed_by_another_in_between_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path, "r")
    run.claim_attempt(here())
    monkeypatch.setattr("selffit.run.folder.run_dir.newest_attempt", lambda folder: 0)
    assert run.claim_attempt(here()) == 2


def test_folders_that_a_transport_of_the_run_lost_are_made_again(tmp_path: Path) -> None:
    run = make(tmp_path, "r")
    for lost in ("attempts", "raw", "control/inbox"):
        (run.path / lost).rmdir()
    assert run.claim_attempt(here()) == 1
    assert contents(run.path / "control") == ["done", "inbox"]


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    run = make(tmp_path, "r")
    (run.path / "attempts").rmdir()
    (run.path / "attempts").write_text("")
    with pytest.raises(UserError, match="r/attempts is a link, or not a folder"):
        run.claim_attempt(here())


def test_remove_takes_a_run_that_never_began_and_no_other(tmp_path: Path) -> None:
    run = make(tmp_path, "r")
    run.claim_attempt(here())
    (run.ckpt / "main-10").mkdir()
    with pytest.raises(UserError, match="has begun"):
        run.remove()
    (run.ckpt / "main-10").rmdir()
    run.remove()
    assert contents(tmp_path) == []


HOSTILE = [
    b"",
    b"[]",
    b"null",
    b"\xff\xfe",
    b"{",
    b"[" * 200_000,
    b"{}",
    b'{"created":"now"}',
    b'{"created":null}',
    b'{"created":-1}',
    b'{"created":1e300}',
    b'{"created":"Infinity"}',
    b'{"created":%b}' % (b"9" * 400),
    b'{"created":[1]}',
    b'{"created":1,"x":%b%b}' % (b"[" * 100, b"]" * 100),
]


@pytest.mark.parametrize("raw", HOSTILE)
def test_a_hostile_run_json_is_not_a_run(tmp_path: Path, raw: bytes) -> None:
    run = make(tmp_path, "r")
    (run.path / "run.json").write_bytes(raw)
    for attempt in (
        lambda: RunDir.open(run.path),
        lambda: find_run("r", tmp_path),
        lambda: find_run(None, tmp_path),
    ):
        with pytest.raises(UserError) as caught:
            attempt()
        assert str(caught.value).isprintable()
    assert list_runs(tmp_path) == []


@pytest.mark.parametrize("kind", ["huge", "link", "fifo", "folder", "missing"])
def test_a_run_json_that_is_no_small_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    run = make(tmp_path, "r")
    path = run.path / "run.json"
    path.rename(tmp_path / "elsewhere.json")
    if kind == "huge":
        path.touch()
        os.truncate(path, 1 << 30)
    elif kind == "link":
        path.symlink_to(tmp_path / "elsewhere.json")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(UserError):
        RunDir.open(run.path)


def test_strings_of_run_json_are_cleaned(tmp_path: Path) -> None:
    run = make(tmp_path, "r")
    rewrite(run, method="\x1b[2Jfgsm\u202e", name=7)
    assert run.info()["method"] == "\\x1b[2Jfgsm\\u202e" and run.name == "r"


def test_find_run_takes_names_prefixes_paths_and_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = make(tmp_path, "alpha-1", 2000.0), make(tmp_path, "alpha-12", 1000.0)
    other = make(tmp_path, "beta", 1500.0)
    (tmp_path / "gamma").mkdir()
    (tmp_path / "notes.txt").write_text("")
    assert find_run("alpha-1", tmp_path) == old, "a whole name wins over a longer one"
    assert find_run("b", tmp_path) == other
    assert find_run(None, tmp_path) == find_run("latest", tmp_path) == old, (
        "by creation, not by file times"
    )
    assert find_run(str(new.path), tmp_path / "nowhere") == new
    assert [run.name for run in list_runs(tmp_path)] == ["alpha-1", "beta", "alpha-12"]
    monkeypatch.chdir(other.path)
    assert (
        find_run(".", tmp_path).path == other.path and find_run("../beta/", tmp_path).name == "beta"
    )


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("alpha", r"2 runs .* begin with alpha: alpha-1, alpha-2; type more"),
        ("alhpa-1", "did you mean alpha-1"),
        ("zzz", "list the runs"),
        ("gamma", "not a run: it holds no run.json"),
        ("gam", "not a run: it holds no run.json"),
        ("", "there is no run"),
        ("./zzz", "no such folder"),
        ("/etc/passwd", "not a folder"),
        ("\x1b[2J", r"\\x1b"),
        ("a/" + "b" * 5000, "cannot read"),
        ("x" * 5000, "there is no run"),
        ("a/\0", "null character"),
    ],
)
def test_find_run_says_what_is_wrong(tmp_path: Path, token: str, says: str) -> None:
    make(tmp_path, "alpha-1")
    make(tmp_path, "alpha-2")
    (tmp_path / "gamma").mkdir()
    with pytest.raises(UserError, match=says) as caught:
        find_run(token, tmp_path)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("root", ["nowhere", "file", "empty"])
def test_no_runs_at_all_is_said(tmp_path: Path, root: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    assert list_runs(tmp_path / root) == []
    for token in (None, "latest", "some"):
        with pytest.raises(UserError, match="there is no run"):
            find_run(token, tmp_path / root)


def test_a_folder_of_something_else_does_not_make_a_prefix_ambiguous(tmp_path: Path) -> None:
    run = make(tmp_path, "alpha-1")
    (tmp_path / "alpha-notes").mkdir()
    assert find_run("al", tmp_path) == run


def test_identity_survives_its_attempt_file(tmp_path: Path) -> None:
    run = make(tmp_path, "r")
    identity = ProcessIdentity("hôst", "boot", 7, 123.45)
    assert claimed_by(run, run.claim_attempt(identity)) == identity

"""A run as one file: what goes in comes out, and what no run has is refused whole."""

import io
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from selffit.eventlog import kinds
from selffit.exchange import unpack
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.judged.verdict import verdict
from selffit.run.judged.wording import sentence

EXAMPLES = Path(__file__).parents[2] / "runs"
ABOUT = json.dumps({"pack": 1, "name": "theirs", "id": "0" * 12})
RUN = json.dumps({"v": 1, "id": "0" * 12, "name": "theirs", "created": 1.0, "config": {}})


@pytest.fixture
def run(tmp_path):
    shutil.copytree(EXAMPLES / "example-patterns-rollback", tmp_path / "mine" / "example")
    (tmp_path / "mine" / "example" / "raw").mkdir(exist_ok=True)
    (tmp_path / "mine" / "example" / "raw" / "trainer.err").write_text("secret words")
    return tmp_path / "mine" / "example"


def archive(path, members, **more):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in {"pack.json": ABOUT, "run.json": RUN, **members}.items():
            file.writestr(name, content)
        for info, content in more.get("infos", ()):
            file.writestr(info, content)
    return path


def test_a_run_is_packed_and_opened_elsewhere(command, tmp_path, run):
    code, out, err = command("pack", run, "-o", "x.selffit")
    assert (code, out) == (0, "x.selffit\n") and "open x.selffit" in err
    assert (tmp_path / "x.selffit").stat().st_size < 1 << 20
    code, out, err = command("open", "x.selffit", "--no-view")
    assert (code, out) == (0, "example\n") and "watch example" in err
    was, back = (
        Follower.of(RunDir.open(path)).read_all() for path in (run, tmp_path / "runs" / "example")
    )
    assert back.all(kinds.RobustProbe) == was.all(kinds.RobustProbe)
    assert not back.notices and os.listdir(tmp_path / "runs") == ["example"]


def test_neither_weights_nor_printed_words_are_packed(command, tmp_path, run):
    (run / "ckpt" / "main-1").mkdir(parents=True)
    (run / "ckpt" / "main-1" / "model.safetensors").write_bytes(b"weights")
    (run / "log" / "trainer" / "notes.txt").write_text("private")
    command("pack", run, "-o", "x.selffit")
    names = zipfile.ZipFile(tmp_path / "x.selffit").namelist()
    assert not [name for name in names if "ckpt" in name or "raw" in name or "notes" in name]


def test_the_command_of_notify_stays_here_and_comes_from_nowhere(command, tmp_path, run):
    about = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**about, "notify": "curl https://token@host"}))
    command("pack", run, "-o", "x.selffit")
    with zipfile.ZipFile(tmp_path / "x.selffit") as packed:
        members = {name: packed.read(name).decode() for name in packed.namelist()}
    assert "token" not in members["run.json"]
    assert json.loads(members["run.json"]) == about
    members["run.json"] = json.dumps({**about, "notify": "touch pwned"})
    archive(tmp_path / "y.selffit", {k: v for k, v in members.items() if k != "pack.json"})
    assert command("open", "y.selffit", "--name", "theirs")[0] == 0
    assert "notify" not in (tmp_path / "runs" / "theirs" / "run.json").read_text()


def test_a_link_in_a_run_is_not_followed_into_the_pack(command, tmp_path, run):
    (tmp_path / "secret").write_text("secret")
    (run / "log" / "trainer" / "000009-000000.jsonl").symlink_to(tmp_path / "secret")
    code, _, err = command("pack", run, "-o", "x.selffit")
    assert code == 2 and "cannot pack example" in err and not (tmp_path / "x.selffit").exists()


def test_the_same_run_gives_the_same_file(command, tmp_path, run):
    command("pack", run, "-o", "a")
    command("pack", run, "-o", "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_name_that_is_taken_is_not_overwritten(command, tmp_path, run):
    command("pack", run, "-o", "x.selffit")
    command("open", "x.selffit", "--no-view")
    before = (tmp_path / "runs" / "example" / "run.json").stat()
    code, _, err = command("open", "x.selffit", "--no-view")
    assert code == 2 and "already something called example" in err and "--name" in err
    assert (tmp_path / "runs" / "example" / "run.json").stat() == before
    assert command("open", "x.selffit", "--no-view", "--name", "again")[0] == 0


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


HOSTILE: dict[str, dict[str, Any]] = {
    "a path that leads out": {"members": {"../evil": "x"}},
    "an absolute path": {"members": {"/tmp/evil": "x"}},
    "a path within that leads out": {"members": {"log/trainer/../../../evil": "x"}},
    "a backslash": {"members": {"log\\trainer\\000001-000000.jsonl": "x"}},
    "another file": {"members": {"ckpt/main-1/model.pkl": "x"}},
    "a command for the trainer": {"members": {"control/inbox/a.json": "{}"}},
    "a folder": {"members": {"log/trainer/": ""}},
    "a link": {"infos": [(link("log/trainer/000001-000000.jsonl"), "/etc/passwd")]},
    "a name twice": {"infos": [("run.json", RUN)]},
    "a bomb": {"members": {f"log/t/{i:06}-000000.jsonl": "\0" * (32 << 20) for i in range(3)}},
    "a large run.json": {"members": {"run.json": " " * (2 << 20) + RUN}},
    "too many files": {"members": {f"attempts/{i:06}.json": "{}" for i in range(10_001)}},
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_archive_is_refused_and_leaves_nothing(command, tmp_path, name):
    given = HOSTILE[name]
    archive(tmp_path / "x.selffit", given.get("members", {}), infos=given.get("infos", ()))
    code, out, err = command("open", "x.selffit", "--no-view")
    assert (code, out) == (2, "") and "refused: it holds" in err and err.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["x.selffit"]


def test_a_size_that_lies_is_found_while_unpacking(command, tmp_path, monkeypatch):
    path = archive(tmp_path / "x.selffit", {"log/t/000001-000000.jsonl": "x" * 5000})
    monkeypatch.setattr(unpack, "MOST_BYTES", 1000)
    monkeypatch.setattr(
        unpack, "_checked", lambda file, path: {i.filename: i for i in file.infolist()}
    )
    code, _, err = command("open", path.name, "--no-view")
    assert code == 2 and "more than 1000 bytes" in err.replace(" ", " ")
    assert sorted(os.listdir(tmp_path)) == ["x.selffit"]


def test_a_damaged_file_is_refused(command, tmp_path, run):
    command("pack", run, "-o", "x.selffit")
    whole = (tmp_path / "x.selffit").read_bytes()
    torn = {
        "torn": whole[:-100],
        "flipped": whole[:3000] + b"\xff\xff" + whole[3002:],
        "none": b"x",
    }
    for name, content in torn.items():
        (tmp_path / name).write_bytes(content)
        code, _, err = command("open", name, "--no-view")
        assert code == 2 and "damaged" in err, name
    assert command("open", "nowhere", "--no-view")[2].endswith("no such file\n")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "members, told",
    [
        ({"pack.json": "[]"}, "its pack.json is damaged"),
        ({"pack.json": '{"pack": 99, "name": "x"}'}, "a newer selffit"),
        ({"pack.json": '{"pack": 1, "name": "../x"}'}, "give another with --name"),
        ({"pack.json": '{"pack": 1, "name": "latest"}'}, "give another with --name"),
        ({"run.json": "{"}, "run.json is damaged"),
    ],
)
def test_what_does_not_describe_a_run_is_refused(command, tmp_path, members, told):
    archive(tmp_path / "x.selffit", members)
    code, _, err = command("open", "x.selffit", "--no-view")
    assert code == 2 and told in err and not (tmp_path / "runs").exists()


def test_an_archive_of_something_else_is_no_run(command, tmp_path):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as file:
        file.writestr("run.json", RUN)
    (tmp_path / "x.zip").write_bytes(data.getvalue())
    code, _, err = command("open", "x.zip", "--no-view")
    assert code == 2 and "it holds no pack.json" in err


def test_import_points_to_the_command_that_opens_a_packed_run(command, tmp_path, run):
    command("pack", run, "-o", "x.selffit")
    code, _, err = command("import", "x.selffit")
    assert code == 2 and "selffit open" in err


def test_a_thinned_pack_is_smaller_and_says_the_same(command, tmp_path, run):
    command("pack", run, "-o", "whole.selffit")
    assert command("pack", run, "--thin", "-o", "thin.selffit")[0] == 0
    sizes = [(tmp_path / f"{name}.selffit").stat().st_size for name in ("thin", "whole")]
    assert sizes[0] < sizes[1]
    assert command("open", "thin.selffit", "--no-view")[0] == 0
    was, back = (
        Follower.of(RunDir.open(path)).read_all() for path in (run, tmp_path / "runs" / "example")
    )
    assert sentence(back, verdict(back)) == sentence(was, verdict(was))

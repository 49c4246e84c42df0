"""A run is itself wherever its folder goes: moved, renamed, copied, deleted, mixed up."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from selffit import supervisor
from selffit.config import resolve
from selffit.control.commands import new_command
from selffit.control.submit import submit
from selffit.errors import UserError
from selffit.eventlog.liveness import here
from selffit.eventlog.reader import RunReader
from selffit.eventlog.records import Notice, Record
from selffit.run.folder.run_dir import RunDir

PATIENCE = 240.0  # seconds; importing torch on a busy machine takes its time
LIVE = {
    "train_images": 256,
    "batch_size": 64,
    "epochs": 10_000,
    "holdout": 32,
    "probe_images": 32,
    "probe_steps": 2,
    "channel_images": 16,
    "self_images": 0,
    "causal_images": 0,
    "probe_every": 1000,
    "restarts": 2,
    "threads": 1,
    "device": "cpu",
}


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def records(run: Path, kind: str) -> list[Record]:
    items = RunReader(run).poll()
    return [item for item in items if isinstance(item, Record) and item.k == kind]


def contents(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[RunDir, "Popen[bytes]"]]:
    """A run that trains in processes of its own, and its supervisor."""
    run = RunDir.create(tmp_path, "live", {"config": resolve("patterns", LIVE).as_dict()})
    process = supervisor.spawn(run.path)
    until(lambda: records(run.path, "run.start") or process.poll() is not None)
    trainer = records(run.path, "sup.spawn")[0].d["pid"]
    yield run, process
    for pid in (trainer, process.pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait(PATIENCE)


def test_a_live_run_goes_on_where_it_is_moved_and_ends_where_it_is_deleted(
    live: tuple[RunDir, "Popen[bytes]"], tmp_path: Path
) -> None:
    run, process = live
    (tmp_path / "deeper").mkdir()
    moved = tmp_path / "deeper" / "moved"
    run.path.rename(moved)
    successor = RunDir.create(tmp_path, "live", {"config": {}})
    before = contents(successor.path)
    submit(successor.path, new_command("stop", {}, by="test"))
    submit(moved, new_command("checkpoint", {}, by="test"))
    done = moved / "control" / "done"
    until(lambda: records(moved, "ckpt.saved") and records(moved, "steps") and any(done.iterdir()))
    saved = records(moved, "ckpt.saved")[0]
    manifest = json.loads((moved / "ckpt" / saved.d["id"] / "manifest.json").read_bytes())
    assert manifest["run"] == saved.r == run_id(moved) != run_id(successor.path)
    assert {item.r for item in records(moved, "steps")} == {saved.r}
    [waiting] = set(contents(successor.path)) - set(before)
    assert waiting.startswith("control/inbox/"), "nobody took the command of the successor"

    shutil.rmtree(moved, ignore_errors=True)
    assert process.wait(PATIENCE) == 1, "its folder is gone"
    assert set(contents(successor.path)) == {*before, waiting}


def run_id(run: Path) -> str:
    found = RunDir(run).id.id
    assert found
    return found


def kill(trained):
    trained.kill()


def test_a_copy_becomes_a_run_of_its_own_and_ends_with_the_same_bits(start, equal, tmp_path):
    run = start().go(at={8: kill})
    original = run_id(run.run.path)
    shutil.copytree(run.run.path, tmp_path / "copy")
    copied = start()
    copied.run = RunDir.open(tmp_path / "copy")
    assert copied.run.is_copy and not run.run.is_copy
    copied.go()
    told = copied.run.info()
    assert [origin["id"] for origin in told["origins"]] == [original] != [told["id"]]
    assert not copied.run.is_copy
    assert copied.of("resumed")[0][1]["ckpt"] == "main-5", "the original's checkpoint"
    assert equal(copied, run.go()), "two runs from here on"
    assert run_id(run.run.path) == original
    items = RunReader(copied.run.path).poll()
    assert {item.r for item in items if isinstance(item, Record)} == {original, told["id"]}
    assert [item.kind for item in items if isinstance(item, Notice)] == ["elsewhere"]


def put_another_runs(run, other, id):
    """Another run's checkpoint, whole and of the same name."""
    shutil.rmtree(run.run.ckpt / id, ignore_errors=True)
    shutil.copytree(other.run.ckpt / id, run.run.ckpt / id)


def test_another_runs_checkpoint_is_never_resumed_from(start, equal):
    other, whole = start(seed=7).go(), start().go()
    run = start().go(at={8: kill})
    put_another_runs(run, other, "main-5")
    put_another_runs(run, other, "main-10")
    run.go()
    [(_, told)] = run.of("resumed")
    assert told["ckpt"] is None
    assert [(skip["id"], skip["reason"][:10]) for skip in told["skipped"]] == [
        ("main-10", "the log do"),
        ("main-5", "it is of a"),
    ]
    assert equal(run, whole)
    assert (run.run.ckpt / ".damaged-main-10").is_dir(), "set aside, not taken for ours"


def test_a_checkpoint_that_the_log_does_not_know_is_not_resumed_from(start, equal):
    run = start(checkpoint_every=2).go(at={7: kill})
    shutil.copytree(run.run.ckpt / "main-4", run.run.path / "spare")
    forgotten = run.run.path / "log" / "trainer" / "000001-000000.jsonl"
    lines = forgotten.read_bytes().splitlines(keepends=True)
    last = max(i for i, line in enumerate(lines) if b'"id":"main-6"' in line)
    forgotten.write_bytes(b"".join(lines[:last]))
    run.go()
    [(_, told)] = run.of("resumed")
    assert (told["ckpt"], told["skipped"][0]["id"]) == ("main-4", "main-6")
    assert equal(run, start(checkpoint_every=2).go())


def test_a_run_from_before_there_were_ids_is_resumed_and_gets_one(start, equal, tmp_path):
    run = start().go(at={8: kill})
    strip_ids(run.run.path)
    run.go()
    assert run.of("resumed")[0][1]["ckpt"] == "main-5"
    assert run.run.id.id and run.run.id.origins == ("",)
    assert equal(run, start().go())


def strip_ids(run: Path) -> None:
    """Make of a run what an older selffit would have written."""
    from selffit.checkpoint import manifest
    from selffit.eventlog.framing import SUFFIX, seal

    info = json.loads((run / "run.json").read_bytes())
    id = info.pop("id")
    (run / "run.json").write_text(json.dumps(info))
    for file in (run / "log").rglob("*.jsonl"):
        lines = file.read_bytes().splitlines()
        plain = [line[:-SUFFIX].replace(b',"r":"%b"' % id.encode(), b"") for line in lines]
        file.write_bytes(b"".join(map(seal, plain)))
    for file in (run / "ckpt").rglob("manifest.json"):
        fields = json.loads(file.read_bytes())
        del fields["run"], fields["sha256"]
        body = json.dumps(fields, separators=(",", ":")).encode()[:-1]
        file.write_bytes(body + manifest._ending(body))


@pytest.mark.parametrize(
    "link", ["raw/supervisor.err", "raw/trainer-000001.err", "raw", "log", "ckpt", "control/inbox"]
)
def test_nothing_is_written_through_a_link_in_a_run_from_elsewhere(
    tmp_path: Path, link: str
) -> None:
    run = RunDir.create(tmp_path, "foreign", {"config": {}})
    target = tmp_path / "precious"
    if "." in link:
        target.write_text("mine")
    else:
        target.mkdir()
        (run.path / link).rmdir()
    (run.path / link).symlink_to(target)
    before = contents(tmp_path)
    with pytest.raises(UserError, match=f"foreign/{link} is a link"):
        supervisor.spawn(run.path)
    with pytest.raises(UserError, match=f"foreign/{link} is a link"):
        supervisor.Supervisor(run).attempt(["true"])
    assert contents(tmp_path) == before
    assert not target.is_file() or target.read_text() == "mine"


def test_a_second_name_of_a_file_elsewhere_is_not_written_to_either(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "foreign", {"config": {}})
    (tmp_path / "precious").write_text("mine")
    os.link(tmp_path / "precious", run.raw / "supervisor.err")
    with pytest.raises(UserError, match=r"raw/supervisor.err is a link"):
        run.raw_file("supervisor.err")
    run.refuse_links()  # a copy of hard links gets a file of its own instead
    fd = run.raw_file("supervisor.err")
    os.write(fd, b" and more")
    os.close(fd)
    assert (run.raw / "supervisor.err").read_text() == "mine and more"
    assert (tmp_path / "precious").read_text() == "mine"
    assert sorted(path.name for path in run.raw.iterdir()) == ["supervisor.err"]


def test_a_copy_of_hard_links_is_resumed_without_a_trace_in_the_original(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "first", {"config": {}})
    run.claim_attempt(here())
    (run.raw / "trainer.out").write_text("before")
    shutil.copytree(run.path, tmp_path / "copy", copy_function=os.link)
    before = contents(run.path)
    copy = RunDir.open(tmp_path / "copy")
    assert copy.claim_attempt(here()) == 2
    fd = copy.raw_file("trainer.out")
    os.write(fd, b", after")
    os.close(fd)
    assert (copy.raw / "trainer.out").read_text() == "before, after"
    assert contents(run.path) == before and copy.id != run.id

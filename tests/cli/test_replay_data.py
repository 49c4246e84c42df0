"""The moments of a run without a person: status --at, replay --json, watch --at --screenshot."""

import json
import shutil
from pathlib import Path

import pytest

from selffit.run.folded.word import state_word
from selffit.run.folder.run_dir import RunDir
from selffit.run.judged.summary import status_dict
from selffit.run.listing.glance import glance
from selffit.run.recorded import Recorded

RUNS = Path(__file__).parents[2] / "runs"


@pytest.fixture
def command(monkeypatch, selffit, tmp_path):
    """Runs a command in this process: (exit code, stdout, stderr)."""
    monkeypatch.setenv("SELFFIT_RUNS", str(tmp_path / "runs"))
    shutil.copytree(RUNS / "example-patterns-rollback", tmp_path / "runs" / "back")

    return selffit


def log_of(folder):
    (file,) = (folder / "log" / "trainer").iterdir()
    return file


@pytest.mark.parametrize("lines", [5, 60, 161, 230, 300])
def test_status_at_a_place_is_what_status_said_there(tmp_path, lines):
    """The log is cut where it had come to, and read as `status` reads it."""
    whole = tmp_path / "back"
    shutil.copytree(RUNS / "example-patterns-rollback", whole)
    shutil.rmtree(whole / "log" / "supervisor")
    recorded = Recorded.of(RunDir(whole))
    file = log_of(whole)
    kept = file.read_bytes().splitlines(keepends=True)[:lines]
    file.write_bytes(b"".join(kept))
    then = glance(RunDir(whole))
    state = then.read_all()
    told = status_dict(state, state_word(state, None, state.heard), state.heard)
    assert recorded.summary(lines) == {**told, "run": "back"}


def test_status_at_tells_an_onset_with_its_probe(command):
    code, out, _ = command("status", "back", "--at", "onset", "--json")
    told = json.loads(out)
    assert (code, told["step"], told["branch"], told["state"]) == (0, 1032, "main", "training")
    assert (told["verdict"]["state"], told["last"]["step"]) == ("onset", 1032)
    code, out, _ = command("status", "back", "--at", "onset")
    assert code == 0 and "as it stood at step 1 032 of main, 0:44 after it began" in out


def test_status_at_the_end_is_status(command):
    now, then = (
        json.loads(command("status", "back", *more, "--json")[1]) for more in ((), ("--at", "end"))
    )
    assert {**now, "data_age_s": 0} == {**then, "data_age_s": 0}


def test_replay_tells_every_mark_as_a_line(command):
    code, out, err = command("replay", "back", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    told = [moment["kind"] for line in lines for moment in line["moments"]]
    assert [kind for kind in told if kind != "checkpoint"] == [
        *("suspect", "onset", "applied", "branch", "ended")
    ]
    assert [line["position"] for line in lines] == sorted({line["position"] for line in lines})
    stood = [line["verdict"]["state"] for line in lines]
    assert stood[0] == "healthy" and stood[-1] == "rolled back" and "onset" in stood
    assert lines[-1]["ending"]["how"] == "finished"


@pytest.mark.parametrize(
    ("unit", "kinds"),
    [
        ("block", {"steps"}),
        ("epoch", {"steps"}),
        ("probe", {"probe.robust", "probe.channels"}),
    ],
)
def test_replay_goes_by_units_from_a_place_on(command, unit, kinds):
    code, out, _ = command("replay", "back", "--json", "--every", unit, "--at", "b1:1240")
    first, *lines = (json.loads(line) for line in out.splitlines())
    assert code == 0 and (first["branch"], first["step"]) == ("b1", 1240)
    assert lines and {line["kind"] for line in lines} <= kinds
    assert all(line["step"] >= 1240 for line in lines)


def test_every_event_of_a_replay_is_what_the_log_has(command):
    _, out, _ = command("replay", "back", "--json", "--every", "event")
    told = [json.loads(line)["kind"] for line in out.splitlines()]
    logged = [json.loads(line)["k"] for line in log_of(RUNS / "example-patterns-rollback").open()]
    quiet = ("host", "open", "seal")
    assert [kind for kind in told if not kind.startswith("sup.")] == [
        kind for kind in logged if kind not in quiet
    ]


def test_a_picture_of_a_place(command, tmp_path):
    code, _, _ = command("watch", "back", "--at", "b1:1240", "--screenshot", tmp_path / "at.svg")
    picture = (tmp_path / "at.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert code == 0 and "1 240" in picture


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("status", "back", "--at", "nowhere"), "is no place in a run"),
        (("status", "back", "--at", "9999"), "beyond the end: b1 has reached 1 860"),
        (("status", "gone", "--at", "onset"), "there is no run 'gone'"),
        (("replay", "gone", "--json"), "there is no run 'gone'"),
        (("replay", "back", "--json", "--at", "alert:9"), "its alerts are alert:1"),
        (("replay", "back", "--json", "--every", "minute"), "--every is one of event, block"),
        (("replay", "back", "--every", "block"), "give both"),
        (("watch", "back", "--at", "onset"), "--at needs a terminal"),
        (("watch", "back", "--at", "b9:1", "--screenshot", "x.svg"), "there is no branch 'b9'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(command, args, told, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, out, err = command(*args)
    assert (code, out) == (2, "")
    assert told in err and err.count("\n") == 1
    assert not Path("x.svg").exists()


def test_an_empty_log_has_nothing_to_replay(command, tmp_path):
    log_of(tmp_path / "runs" / "back").unlink()
    shutil.rmtree(tmp_path / "runs" / "back" / "log")
    code, out, err = command("replay", "back", "--json")
    assert (code, out) == (2, "") and "holds no event yet" in err


def test_a_damaged_log_is_replayed_as_far_as_it_can_be_read(command, tmp_path):
    file = log_of(tmp_path / "runs" / "back")
    lines = file.read_bytes().splitlines(keepends=True)
    lines[100] = b'{"v":1,' + b"x" * 50 + b"\n"
    file.write_bytes(b"".join(lines))
    code, out, err = command("replay", "back", "--json", "--every", "block")
    assert code == 0 and "is not whole" in err and "a damaged line" in err
    assert json.loads(out.splitlines()[-1])["step"] == 1860

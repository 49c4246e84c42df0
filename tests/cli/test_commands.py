"""The commands that only read: status, runs, watch --plain, detect.

And what each says to bad input.
"""

import json
import os
import socket
from pathlib import Path

import pytest

from selffit.config import resolve
from selffit.eventlog.writer import EventWriter
from selffit.run.folder.run_dir import RunDir


@pytest.fixture
def command(monkeypatch, selffit, tmp_path):
    monkeypatch.setenv("SELFFIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    return selffit


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "runs", "demo")


def write_run(root, name, how="finished", alert="probe [/b] \x1b[2J says so"):
    run = RunDir.create(root, name, {"config": resolve().as_dict()})
    with EventWriter(run.path, "trainer", 1) as log:
        log.put(
            "run.start", {"config": resolve().as_dict(), "steps_total": 40, "steps_per_epoch": 20}
        )
        cols = {
            "eps": [0.16] * 20,
            "lr": [0.007] * 20,
            "alpha": [0.16] * 20,
            "loss_adv": [1.0] * 20,
        }
        log.put("steps", {"n": 20, "cols": cols, "img_s": 1000.0, "epoch": 1.0})
        log.put(
            "probe.robust", {"n": 512, "eps": 0.16, "clean": 0.9, "fgsm": 0.8, "pgd": 0.01}, step=20
        )
        onset = {
            "level": "onset",
            "text": alert,
            "onset_step": 18,
            "healthy": {"step": 10, "pgd": 0.4},
        }
        log.put("alert", onset, step=20, critical=True)
        if how:
            log.put("end", {"how": how, "reason": "because"}, step=20, critical=True)
    return run


def test_status_as_json_has_what_scripts_need(command, run):
    code, out, _ = command("status", "demo", "--json")
    status = json.loads(out)
    assert code == 0
    assert (status["run"], status["state"], status["attempt"], status["branch"]) == (
        "demo",
        "finished",
        1,
        "main",
    )
    assert (status["step"], status["epoch"]) == (20, 1.0)
    assert status["last"] == {
        "step": 20,
        "clean": 0.9,
        "fgsm": 0.8,
        "pgd": 0.01,
        "n": 512,
        "eps": 0.16,
        "nonfinite": 0,
    }
    assert status["settings"] == {"method": "fgsm", "eps": 0.16, "alpha": 0.16, "lr": 0.007}
    assert [alert["level"] for alert in status["alerts"]] == ["onset"]
    assert status["verdict"] == {
        "state": "onset",
        "cause": None,
        "branch": "main",
        "since": 18,
        "first": None,
        "policy": "alert only",
        "answer": None,
    }
    assert 0 <= status["data_age_s"] < 600


def test_a_suspicion_of_an_older_log_is_called_what_it_is_called_today(command, tmp_path):
    run = RunDir.create(tmp_path / "runs", "older", {"config": resolve().as_dict()})
    with EventWriter(run.path, "trainer", 1) as log:
        log.put("alert", {"level": "watch", "text": "signals moved"}, step=7, critical=True)
        log.put("end", {"how": "finished"}, step=7, critical=True)
    assert "  ! suspect at step 7: signals moved" in command("status", "older")[1].splitlines()
    assert json.loads(command("status", "older", "--json")[1])["verdict"]["state"] == "suspect"
    assert command("runs")[1].splitlines()[1].endswith("suspect @7")
    told = command("watch", "older", "--plain")[1].lower()
    assert "watch" not in told.replace("selffit watch older", "")  # what one can type next


def test_status_without_a_name_means_the_newest_run(command, run):
    assert "demo  finished" in command("status")[1]
    assert "demo  finished" in command("status", "latest")[1]
    assert "demo  finished" in command("status", "de")[1]
    assert "demo  finished" in command("status", run.path)[1]


def test_a_run_whose_process_is_gone_without_a_word_is_lost(command, tmp_path, monkeypatch):
    run = RunDir.create(tmp_path / "runs", "gone", {"config": resolve().as_dict()})
    boot = (
        Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        if os.path.exists("/proc")
        else "?"
    )
    dead = {"host": socket.gethostname(), "boot": boot, "pid": 2**22 - 1, "pstart": 1.0}
    with EventWriter(run.path, "trainer", 1, opening=dead) as log:
        log.put("phase", {"name": "training"})
    # its supervisor may still have a word to say of one that has only just gone
    assert json.loads(command("status", "gone", "--json")[1])["state"] == "training"
    monkeypatch.setattr("selffit.run.follow.GONE_SECONDS", 0.0)
    assert json.loads(command("status", "gone", "--json")[1])["state"] == "lost"
    assert command("watch", "gone", "--plain")[0] == 1


def test_runs_lists_every_run_newest_first(command, tmp_path, run):
    write_run(tmp_path / "runs", "later", how="crashed")
    code, out, _ = command("runs")
    lines = out.splitlines()
    assert code == 0
    assert [line.split()[:2] for line in lines[1:]] == [["later", "crashed"], ["demo", "finished"]]
    assert lines[0].endswith("VERDICT") and lines[1].endswith("!! onset @18")
    rows = [json.loads(line) for line in command("runs", "--json")[1].splitlines()]
    assert [row["run"] for row in rows] == ["later", "demo"]


def test_runs_of_an_empty_folder_say_how_to_start_one(command):
    code, out, err = command("runs")
    assert (code, out) == (0, "")
    assert "selffit train" in err


def test_watching_an_ended_run_in_plain_lines_tells_its_story(command, run):
    code, out, _ = command("watch", "demo", "--plain")
    assert code == 0
    assert "PGD .01" in out.replace("PGD-0", "PGD")
    assert "ONSET" in out
    assert [line for line in out.splitlines() if line.startswith("run ")] == [
        "run demo: finished, because; onset at step 18; PGD .01, FGSM .80 at step 20; "
        "last healthy step 10"
    ]


def test_a_run_that_crashed_gives_exit_code_1(command, tmp_path):
    write_run(tmp_path / "runs", "bad", how="crashed")
    assert command("watch", "bad", "--plain")[0] == 1


def test_hostile_text_in_a_log_is_harmless_in_every_output(command, run):
    for args in (
        ("status", "demo"),
        ("status", "demo", "--json"),
        ("runs",),
        ("watch", "demo", "--plain"),
    ):
        out = command(*args)[1]
        assert "\x1b" not in out
    assert "\\x1b[2J" in command("status", "demo")[1]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("status",), "there is no run"),
        (("status", "nosuch"), "there is no run"),
        (("watch", "nosuch"), "there is no run"),
        (("watch", "./nosuch"), "is not a run"),
        (("detect", "nosuch.csv"), "nosuch.csv"),
        (("train", "--preset", "paterns"), "did you mean 'patterns'"),
        (("train", "--method", "fgms"), "did you mean 'fgsm'"),
        (("train", "--eps", "8"), "write 8/255, not 8"),
        (("train", "--name", "../x"), "cannot be the name of a run"),
        (("train", "--runs", "/proc/nope"), "cannot create a run"),
        (("train", "--epz", "1"), "No such option"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(command, tmp_path, args, says):
    code, out, err = command(*args)
    assert code == 2
    assert out == ""
    assert says in err
    assert "Traceback" not in err
    assert not (tmp_path / "runs").exists()  # nothing half-made is left behind


def test_a_taken_name_is_refused_and_the_run_that_has_it_is_left_alone(command, run):
    before = sorted(path for path in run.path.rglob("*"))
    code, _, err = command("train", "--name", "demo")
    assert (code, "there is already something called demo" in err) == (2, True)
    assert sorted(path for path in run.path.rglob("*")) == before


def test_detect_prints_one_object_a_trace(command, tmp_path):
    rows = [f"{epoch},0.8,0.5,{0.45 if epoch < 20 else 0.01}" for epoch in range(30)]
    (tmp_path / "falls.csv").write_text("\n".join(["epoch,clean_acc,fgsm_acc,pgd_acc", *rows]))
    (tmp_path / "holds.csv").write_text("\n".join(["epoch,clean_acc,fgsm_acc,pgd_acc", *rows[:20]]))
    code, out, _ = command("detect", "--json", "falls.csv", "holds.csv")
    falls, holds = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert (falls["trace"], falls["onset"]) == ("falls", 20)
    assert [alert["level"] for alert in falls["alerts"]] == ["onset"]
    assert (holds["verdict"], holds["onset"], holds["alerts"]) == ("no onset", None, [])
    assert "onset at epoch 20" in command("detect", "falls.csv")[1]


def test_detect_ends_with_3_where_it_cannot_tell_of_one_trace_and_says_why(command, tmp_path):
    rows = [f"{epoch},80,{45 if epoch < 20 else 1}" for epoch in range(30)]
    (tmp_path / "blind.csv").write_text("\n".join(["epoch,clean,Value", *rows]))
    code, _, err = command("detect", "blind.csv")
    assert (code, "--columns pgd=NAME" in err) == (2, True)
    code, out, err = command("detect", "--columns", "pgd=Value", "blind.csv")
    assert code == 3
    assert "cannot tell: PGD accuracy fell by epoch 20 from .45 to .01" in out
    assert "FGSM accuracy was never measured" in out and "(30 rows judged)" in out
    assert "blind: read as percent" in err and "column Value taken as pgd" in err
    code, out, _ = command("detect", "--json", "--columns", "pgd=Value", "blind.csv")
    data = json.loads(out)
    assert (code, data["verdict"], data["onset"]) == (3, "cannot tell", None)
    assert data["reasons"][0]["code"] == "no_fgsm" and data["fell"]["since"] == 20


def test_detect_says_once_what_it_assumed_of_many_traces(command, tmp_path):
    rows = [f"{epoch};0,8;0,5;0,45" for epoch in range(9)]
    for name in "abcde":
        (tmp_path / f"{name}.csv").write_text("\n".join(["epoch;clean;fgsm;pgd", *rows]))
    code, out, err = command("detect", *(f"{name}.csv" for name in "abcde"))
    assert (code, out.count("no onset in 9 rows of 1 000 images")) == (0, 5)
    assert err.count("decimal commas") == 1 and "a and 4 more: decimal commas" in err


def test_one_bad_trace_among_good_ones_is_said_and_the_others_are_judged(command, tmp_path):
    (tmp_path / "good.csv").write_text("epoch,clean_acc,fgsm_acc,pgd_acc\n0,0.5,0.4,0.3\n")
    (tmp_path / "bad.csv").write_text("epoch,clean_acc,fgsm_acc,pgd_acc\n0,0.5,0.4,x\n")
    code, out, err = command("detect", "--json", "good.csv", "bad.csv")
    assert code == 2 and out.startswith('{"trace": "good"')
    assert "bad.csv" in err


def test_a_path_that_begins_with_a_dot_is_no_name_of_a_run(command, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = command("detect", "./empty")
    assert code == 2 and "is not a run" in err


def test_a_paragraph_of_the_help_fills_the_width(command):
    told = [" ".join(line.split()) for line in command("train", "--help")[1].split("\n")]
    assert any(line.startswith("The training survives") and len(line) > 70 for line in told)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["detect", "--sweep"], "--sweep needs FOLDER: all runs below a folder"),
        (["replay", "--at"], "--at needs "),
        (["ctl", "x", "note", "--by"], "--by needs "),
    ],
)
def test_an_option_without_its_value_says_what_it_takes(selffit, words, told):
    code, out, err = selffit(*words)
    assert code == 2 and out == "" and told in err and err.count("\n") == 1
    assert f"selffit {words[0]}" in err


def test_what_was_packed_can_be_opened_to_act_on(selffit):
    code, out, _ = selffit("open", "--help")
    assert code == 0 and "--no-readonly" in out

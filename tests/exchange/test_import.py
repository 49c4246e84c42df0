"""Other people's logs become ordinary runs, or are refused by line and column with nothing left."""

import json
import os
import re
from math import nan

import pytest
from made_up.logs import FALL, PRINTED, ROWS

from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.run.folder.find import list_runs
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower
from selffit.run.judged.verdict import verdict

HEAD = "epoch,clean_acc,fgsm_acc,pgd_acc\n"
CSV = HEAD + "".join(f"{e},{c:.4f},{f:.4f},{p:.4f}\n" for e, c, f, p in ROWS)


def state_of(tmp_path, name):
    return Follower.of(RunDir.open(tmp_path / "runs" / name)).read_all()


def accuracies(state):
    return [(p.step, round(p.clean, 4), round(p.pgd, 4)) for p in state.all(kinds.RobustProbe)]


EXPECTED = [(epoch, round(clean, 4), round(pgd, 4)) for epoch, clean, _, pgd in ROWS]


def test_a_table_becomes_a_run_that_every_command_knows(command, tmp_path):
    (tmp_path / "their.csv").write_text(CSV)
    code, out, err = command("import", "their.csv")
    assert (code, out) == (0, f"their  12 probes; onset at epoch {FALL}\n")
    assert "a step of the log stands for an epoch" in err and "watch their" in err
    state = state_of(tmp_path, "their")
    assert accuracies(state) == EXPECTED
    assert (verdict(state).state, verdict(state).since) == ("onset", FALL)
    assert command("status", "their")[1].startswith("their  imported")
    assert f"onset @{FALL}" in command("runs")[1]
    assert f"onset at step {FALL}" in command("detect", "their")[1]
    assert "imported" in command("watch", "their", "--plain")[1]


def test_an_imported_run_says_that_it_is_one_in_its_file_and_its_log(command, tmp_path):
    (tmp_path / "their.csv").write_text(CSV)
    command("import", "their.csv", "--eps", "8/255", "--method", "fgsm", "--classes", "10")
    about = json.loads((tmp_path / "runs" / "their" / "run.json").read_text())
    assert about["imported"]["source"] == "their.csv"
    assert about["imported"]["columns"]["pgd"] == "pgd_acc"
    state = state_of(tmp_path, "their")
    assert state.last(kinds.Imported).format == "a table"
    assert state.ending.how == "imported"
    assert state.config["method"] == "fgsm" and state.start.classes == 10
    assert state.last(kinds.RobustProbe).eps == pytest.approx(8 / 255)


def test_nothing_can_act_on_it(command, tmp_path):
    (tmp_path / "their.csv").write_text(CSV)
    command("import", "their.csv")
    code, _, err = command("ctl", "their", "pause")
    assert code == 3 and "no trainer belongs to it" in err
    code, _, err = command("train", "--resume", "their")
    assert code == 2 and "nothing to resume" in err


@pytest.mark.parametrize("name", ["liet", "fastat_benchmark", "understanding_fast"])
def test_a_printed_log_of_a_public_code_becomes_the_same_run(command, tmp_path, name):
    (tmp_path / "output.log").write_text(PRINTED[name]())
    code, out, err = command("import", "output.log", "--name", "their")
    assert code == 0 and f"lines read by the rules of {name}" in err and "onset at" in out
    state = state_of(tmp_path, "their")
    assert [probe[1:] for probe in accuracies(state)] == [probe[1:] for probe in EXPECTED]
    assert state.blocks and state.blocks[0].cols["acc_adv"]


def test_what_a_namespace_says_becomes_settings_of_the_run(command, tmp_path):
    (tmp_path / "their.log").write_text(PRINTED["understanding_fast"]())
    command("import", "their.log")
    state = state_of(tmp_path, "their")
    assert state.config["eps"] == pytest.approx(8 / 255) and state.config["epochs"] == 30
    assert state.last(kinds.RobustProbe).n == 256


@pytest.mark.parametrize("name", ["fast_adversarial", "n_fgsm", "aaer"])
def test_a_code_that_measures_robustness_once_gives_its_curve_and_one_probe(
    command, tmp_path, name
):
    (tmp_path / "their.log").write_text(PRINTED[name]())
    code, out, _ = command("import", "their.log")
    state = state_of(tmp_path, "their")
    (probe,) = state.all(kinds.RobustProbe)
    assert code == 0 and (probe.clean, probe.pgd) == (0.8112, 0.4601)
    assert state.step == 12 and len(state.blocks[0].cols["loss_adv"]) > 1 and "cannot tell" in out
    # silence would look like health
    assert verdict(state).state == "cannot tell" and "too few rows" in verdict(state).doubts
    told = "cannot tell whether it is robust: too few rows"
    assert told in command("status", "their")[1] and told in command("watch", "their", "--plain")[1]
    assert "cannot tell" in command("runs")[1] and "policy" not in command("status", "their")[1]
    code, out, _ = command("detect", "their")
    assert code == 3 and out.startswith("their  cannot tell: too few rows (1 row judged)")
    command("report", "their", "-o", "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<p class='verdict doubtful'><b>cannot tell</b> whether it is robust" in page
    assert ("FGSM" in page.split("</svg>")[0]) == (name == "aaer")  # the others never measure it


def test_a_run_and_its_table_get_the_same_answer_without_the_number_of_classes(command, tmp_path):
    rows = [f"{e},{c},{f},{p}" for e, (c, f, p) in enumerate([(0.7, 0.5, 0.45)] * 4)]
    rows += [f"{e},0.1,0.1,0.1" for e in range(4, 8)]
    (tmp_path / "their.csv").write_text(HEAD + "\n".join(rows) + "\n")
    command("import", "their.csv")
    assert "diverged at epoch 4" in command("detect", "their.csv")[1]
    code, out, _ = command("detect", "their")
    assert code == 0 and out.startswith("their  diverged at step 4")
    assert verdict(state_of(tmp_path, "their")).state == "diverged"
    # among two hundred classes that is no guessing
    command("import", "their.csv", "--classes", "200", "--name", "other")
    assert "diverged" not in command("detect", "other")[1]


def test_a_loss_that_fails_before_the_test_at_the_end_tells_since_when(command, tmp_path):
    text = PRINTED["fast_adversarial"]()
    lines = text.splitlines()
    epochs = [i for i, line in enumerate(lines) if re.search(r"- \d+ \t ", line)]
    for i in epochs[6:]:
        cells = lines[i].split("\t")
        lines[i] = "\t".join([*cells[:-2], " nan ", cells[-1]])
    (tmp_path / "their.log").write_text("\n".join(lines))
    assert "diverged at epoch 6: its loss is nan" in command("import", "their.log")[1]


def test_percent_without_signs_is_recognised_in_printed_lines_and_said(command, tmp_path):
    head = "epoch {} | train_loss: 1.5 | nat_acc: {:.2f} | fgsm_acc: {:.2f} | pgd_acc: {:.2f}"
    lines = [head.format(e, 100 * c, 100 * f, 100 * p) for e, c, f, p in ROWS]
    (tmp_path / "their.log").write_text("\n".join(lines))
    code, _, err = command("import", "their.log")
    assert code == 0 and "accuracies read as percent: numbers are above 1.5" in err
    assert accuracies(state_of(tmp_path, "their")) == EXPECTED
    code, _, err = command("import", "their.log", "--fraction")
    assert code == 2 and "is not an accuracy" in err
    lines = [head.format(e, 100 * c, f, p) for e, c, f, p in ROWS]
    (tmp_path / "mixed.log").write_text("\n".join(lines))
    code, _, err = command("import", "mixed.log")
    assert code == 2 and "fgsm and pgd accuracies never are above 1.5" in err


def test_trying_says_how_it_would_be_read_and_imports_nothing(command, tmp_path):
    (tmp_path / "x.csv").write_text("Epoch;val_acc;val_fgsm_acc;val_pgd_acc;lr\n0;50;40;30;0.1\n")
    code, out, err = command("import", "--try", "x.csv")
    assert code == 0 and "nothing was imported" in err
    assert "pgd" in out and "from val_pgd_acc" in out and "read as percent" in out
    assert "cells between semicolons" in out and not (tmp_path / "runs").exists()


def test_trying_a_printed_log_names_the_rules_that_fit_and_the_others(command, tmp_path):
    (tmp_path / "x.log").write_text(PRINTED["fast_adversarial"]())
    code, out, _ = command("import", "--try", "x.log")
    assert code == 0 and "printed lines (fast_adversarial)" in out
    assert "would fit as well: n_fgsm" in out and "setting eps = 8/255" in out


def test_rules_of_ones_own_read_what_no_other_does(command, tmp_path):
    (tmp_path / "mine.toml").write_text(
        "unit = 'percent'\n[[rule]]\n"
        r"pattern = '^E(?P<epoch>\d+) c(?P<clean>[\d.]+) f(?P<fgsm>[\d.]+) p(?P<pgd>[\d.]+)$'"
    )
    rows = "".join(f"E{e} c{100 * c} f{100 * f} p{100 * p}\n" for e, c, f, p in ROWS)
    (tmp_path / "my.out").write_text(rows)
    code, _, err = command("import", "my.out")
    assert code == 2 and "--lines RULES.toml" in err
    code, _, _ = command("import", "my.out", "--lines", "mine.toml")
    assert code == 0 and accuracies(state_of(tmp_path, "my")) == EXPECTED


def test_json_lines_lists_and_columns_are_the_same_run(command, tmp_path):
    names = ("epoch", "clean_acc", "fgsm_acc", "pgd_acc")
    rows = [dict(zip(names, row, strict=True)) for row in ROWS]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"test": r, "t": 1}) + "\n" for r in rows))
    (tmp_path / "b.json").write_text(json.dumps(rows))
    (tmp_path / "c.json").write_text(json.dumps({name: [r[name] for r in rows] for name in names}))
    for file in ("a.jsonl", "b.json", "c.json"):
        assert command("import", file)[0] == 0
        assert accuracies(state_of(tmp_path, file[0])) == EXPECTED


def test_the_file_of_a_benchmark_gives_a_run_for_each_seed(command, tmp_path):
    lists = {
        "train_acc_list": [row[2] for row in ROWS],
        "model_val_acc_list": [row[1] for row in ROWS],
        "model_fgsm_acc_list": [row[2] for row in ROWS],
        "model_pgd_acc_list": [row[3] for row in ROWS],
        "wa_pgd_acc_list": [row[3] for row in ROWS],
    }
    seeds = {"0": {**lists, "seed": 0}, "1": {**lists, "seed": 1}}
    data = {"cifar10": {"fgsm_at": {"seeds": seeds}, "n_fgsm": {"seeds": seeds}}}
    (tmp_path / "data.json").write_text(json.dumps(data))
    code, _, _ = command("import", "data.json", "--only", "fgsm_at")
    assert code == 0 and [run.name for run in list_runs(tmp_path / "runs")][::-1] == [
        "cifar10-fgsm_at-0",
        "cifar10-fgsm_at-1",
    ]
    state = state_of(tmp_path, "cifar10-fgsm_at-1")
    assert accuracies(state) == EXPECTED and state.config["seed"] == 1


def test_a_table_of_steps_keeps_its_signals_and_its_sparse_probes(command, tmp_path):
    rows = ["step,loss,lr,train_acc,clean_acc,fgsm_acc,pgd_acc"]
    for step in range(400):
        probe = ",0.6,0.4,0.35" if step % 100 == 0 else ",,,"
        rows.append(f"{step},{2 - step / 400},0.1,0.5{probe}")
    (tmp_path / "steps.csv").write_text("\n".join(rows) + "\n")
    code, out, _ = command("import", "steps.csv", "--steps-per-epoch", "100")
    state = state_of(tmp_path, "steps")
    assert code == 0 and "4 probes, training signals of 400 steps" in out
    assert [p.step for p in state.all(kinds.RobustProbe)] == [0, 100, 200, 300]
    assert state.step == 400 and state.last(kinds.RobustProbe).epoch == 3.0


def test_a_table_of_signals_alone_is_a_run_that_nothing_is_said_of(command, tmp_path):
    (tmp_path / "s.csv").write_text("step,loss,lr\n" + "".join(f"{i},1.5,0.1\n" for i in range(50)))
    code, _, err = command("import", "s.csv")
    assert code == 0 and "nothing that the detector could judge by" in err
    assert verdict(state_of(tmp_path, "s")).state == "cannot tell"


def test_half_epochs_become_whole_steps(command, tmp_path):
    rows = "".join(f"{e + 0.5},{c},{f},{p}\n" for e, c, f, p in ROWS)
    (tmp_path / "half.csv").write_text(HEAD + rows)
    code, _, err = command("import", "half.csv")
    assert code == 0 and "stands for 1/2 of an epoch" in err
    assert [p[0] for p in accuracies(state_of(tmp_path, "half"))][:3] == [1, 3, 5]


def test_a_divergence_is_an_alert_of_the_run(command, tmp_path):
    fallen = [(e, c, f, p) if e < 8 else (e, 0.1, 0.1, 0.1) for e, c, f, p in ROWS]
    (tmp_path / "d.csv").write_text(HEAD + "".join(f"{e},{c},{f},{p}\n" for e, c, f, p in fallen))
    for options in ((), ("--classes", "10")):
        assert command("import", "d.csv", "--name", f"d{len(options)}", *options)[0] == 0
        state = state_of(tmp_path, f"d{len(options)}")
        assert verdict(state).state == "diverged"
        assert [alert.level for alert in state.all(kinds.Alert)].count("diverged") == 1


BAD = {
    "percent beside fractions": (HEAD + "0,0.5,40,0.3\n1,0.5,41,0.3\n2,0.5,42,0.3\n", "line 2"),
    "no robust accuracy": ("epoch,acc\n0,0.5\n", "missing column pgd_acc"),
    "a word in a cell": (HEAD + "0,0.5,0.4,0.3\n1,0.5,much,0.3\n", "line 3: fgsm_acc = much"),
    "cells too many": (HEAD + "0,0.5,0.4,0.3\n1,0.5,0.4,0.3,0.2,x\n", "line 3: 6 cells"),
    "no time": (HEAD + "0,0.5,0.4,0.3\n,0.5,0.4,0.3\n", "line 3: epoch = nothing"),
    "nothing at all": ("", "is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_names_line_and_column_and_leaves_nothing(command, tmp_path, name):
    text, told = BAD[name]
    (tmp_path / "bad.csv").write_text(text)
    code, out, err = command("import", "bad.csv")
    assert (code, out) == (2, "") and told in err and "Traceback" not in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("a.json", b'{"epoch": 1', "not JSON"),
        ("a.jsonl", b'{"epoch": 1}\n{"epo\n{"epoch": 2}\n', "line 2"),
        ("a.jsonl", b'{"pgd_acc": 1}\n[3]\n', "line 2: no JSON object"),
        ("b.json", b"[" * 100_000, "nested too deep"),
        ("a.log", b"\x00\x01\x02binary", "not text"),
        ("a.log", b"hello\nworld\n", "--lines RULES.toml"),
        ("a.parquet", b"PAR1 and no more", "a.parquet"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_broken_files_are_refused_in_a_sentence(command, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    code, _, err = command("import", name)
    assert code == 2 and told in err and err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


def test_an_unfinished_last_line_of_json_is_left_out_and_said(command, tmp_path):
    rows = [json.dumps({"epoch": e, "clean": c, "fgsm": f, "pgd": p}) for e, c, f, p in ROWS]
    (tmp_path / "a.jsonl").write_text("\n".join(rows) + '\n{"epoch": 12, "cl')
    code, _, err = command("import", "a.jsonl")
    assert code == 0 and "left out: an unfinished last line (line 13)" in err


def test_a_name_that_is_taken_is_refused_and_a_free_one_is_found(command, tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    command("import", "a.csv")
    code, _, err = command("import", "a.csv", "--name", "a")
    assert code == 2 and "already something called a" in err
    assert command("import", "a.csv")[0] == 0
    assert sorted(os.listdir(tmp_path / "runs")) == ["a", "a-2"]


def test_of_several_runs_none_is_left_where_one_cannot_be_made(command, tmp_path, monkeypatch):
    rows = "".join(f"{e},{c},{f},{p},{s}\n" for s in (0, 1) for e, c, f, p in ROWS)
    (tmp_path / "two.csv").write_text(HEAD.strip() + ",seed\n" + rows)
    from selffit.exchange import write

    moved = write._moved
    calls = []

    def fails_later(run, path):
        calls.append(path)
        if len(calls) > 1:
            raise UserError("no space left; free some")
        return moved(run, path)

    monkeypatch.setattr(write, "_moved", fails_later)
    code, _, err = command("import", "two.csv")
    assert code == 2 and "no space" in err
    assert os.listdir(tmp_path / "runs") == []


def test_escapes_in_names_stay_text(command, tmp_path):
    (tmp_path / "e.csv").write_text(CSV.replace("pgd_acc", "pgd\x1b[31m_acc"))
    code, out, err = command("import", "e.csv", "--columns", "pgd=4")
    assert code == 0 and "\x1b" not in out + err
    assert "\\x1b" in state_of(tmp_path, "e").last(kinds.Imported).columns["pgd"]


def test_a_failed_measurement_is_not_called_healthy(command, tmp_path):
    rows = "".join(f"{e},{c},{f},{p if e < 6 else nan}\n" for e, c, f, p in ROWS)
    (tmp_path / "n.csv").write_text(HEAD + rows)
    code, out, _ = command("import", "n.csv")
    assert code == 0 and "cannot tell: PGD accuracy was not measured from epoch 6 on" in out


def test_recorded_traces_have_the_onset_as_runs_that_they_have_as_tables(real_data):
    from selffit.exchange.events import events_of
    from selffit.exchange.reading import Wishes, recordings
    from selffit.exchange.sources import read_sources

    paths = sorted(path for path in (real_data / "co_traces").rglob("*-0.csv"))
    assert len(paths) > 20
    for path in paths[::3]:
        classes = 100 if "cifar100" in path.parent.name else 10
        (found,) = recordings(read_sources(path).sources[0], Wishes(classes=classes))
        alerts = [event for event in events_of(found) if isinstance(event, kinds.Alert)]
        onsets = [a.onset_step for a in alerts if a.level == "onset" and a.onset_step is not None]
        assert found.answer is not None
        expected = found.answer.onset_step
        assert onsets[:1] == ([] if expected is None else [expected]), path.name


def test_a_table_that_a_logger_wrote_is_read_without_its_prefixes(command, tmp_path):
    head = "Epoch \t Seconds \t LR \t \t Train Loss \t Train Acc \t Test Acc \t FGSM Acc \t PGD Acc"
    row = "{} \t 21.0 \t \t 0.1000 \t 1.5000 \t 0.4000 \t {:.4f} \t {:.4f} \t {:.4f}"
    lines = [head, *(row.format(*values) for values in ROWS)]
    text = "".join(f"[2020/01/01 00:00:{i:02d}] - {line}\n" for i, line in enumerate(lines))
    (tmp_path / "their.log").write_text(text)
    code, out, err = command("import", "their.log")
    assert code == 0 and "what a logger wrote before each line is left out" in err
    assert accuracies(state_of(tmp_path, "their")) == EXPECTED and f"onset at epoch {FALL}" in out


def test_epochs_that_begin_again_are_said_for_these_may_be_two_runs(command, tmp_path):
    text = PRINTED["liet"]()
    (tmp_path / "one.log").write_text(text)
    (tmp_path / "two.log").write_text(text + text)
    assert "begin again" not in command("import", "one.log")[2]
    code, _, err = command("import", "two.log")
    told = "epochs begin again in line "
    assert code == 0 and told in err
    line = int(err.split(told)[1].split(":")[0])
    assert len(text.splitlines()) < line <= len(text.splitlines()) + 4
    assert accuracies(state_of(tmp_path, "two")) == EXPECTED


def test_a_loss_alone_tells_of_a_divergence(command, tmp_path):
    rows = "".join(f"{e},{1.5 if e < 6 else 'nan'},0.1\n" for e in range(12))
    (tmp_path / "s.csv").write_text("epoch,loss,lr\n" + rows)
    code, _, err = command("import", "s.csv")
    assert code == 0 and "training has diverged: its loss is NaN since epoch 6" in err
    found = verdict(state_of(tmp_path, "s"))
    assert (found.state, found.since) == ("diverged", 6)

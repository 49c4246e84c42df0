"""A run goes out in other people's formats, and comes back with the same probes and branches."""

import csv
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from selffit.eventlog import kinds
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower

EXAMPLES = Path(__file__).parents[2] / "runs"
NAME = "example-patterns-rollback"


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """A recorded run with a roll-back, in a folder of its own."""
    path = tmp_path_factory.mktemp("recorded") / NAME
    shutil.copytree(EXAMPLES / NAME, path)
    return path


def state_of(path):
    return Follower.of(RunDir.open(path)).read_all()


def probes(state, digits=12):
    return [
        (p.branch, p.step, p.n, *(round(v, digits) for v in (p.clean, p.fgsm, p.pgd, p.eps)))
        for p in sorted(state.all(kinds.RobustProbe), key=lambda p: (p.branch != "main", p.step))
    ]


def branches(state):
    return {b.name: (b.parent, b.base_step) for b in state.ledger.branches.values()}


def test_csv_goes_to_stdout_and_its_cells_say_what_was_not_measured(command, example):
    code, out, err = command("export", example, "--csv")
    rows = list(csv.DictReader(out.splitlines()))
    assert code == 0 and "what is empty was not measured" in err
    assert {row["branch"] for row in rows} == {"main", "b1"}
    assert len(rows) == len(state_of(example).all(kinds.RobustProbe))
    assert {row["stands"] for row in rows} == {"0", "1"}
    assert all(row["base_step"] == "" for row in rows if row["branch"] == "main")
    assert "" in {row["final_eps"] for row in rows}


def test_json_says_units_and_meanings_and_is_strict(command, example):
    code, out, _ = command("export", example, "--json")
    data = json.loads(out, parse_constant=lambda name: pytest.fail(name))
    assert code == 0 and data["units"]["probes"]["eps"]["unit"] == "pixels of [0,1]"
    assert data["branches"][1]["parent"] == "main"
    assert data["interventions"][0]["op"] == "rollback"
    assert data["verdict"]["text"] and data["alerts"]


@pytest.mark.parametrize("options", [("--csv", "x.csv"), ("--json", "x.json")])
def test_what_was_exported_comes_back_with_the_same_probes(command, tmp_path, example, options):
    assert command("export", example, options[0], "-o", options[1])[0] == 0
    code, out, _ = command("import", options[1], "--name", "back")
    assert code == 0 and "2 branches" in out
    before, after = state_of(example), state_of(tmp_path / "runs" / "back")
    assert probes(after) == probes(before)
    assert branches(after) == branches(before)
    assert after.last(kinds.RobustProbe).pgd_steps == before.last(kinds.RobustProbe).pgd_steps


def test_the_signals_of_every_step_come_back_from_json(command, tmp_path, example):
    command("export", example, "--json", "-o", "x.json")
    command("import", "x.json", "--name", "back")
    before, after = state_of(example), state_of(tmp_path / "runs" / "back")
    assert after.step == before.step and after.config["eps"] == before.config["eps"]
    was = before.blocks
    assert sum(block.n for block in after.blocks) == sum(block.n for block in was)
    onsets = [[a.about for a in s.all(kinds.Alert) if a.level == "onset"] for s in (before, after)]
    assert onsets[0] == onsets[1] != []


def test_a_table_of_steps_or_alerts_is_asked_for_by_name(command, example):
    code, out, _ = command("export", example, "--csv", "--table", "alerts")
    assert code == 0 and "onset" in out and out.startswith("branch,step,level")
    code, out, _ = command("export", example, "--csv", "--table", "steps")
    assert code == 0 and out.startswith("branch,step,loss_clean,loss_adv,acc_adv,abnormal")
    code, _, err = command("export", example, "--csv", "--table", "weights")
    assert code == 2 and "there is probes, steps, alerts" in err


def test_an_export_without_a_format_or_with_two_is_refused(command, example):
    for options in ((), ("--csv", "--json")):
        code, _, err = command("export", example, *options)
        assert code == 2 and "export to one of" in err


def test_a_file_that_cannot_be_written_is_said_before_anything_is_read(command, example):
    code, _, err = command("export", example, "--csv", "-o", "nowhere/x.csv")
    assert code == 2 and "cannot write -o" in err


needs_tensorboard = pytest.mark.skipif(
    find_spec("tensorboard") is None, reason="selffit[export] is not installed (tensorboard)"
)
needs_pyarrow = pytest.mark.skipif(
    find_spec("pyarrow") is None, reason="selffit[export] is not installed (pyarrow)"
)


@pytest.mark.parametrize("option, module", [("--parquet", "pyarrow"), ("--tensorboard",) * 2])
def test_a_missing_extra_is_named(command, example, monkeypatch, option, module):
    module = module.removeprefix("--")
    from selffit import extras

    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    code, _, err = command("export", example, option, "-o", "x")
    assert code == 2 and f"needs {module}" in err and "selffit[export]" in err


@needs_tensorboard
def test_tensorboards_own_reader_opens_the_export(command, tmp_path, example):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    assert command("export", example, "--tensorboard", "-o", "tb")[0] == 0
    reader = EventAccumulator(str(tmp_path / "tb" / "main"), size_guidance={"scalars": 0})
    reader.Reload()
    assert "probe/pgd_acc" in reader.Tags()["scalars"]
    main = [p for p in state_of(example).all(kinds.RobustProbe) if p.branch == "main"]
    assert [one.value for one in reader.Scalars("probe/pgd_acc")] == pytest.approx(
        [p.pgd for p in main], abs=1e-6
    )
    assert len(reader.Scalars("train/loss_adv")) > 100


@needs_tensorboard
def test_events_of_tensorboard_come_back_with_the_same_probes(command, tmp_path, example):
    command("export", example, "--tensorboard", "-o", "tb")
    code, _, _ = command("import", "tb", "--name", "back")
    before, after = state_of(example), state_of(tmp_path / "runs" / "back")
    assert code == 0 and probes(after, 6) == probes(before, 6)
    assert branches(after) == branches(before)


@needs_tensorboard
def test_other_peoples_events_are_read_by_their_tags(command, tmp_path):
    from made_up.logs import ROWS
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(tmp_path / "theirs"))
    for epoch, clean, fgsm, pgd in ROWS:
        told = {"test/acc": clean, "test/fgsm_acc": fgsm, "test/pgd_acc": pgd, "train/loss": 1.5}
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in told.items()]
        writer.add_event(Event(wall_time=1.0, step=epoch, summary=Summary(value=values)))
    writer.close()
    code, out, err = command("import", "theirs")
    assert code == 0 and "onset at step 8" in out and "test/pgd_acc taken as pgd_acc" in err


@needs_tensorboard
def test_an_unreadable_event_file_is_refused_and_leaves_nothing(command, tmp_path):
    (tmp_path / "events.out.tfevents.1.x").write_bytes(b"\x00\x01garbage" * 100)
    code, _, err = command("import", "events.out.tfevents.1.x")
    assert code == 2 and "no scalars" in err and not (tmp_path / "runs").exists()


@needs_pyarrow
def test_parquet_says_units_and_comes_back(command, tmp_path, example):
    import pyarrow.parquet as pq

    assert command("export", example, "--parquet", "-o", "x.parquet")[0] == 0
    schema = pq.read_schema(tmp_path / "x.parquet")
    assert schema.field("eps").metadata[b"unit"] == b"pixels of [0,1]"
    assert pq.read_table(tmp_path / "x.parquet").column("final_eps").null_count > 0
    assert command("import", "x.parquet", "--name", "back")[0] == 0
    before, after = state_of(example), state_of(tmp_path / "runs" / "back")
    assert probes(after) == probes(before) and branches(after) == branches(before)


@pytest.fixture
def small(command, tmp_path):
    """An imported run of a few rows, whose figures are quickly drawn."""
    rows = "".join(f"{epoch},0.8,0.5,0.4\n" for epoch in range(8))
    (tmp_path / "small.csv").write_text("epoch,clean_acc,fgsm_acc,pgd_acc\n" + rows)
    command("import", "small.csv")
    return "small"


def test_figures_are_written_as_svg_and_png_with_what_they_show(command, tmp_path, small):
    pytest.importorskip("matplotlib", reason="figures need the extra `figures` (matplotlib)")
    code, _, err = command("export", small, "--figures", "pictures")
    assert code == 0 and "PGD accuracy is at most .40 (epoch 0)" in err
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert names == {"accuracies.svg", "accuracies.png"}


def test_a_report_is_written_or_says_what_is_missing(command, tmp_path, small, monkeypatch):
    pytest.importorskip("matplotlib", reason="figures need the extra `figures` (matplotlib)")
    code, out, _ = command("report", small)
    page = (tmp_path / out.strip()).read_text()
    assert code == 0 and "Imported from small.csv, read as a table" in page
    assert command("report", small, "-o", "nowhere/x.html")[0] == 2
    from selffit_tui.commands import report

    monkeypatch.setattr(report, "find_spec", lambda name: None)
    code, _, err = command("report", small)
    assert code == 2 and "selffit[figures]" in err

"""Offline runs of W&B and folders of MLflow, where their packages are installed; else by name."""

import json
import struct
from importlib.util import find_spec
from typing import Any

import pytest
from made_up.logs import ROWS

from selffit.eventlog import kinds
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import Follower

EXPECTED = [(epoch, round(pgd, 4)) for epoch, *_, pgd in ROWS]


def probes(path):
    state = Follower.of(RunDir.open(path)).read_all()
    return [(p.step, round(p.pgd, 4)) for p in state.all(kinds.RobustProbe)]


def test_a_missing_package_is_named_with_its_extra(command, tmp_path, monkeypatch):
    from selffit import extras

    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    (tmp_path / "mlruns" / "0").mkdir(parents=True)
    (tmp_path / "mlruns" / "0" / "meta.yaml").write_text("")
    (tmp_path / "run-x.wandb").write_bytes(b":W&B")
    (tmp_path / "tb").mkdir()
    (tmp_path / "tb" / "events.out.tfevents.1").write_bytes(b"")
    for path, extra in (("mlruns", "mlflow"), ("run-x.wandb", "wandb"), ("tb", "export")):
        code, _, err = command("import", path)
        assert code == 2 and f"selffit[{extra}]" in err and err.count("\n") == 1


@pytest.mark.skipif(find_spec("wandb") is None, reason="selffit[wandb] is not installed")
def test_an_offline_run_of_wandb_is_read_across_its_blocks(command, tmp_path):
    from wandb.proto import wandb_internal_pb2 as messages

    made: Any = vars(messages)["Record"]  # made when that is loaded: no type knows it
    records = []
    for epoch, clean, fgsm, pgd in ROWS:
        record = made()
        told = {"epoch": epoch, "val/acc": clean, "val/fgsm_acc": fgsm, "val/pgd_acc": pgd}
        for name, value in {**told, "note": "x" * 4000}.items():
            record.history.item.add(nested_key=[name], value_json=json.dumps(value))
        record.history.step.num = epoch
        records.append(record.SerializeToString())
    data = b":W&B\xe1\xbe\x00"
    for record in records:
        first = True
        while record or first:
            left = 32768 - len(data) % 32768
            if left < 7:
                data += b"\0" * left
                continue
            part, record = record[: left - 7], record[left - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, True): 4, (False, False): 3}[
                first, not record
            ]
            data += struct.pack("<IHB", 0, len(part), kind) + part
            first = False
    (tmp_path / "run-abc.wandb").write_bytes(data)
    code, out, _ = command("import", "run-abc.wandb", "--name", "theirs")
    assert code == 0 and "onset at epoch 8" in out
    assert probes(tmp_path / "runs" / "theirs") == EXPECTED
    (tmp_path / "run-bad.wandb").write_bytes(b":W&B\xe1\xbe\x00" + b"\xff" * 100)
    code, _, err = command("import", "run-bad.wandb")
    assert code == 2 and "holds no history" in err


@pytest.mark.skipif(find_spec("mlflow") is None, reason="selffit[mlflow] is not installed")
def test_a_folder_of_mlflow_is_read_through_its_client(command, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=(tmp_path / "mlruns").as_uri())
    run = client.create_run(client.create_experiment("x"), run_name="theirs")
    client.log_param(run.info.run_id, "epsilon", "8")
    for epoch, clean, fgsm, pgd in ROWS:
        for name, value in (("clean_acc", clean), ("fgsm_acc", fgsm), ("pgd_acc", pgd)):
            client.log_metric(run.info.run_id, name, value, step=epoch)
    code, out, _ = command("import", "mlruns")
    assert code == 0 and out.startswith("theirs") and "onset at step 8" in out
    assert probes(tmp_path / "runs" / "theirs") == EXPECTED

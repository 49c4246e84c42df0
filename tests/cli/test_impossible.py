"""What `selffit train` refuses at once: one sentence, exit code 2, nothing left, no torch."""

import os
import subprocess
import sys

import pytest

from selffit.config import resolve
from selffit.errors import UserError
from selffit_tui.commands.impossible import refuse_impossible

PROGRAM = """
import sys
sys.argv = ["selffit", "train", *sys.argv[1:]]
from selffit import supervisor
supervisor.spawn = lambda *_, **__: print("SPAWNED")
from selffit_tui.cli import main
try:
    main()
finally:
    print("TORCH" if "torch" in sys.modules else "")
"""


@pytest.fixture
def train(tmp_path):
    def run(*args):
        env = {**os.environ, "SELFFIT_RUNS": str(tmp_path / "runs")}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, *map(str, args)],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == "", "torch was loaded or a trainer started"
        return done.returncode, done.stderr

    return run


def refusal(root, **overrides):
    try:
        refuse_impossible(resolve(None, overrides), root)
    except UserError as error:
        return str(error)
    return ""


def test_a_data_folder_that_does_not_exist_is_refused_at_once(train, tmp_path):
    code, err = train("--data", "mnist", "--data-dir", tmp_path / "empty", "--detach")
    assert (code, err.count("\n")) == (2, 1) and "mnist was not found" in err
    assert str(tmp_path / "empty" / "MNIST" / "raw") in err and "--download" in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only there the driver's files are known")
@pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="there is a GPU here")
def test_a_device_that_cannot_exist_is_refused_at_once(train, tmp_path):
    code, err = train("--device", "cuda", "--detach")
    assert (code, err.count("\n")) == (2, 1) and "--device cpu" in err
    assert not (tmp_path / "runs").exists()


def test_a_name_that_is_taken_is_refused_at_once(train, tmp_path):
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    code, err = train("--name", "mine", "--detach")
    assert code == 2 and "mine" in err and os.listdir(tmp_path / "runs") == ["mine"]


def test_the_first_file_that_lacks_is_named(tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for number in (1, 2, 4, 5):
        (folder / f"data_batch_{number}").touch()
    config = {"data": "cifar10", "data_dir": str(tmp_path)}
    assert "looked for data_batch_3 in" in refusal(tmp_path, **config)
    assert "data_batch_3" in refusal(tmp_path, **config | {"data_dir": str(folder)})
    (folder / "data_batch_3").touch()
    assert refusal(tmp_path, **config) == ""


def test_sets_that_need_no_files_or_are_downloaded_are_not_looked_for(tmp_path):
    assert refusal(tmp_path, data="strokes", data_dir=str(tmp_path / "no")) == ""
    assert refusal(tmp_path, data="svhn", data_dir=str(tmp_path / "no"), download=True) == ""
    assert "train_32x32.mat" in refusal(tmp_path, data="svhn", data_dir=str(tmp_path / "no"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_what_may_not_be_looked_into_is_left_to_the_trainer(tmp_path):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    assert refusal(tmp_path, data="mnist", data_dir=str(folder)) == ""


def test_a_data_dir_that_is_a_file_holds_nothing(tmp_path):
    (tmp_path / "file").touch()
    assert "not found" in refusal(tmp_path, data="mnist", data_dir=str(tmp_path / "file"))


@pytest.mark.skipif(sys.platform != "linux", reason="only there the driver's files are known")
def test_a_gpu_needs_a_driver_and_a_number_that_the_driver_knows(tmp_path):
    assert "no GPU driver" in refusal(tmp_path, device="cuda:1")
    assert refusal(tmp_path, device="cpu") == refusal(tmp_path, device="auto") == ""
    gpus = tmp_path / "proc" / "driver" / "nvidia" / "gpus"
    gpus.mkdir(parents=True)
    assert refusal(tmp_path, device="cuda:7") == ""  # the driver does not say how many
    (gpus / "0000:01:00.0").mkdir()
    assert refusal(tmp_path, device="cuda") == refusal(tmp_path, device="cuda:0") == ""
    assert "has cuda:0 only" in refusal(tmp_path, device="cuda:1")
    (gpus / "0000:02:00.0").mkdir()
    assert "has cuda:0 to cuda:1" in refusal(tmp_path, device="cuda:2")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--notify", "nosuch-program --x"), "there is no program 'nosuch-program'"),
        (("--notify", "sh -c 'x"), "no closing quotation"),
    ],
)
def test_a_command_to_call_that_cannot_be_run_is_refused_before_anything_is_started(
    train, args, said, tmp_path
):
    code, error = train(*args)
    assert code == 2 and said in error and len(error.splitlines()) == 1
    assert not list(tmp_path.glob("runs/*"))

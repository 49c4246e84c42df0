"""`selffit diagnose` from the command line: what it prints and refuses; it leaves runs alone."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from made_up.patience import output_of

from selffit.analysis.__main__ import main
from selffit.data import load_set
from selffit.data.imageset import as_float
from selffit.models import build
from selffit.models.base import own_tensors
from selffit.run.folder.run_dir import RunDir
from selffit_tui import cli
from selffit_tui.commands import diagnose as command

QUICK = ("--images", "16", "--device", "cpu")


@pytest.fixture
def run(tiny_run, tmp_path):
    """A copy of the short run, called demo."""
    copy = RunDir(tmp_path / "runs" / "demo")
    shutil.copytree(tiny_run.path, copy.path)
    return copy


@pytest.fixture
def started(tmp_path):
    """Start the command in a process group of its own, without a terminal."""
    running: list[subprocess.Popen[str]] = []

    def start(*args, **env):
        command = [sys.executable, "-m", "selffit_tui", "diagnose", *map(str, args)]
        environment = {
            **os.environ,
            "SELFFIT_RUNS": str(tmp_path / "runs"),
            "OMP_NUM_THREADS": "1",
            **env,
        }
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        # a shell's background jobs inherit that it is ignored
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            process = subprocess.Popen(
                command, env=environment, cwd=tmp_path, start_new_session=True, **pipes
            )
            running.append(process)
            return process
        finally:
            signal.signal(signal.SIGINT, before)

    yield start
    for process in running:  # nobody waits for what a failed test has left
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def diagnose(started):
    def run(*args, **env):
        process = started(*args, **env)
        out, err = output_of(process)
        return process.returncode, out, err

    return run


def contents(folder):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
    }


def damage(run, id):
    path = run.ckpt / id / "model.safetensors"
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_every_checkpoint_as_records_the_damaged_one_skipped_and_nothing_written(diagnose, run):
    damage(run, "main-5")
    before = contents(run.path)
    code, out, err = diagnose("demo", "--json", *QUICK)
    assert code == 0, err
    stands, *records = [json.loads(line) for line in out.splitlines()]
    assert (stands["k"], stands["branch"]) == ("verdict", "main")
    assert stands["d"]["state"] == "healthy" and stands["d"]["text"].startswith("healthy")
    assert [record["k"].removeprefix("probe.") for record in records] == [
        "robust",
        "strong",
        "self",
        "channels",
        "causal",
        "images",
        "diagnosis",
    ]
    # 16 images, of which PGD leaves none right
    assert records[-1]["d"]["disease"] == "cannot tell"
    assert {(record["checkpoint"], record["step"], record["branch"]) for record in records} == {
        ("main-10", 10, "main")
    }
    assert records[2]["d"]["full"] is True
    assert (
        "skipped main-5: checkpoint main-5 is damaged: the content of model.safetensors was changed"
        in err
    )
    assert "main-10 (2 of 2): robust strong" in err
    assert contents(run.path) == before


def test_one_checkpoint_as_tables_for_a_narrow_terminal(diagnose, run):
    code, out, err = diagnose(
        "runs/demo/ckpt/main-10", "--reference", "main-5", *QUICK, COLUMNS="80", LANG="C.UTF-8"
    )
    assert code == 0, err
    assert max(map(len, out.splitlines())) <= 80
    for words in (
        "checkpoint clean FGSM PGD strong index",
        "cannot tell",
        "One cannot tell whether robust accuracy has fallen in 1 of 1 network;",
        "guessing: .10",
        "the network of step 5",
        "dose:",
        "conv2",
        "random",
        "ranked on 8 images",
    ):
        assert words in out


def test_nothing_but_damage_ends_with_code_1(run, capsys):
    damage(run, "main-10")
    code = main([f"{run.path}:main-10", "--device", "cpu"])
    out, err = capsys.readouterr()
    assert code == 1
    assert [json.loads(line)["k"] for line in out.splitlines()] == ["target"]
    assert "none of the 1 checkpoint(s) of demo could be diagnosed" in err


@pytest.fixture
def theirs(tmp_path):
    """A network for `patterns` as somebody else would save it: random, its last layer fitted."""
    torch.manual_seed(0)
    model: Any = build("small", shape=(1, 28, 28), classes=10, width=4, mean=0.5, scale=0.12)
    images = load_set("patterns", train_images=1000, holdout=1)
    features: list[Any] = []
    model.relu3.register_forward_hook(lambda module, inputs, output: features.append(output))
    with torch.no_grad():
        model(as_float(images.train_x))
        targets = torch.nn.functional.one_hot(images.train_y, 10).float() - 0.1
        columns = features[0] - features[0].mean(0)
        weight = torch.linalg.lstsq(columns, targets).solution.T
        model.output.weight.copy_(weight)
        model.output.bias.copy_(-weight @ features[0].mean(0))
    tensors = own_tensors(model)
    tensors["fc.weight"] = tensors.pop("output.weight")
    tensors["fc.bias"] = tensors.pop("output.bias")
    path = tmp_path / "their.pt"
    torch.save({"state_dict": {f"module.{name}": tensors[name] for name in tensors}}, path)
    return path


FOREIGN = ("--foreign", "--model", "small", "--data", "patterns", "--eps", "8/255")


def test_somebody_elses_file_is_measured_and_says_what_was_done_to_it(theirs, capsys):
    code = main([str(theirs), *FOREIGN, *QUICK])
    out, err = capsys.readouterr()
    assert code == 0, err
    about, *records = map(json.loads, out.splitlines())
    assert (about["k"], about["d"]["name"]) == ("target", "their.pt")
    said = about["d"]["file"]["said"]
    assert said[:3] == ["took entry state_dict", "stripped `module.`", "read fc as output"]
    assert said[3] == "width 4, by its first convolution"
    assert said[4] == "input: mean 0.5 and std 8.333 (of patterns)"  # as it was trained
    assert "their.pt: stripped `module.`\n" in err
    assert {record["checkpoint"] for record in records} == {"their"}
    assert records[0]["d"]["eps"] == pytest.approx(8 / 255)


def test_what_was_done_to_a_file_is_in_the_table_and_in_the_json(diagnose, theirs):
    code, out, err = diagnose(theirs, *FOREIGN, *QUICK, LANG="C.UTF-8", COLUMNS="200")
    assert code == 0, err
    assert out.startswith("their.pt: took entry state_dict; stripped `module.`;")
    code, out, err = diagnose(theirs, *FOREIGN, *QUICK, "--json")
    assert code == 0, err
    file = json.loads(out.splitlines()[0])
    assert file["k"] == "file"
    assert file["d"]["reading"]["input_mean"] == [0.5]


def test_a_file_that_only_guesses_is_refused_with_what_was_tried(theirs, capsys):
    content = torch.load(theirs)
    content["state_dict"]["module.fc.weight"] *= -1
    torch.save(content, theirs)
    code = main([str(theirs), *FOREIGN, *QUICK])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "their.pt only guesses: on 512 clean training images of patterns it is right" in err
    assert "with no normalisation" in err and "--input-mean" in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("missing",), "there is no run 'missing'"),
        (("demo:main-99",), "no checkpoint main-99"),
        (("their.pt",), "can be diagnosed with --foreign"),
        (("demo", "--model", "small"), "--model is for --foreign files"),
        (("demo", "--images", "2"), "--images must be at least 16"),
        (("demo", "--images", "40"), "more than the 32 held-out images"),
        (("demo", "--reference", "nothing"), "is no checkpoint"),
        (("demo", "--eps", "8"), "write 8/255, not 8"),
        (("demo", "--eps", "0"), "leaves nothing to diagnose"),
        (("demo", "--data", "mnist", "--data-dir", "nowhere"), "mnist was not found"),
        (("their.pt", "--foreign", "--last"), "leave them out with --foreign"),
        (
            ("their.pt", "--foreign", "--model", "small", "--data", "patterns"),
            "--foreign needs --eps",
        ),
        (("their.pt", "--foreign", "--model", "smal"), "did you mean 'small'"),
        (("their.pt", *FOREIGN), "there is no file their.pt"),
        (("their.pt", *FOREIGN, "--shortcut", "raw"), "--shortcut has no effect with small"),
        (("demo", "--entry", "best"), "--entry is for --foreign files"),
    ],
)
def test_bad_input_is_one_sentence_and_code_2(run, tmp_path, monkeypatch, capsys, args, said):
    monkeypatch.chdir(tmp_path)
    code = main([*args, "--device", "cpu"])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("selffit: ") and said in err


def test_a_wrong_name_is_noticed_before_torch_is_loaded(run, tmp_path):
    program = (
        "import sys; from selffit.analysis.__main__ import main; print(main(['missing']), 'torch' "
        "in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == "2 False\n"


def test_the_code_of_the_measuring_process_is_that_of_the_command(diagnose):
    code, out, err = diagnose("missing")
    assert (code, out) == (2, "")
    assert err.startswith("selffit: there is no run")


def test_an_interrupt_ends_both_processes_with_code_130(started, run):
    process = started("demo", "--json", "--device", "cpu")
    assert "main-5 (1 of 2)" in process.stderr.read(15)
    os.killpg(process.pid, signal.SIGINT)
    output_of(process)  # returns when nobody holds the pipes any more
    assert process.returncode == 130


@pytest.mark.skipif(find_spec("matplotlib") is not None, reason="matplotlib is installed here")
def test_a_report_without_matplotlib_says_which_command_has_it(diagnose, run):
    code, _, err = diagnose("demo", "--html", "report.html")
    assert code == 2
    assert "uv run --extra figures selffit diagnose demo --html report.html" in err


@pytest.mark.skipif(
    find_spec("matplotlib") is None, reason="figures need the extra `figures` (matplotlib)"
)
def test_a_report_is_written_where_it_was_asked_for(diagnose, run, tmp_path):
    code, _, err = diagnose("demo", "--last", "--html", "report.html", *QUICK)
    assert code == 0, err
    assert "report written to report.html" in err
    assert "Diagnosis of demo" in (tmp_path / "report.html").read_text("utf-8")
    assert diagnose("demo", "--html", "no/such/folder/x.html")[0] == 2


def test_a_measuring_process_that_is_killed_ends_with_code_1(run, monkeypatch, capfd):
    line = '{"k":"target","d":{}}\\n{"k":"probe.rob'
    killed = [sys.executable, "-c", f"import os; os.write(1, b'{line}'); os.kill(os.getpid(), 9)"]
    monkeypatch.setattr(
        command, "_spawn", lambda arguments: subprocess.Popen(killed, stdout=subprocess.PIPE)
    )
    monkeypatch.setattr(sys, "argv", ["selffit", "diagnose", "demo"])
    with pytest.raises(SystemExit) as exit:
        cli.main()
    assert exit.value.code == 1
    assert "killed by signal 9" in capfd.readouterr().err

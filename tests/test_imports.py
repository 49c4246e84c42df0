"""The one direction of imports, checked at run time: what a command really loads."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import selffit

PACKAGES = (
    "analysis",
    "train",
    "probes",
    # of these three only the catalogues are read
    "data.imageset",
    "models.base",
    "methods.gradient",
)
TORCH = ("torch", "torchvision", *(f"selffit.{name}" for name in PACKAGES))
SCREEN = ("textual",)


def loaded_by(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split("\n"))


def run_command(*args: str) -> str:
    """Code that runs the command line in process and swallows its exit."""
    return (
        f"import contextlib, io; sys.argv = ['selffit', *{args!r}]\n"
        "from selffit_tui.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), "
        "contextlib.redirect_stderr(io.StringIO()):\n"
        "    try: main()\n"
        "    except SystemExit: pass"
    )


@pytest.mark.parametrize(
    "args",
    [
        ("--help",),
        ("train", "--help"),
        ("run", "--", "no-such-command"),
        ("status",),
        ("runs",),
        ("compare", "x"),
        (),
        ("detect", "x.csv"),
        ("diagnose", "--help"),
        ("import", "x.csv"),
        ("import", "--try", "x.csv"),
        ("export", "--csv"),
        ("report",),
        ("pack",),
        ("open", "x.selffit"),
    ],
)
def test_quick_commands_load_neither_torch_nor_textual(args, tmp_path, monkeypatch):
    monkeypatch.setenv("SELFFIT_RUNS", str(tmp_path))
    assert not loaded_by(run_command(*args)) & {*TORCH, *SCREEN}


def test_importing_and_exporting_load_no_torch(tmp_path, monkeypatch):
    monkeypatch.setenv("SELFFIT_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{epoch},0.8,0.5,0.4\n" for epoch in range(8))
    (tmp_path / "x.csv").write_text("epoch,clean_acc,fgsm_acc,pgd_acc\n" + rows)
    commands = [("import", "x.csv"), ("export", "x", "--json"), ("report", "x"), ("pack", "x")]
    code = "\n".join(run_command(*command) for command in commands)
    assert not loaded_by(code) & {*TORCH, *SCREEN}
    assert (tmp_path / "x.selffit").exists()


def test_the_screen_loads_no_torch():
    assert not loaded_by(
        "import selffit_tui.app.app, selffit_tui.plain.follow, selffit_tui.plain.lines"
    ) & {*TORCH}


@pytest.mark.parametrize(
    "module",
    [
        "eventlog.reader",
        "eventlog.writer",
        "run.folded.state",
        "detect",
        "vocabulary",
        "numbers",
        "config",
        "supervisor",
    ],
)
def test_the_torch_free_packages_load_neither_torch_nor_a_screen(module):
    assert not loaded_by(f"import selffit.{module}") & {
        *TORCH,
        *SCREEN,
        "rich",
        "typer",
        "selffit_tui",
    }


def test_the_trainer_loads_nothing_of_the_terminal():
    assert not loaded_by("import selffit.train.loop") & {*SCREEN, "rich", "typer", "selffit_tui"}


def imported_from(package: str, module: Path) -> set[str]:
    """Modules of a package that one of them imports, anywhere in it: TYPE_CHECKING included."""
    nodes = ast.walk(ast.parse(module.read_text()))
    names = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.removeprefix(package) for name in names if name.startswith(package)}


def test_no_modules_of_the_trainer_import_each_other_in_a_circle():
    folder = Path(selffit.__file__).parent / "train"
    graph = {path.stem: imported_from("selffit.train.", path) for path in folder.glob("*.py")}
    assert graph["loop"] >= {"session", "checkpoints", "commander"}
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_a_trainer_takes_steps_and_probes_without_loading_torchs_compiler(tmp_path):
    # it takes longer to load than all the rest of torch
    code = (
        "import pathlib\n"
        "from selffit.config import resolve\n"
        "from selffit.eventlog.writer import EventWriter\n"
        "from selffit.run.folder.run_dir import RunDir\n"
        "from selffit.train.begin import begin\n"
        "from selffit.train.scores import empty_summary\n"
        "from selffit.train.stopping import StopSwitch\n"
        "small = dict(train_images=64, batch_size=32, epochs=1, holdout=32, probe_images=32,\n"
        "    channel_images=16, self_images=16, causal_images=0, device='cpu', eps_ramp=0)\n"
        "config = resolve('patterns', small)\n"
        f"root = pathlib.Path({str(tmp_path)!r})\n"
        "run = RunDir.create(root, None, {'config': config.as_dict()})\n"
        "with EventWriter(run.path, 'trainer', 1) as writer:\n"
        "    loop = begin(run, 1, writer, config, StopSwitch(), empty_summary())\n"
        "    loop.run()\n"
        "    loop.checkpoints.close()\n"
    )
    loaded = loaded_by(code)
    assert "selffit.probes.robust" in loaded
    assert not loaded & {"torch._dynamo", "torch._inductor", "sympy"}

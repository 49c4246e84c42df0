"""`selffit diagnose`: measure saved networks in a process of its own, and show what was found."""

import os
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selffit.errors import UserError
from selffit.models.catalogue import MODELS
from selffit.named_file import check_place, write_whole
from selffit_tui.commands.options import JsonOption, RunsOption
from selffit_tui.talk import RUNS, put_drawn, put_json, say

if TYPE_CHECKING:
    from selffit.report.findings import Report

_FOREIGN = "Somebody else's network"


def _option(flag: str, help: str, metavar: str, panel: str | None = None) -> Any:
    return typer.Option(flag, help=help, metavar=metavar, show_default=False, rich_help_panel=panel)


def diagnose(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET",
            help="a run (path, name, unique prefix, 'latest'): all its checkpoints; RUN:main-480 "
            "or the path of a checkpoint's folder: that one; with --foreign a .pt file",
        ),
    ] = "latest",
    runs: RunsOption = RUNS,
    checkpoint: Annotated[
        list[str] | None, _option("--checkpoint", "only this one; may be repeated", "ID")
    ] = None,
    last: Annotated[
        bool, typer.Option("--last", help="only the last checkpoint of the run")
    ] = False,
    json: JsonOption = False,
    html: Annotated[
        Path | None, _option("--html", "also write a report with figures", "FILE")
    ] = None,
    reference: Annotated[
        str | None,
        _option(
            "--reference",
            "healthy network to compare with (default: the newest before the onset)",
            "CKPT",
        ),
    ] = None,
    data: Annotated[
        str | None, _option("--data", "another image set than the run's own", "NAME")
    ] = None,
    data_dir: Annotated[
        str | None, _option("--data-dir", "folder of downloaded sets", "DIR")
    ] = None,
    images: Annotated[
        int | None,
        _option(
            "--images", "held-out images (default: 512), of them at most 256 for the channels", "N"
        ),
    ] = None,
    eps: Annotated[
        str | None,
        _option(
            "--eps",
            "budget, e.g. 8/255 (default: what the network was trained with at its step)",
            "X",
        ),
    ] = None,
    brief: Annotated[
        bool,
        typer.Option(
            "--brief",
            help="the causal check, which takes longest, with 2 sizes of groups instead of 5",
        ),
    ] = False,
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu, cuda or cuda:N", metavar="NAME")
    ] = "auto",
    apgd: Annotated[
        bool,
        typer.Option(
            "--apgd",
            help="also APGD-CE and APGD-T of AutoAttack on the same images, beside the strong "
            "attack (extra: referee)",
        ),
    ] = False,
    foreign: Annotated[
        bool,
        typer.Option(
            "--foreign",
            help="TARGET is a PyTorch or safetensors file: read its tensors, run no code of it",
            rich_help_panel=_FOREIGN,
        ),
    ] = False,
    model: Annotated[str | None, _option("--model", ", ".join(MODELS), "NAME", _FOREIGN)] = None,
    width: Annotated[
        int | None,
        _option(
            "--width",
            "channels of its first convolution (default: as many as the file's has)",
            "N",
            _FOREIGN,
        ),
    ] = None,
    shortcut: Annotated[
        str | None,
        _option(
            "--shortcut",
            "raw or activated: what projecting shortcuts of preact-resnet18 see (default: what is "
            "right on training images)",
            "NAME",
            _FOREIGN,
        ),
    ] = None,
    entry: Annotated[
        str | None,
        _option("--entry", "which of several networks in the file, e.g. best", "NAME", _FOREIGN),
    ] = None,
    input_mean: Annotated[
        str | None,
        _option(
            "--input-mean",
            "it sees (x − mean)/std; a number, or one a channel (default: the file's own, else "
            "what is right on training images: that of the presets, or none)",
            "X[,X…]",
            _FOREIGN,
        ),
    ] = None,
    input_std: Annotated[
        str | None,
        _option("--input-std", "e.g. 0.247,0.243,0.262", "X[,X…]", _FOREIGN),
    ] = None,
    input_scale: Annotated[
        str | None,
        _option("--input-scale", "1/std, instead of --input-std", "X[,X…]", _FOREIGN),
    ] = None,
) -> None:
    """Diagnose saved networks.

    Clean, FGSM, PGD and strong accuracy, self-information with index and verdict, channels and
    their causal check. Nothing is written to the run, which may still be training.
    """
    given = {
        "--runs": runs,
        "--reference": reference,
        "--data": data,
        "--data-dir": data_dir,
        "--images": images,
        "--eps": eps,
        "--device": device,
        "--model": model,
        "--width": width,
        "--shortcut": shortcut,
        "--entry": entry,
        "--input-mean": input_mean,
        "--input-std": input_std,
        "--input-scale": input_scale,
    }
    arguments = [f"{flag}={value}" for flag, value in given.items() if value is not None]
    arguments += [f"--checkpoint={id}" for id in checkpoint or ()]
    switches = {"--last": last, "--apgd": apgd, "--foreign": foreign, "--brief": brief}
    arguments += [flag for flag, on in switches.items() if on]
    if html is not None:
        check_html(html)
    from selffit.report.findings import Report

    report, process = Report(), _spawn([*arguments, "--", target])
    try:
        for line in process.stdout or ():
            if not line.endswith(b"\n"):
                break  # killed in the middle of it
            report.add(line)
            if json:
                _put(report, line)
        code = process.wait()
    except BaseException:
        with suppress(OSError):
            process.terminate()
        process.wait()
        raise
    if report.found:
        if not json:
            _print(report)
        if html is not None:
            _write(report, html)
    if code == 130:
        raise KeyboardInterrupt
    if code < 0:
        say(f"selffit: the measuring process was killed by signal {-code}; was memory short?")
    if code:
        raise typer.Exit(code if code > 0 else 1)


def _put(report: "Report", line: bytes) -> None:
    """A line of the measuring process for programs.

    Of what is diagnosed the run's verdict, or what was done to somebody else's file.
    """
    from json import loads

    content = loads(line)
    if content["k"] != "target":
        put_json(content)
    elif verdict := report.about.get("verdict"):
        place = {"checkpoint": "", "branch": verdict["branch"], "step": verdict["since"]}
        put_json({"k": "verdict", **place, "d": verdict})
    elif file := report.about.get("file"):
        put_json({"k": "file", "checkpoint": "", "branch": "", "step": 0, "d": file})


def check_html(path: Path) -> None:
    """Raises UserError, before minutes of measuring, where no report could be drawn or written."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        command = f"uv run --extra figures selffit {shlex.join(sys.argv[1:])}"
        raise UserError(
            f"--html draws its figures with matplotlib, which is not installed here; run: {command}"
        )
    check_place(path, "--html")


def _spawn(arguments: list[str]) -> "subprocess.Popen[bytes]":
    """The process that loads torch and measures; what it says goes straight to this terminal."""
    from selffit.supervisor import TRAINER_ENVIRONMENT

    return subprocess.Popen(
        [sys.executable, "-m", "selffit.analysis", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        # where Python has chosen UTF-8 for a C locale, the child could not see that it was a choice
        env={**TRAINER_ENVIRONMENT, **os.environ, "PYTHONIOENCODING": sys.stderr.encoding},
    )


def _print(report: "Report") -> None:
    from rich.console import Console

    from selffit_tui.plain.diagnosis import diagnosis_tables

    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as printed:
        for number, part in enumerate(diagnosis_tables(report, console.width)):
            if number:
                console.print()
            console.print(part)
    put_drawn(printed.get())


def _write(report: "Report", path: Path) -> None:
    from selffit.report.page import page

    write_whole(path, page(report), "--html")
    say(f"report written to {path}")

"""The process that diagnoses, spawned by `selffit diagnose`.

    python -m selffit.analysis TARGET [options]

stdout: one JSON object a line, {"k": kind, "checkpoint": id, "step": n, "branch": b, "d": {…}} with
the kinds and data of the log's `probe.*` and `diagnosis` records; the first line, of kind "target",
says what is being diagnosed. stderr: progress, and what was skipped. Exit codes: 0; 1 nothing could
be diagnosed; 2 bad input; 130 interrupted.
"""

import argparse
import sys
from pathlib import Path

from selffit.analysis.target import find_reference, find_target, looks_like_a_pickle
from selffit.errors import UserError
from selffit.eventlog.clean import clean
from selffit.extras import needed
from selffit.outlets import speaking

FOREIGN_ONLY = (
    "model",
    "width",
    "shortcut",
    "entry",
    "input_mean",
    "input_std",
    "input_scale",
)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; `selffit diagnose` has the same options, and explains them."""
    parser = argparse.ArgumentParser(
        prog="python -m selffit.analysis", description="Diagnose saved networks."
    )
    parser.add_argument("target")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--checkpoint", action="append", default=[])
    parser.add_argument("--last", action="store_true")
    for name in ("reference", "data", "data-dir", "eps"):
        parser.add_argument(f"--{name}")
    for name in FOREIGN_ONLY:
        kind = int if name == "width" else str
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind)
    parser.add_argument("--images", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--brief", action="store_true")
    parser.add_argument("--foreign", action="store_true")
    parser.add_argument("--apgd", action="store_true")
    return parser.parse_args(arguments)


def diagnose(options: argparse.Namespace) -> int:
    """Find what is meant, and only then load torch, which takes seconds. Raises UserError."""
    if options.images is not None and options.images < 16:
        raise UserError(f"--images must be at least 16, not {options.images}")
    if options.apgd:
        needed("pyautoattack", "referee", "--apgd runs AutoAttack's own code")
    if options.foreign:
        if options.checkpoint or options.last:
            raise UserError(
                "--checkpoint and --last choose checkpoints of a run; leave them out with --foreign"
            )
        say(f"reading {clean(Path(options.target).name)} and the images, with torch …")
        from selffit.analysis.session import diagnose_file

        return diagnose_file(options)
    if looks_like_a_pickle(options.target):
        raise UserError(
            f"{clean(options.target)} is no run and no checkpoint of selffit. A PyTorch file of "
            "somebody else can be diagnosed with --foreign, together with --model, --data and "
            "--eps; only its tensors are then read"
        )
    for name in FOREIGN_ONLY:
        if getattr(options, name) is not None:
            flag = "--" + name.replace("_", "-")
            raise UserError(
                f"{flag} is for --foreign files; a run knows its own network, so leave it out"
            )
    target = find_target(options.target, options.runs, options.checkpoint, options.last)
    reference = (
        None
        if options.reference is None
        else find_reference(options.reference, options.runs, target.run)
    )
    say(f"reading {target.run.name} and its images, with torch …")
    from selffit.analysis.session import diagnose_run

    return diagnose_run(target, reference, options)


def say(text: str) -> None:
    """A line for a person who waits; whoever reads a pipe gets what was found, or one sentence."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Diagnose; returns the exit code."""
    return speaking(lambda: diagnose(parse(arguments)))


if __name__ == "__main__":
    sys.exit(main())

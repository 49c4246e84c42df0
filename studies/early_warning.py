"""How far the early warnings lead, and how often they are false: the open set of step-level traces.

    uv run python studies/early_warning.py [--out docs/early-warning.md]
    uv run python studies/early_warning.py record RUN… [--data-dir DIR]

The first prints the table of docs/early-warning.md, from the shipped traces: each one of
runs/early-warning is heard by the detector as the trainer would have it. `record` makes such a
trace of a run that was trained with

    selffit train --preset SET --method METHOD --seed N --keep 10000 --probe-every 26
        --checkpoint-every 13      (patterns: 31 and 31)

from the signals and probes of its log, and from looks at its checkpoints: every EVERY_LOOK of them
one at the alignment, every other one ahead.

A trace is a CSV file, gzipped, a row a step (abnormal, pertalign, acc_adv, loss_clean, loss_adv:
the training signals of that step, `selffit.detect.SignalBlock`); where it was measured after that
many steps also a look (looked: images; eps, align, energy; ahead_fgsm, ahead_pgd at 1.4·eps), and
a probe (n images; clean, fgsm, pgd at eps; final_eps, final_fgsm, final_pgd). The name says image
set, method, seed and, where it is not the preset's, eps.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from selffit.detect import Detector, ProbePoint, SignalBlock
from selffit.detect.ahead import AheadLook
from selffit.detect.alignment import Look
from selffit.eventlog import kinds

FOLDER = Path(__file__).parents[1] / "runs" / "early-warning"
SIGNALS = ("abnormal", "pertalign", "acc_adv", "loss_clean", "loss_adv")
LOOKED = ("looked", "eps", "align", "energy", "ahead_fgsm", "ahead_pgd")
PROBED = ("n", "clean", "fgsm", "pgd", "final_eps", "final_fgsm", "final_pgd")
PER_EPOCH = {"patterns": 62, "strokes": 78, "mnist": 78}
LOOKS = {"patterns": 31, "strokes": 26, "mnist": 26}  # steps between two looks
# Chosen on these; all others were looked at afterwards.
CALIBRATION = {
    "strokes-fgsm-0",
    "strokes-rs-fgsm-1",
    "strokes-rs-fgsm-2",
    "strokes-n-fgsm-0-e0.2",
    "mnist-fgsm-0",
    "patterns-fgsm-0",
    "patterns-n-fgsm-0",
}
AIM = 40  # steps

Row = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the detector said of a trace: steps, None where it said nothing of the kind."""

    name: str
    onset: int | None
    ahead: int | None
    alignment: int | None
    signals: int | None

    @property
    def early(self) -> int | None:
        """The first of the two early warnings."""
        return min((s for s in (self.ahead, self.alignment) if s is not None), default=None)

    @property
    def suspected(self) -> int | None:
        """The first suspicion of all three kinds."""
        return min((s for s in (self.early, self.signals) if s is not None), default=None)

    def in_time(self, step: int | None) -> bool:
        """Whether that step lies far enough before the onset."""
        return step is not None and self.onset is not None and self.onset - step >= AIM


def read(path: Path) -> dict[int, Row]:
    """Return the rows of a trace by step; what was not measured is missing."""
    with gzip.open(path, "rt", newline="") as file:
        return {
            int(row["step"]): {
                name: float(value) for name, value in row.items() if value and name != "step"
            }
            for row in csv.DictReader(file)
        }


def judge(name: str, rows: dict[int, Row]) -> Told:
    """Hear a trace from its first step to its last."""
    per_epoch = PER_EPOCH[name.partition("-")[0]]
    detector = Detector(chance=0.1, cooldown=20, per_epoch=per_epoch)
    first: dict[str, int] = {}
    for step in sorted(rows):
        row = rows[step]
        alerts = []
        if "looked" in row:
            alerts += detector.alignment(Look(step, row["eps"], row["align"], row["energy"]))
        if "ahead_pgd" in row:
            n = row["looked"]
            single, left = row["ahead_fgsm"] * n, row["ahead_pgd"] * n
            alerts += detector.ahead(AheadLook(step, row["eps"], int(n), single, left))
        if "n" in row:
            alerts += detector.probe(_point(step, row))
        signals = {signal: [row[signal]] for signal in SIGNALS if signal in row}
        alerts += detector.signals(SignalBlock(step, **signals)) if signals else []
        for alert in alerts:
            first.setdefault(_kind(alert), alert.step)
    onset = first.get("onset")

    def before(kind: str) -> int | None:
        step = first.get(kind)
        return step if step is not None and (onset is None or step <= onset) else None

    return Told(
        name=name,
        onset=onset,
        ahead=before("ahead"),
        alignment=before("alignment"),
        signals=before("signals"),
    )


def _kind(alert: kinds.Alert) -> str:
    if alert.level != "suspect":
        return alert.level
    for name, key in (("ahead", "ahead_pgd"), ("alignment", "align")):
        if key in alert.evidence:
            return name
    return "signals"


def _point(step: int, row: Row) -> ProbePoint:
    return ProbePoint(
        step,
        row["clean"],
        row["fgsm"],
        row["pgd"],
        int(row["n"]),
        eps=row["eps"],
        final_eps=row.get("final_eps"),
        final_fgsm=row.get("final_fgsm"),
        final_pgd=row.get("final_pgd"),
    )


def table(told: Sequence[Told]) -> Iterator[str]:
    """The rows of the table, and what they come to."""
    yield "| run | onset | look ahead: lead | alignment: lead | training signals: lead | |"
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for one in told:
        onset = "–" if one.onset is None else str(one.onset)
        leads = [_lead(one, step) for step in (one.ahead, one.alignment, one.signals)]
        chosen = "chosen on" if one.name in CALIBRATION else ""
        yield f"| {one.name} | {onset} | " + " | ".join([*leads, chosen]) + " |"
    yield ""
    for what, wanted in (("chosen on", True), ("kept back", False)):
        mine = [one for one in told if (one.name in CALIBRATION) == wanted]
        fell = [one for one in mine if one.onset is not None]
        sound = [one for one in mine if one.onset is None]
        for kind, step in (("early warnings", _early), ("any suspicion", _any)):
            led = sum(one.in_time(step(one)) for one in fell)
            false = sum(step(one) is not None for one in sound)
            yield (
                f"{what}, {kind}: at least {AIM} steps ahead in {led} of {len(fell)} collapses; "
                f"false in {false} of {len(sound)} runs without one"
            )


def _early(one: Told) -> int | None:
    return one.early


def _any(one: Told) -> int | None:
    return one.suspected


def _lead(one: Told, step: int | None) -> str:
    if step is None:
        return "–"
    return f"false, at {step}" if one.onset is None else str(one.onset - step)


def record(path: Path, data_dir: str) -> dict[int, Row]:
    """Make the trace of a run."""
    import torch

    from selffit.analysis.networks import load_checkpoint, run_config
    from selffit.analysis.past import Past
    from selffit.checkpoint.manifest import parse_id
    from selffit.checkpoint.store import CheckpointStore
    from selffit.data import load
    from selffit.probes.ahead import ahead_probe
    from selffit.probes.align import align_probe
    from selffit.probes.subject import Subject, probe_attack, probe_generator
    from selffit.run.again.rerun import blocks_of
    from selffit.run.folder.run_dir import RunDir
    from selffit.train.schedule import Schedule

    torch.set_num_threads(1)
    run = RunDir.open(path)
    config = run_config(run)
    if data_dir:
        config = replace(config, data_dir=data_dir, download=False)
    rows: dict[int, Row] = defaultdict(dict)
    for block in blocks_of(run.place):
        for name in SIGNALS:
            for i, value in enumerate(block.cols.get(name, ())):
                rows[block.step + i][name] = float(value)
    for probe in Past.read(run).state.all(kinds.RobustProbe):
        found = {name: getattr(probe, name) for name in ("n", "eps", *PROBED[1:])}
        rows[probe.step] |= {name: float(value) for name, value in found.items()}
    cpu = torch.device("cpu")
    images = load(config, cpu)
    schedule = Schedule(config, PER_EPOCH[config.data])
    every = LOOKS[config.data]
    for id in CheckpointStore(run.path).ids("main"):
        step = parse_id(id)[1]
        if step and step % every == 0:
            network, eps = load_checkpoint(run, id, images, cpu), schedule.eps(step)
            subject = Subject(
                model=network.model,
                at=kinds.Place(branch=network.branch, step=step),
                images=images.held_x,
                labels=images.held_y,
                classes=images.classes,
                class_names=(),
                eps=eps,
                attack=probe_attack(config, eps),
                probe_steps=config.probe_steps,
                probe_alpha=schedule.probe_alpha(eps),
                mean=None,
                generator=lambda: probe_generator(cpu),
            )
            look = align_probe(subject, config.align_images)
            rows[step] |= {"looked": float(look.n), "eps": look.eps}
            rows[step] |= {"align": look.align, "energy": look.energy}
            if step % (2 * every) == 0:
                ahead = ahead_probe(subject, config.align_images)
                rows[step] |= {"ahead_fgsm": ahead.fgsm, "ahead_pgd": ahead.pgd}
    return rows


def write(path: Path, rows: dict[int, Row]) -> None:
    """Write a trace, the same bytes for the same rows."""
    names = ("step", *SIGNALS, *LOOKED, *PROBED)
    text = io.StringIO()
    out = csv.DictWriter(text, names, lineterminator="\n")
    out.writeheader()
    for step in sorted(rows):
        known = {k: f"{v:.4g}" for k, v in rows[step].items() if k in names and math.isfinite(v)}
        out.writerow({"step": step, **known})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def judged(folder: Path = FOLDER) -> list[Told]:
    """Every trace of a folder, by name."""
    suffix = ".csv.gz"
    return [
        judge(path.name.removesuffix(suffix), read(path))
        for path in sorted(folder.glob(f"*{suffix}"))
    ]


BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def insert(path: Path, text: str) -> None:
    """Put the table between the two marks of a document."""
    before, _, rest = path.read_text().partition(BEGIN)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


def main(arguments: Iterable[str] | None = None) -> int:
    """Print the table, or record traces."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("record",))
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--data-dir", default="", help="where MNIST lies")
    parser.add_argument("--out", type=Path, help="write the table into this document")
    options = parser.parse_intermixed_args(None if arguments is None else list(arguments))
    for path in options.runs:
        write(FOLDER / f"{path.name}.csv.gz", record(path, options.data_dir))
        print(path.name, file=sys.stderr)
    if options.out:
        insert(options.out, "\n".join(table(judged())))
    elif not options.runs:
        print("\n".join(table(judged())))
    return 0


if __name__ == "__main__":
    sys.exit(main())

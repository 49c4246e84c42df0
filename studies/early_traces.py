"""The traces by which early warnings are judged: read, written, and made of runs.

A trace is a CSV file, gzipped, a row a step (abnormal, pertalign, acc_adv, loss_clean, loss_adv:
the training signals of that step, `selffit.detect.SignalBlock`); where it was measured after that
many steps also a look at the alignment (align, energy) or ahead (ahead_n images; ahead_fgsm,
ahead_pgd at 1.4·eps), and a probe (epoch; n images; clean, fgsm, pgd at eps; final_eps, final_fgsm,
final_pgd); eps is that of the look or the probe. The name says image set, method, seed and, where
it is not the preset's, eps.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from selffit.detect.alignment import same_budget
from selffit.eventlog import kinds
from studies.measure import subject_of

if TYPE_CHECKING:
    from selffit.run.folded.state import RunState
    from selffit.run.folder.run_dir import RunDir

SIGNALS = ("abnormal", "pertalign", "acc_adv", "loss_clean", "loss_adv")
DIGITS = dict.fromkeys(SIGNALS, 2) | {"acc_adv": 3}
LOOKED = ("eps", "align", "energy", "ahead_n", "ahead_fgsm", "ahead_pgd")
PROBED = ("epoch", "n", "clean", "fgsm", "pgd", "final_eps", "final_fgsm", "final_pgd")
ALIGN_EVERY, AHEAD_EVERY, IMAGES = 30, 60, 256  # steps and images, in training

Row = dict[str, float]


def read(path: Path) -> dict[int, Row]:
    """Return the rows of a trace by step; what was not measured is missing."""
    with gzip.open(path, "rt", newline="") as file:
        return {
            int(row["step"]): {
                name: float(value) for name, value in row.items() if value and name != "step"
            }
            for row in csv.DictReader(file)
        }


def record(path: Path, data_dir: str, own: bool = False) -> dict[int, Row]:
    """Make the trace of a run; own: with the looks of its log, not with new ones."""
    from selffit.analysis.past import Past
    from selffit.run.again.rerun import blocks_of
    from selffit.run.folder.run_dir import RunDir

    run = RunDir.open(path)
    rows: dict[int, Row] = defaultdict(dict)
    for block in blocks_of(run.place):
        for name in SIGNALS:
            for i, value in enumerate(block.cols.get(name, ())):
                rows[block.step + i][name] = float(value)
    state = Past.read(run).state
    for probe in state.all(kinds.RobustProbe):
        found = {name: getattr(probe, name) for name in ("eps", *PROBED)}
        rows[probe.step] |= {name: float(value) for name, value in found.items()}
    looks = _looked(state) if own else _look(run, state, data_dir)
    for step, row in looks.items():
        rows[step] |= row
    return rows


def _looked(state: RunState) -> dict[int, Row]:
    """The looks that training took."""
    from selffit.probes.ahead import BEYOND

    rows: dict[int, Row] = defaultdict(dict)
    for look in state.all(kinds.AlignProbe):
        rows[look.step] |= {"eps": look.eps, "align": look.align, "energy": look.energy}
    for ahead in state.all(kinds.AheadProbe):
        rows[ahead.step] |= {"eps": ahead.eps / BEYOND, "ahead_n": float(ahead.n)}
        rows[ahead.step] |= {"ahead_fgsm": ahead.fgsm, "ahead_pgd": ahead.pgd}
    return rows


def _look(run: RunDir, state: RunState, data_dir: str) -> dict[int, Row]:
    """New looks, at the checkpoints."""
    import torch

    from selffit.analysis.networks import load_checkpoint, run_config
    from selffit.checkpoint.manifest import parse_id
    from selffit.checkpoint.store import CheckpointStore
    from selffit.data import load
    from selffit.probes.ahead import ahead_probe, looks_ahead
    from selffit.probes.align import align_probe
    from selffit.probes.subject import probe_attack
    from selffit.train.schedule import Schedule

    torch.set_num_threads(1)
    config = run_config(run)
    if data_dir:
        config = replace(config, data_dir=data_dir, download=False)
    rows: dict[int, Row] = defaultdict(dict)
    cpu = torch.device("cpu")
    images = load(config, cpu)
    assert state.start is not None
    schedule = Schedule(config, state.start.steps_per_epoch)
    saved = {parse_id(id)[1]: id for id in CheckpointStore(run.path).ids("main")}
    apart = min(after - before for before, after in pairwise(sorted(saved)))
    along = apart * max(1, round(ALIGN_EVERY / apart))
    beyond = apart * math.ceil(AHEAD_EVERY / apart)
    for step, id in saved.items():
        eps = schedule.eps(step)
        aligns = step % along == 0 and same_budget(eps, schedule.eps(step + along))
        looks = step % beyond == 0 and looks_ahead(probe_attack(config, eps))
        if not step or not (aligns or looks):
            continue
        network = load_checkpoint(run, id, images, cpu)
        subject = subject_of(network, images, schedule)
        rows[step]["eps"] = eps
        if aligns:
            look = align_probe(subject, IMAGES)
            rows[step] |= {"align": look.align, "energy": look.energy}
        if looks:
            ahead = ahead_probe(subject, IMAGES)
            rows[step]["ahead_n"] = float(ahead.n)
            rows[step] |= {"ahead_fgsm": ahead.fgsm, "ahead_pgd": ahead.pgd}
    return rows


def write(path: Path, rows: dict[int, Row]) -> None:
    """Write a trace, the same bytes for the same rows."""
    names = ("step", *SIGNALS, *LOOKED, *PROBED)
    text = io.StringIO()
    out = csv.DictWriter(text, names, lineterminator="\n")
    out.writeheader()
    for step in sorted(rows):
        known = {
            name: f"{value:.{DIGITS.get(name, 6)}g}"
            for name, value in rows[step].items()
            if name in names and math.isfinite(value)
        }
        out.writerow({"step": step, **known})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))

"""How far the early warnings lead, and how often they are false: the open set of step-level traces.

    uv run python studies/early_warning.py [--out docs/early-warning.md] [--traces FOLDER]
    uv run python studies/early_warning.py record RUN… [--own | --data-dir DIR] [--traces FOLDER]

The first prints the tables of docs/early-warning.md, from the shipped traces: each one of
runs/early-warning is heard by the detector as the trainer would have it. `record` makes such a
trace of a run that was trained with

    selffit train --preset SET --method METHOD --seed N --keep 10000 --probe-every 26
        --checkpoint-every 13      (patterns: 31 and 31)

from the signals and probes of its log, and from looks at its checkpoints: at the alignment about as
often as in training, ahead never sooner. With --own they are those that training itself took.

`studies/early_traces.py` says what a trace holds.
"""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median

from selffit.detect import Detector, ProbePoint, SignalBlock
from selffit.detect.ahead import AheadLook
from selffit.detect.alignment import Look
from selffit.eventlog import kinds
from studies.early_traces import SIGNALS, Row, read, record, write
from studies.jobs import put

FOLDER = Path(__file__).parents[1] / "runs" / "early-warning"
# The rules were chosen on the first of these, and changed after the second had been judged; nobody
# had looked at the others before the rules stood as they are.
CHOSEN_ON = {
    *(f"mnist-{run}" for run in ("fgsm-0", "fgsm-1", "n-fgsm-0", "n-fgsm-0-e0.2", "rs-fgsm-0")),
    *(f"patterns-{run}" for run in ("fgsm-0", "fgsm-1", "n-fgsm-0", "n-fgsm-1", "rs-fgsm-0")),
    *(f"strokes-{run}" for run in ("fgsm-0", "fgsm-1", "n-fgsm-0", "n-fgsm-0-e0.2")),
    *(f"strokes-{run}" for run in ("n-fgsm-1-e0.2", "rs-fgsm-1", "rs-fgsm-2", "rs-fgsm-3")),
}
CHANGED_AFTER = {
    *(f"{data}-fgsm-{n}" for data in ("mnist", "patterns", "strokes") for n in (2, 3, 4)),
    *(f"{data}-n-fgsm-{n}" for data in ("mnist", "patterns", "strokes") for n in (1, 2, 3, 4)),
    *(f"{data}-rs-fgsm-{n}" for data in ("mnist", "patterns", "strokes") for n in range(5)),
    *(f"{data}-pgd-5-{n}" for data in ("mnist", "patterns", "strokes") for n in (0, 1)),
    *("mnist-n-fgsm-1-e0.2", "mnist-n-fgsm-2-e0.2"),
    *("strokes-n-fgsm-2-e0.2", "strokes-n-fgsm-3-e0.2"),
    *(f"cifar10-fgsm-{n}" for n in range(5, 11)),
} - CHOSEN_ON
GROUPS = ("chosen on", "changed after", "fresh")
AIM = 40  # steps
SURE = 0.95


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the detector said of a trace: steps, None where it said nothing of the kind."""

    name: str
    onset: int | None
    ahead: int | None
    alignment: int | None
    signals: int | None
    looks: int  # that were heard before the onset

    @property
    def group(self) -> str:
        """Whether the rules were chosen on it, changed after it had been judged, or neither."""
        name = self.name
        return GROUPS[0 if name in CHOSEN_ON else 1 if name in CHANGED_AFTER else 2]

    @property
    def kin(self) -> str:
        """Image set, method and eps: the name without the seed."""
        return re.sub(r"-\d+(?=$|-e)", "", self.name)

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


KINDS: tuple[tuple[str, Callable[[Told], int | None]], ...] = (
    ("early warnings", lambda one: one.early),
    ("any suspicion", lambda one: one.suspected),
)


def judge(name: str, rows: dict[int, Row]) -> Told:
    """Hear a trace from its first step to its last."""
    last = max(step for step, row in rows.items() if row.get("epoch"))
    per_epoch = round(last / rows[last]["epoch"])
    detector = Detector(chance=0.1, cooldown=20, per_epoch=per_epoch)
    first: dict[str, int] = {}
    looks = 0
    for step in sorted(rows):
        row = rows[step]
        alerts = []
        if "onset" not in first:
            looks += ("align" in row) + ("ahead_n" in row)
        if "align" in row:
            alerts += detector.alignment(Look(step, row["eps"], row["align"], row["energy"]))
        if "ahead_n" in row:
            n = round(row["ahead_n"])
            left = [float(round(row[name] * n)) for name in ("ahead_fgsm", "ahead_pgd")]
            alerts += detector.ahead(AheadLook(step, row["eps"], n, *left))
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
        looks=looks,
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


def interval(hits: int, n: int, sure: float = SURE) -> tuple[float, float]:
    """The exact (Clopper-Pearson) interval of a probability of which `hits` of n were seen."""

    def bound(holds: Callable[[float], bool]) -> float:
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if holds(middle) else (low, middle)
        return low

    def at_most(k: int, p: float) -> float:
        return sum(math.comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))

    tail = (1 - sure) / 2
    low = bound(lambda p: 1 - at_most(hits - 1, p) <= tail) if hits else 0.0
    high = bound(lambda p: at_most(hits, p) >= tail) if hits < n else 1.0
    return low, high


def table(told: Sequence[Told]) -> Iterator[str]:
    """Lead and false alarms, by set and method, in sum, and run by run."""
    yield "| runs | warned in time | lead: median | least | false, of sound runs | looks at these |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for group in reversed(GROUPS):
        mine = [one for one in told if one.group == group]
        for kin, runs in groupby(sorted(mine, key=lambda one: one.kin), lambda one: one.kin):
            yield _row(f"{group}: {kin}", list(runs))
        if mine:
            yield _row(f"**{group}: all**", mine)
    yield ""
    for group in reversed(GROUPS):
        fell = [one for one in told if one.group == group and one.onset is not None]
        sound = [one for one in told if one.group == group and one.onset is None]
        for kind, step in KINDS if fell or sound else ():
            led = sum(one.in_time(step(one)) for one in fell)
            false = sum(step(one) is not None for one in sound)
            yield (
                f"- {group}, {kind}: at least {AIM} steps ahead in {_rate(led, len(fell))} of the "
                f"collapses; false in {_rate(false, len(sound))} of the runs without one"
            )
    yield ""
    yield "| run | onset | look ahead: lead | alignment: lead | training signals: lead | |"
    yield "| --- | ---: | ---: | ---: | ---: | --- |"
    for one in told:
        onset = "–" if one.onset is None else str(one.onset)
        leads = [_lead(one, step) for step in (one.ahead, one.alignment, one.signals)]
        yield f"| {one.name} | {onset} | " + " | ".join([*leads, one.group]) + " |"


def _row(name: str, runs: Sequence[Told]) -> str:
    fell = [one for one in runs if one.onset is not None]
    sound = [one for one in runs if one.onset is None]
    leads = [0 if one.early is None else one.onset - one.early for one in fell if one.onset]
    cells = ["–", "–", "–", "–", "–"]
    if fell:
        warned = sum(one.in_time(one.early) for one in fell)
        cells[:3] = f"{warned} of {len(fell)}", f"{median(leads):.0f}", str(min(leads))
    if sound:
        false = sum(one.early is not None for one in sound)
        cells[3:] = f"{false} of {len(sound)}", str(sum(one.looks for one in sound))
    return f"| {name} | " + " | ".join(cells) + " |"


def _rate(hits: int, n: int) -> str:
    if not n:
        return "0 of 0"
    low, high = interval(hits, n)
    return f"{hits} of {n} ({100 * low:.0f} to {100 * high:.0f} %)"


def _lead(one: Told, step: int | None) -> str:
    if step is None:
        return "–"
    return f"false, at {step}" if one.onset is None else str(one.onset - step)


def judged(folder: Path = FOLDER) -> list[Told]:
    """Every trace of a folder, by name."""
    suffix = ".csv.gz"
    return [
        judge(path.name.removesuffix(suffix), read(path))
        for path in sorted(folder.glob(f"*{suffix}"))
    ]


def main(arguments: Iterable[str] | None = None) -> int:
    """Print the table, or record traces."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="?", choices=("record",))
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--data-dir", default="", help="where MNIST and CIFAR-10 lie")
    parser.add_argument(
        "--own", action="store_true", help="take the looks of training instead of new ones"
    )
    parser.add_argument("--traces", type=Path, default=FOLDER, help="default: the shipped ones")
    parser.add_argument("--out", type=Path, help="write the tables into this document")
    options = parser.parse_intermixed_args(None if arguments is None else list(arguments))
    for path in options.runs:
        rows = record(path, options.data_dir, options.own)
        write(options.traces / f"{path.name}.csv.gz", rows)
        print(path.name, file=sys.stderr)
    if options.out or not options.runs:
        put("\n".join(table(judged(options.traces))), options.out, "table")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A sweep of rules over recorded runs as a table, as CSV, and as data."""

import csv
import io
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from rich.cells import cell_len

from selffit.eventlog.clean import clean
from selffit.numbers import UNKNOWN, count, known, plural
from selffit.run.again.firing import HIT, Held
from selffit.run.again.rules import Rule
from selffit.run.again.sweep import Score, Sweep

HEAD = ("RUN", "RULE", "HITS", "FALSE", "LATENCY", "SAVED")
TRUTH = (
    "truth: a branch has collapsed where its last 3 PGD probes (1 where it was rolled back or "
    "still trains) are below half of the best at their budget while FGSM stays up; the onset is "
    "the first of those"
)


def lines(found: Sweep, rules: Sequence[Rule]) -> Iterator[str]:
    """The table: a line for each run and rule, then the sum, then what could not be judged."""
    table = [HEAD, *(_cells(score) for score in found.scores)]
    table += [_cells(found.total(rule.name)) for rule in rules]
    widths = [max(cell_len(row[i]) for row in table) for i in range(len(HEAD))]
    for row in table:
        yield "  ".join(
            cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
    yield ""
    yield "hits of collapsed branches; latency in steps from the onset (median), saved in epochs"
    yield TRUTH
    if found.unread:
        yield f"{plural(len(found.unread), 'run')} could not be judged:"
        yield from (f"  {clean(name)}: {clean(why)}" for name, why in found.unread)


def _cells(score: Score) -> tuple[str, ...]:
    late = f"{median(score.latencies):+.0f}" if score.latencies else UNKNOWN
    saved = f"{score.saved:.1f}" if score.hits and known(score.saved) else UNKNOWN
    return (
        clean(score.run),
        score.rule,
        f"{score.hits}/{score.collapses}",
        str(score.false_alarms),
        late,
        saved,
    )


def data(found: Sweep, rules: Sequence[Rule]) -> Iterator[dict[str, Any]]:
    """JSON values: an object for each run and rule, the sums, and what could not be judged."""
    yield from map(score_data, found.scores)
    for rule in rules:
        yield {**found.total(rule.name).data(), "run": None}
    for name, why in found.unread:
        yield {"run": name, "rule": None, "unread": why}


def score_data(score: Score) -> dict[str, Any]:
    """How a rule did on one run, with the onsets and where it fired."""
    return {
        **score.data(),
        "onsets": [{"branch": branch, "step": step} for branch, step in score.onsets],
        "firings": [_firing(firing) for firing in score.firings],
    }


def _firing(one: Held) -> dict[str, Any]:
    firing = one.firing
    at = {"branch": firing.branch, "step": firing.step, "text": firing.text}
    return {**at, "what": one.what, "late": one.late}


def as_csv(found: Sweep) -> str:
    """A header and a row for each run and rule; what could not be judged has a row with why."""
    out = io.StringIO()
    names = [*("run", "rule", "collapses", "hits", "false_alarms"), "latency", "epochs_saved"]
    writer = csv.DictWriter(out, [*names, "unread"], lineterminator="\n")
    writer.writeheader()
    for score in found.scores:
        writer.writerow(score.data())
    for name, why in found.unread:
        writer.writerow({"run": name, "unread": why})
    return out.getvalue().rstrip("\n")


def rule_lines(score: Score) -> Iterator[str]:
    """What one rule says of one run."""
    told = ", ".join(f"step {count(step)} of {branch}" for branch, step in score.onsets)
    cells = _cells(score)
    what = f"{cells[2]} hit, {plural(score.false_alarms, 'false alarm')}"
    if score.hits:
        what += f", {cells[4]} steps from the onset, {cells[5]} epochs saved"
    yield f"rule {score.rule}: {what} (truth: {f'collapse at {told}' if told else 'no collapse'})"
    for one in score.firings:
        firing, what = one.firing, "" if one.what == HIT else f" ({one.what})"
        yield f"  step {count(firing.step)} of {firing.branch}{what}: {firing.text}"

"""What each figure of a run's report shows, in one sentence made from the same numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from selffit.eventlog import kinds
from selffit.numbers import count, plural, share, signed
from selffit.report.run_figures import by_branch, channel_probes, signal_means
from selffit.run.folded.state import RunState, unit_of
from selffit.run.judged.verdict import verdict
from selffit.vocabulary import ONSET, STEP

DOMINANT = 0.5  # dominance from which a channel answers to the perturbation far more than content


def place(state: RunState, step: float) -> str:
    """A step as the run counts it: "step 1 032", "epoch 12" of an imported run of epochs."""
    return f"{unit_of(state)} {count(round(step))}"


def of_accuracies(state: RunState) -> str:
    """What the accuracies do: the best, the fall, where they end, and what was left behind."""
    line = state.line
    probes = [p for p in state.all(kinds.RobustProbe) if line.holds(p.branch, p.step)]
    known = [p for p in probes if p.pgd == p.pgd]
    if not known:
        return "PGD accuracy was not measured."
    every = [p for p in state.all(kinds.RobustProbe) if p.pgd == p.pgd]
    best, last = max(every, key=lambda p: p.pgd), known[-1]
    told = f"PGD accuracy is at most {share(best.pgd)} ({place(state, best.step)}"
    told += f" of {best.branch})" if best.branch != line.branch else ")"
    onset = next((a for a in reversed(state.all(kinds.Alert)) if a.level == ONSET.name), None)
    if onset is not None:
        low = min(
            (p for p in every if p.branch == onset.branch and p.step >= onset.about),
            key=lambda p: p.pgd,
            default=None,
        )
        if low is not None:
            told += f", collapses at {place(state, onset.about)} to {share(low.pgd)}"
            told += f" while FGSM accuracy is {share(low.fgsm)}" if low.fgsm == low.fgsm else ""
    told += f", and ends at {share(last.pgd)} ({place(state, last.step)}"
    told += f", FGSM {share(last.fgsm)}" if last.fgsm == last.fgsm else ""
    told += f", clean {share(last.clean)})" if last.clean == last.clean else ")"
    left = {p.branch for p in every if not line.holds(p.branch, p.step)}
    if left:
        told += f"; dotted is what was left behind on {', '.join(sorted(left))}"
    return f"{told}."


def of_signals(state: RunState) -> str:
    """How the signals of training stand before and after the onset, or at both ends."""
    steps, values = signal_means(state)
    found = verdict(state)
    edge = found.onset.about if found.onset is not None and found.rollback is None else None
    if edge is None or not any(step >= edge for step in steps):
        parts = [
            f"{STEP[name].label} goes from {share(first)} to {share(last)}"
            for name, row in values.items()
            if (first := _mean(row[: max(1, len(row) // 10)])) == first
            and (last := _mean(row[-max(1, len(row) // 10) :])) == last
        ]
        when = "From the first tenth of training to the last"
    else:
        width = 0.1 * steps[-1]
        parts = []
        for name, row in values.items():
            before = _mean([v for s, v in zip(steps, row, strict=True) if edge - width <= s < edge])
            after = _mean([v for s, v in zip(steps, row, strict=True) if edge <= s < edge + width])
            if before == before and after == after:
                parts.append(f"{STEP[name].label} goes from {share(before)} to {share(after)}")
        when = f"Across the onset at {place(state, edge)}"
    return f"{when}, {_and(parts)}." if parts else "No signal was measured around the onset."


def of_index(state: RunState) -> str:
    """How high the index came, and how that lies to the onset."""
    probes = [p for p in state.all(kinds.SelfProbe) if not math.isnan(p.index)]
    best = max(probes, key=lambda p: p.index)
    told = f"The self-fitting index is at most {share(best.index)} ({place(state, best.step)})"
    named = state.all(kinds.Diagnosis)
    if named:
        last = named[-1]
        told += f"; the diagnosis is {last.disease}"
        if last.index_step is not None and last.lead is not None:
            side = "before" if last.lead > 0 else "after"
            far = f"{plural(abs(last.lead), 'step')} {side}" if last.lead else "with"
            told += f", clear from {place(state, last.index_step)} on, {far} the onset"
    else:
        told += "; no onset, so nothing had to be named"
    return f"{told}."


def of_channels(state: RunState, layer: str) -> str:
    """How many channels of a layer are dominant, first and last."""
    probes = channel_probes(state, layer)
    first, last = (probe.layer(layer) for probe in (probes[0], probes[-1]))
    assert first is not None and last is not None
    many = [sum(value > DOMINANT for value in one.dominance) for one in (first, last)]
    top = max(range(len(last.dominance)), key=lambda c: last.dominance[c])
    told = (
        f"In {layer}, {many[1]} of {plural(len(last.dominance), 'channel')} have a dominance above "
        f"{DOMINANT:g} at {place(state, probes[-1].step)} ({many[0]} at "
        f"{place(state, probes[0].step)}); the highest is channel {top} with "
        f"{signed(last.dominance[top])}"
    )
    if last.rho == last.rho:
        told += f"; two halves of the images agree on the ranking with rho {share(last.rho)}"
    return f"{told}."


def of_causal(probe: kinds.CausalProbe) -> str:
    """What zeroing the most dominant tenth takes, against a random tenth."""
    tenths = [row for row in probe.rows if abs(row.share - 0.1) < 0.01]
    mine = [row for row in tenths if row.group == "self" and row.fgsm == row.fgsm]
    if not mine:
        return f"Channels were zeroed on {plural(probe.n, 'image')}."
    most = min(mine, key=lambda row: row.fgsm)
    change = most.fgsm - probe.base.fgsm
    told = f"Zeroing the most dominant tenth of {most.stage} changes FGSM accuracy by "
    told += signed(change)
    random = next(
        (row for row in tenths if row.group == "random" and row.stage == most.stage), None
    )
    if random is not None and random.fgsm == random.fgsm:
        told += f", a random tenth by {signed(random.fgsm - probe.base.fgsm)}"
    if most.pgd == most.pgd and probe.base.pgd == probe.base.pgd:
        told += f"; PGD accuracy changes by {signed(most.pgd - probe.base.pgd)}"
    return f"{told} ({plural(probe.n, 'image')})."


def most_changed_layer(state: RunState) -> str:
    """The layer whose most dominant channels have become most so; "" where none was measured."""
    last = next(
        (p for p in reversed(state.all(kinds.ChannelProbe)) if state.line.holds(p.branch, p.step)),
        None,
    )
    if last is None:
        return ""
    best, most = "", -math.inf
    for layer in last.layers:
        probes = channel_probes(state, layer.name)
        if not probes:
            continue
        first = probes[0].layer(layer.name)
        rise = _top(layer.dominance) - (_top(first.dominance) if first is not None else 0.0)
        if rise > most:
            best, most = layer.name, rise
    return best


def outcomes(state: RunState) -> list[tuple[str, str]]:
    """Return every intervention by its id with what came of it, in words."""
    probes = dict(by_branch(state.all(kinds.RobustProbe)))
    found = []
    for change in state.ledger.history:
        if change.failed:
            found.append((change.id, "could not be carried out and was undone"))
            continue
        asked = next((a.step for a in state.all(kinds.Applied) if a.id == change.id), change.step)
        was = [p for p in probes.get(change.asked_on, ()) if p.step <= asked and p.pgd == p.pgd]
        now = [p for p in probes.get(change.branch, ()) if p.step > change.step and p.pgd == p.pgd]
        later = [c for c in state.ledger.history if c.version > change.version and not c.failed]
        if later and later[0].branch == change.branch:
            now = [p for p in now if p.step <= later[0].step] or now[:1]
        if not was or not now:
            found.append((change.id, "no probe tells what came of it"))
            continue
        before, after = was[-1], now[-1]
        told = f"PGD {share(before.pgd)} before ({place(state, before.step)}), "
        told += f"{share(after.pgd)} at {place(state, after.step)}"
        again = [
            a
            for a in state.all(kinds.Alert)
            if a.branch == change.branch and a.level == ONSET.name and a.about > change.step
        ]
        if again:
            told += f"; it collapsed again at {place(state, again[0].about)}"
        found.append((change.id, told))
    return found


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def _top(values: Sequence[float]) -> float:
    best = sorted(values, reverse=True)[: max(1, len(values) // 10)]
    return sum(best) / len(best) if best else 0.0


def _and(parts: Sequence[str]) -> str:
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + "".join(parts[-1:])

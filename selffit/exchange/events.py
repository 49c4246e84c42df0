"""A recording as the events of an ordinary log, with the alerts of today's detector among them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby
from math import nan
from typing import Any

import msgspec

from selffit.detect.types import ProbePoint
from selffit.eventlog import kinds
from selffit.eventlog.clean import clean
from selffit.eventlog.encode import to_json
from selffit.eventlog.records import Record
from selffit.exchange.recording import Recording, Sample
from selffit.run.again.rerun import Rules, rerun
from selffit.run.folded.state import RunState, reduce_all
from selffit.vocabulary import DIVERGED, IMPORTED, STEP

BLOCK = 50  # steps of a block


def events_of(recording: Recording) -> list[kinds.Event]:
    """Return all events of a run in the order of its log, each with its step and branch."""
    measured = list(_measured(recording))
    state = reduce_all(RunState(), [_record(event) for event in (*_head(recording), *measured)])
    alerts: list[kinds.Alert] = []
    if recording.answer is None or not recording.answer.reasons:
        blocks = [event for event in measured if isinstance(event, kinds.Steps)]
        alerts += rerun(state, blocks, Rules.of(state)).alerts
    # a loss of whole epochs tells sooner than the rule for steps, which may have heard it as well
    heard = any(alert.level == DIVERGED.name for alert in alerts)
    if recording.diverged is not None and not heard:
        alerts.append(recording.diverged.alert())
    last = kinds.Place(measured[-1].branch, state.step) if measured else kinds.Place()
    end = kinds.End(at=last, how=IMPORTED.name, reason=f"from {clean(recording.source)}")
    return [*_head(recording), *_among(measured, alerts), end]


def _head(recording: Recording) -> list[kinds.Event]:
    steps = max((recording.ending(s.step) for s in recording.samples), default=0)
    config = {name: value for name, value in recording.settings.items() if name in CONFIG}
    if recording.per_epoch and "epochs" not in config:
        config["epochs"] = max(1, round(steps / recording.per_epoch))
    classes = recording.settings.get("classes", 0)
    data = kinds.ImageSetInfo(name=str(config.get("data", "")), classes=int(classes))
    return [
        kinds.Imported(
            source=recording.source,
            format=recording.format,
            unit=recording.unit,
            columns=recording.columns,
            assumed=recording.assumed,
            left_out=recording.left_out,
        ),
        kinds.RunStart(
            config=config,
            steps_total=steps,
            steps_per_epoch=recording.per_epoch,
            device="",
            device_name="",
            torch="",
            params=0,
            layers=(),
            data_set=data,
        ),
    ]


# settings that a log of training has and people look for; others are in run.json only
CONFIG = (
    "method",
    "model",
    "data",
    "epochs",
    "batch_size",
    "eps",
    "alpha",
    "lr",
    "momentum",
    "weight_decay",
    "seed",
)


def _measured(recording: Recording) -> Iterator[kinds.Event]:
    """Blocks of steps and probes, branch by branch, each where it was measured."""
    began = {name: base for name, (_, base) in recording.branches.items()}
    by_branch = groupby(recording.samples, key=lambda sample: sample.branch)
    for branch, samples in by_branch:
        if branch in recording.branches:
            parent, base = recording.branches[branch]
            yield kinds.BranchBegun(
                at=kinds.Place(branch, began[branch]), name=branch, parent=parent, base_step=base
            )
        waiting: list[Sample] = []
        for sample in samples:
            if waiting and not _goes_on(waiting, sample):
                yield block_of(waiting, recording.first, recording.unit)
                waiting = []
            if sample.signals or recording.unit == "epoch":
                waiting.append(sample)
            if sample.point is not None:
                if waiting:
                    yield block_of(waiting, recording.first, recording.unit)
                    waiting = []
                yield probe_of(sample, sample.point)
        if waiting:
            yield block_of(waiting, recording.first, recording.unit)


def _goes_on(block: Sequence[Sample], sample: Sample) -> bool:
    last = block[-1]
    return (
        len(block) < BLOCK
        and sample.step == last.step + 1
        and sample.signals.keys() == last.signals.keys()
    )


def block_of(samples: Sequence[Sample], counted_from: int, unit: str) -> kinds.Steps:
    """Return successive samples as a block; counted_from, unit: see `Recording`."""
    first, last = samples[0], samples[-1]
    start = first.step if counted_from == 0 else first.step - 1
    names = [name for name in STEP if name in first.signals]
    epoch = last.epoch + (unit == "epoch" and counted_from == 0)
    return kinds.Steps(
        at=kinds.Place(first.branch, max(0, start)),
        n=len(samples),
        cols={name: [sample.signals[name] for sample in samples] for name in names},  # type: ignore[arg-type]
        epoch=epoch if epoch >= 0 else nan,
    )


def probe_of(sample: Sample, point: ProbePoint) -> kinds.RobustProbe:
    """Return what was measured at a place as a probe."""
    return kinds.RobustProbe(
        at=kinds.Place(sample.branch, sample.step),
        n=point.n,
        why="interval",
        epoch=sample.epoch,
        eps=point.eps,
        pgd_steps=sample.pgd_steps,
        nonfinite=point.nonfinite,
        final=_final(point),
        clean=point.clean,
        fgsm=point.fgsm,
        pgd=point.pgd,
    )


def _final(point: ProbePoint) -> kinds.AtFinal | None:
    if point.final_eps is None:
        return None
    fgsm, pgd = point.final_fgsm, point.final_pgd
    return kinds.AtFinal(
        eps=point.final_eps,
        fgsm=nan if fgsm is None else fgsm,
        pgd=nan if pgd is None else pgd,
    )


def _record(event: kinds.Event) -> Record:
    return Record(
        1, 1, 0, 0.0, event.KIND.name, event.branch, event.step, _logged(event.data()), "trainer"
    )


def _logged(data: dict[str, Any]) -> dict[str, Any]:
    """Data as they are read from a line."""
    found: dict[str, Any] = msgspec.json.decode(to_json(data))
    return found


def _among(measured: Sequence[kinds.Event], alerts: Sequence[kinds.Event]) -> Iterator[kinds.Event]:
    """The alerts behind the first event of their branch that has reached their step."""
    ends: dict[str, list[int]] = {}
    for event in measured:
        ends.setdefault(event.branch, []).append(_end(event))
    behind: dict[tuple[str, int], list[kinds.Event]] = {}
    for alert in sorted(alerts, key=lambda alert: alert.step):
        mine = sorted(ends.get(alert.branch, [0]))
        reached = mine[min(bisect_left(mine, alert.step), len(mine) - 1)]
        behind.setdefault((alert.branch, reached), []).append(alert)
    left = {(event.branch, _end(event)): i for i, event in enumerate(measured)}
    for i, event in enumerate(measured):
        yield event
        key = (event.branch, _end(event))
        if left[key] == i:
            yield from behind.get(key, ())


def _end(event: kinds.Event) -> int:
    return event.end if isinstance(event, kinds.Steps) else event.step

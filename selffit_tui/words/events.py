"""Events of a log in one line of words each; everything in an event is untrusted text."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from selffit.eventlog import kinds
from selffit.eventlog.fields import text
from selffit.eventlog.kinds import Event
from selffit.numbers import (
    budget,
    count,
    duration,
    known,
    plural,
    share,
    signed,
    size,
    small,
)
from selffit.run.judged.wording import cause_words, not_finite
from selffit.vocabulary import level_of, state_of
from selffit_tui.words.accuracy import pgd_label
from selffit_tui.words.commands import applied, asked, change
from selffit_tui.words.diagnosis import lead_words

NAME = 10  # letters of the name of a kind that has no words of its own


def event_words(event: Event) -> tuple[str, str, str]:
    """Return (short name, words, style) of an event; untrusted text, as the log has it."""
    if isinstance(event, kinds.Alert):
        return "alert", _alert(event), level_of(event.level).style
    if type(event) in _WORDS:
        name, style, words = _WORDS[type(event)]
        return name, words(event), style
    name = event.name if isinstance(event, kinds.Unknown) else event.KIND.name
    return name[:NAME], _fields(event.data()), "dim"


def describe(event: Event) -> str | None:
    """Return an event as one plain line, None for kinds that have none (metrics, heartbeats)."""
    if not event.KIND.listed:
        return None
    name, words, _ = event_words(event)
    at = f"step {count(event.step)}" if event.step else ""
    return f"{at:<12}{name:<11}{words}".rstrip()


def _fields(data: Mapping[str, Any]) -> str:
    """A kind without words of its own: its plain fields, as they are."""
    return "  ".join(
        f"{name} {small(value) if isinstance(value, float) else value}"
        for name, value in data.items()
        if isinstance(value, str | int | float)
    )


def _joined(*parts: str) -> str:
    return "  ".join(part for part in parts if part)


def _phase(event: kinds.Phase) -> str:
    looks = state_of(event.name)
    about = f"({event.note})" if event.note else ""
    return _joined(f"{event.name}: {looks.meaning}" if looks.meaning else event.name, about)


def _graph(event: kinds.StepGraph) -> str:
    if not event.captured:
        return _joined("steps are taken without a graph", event.why)
    again = f"captured {plural(event.count, 'time')}" if event.count > 1 else ""
    return _joined("steps are one CUDA graph from here on", again)


def _start(event: kinds.RunStart) -> str:
    return _joined(
        text(event.config.get("method")),
        event.data_set.name,
        text(event.config.get("model")),
        plural(event.params, "parameter") if event.params else "",
        plural(event.steps_total, "step") if event.steps_total else "",
        event.device_name or event.device,
    )


def _probe(event: kinds.RobustProbe) -> str:
    words = f"clean {share(event.clean)}  FGSM {share(event.fgsm)}  "
    words += f"{pgd_label(event.pgd_steps)} {share(event.pgd)}  n {count(event.n)}"
    words += f"  {not_finite(event)}" if event.nonfinite else ""
    words += f"  eps {budget(event.eps)}" if known(event.eps) else ""
    if event.final is not None:
        words += f"  at final eps {budget(event.final.eps)}: PGD {share(event.final.pgd)}"
    return words + ("  on suspicion" if event.why == "suspicion" else "")


def _strong(event: kinds.StrongProbe) -> str:
    """What a strong attack leaves of the PGD accuracy of an ordinary probe."""
    words = f"PGD {share(event.weak)} is {share(event.pgd)} under a strong attack"
    return f"{words} ({event.how})  n {count(event.n)}"


def _referee(event: kinds.RefereeProbe) -> str:
    """What APGD leaves, and what its first half does alone."""
    alone = f"; APGD-CE alone {share(event.ce)}" if event.targets else ""
    return f"{share(event.pgd)} left by {event.how}{alone}  n {count(event.n)}"


def _causal(event: kinds.CausalProbe) -> str:
    """The check in the stage where zeroing a tenth, those of the self, takes most FGSM accuracy."""
    n = f"n {count(event.n)}, ranked on {count(event.n_rank)} others"
    tenths = [row for row in event.rows if abs(row.share - 0.1) < 0.01]
    found = [row for row in tenths if row.group == "self" and known(row.fgsm)]
    if not found:
        return n
    most = min(found, key=lambda row: row.fgsm)
    parts = [
        f"{row.group} FGSM {signed(row.fgsm - event.base.fgsm)} "
        f"PGD {signed(row.pgd - event.base.pgd)}"
        for row in tenths
        if row.stage == most.stage and row.group in ("self", "random")
    ]
    return f"{most.stage}, 10 % zeroed: {'; '.join(parts)}  {n}"


def _diagnosis(event: kinds.Diagnosis) -> str:
    why = event.text.removeprefix(f"{event.disease}: ")
    parts = (cause_words(event.disease), lead_words(event.lead), why)
    return "; ".join(part for part in parts if part)


def _alert(event: kinds.Alert) -> str:
    return _joined(level_of(event.level).label, cause_words(event.disease), event.text)


def _gap(event: kinds.LogGap) -> str:
    return f"{plural(event.dropped, 'event')} not logged: {event.why}"


def _fault(event: kinds.LogFault) -> str:
    return f"{event.error}: {event.action}"


def _imported(event: kinds.Imported) -> str:
    epochs = "a step stands for an epoch" if event.unit == "epoch" else ""
    return _joined(f"from {event.source}, read as {event.format}", epochs, *event.assumed[:3])


def _hosted(event: kinds.Hosted) -> str:
    how = {"lines": "somebody's program, by what it prints", "monitor": "somebody's training loop"}
    read = f"lines read by the rules of {event.rules}" if event.rules else ""
    can = f"can be asked for: {', '.join(event.offers)}" if event.offers else ""
    return _joined(how.get(event.by, event.by), read, can, event.note)


def _end(event: kinds.End) -> str:
    return _joined(event.how, event.reason)


def _exit(event: kinds.Exited) -> str:
    return _joined(
        event.how,
        event.text,
        f"after {duration(event.seconds)}" if known(event.seconds) else "",
        *(event.stderr[-1:] if event.how != "finished" else ()),
        "another attempt begins" if event.again else "",
    )


def _received(event: kinds.Received) -> str:
    return f"{event.by} asks: {asked(event.op, event.args)}"


def _rejected(event: kinds.Rejected) -> str:
    by = f" by {event.by}" if event.by else ""
    return f"{event.op or 'a command'}{by} ({event.rule}): {event.reason}"


def _failed(event: kinds.Failed) -> str:
    undone = change(event.new, {})
    return f"{event.op}: {event.reason}" + (f"; undone: {undone}" if undone else "")


def _checkpoint(event: kinds.CheckpointSaved) -> str:
    return _joined(
        event.id,
        f"PGD {share(event.pgd)}" if known(event.pgd) else "",
        "healthy" if event.healthy else "",
        size(event.bytes) if known(event.bytes) else "",
    )


def _branch(event: kinds.BranchBegun) -> str:
    words = f"{event.name} begins at step {count(event.base_step)} of {event.parent}"
    return words + (f", from checkpoint {event.ckpt}" if event.ckpt else "")


def _resumed(event: kinds.Resumed) -> str:
    where = f"checkpoint {event.ckpt}" if event.ckpt else "the first step: no usable checkpoint"
    words = f"from {where}"
    words += f"; {plural(event.lost_steps, 'step')} done again" if event.lost_steps else ""
    return words + "".join(f"; {one.id} skipped: {one.reason}" for one in event.skipped)


_WORDS = cast(
    dict[type[Event], tuple[str, str, Callable[[Event], str]]],
    {
        kinds.Phase: ("phase", "dim", _phase),
        kinds.StepGraph: ("graph", "dim", _graph),
        kinds.RunStart: ("start", "title", _start),
        kinds.RobustProbe: ("probe", "text", _probe),
        kinds.StrongProbe: ("strong", "text", _strong),
        kinds.RefereeProbe: ("referee", "text", _referee),
        kinds.CausalProbe: ("causal", "text", _causal),
        kinds.Diagnosis: ("diagnosis", "alert", _diagnosis),
        kinds.LogGap: ("log gap", "warn", _gap),
        kinds.LogFault: ("log fault", "warn", _fault),
        kinds.Imported: ("imported", "title", _imported),
        kinds.Hosted: ("hosted", "title", _hosted),
        kinds.End: ("end", "title", _end),
        kinds.Spawned: ("spawned", "dim", lambda event: f"pid {event.pid}"),
        kinds.Exited: ("exit", "title", _exit),
        kinds.NotifyFailed: ("notify", "warn", lambda event: f"--notify failed: {event.error}"),
        kinds.Received: ("asked", "dim", _received),
        kinds.Rejected: ("refused", "warn", _rejected),
        kinds.Applied: ("applied", "act", applied),
        kinds.Failed: ("failed", "alert", _failed),
        kinds.CheckpointSaved: ("checkpoint", "dim", _checkpoint),
        kinds.CheckpointPruned: (
            "checkpoint",
            "dim",
            lambda event: f"{event.id} was removed: newer ones are kept",
        ),
        kinds.CheckpointDamaged: (
            "checkpoint",
            "warn",
            lambda event: f"{event.id} is damaged: {event.reason}",
        ),
        kinds.CheckpointFailed: (
            "checkpoint",
            "warn",
            lambda event: f"{event.id} was not saved: {event.reason}",
        ),
        kinds.BranchBegun: ("branch", "act", _branch),
        kinds.Resumed: ("resumed", "title", _resumed),
    },
)

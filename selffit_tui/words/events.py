"""Events of a log in one line of words each; everything in an event is untrusted text."""

from collections.abc import Callable, Mapping
from typing import Any

from selffit.eventlog.records import num
from selffit.eventlog.values import items, mapping, maybe_step, text, whole
from selffit.numbers import budget, count, duration, known, share, signed, size, small
from selffit.run.state import UNLISTED
from selffit.vocabulary import level_of
from selffit_tui.words.accuracy import pgd_label
from selffit_tui.words.commands import applied, asked, change
from selffit_tui.words.diagnosis import disease_words, lead_words

Data = Mapping[str, Any]


def event_words(kind: str, data: Data) -> tuple[str, str, str]:
    """(short name, words, style) of an event; untrusted text, as the log has it."""
    name, style, words = _KINDS.get(kind, (kind[:12], "dim", _fields))
    style = level_of(text(data.get("level"))).style if kind == "alert" else style
    return name, words(data), style


def describe(kind: str, step: int, data: Data) -> str | None:
    """An event as one plain line, None for the kinds that have none (metrics and heartbeats)."""
    if kind in UNLISTED:
        return None
    name, words, _ = event_words(kind, data)
    return f"{f'step {count(step)}' if step else '':<12}{name:<11}{words}".rstrip()


def _fields(data: Data) -> str:
    """Unknown kinds: their plain fields, as they are."""
    return "  ".join(
        f"{name} {_plain(value)}"
        for name, value in data.items()
        if isinstance(value, str | int | float)
    )


def _plain(value: Any) -> str:
    return small(num(value)) if isinstance(value, float) else str(value)


def _phase(data: Data) -> str:
    return "  ".join(part for part in (text(data.get("name")), text(data.get("note"))) if part)


def _start(data: Data) -> str:
    config, images = mapping(data.get("config")), mapping(data.get("data"))
    parts = [
        text(config.get("method")),
        text(images.get("name")),
        text(config.get("model")),
        f"{count(whole(data.get('params')))} parameters",
        f"{count(whole(data.get('steps_total')))} steps",
        text(data.get("device_name")) or text(data.get("device")),
    ]
    return "  ".join(part for part in parts if part)


def _probe(data: Data) -> str:
    steps = whole(data.get("pgd_steps"))
    words = f"clean {share(num(data.get('clean')))}  FGSM {share(num(data.get('fgsm')))}  "
    words += f"{pgd_label(steps)} {share(num(data.get('pgd')))}  n {count(whole(data.get('n')))}"
    eps, final = num(data.get("eps")), mapping(data.get("final"))
    words += f"  eps {budget(eps)}" if known(eps) else ""
    if final:
        words += (
            f"  at final eps {budget(num(final.get('eps')))}: PGD {share(num(final.get('pgd')))}"
        )
    return words + ("  on suspicion" if text(data.get("why")) == "suspicion" else "")


def _strong(data: Data) -> str:
    """What a strong attack leaves of the PGD accuracy of an ordinary probe."""
    words = (
        f"PGD {share(num(data.get('weak')))} is {share(num(data.get('pgd')))} under a strong attack"
    )
    return words + (
        f" ({whole(data.get('steps'))} steps, {whole(data.get('restarts'))} restarts of two losses)"
        f"  n {count(whole(data.get('n')))}"
    )


def _causal(data: Data) -> str:
    """The check in one stage: where zeroing a tenth of the channels, those of the self, takes most
    FGSM accuracy.
    """
    base, rows = mapping(data.get("base")), [mapping(row) for row in items(data.get("rows"))]
    n = f"n {count(whole(data.get('n')))}, ranked on {count(whole(data.get('n_rank')))} others"
    tenths = [row for row in rows if abs(num(row.get("share")) - 0.1) < 0.01]
    found = [
        row for row in tenths if text(row.get("group")) == "self" and known(num(row.get("fgsm")))
    ]
    if not found:
        return n
    most = min(found, key=lambda row: num(row.get("fgsm")))
    parts = [
        f"{text(row.get('group'))} FGSM {_changed(row, base, 'fgsm')} PGD "
        f"{_changed(row, base, 'pgd')}"
        for row in tenths
        if row.get("stage") == most.get("stage") and text(row.get("group")) in ("self", "random")
    ]
    return f"{text(most.get('stage'))}, 10 % zeroed: {'; '.join(parts)}  {n}"


def _changed(row: Data, base: Data, name: str) -> str:
    return signed(num(row.get(name)) - num(base.get(name)))


def _diagnosis(data: Data) -> str:
    disease, why = text(data.get("disease")), text(data.get("text"))
    parts = (
        disease_words(disease),
        lead_words(maybe_step(data.get("lead"))),
        why.removeprefix(f"{disease}: "),
    )
    return "; ".join(part for part in parts if part)


def _alert(data: Data) -> str:
    parts = (
        level_of(text(data.get("level"))).label,
        disease_words(text(data.get("disease"))),
        text(data.get("text")),
    )
    return "  ".join(part for part in parts if part)


def _gap(data: Data) -> str:
    return f"{count(whole(data.get('dropped')))} events were not logged: {text(data.get('why'))}"


def _fault(data: Data) -> str:
    return f"{text(data.get('error'))}: {text(data.get('action'))}"


def _end(data: Data) -> str:
    return "  ".join(part for part in (text(data.get("how")), text(data.get("reason"))) if part)


def _exit(data: Data) -> str:
    words = [text(data.get("how")), text(data.get("text"))]
    seconds = num(data.get("seconds"))
    if known(seconds):
        words.append(f"after {duration(seconds)}")
    words += [
        text(line) for line in items(data.get("stderr"))[-1:] if text(data.get("how")) != "finished"
    ]
    words += ["another attempt begins"] if data.get("again") is True else []
    return "  ".join(word for word in words if word)


def _received(data: Data) -> str:
    return f"{text(data.get('by'))} asks: {asked(text(data.get('op')), mapping(data.get('args')))}"


def _rejected(data: Data) -> str:
    words = [
        text(data.get("op")) or "a command",
        f"by {text(data.get('by'))}" if data.get("by") else "",
    ]
    return (
        " ".join(word for word in words if word)
        + f" ({text(data.get('rule'))}): {text(data.get('reason'))}"
    )


def _failed(data: Data) -> str:
    undone = change(mapping(data.get("new")), {})
    return f"{text(data.get('op'))}: {text(data.get('reason'))}" + (
        f"; undone: {undone}" if undone else ""
    )


def _checkpoint(data: Data) -> str:
    pgd, number = num(data.get("pgd")), num(data.get("bytes"))
    words = [text(data.get("id")), f"PGD {share(pgd)}" if known(pgd) else ""]
    words += [
        "healthy" if data.get("healthy") is True else "",
        "pinned" if data.get("pinned") is True else "",
    ]
    return "  ".join(word for word in (*words, size(number) if known(number) else "") if word)


def _id(data: Data) -> str:
    return text(data.get("id"))


def _reason(data: Data) -> str:
    return text(data.get("reason"))


def _branch(data: Data) -> str:
    base = count(whole(data.get("base_step")))
    words = f"{text(data.get('name'))} begins at step {base} of {text(data.get('parent'))}"
    return words + (f", from checkpoint {text(data.get('ckpt'))}" if data.get("ckpt") else "")


def _resumed(data: Data) -> str:
    ckpt, lost = text(data.get("ckpt")), whole(data.get("lost_steps"))
    words = f"from {f'checkpoint {ckpt}' if ckpt else 'the first step: no usable checkpoint'}"
    words += f"; {count(lost)} steps are done again" if lost else ""
    skipped = [mapping(entry) for entry in items(data.get("skipped"))]
    return words + "".join(
        f"; {text(entry.get('id'))} skipped: {text(entry.get('reason'))}" for entry in skipped
    )


_KINDS: dict[str, tuple[str, str, Callable[[Data], str]]] = {
    "phase": ("phase", "dim", _phase),
    "run.start": ("start", "title", _start),
    "probe.robust": ("probe", "text", _probe),
    "probe.strong": ("strong", "text", _strong),
    "probe.causal": ("causal", "text", _causal),
    "diagnosis": ("diagnosis", "alert", _diagnosis),
    "alert": ("alert", "warn", _alert),
    "log.gap": ("log gap", "warn", _gap),
    "log.fault": ("log fault", "warn", _fault),
    "end": ("end", "title", _end),
    "sup.spawn": ("spawned", "dim", lambda data: f"pid {whole(data.get('pid'))}"),
    "sup.exit": ("exit", "title", _exit),
    "ctl.received": ("asked", "dim", _received),
    "ctl.rejected": ("refused", "warn", _rejected),
    "ctl.applied": ("applied", "act", applied),
    "ctl.failed": ("failed", "alert", _failed),
    "ckpt.saved": ("checkpoint", "dim", _checkpoint),
    "ckpt.pruned": (
        "checkpoint",
        "dim",
        lambda data: f"{_id(data)} was removed: newer ones are kept",
    ),
    "ckpt.damaged": (
        "checkpoint",
        "warn",
        lambda data: f"{_id(data)} is damaged: {_reason(data)}",
    ),
    "ckpt.failed": (
        "checkpoint",
        "warn",
        lambda data: f"{_id(data)} was not saved: {_reason(data)}",
    ),
    "branch": ("branch", "act", _branch),
    "resumed": ("resumed", "title", _resumed),
}

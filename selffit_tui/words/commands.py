"""Commands and what they changed, in words; what they say of a log is untrusted text."""

from collections.abc import Mapping
from typing import Any

from selffit.control.settings import LIVE, SUPPRESS
from selffit.eventlog import kinds
from selffit.eventlog.fields import items, mapping, text
from selffit.numbers import count, in_unit, small
from selffit.vocabulary import STEP

Data = Mapping[str, Any]
LABELS = {
    "lr_scale": "lr scale",
    "weight_decay": "weight decay",
    "attack_steps": "attack steps",
    "mix_signs": "mix signs",
    "probe_every": "probe every",
    "probe_images": "probe images",
    "channel_images": "channel images",
    "self_images": "self images",
    "causal_images": "causal images",
    "stop_epoch": "stop epoch",
}
_OPS = {
    "rollback": "roll back",
    "suppress": "mask channels",
    "unsuppress": "unmask channels",
    "resume": "go on",
}


def value(name: str, raw: Any) -> str:
    """A value of a setting."""
    if name == SUPPRESS:
        return (
            ", ".join(f"{layer} {_channels(what)}" for layer, what in mapping(raw).items())
            or "none"
        )
    if raw is None:
        return "-"
    if name == "stop_epoch" and raw == 0:
        return "at the end"
    if name == "probe_every" and raw == 0:
        return "once an epoch"
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    if isinstance(raw, float):
        return in_unit(raw, STEP[name].unit) if name in STEP else small(raw)
    return count(raw) if isinstance(raw, int) else str(raw)


def _channels(what: Any) -> str:
    return ",".join(str(channel) for channel in items(mapping(what).get("channels")))


def label(name: str) -> str:
    """What people call a setting."""
    return "masked channels" if name == SUPPRESS else LABELS.get(name, name)


def asked(op: str, args: Data) -> str:
    """A command: 'roll back to main-480, method n-fgsm'."""
    if op == "note":
        return f"note: {text(args.get('text'))}"
    if op == "stop":
        return "stop at once" if args.get("now") is True else "stop"
    words = _OPS.get(op, op)
    if op == "rollback":
        words += f" to {_target(args)}" + (
            ", repeating its random numbers" if args.get("exact") is True else ""
        )
    elif op == "suppress":
        which = f"the {args['top']} most dominant" if "top" in args else _channels(args)
        words = f"mask {which} of {text(args.get('layer'))}"
    elif op == "unsuppress" and args.get("layer"):
        words += f" of {text(args.get('layer'))}"
    given = [
        f"{label(name)} {value(name, args[name])}" for name in LIVE if args.get(name) is not None
    ]
    return ", ".join([words, *given]) if op != "set" else f"set {', '.join(given)}"


def _target(args: Data) -> str:
    to = text(args.get("to")) or "healthy"
    return "the newest healthy checkpoint" if to == "healthy" else to


def change(old: Data, new: Data) -> str:
    """'method fgsm → n-fgsm, eps 0.350 → 0.200': what differs; only old values where `new` has
    none.
    """
    names = [name for name in (*LIVE, SUPPRESS) if name in old or name in new]
    if not new:
        return ", ".join(f"{label(name)} {value(name, old[name])}" for name in names)
    return ", ".join(
        f"{label(name)} {value(name, old.get(name))} → {value(name, new[name])}"
        for name in names
        if name in new and old.get(name) != new[name]
    )


def applied(event: kinds.Applied) -> str:
    """Return what the commit of a command says."""
    words = asked(event.op, event.args)
    if event.op == "rollback":
        words = f"roll back to {_target(event.args)}, on as branch {event.onto}"
    changed = change(event.old, event.new)
    if event.op == "set" and changed:
        return f"{event.by}: {changed}"
    return f"{event.by}: {words}" + (f"; {changed}" if changed and event.op != "note" else "")

"""Commands and what they changed, in words; what they say of a log is untrusted text."""

from collections.abc import Mapping
from typing import Any

from selffit.config import FIELDS, LIVE
from selffit.control.commands import HEALTHY, OPERATIONS, SOUND
from selffit.control.settings import ZEROED
from selffit.eventlog import kinds
from selffit.eventlog.fields import items, mapping, text
from selffit.numbers import count, in_unit, small
from selffit.vocabulary import STEP

Data = Mapping[str, Any]


def cure(method: str) -> str:
    """The training attack to switch to.

    N-FGSM costs no more than FGSM; where it was in use already, PGD.
    """
    return "pgd" if method in ("n-fgsm", "pgd") else "n-fgsm"


def value(name: str, raw: Any) -> str:
    """A value of a setting."""
    if name == ZEROED:
        return (
            ", ".join(f"{layer} {_channels(what)}" for layer, what in mapping(raw).items())
            or "none"
        )
    if raw is None:
        return "-"
    if raw == 0 and name in FIELDS and FIELDS[name].metadata["zero"]:
        return str(FIELDS[name].metadata["zero"])
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    if isinstance(raw, float):
        return in_unit(raw, STEP[name].unit) if name in STEP else small(raw)
    return count(raw) if isinstance(raw, int) else str(raw)


def _channels(what: Any) -> str:
    return ",".join(str(channel) for channel in items(mapping(what).get("channels")))


def label(name: str) -> str:
    """What people call a setting."""
    return "zeroed channels" if name == ZEROED else name.replace("_", " ")


def asked(op: str, args: Data) -> str:
    """A command: 'roll back to main-480, method n-fgsm'."""
    words, left = _WORDS[op](args) if op in _WORDS else (title(op), args)
    given = [
        f"{label(name)} {value(name, left[name])}"
        for name in _in_order(op, left)
        if left[name] is not None
    ]
    return f"{words} {', '.join(given)}" if op == "set" else ", ".join([words, *given])


def title(op: str) -> str:
    """What people call an operation."""
    return OPERATIONS[op].title or op if op in OPERATIONS else op


def _in_order(op: str, args: Data) -> list[str]:
    known = OPERATIONS[op].parses if op in OPERATIONS else {}
    return [name for name in known if name in args]


def _rollback(args: Data) -> tuple[str, Data]:
    again = ", repeating its random numbers" if args.get("exact") is True else ""
    return f"{title('rollback')} to {_target(args)}{again}", _without(args, "to", "exact")


def _zero(args: Data) -> tuple[str, Data]:
    which = f"the {args['top']} most dominant" if "top" in args else _channels(args)
    return f"zero {which} of {text(args.get('layer'))}", {}


def _unzero(args: Data) -> tuple[str, Data]:
    of = f" of {text(args.get('layer'))}" if args.get("layer") else ""
    return title("unzero") + of, {}


def _stop(args: Data) -> tuple[str, Data]:
    return "stop at once" if args.get("now") is True else "stop", {}


def _note(args: Data) -> tuple[str, Data]:
    return f"note: {text(args.get('text'))}", {}


def _without(args: Data, *names: str) -> Data:
    return {name: raw for name, raw in args.items() if name not in names}


# operations that read better than as a title and a list: the words, and what is left to list
_WORDS = {
    "rollback": _rollback,
    "zero": _zero,
    "unzero": _unzero,
    "stop": _stop,
    "note": _note,
}


def _target(args: Data) -> str:
    to = text(args.get("to")) or HEALTHY
    return _NEWEST.get(to, to)


_NEWEST = {
    HEALTHY: "the newest healthy checkpoint",
    SOUND: "the newest checkpoint from before the divergence",
}


def change(old: Data, new: Data) -> str:
    """What differs, such as 'method fgsm → n-fgsm, eps 0.350 → 0.200'.

    Only old values where `new` has none.
    """
    names = [name for name in (*LIVE, ZEROED) if name in old or name in new]
    if not new:
        return ", ".join(f"{label(name)} {value(name, old[name])}" for name in names)
    return ", ".join(
        f"{label(name)} {value(name, old.get(name))} → {value(name, new[name])}"
        for name in names
        if name in new and old.get(name) != new[name]
    )


def applied(event: kinds.Applied) -> str:
    """Return what the commit of a command says."""
    words = f"{event.by}: {asked(event.op, event.args)}"
    if event.op == "rollback":
        target = _target(event.args)
        words = f"{event.by}: {title(event.op)} to {target}, on as branch {event.onto}"
    changed = change(event.old, event.new)
    if event.op == "set" and changed:
        return f"{event.by}: {changed}"
    return words + (f"; {changed}" if changed and event.op != "note" else "")

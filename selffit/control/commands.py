"""What may be asked of a running trainer: a closed table of operations with typed arguments.

There is no operation that runs code or names a path. `check` is the one gate: the viewer uses it
before it writes a command, the trainer when it reads one.
"""

import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from selffit.config import FIELDS, LIVE, TRUTH, nearest
from selffit.control.refusal import Refusal
from selffit.control.settings import parse_live
from selffit.eventlog.clean import clean
from selffit.eventlog.former import args_today, op_today

MAX_NOTE = 500  # characters of a note
MAX_BY = 64  # characters of a name
MAX_TTL = 30 * 86400.0  # seconds
MAX_CHANNELS = 65_536  # a layer's channels are numbered below this
POLICY = "policy"  # the name under which the trainer's own policies act
HEALTHY, SOUND = "healthy", "sound"  # what a roll-back may go to, beside checkpoints by id

_ID = re.compile(r"c[0-9a-f]{20}\Z")
_making = threading.Lock()
_newest = [-1, 0]  # milliseconds and tail of the newest id made here
_CHECKPOINT = re.compile(r"((?:main|b[1-9][0-9]{0,8})-[0-9]{1,15})\Z")


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request.

    `expect` is the configuration version its author saw, `ttl` seconds from `t`, the wall clock.
    `attempt` is the one that it is meant for: another one does not take it. None: whichever trains
    when it is sent.
    """

    id: str
    op: str
    args: dict[str, Any]
    by: str
    expect: int | None = None
    ttl: float | None = None
    t: float = 0.0
    attempt: int | None = None


def new_id(t: float) -> str:
    """An id whose alphabetical order is that of submission, for `t` in seconds of the wall clock.

    `c`, 12 hex of milliseconds, 8 hex that are random for the first id a process makes in a
    millisecond and count on from there for the next ones.
    """
    ms = int(t * 1000) & 0xFFFFFFFFFFFF
    with _making:
        before, tail = _newest
        # half the range is left free, so that counting on cannot overflow
        tail = tail + 1 if ms == before else secrets.randbits(31)
        _newest[:] = ms, tail
    return f"c{ms:012x}{tail:08x}"


def is_id(text: str) -> bool:
    """Whether the text has the form of an id, and so is safe as a file name."""
    return _ID.match(text) is not None


def new_command(
    op: str,
    args: Mapping[str, Any] | None = None,
    *,
    by: str,
    expect: int | None = None,
    ttl: float | None = None,
    t: float | None = None,
    attempt: int | None = None,
) -> Command:
    """A checked command with a new id.

    `t` is the wall clock in seconds, now by default. Raises Refusal.
    """
    when = time.time() if t is None else t
    return checked(Command(new_id(when), op, dict(args or {}), by, expect, ttl, when, attempt))


def checked(command: Command) -> Command:
    """The command with normalised arguments and a harmless name of its author, in today's words.

    Raises Refusal.
    """
    if not is_id(command.id):
        raise Refusal(
            "bad-id",
            f"'{clean(command.id)[:80]}' is no command id; submit the command with selffit ctl",
        )
    by = clean(command.by.strip())[:MAX_BY]
    if not by:
        raise Refusal("bad-command", "'by' is empty; say who sends the command")
    if command.expect is not None and command.expect < 0:
        raise Refusal(
            "bad-command", f"expect must be a configuration version from 0 on, not {command.expect}"
        )
    if command.ttl is not None and not 0 < command.ttl <= MAX_TTL:
        raise Refusal(
            "bad-command",
            f"ttl must be above 0 and at most {MAX_TTL:.0f} seconds, not {command.ttl:g}",
        )
    if command.attempt is not None and not 0 < command.attempt < 10**6:
        raise Refusal(
            "bad-command", f"attempt must be the number of an attempt, not {command.attempt}"
        )
    if not 0 <= command.t <= 1e11:
        raise Refusal("bad-command", f"t must be a wall clock in seconds, not {command.t:g}")
    op, args = op_today(command.op), args_today(command.op, command.args)
    return msgspec.structs.replace(command, op=op, args=check(op, args), by=by)


def expired(command: Command, now: float) -> Refusal | None:
    """The refusal of a command that is older than its ttl at the wall clock `now`, else None."""
    if command.ttl is None or now - command.t <= command.ttl:
        return None
    age = f"it is {now - command.t:.0f} s old and was meant for {command.ttl:g} s"
    return Refusal("expired", f"{age}; send it again if you still want it")


def outlived(command: Command, attempt: int, began: float) -> Refusal | None:
    """The refusal of a command that was meant for an earlier attempt than this one, else None.

    `began`: the wall clock at which this attempt was claimed. One that names no attempt, as older
    versions send it, was meant for the one that was there when it was sent.
    """
    meant = command.attempt
    if meant is None:
        if attempt <= 1 or command.t >= began:
            return None
        whose = "an earlier attempt"
    elif meant >= attempt:
        return None
    else:
        whose = f"attempt {meant}"
    return Refusal(
        "expired",
        f"it was meant for {whose}, which ended before it looked; attempt {attempt} trains now: "
        "send it again if you still want it",
    )


def check(op: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an operation, typed, in range, with defaults filled in. Raises Refusal."""
    operation = OPERATIONS.get(op)
    if operation is None:
        raise Refusal(
            "unknown-op",
            f"there is no operation '{clean(op[:80])}'; {nearest(op[:80], tuple(OPERATIONS))}",
        )
    values, parses = dict(operation.defaults), operation.parses
    for name, raw in args.items():
        if name not in parses:
            raise _unknown(op, name)
        if raw is not None or name not in values:  # null stands for the default
            values[name] = parses[name](name, raw)
    missing = [name for name in operation.required if name not in values]
    if missing:
        raise Refusal("bad-argument", f"{op} needs {missing[0]}; {operation.help}")
    operation.together(values)
    return values


def _unknown(op: str, name: str) -> Refusal:
    valid, shown = tuple(OPERATIONS[op].parses), clean(name[:80])
    if OPERATIONS[op].settings and name in FIELDS:
        return Refusal(
            "bad-argument",
            f"{shown} cannot change while a run trains; start a new run to change it",
        )
    hint = nearest(name[:80], valid) if valid else "it takes no arguments"
    return Refusal("bad-argument", f"{op} has no argument '{shown}'; {hint}")


Parse = Callable[[str, Any], Any]


def _truth(name: str, raw: Any) -> bool:
    value = TRUTH.get(raw.lower()) if isinstance(raw, str) else raw
    if not isinstance(value, bool):
        raise Refusal("bad-argument", f"{name} must be true or false, not {_shown(raw)}")
    return value


def _target(name: str, raw: Any) -> str:
    named = isinstance(raw, str) and (raw in (HEALTHY, SOUND) or _CHECKPOINT.match(raw))
    if not named:
        raise Refusal(
            "bad-argument",
            f"{name} must be '{HEALTHY}', '{SOUND}' or a checkpoint such as main-1200, not "
            f"{_shown(raw)}",
        )
    return str(raw)


def _layer(name: str, raw: Any) -> str:
    if not isinstance(raw, str) or not 0 < len(raw) <= 200 or clean(raw) != raw:
        raise Refusal("bad-argument", f"{name} must be the name of a layer, not {_shown(raw)}")
    return raw


def _whole(name: str, raw: Any, low: int, high: int) -> int:
    number = raw
    if isinstance(raw, str) and len(raw) <= 18 and raw.strip().removeprefix("-").isdecimal():
        number = int(raw)
    if not isinstance(number, int) or isinstance(number, bool):
        raise Refusal("bad-argument", f"{name} must be a whole number, not {_shown(raw)}")
    if not low <= number <= high:
        raise Refusal("out-of-range", f"{name} must be in [{low}, {high}], not {_shown(raw)}")
    return number


def _top(name: str, raw: Any) -> int:
    return _whole(name, raw, 1, MAX_CHANNELS)


def _channels(name: str, raw: Any) -> list[int]:
    parts = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(parts, list | tuple) or not parts:
        raise Refusal(
            "bad-argument", f"{name} must be channel numbers such as 3,5,7, not {_shown(raw)}"
        )
    return sorted({_whole(name, part, 0, MAX_CHANNELS - 1) for part in parts})


def _text(name: str, raw: Any) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise Refusal("bad-argument", f"{name} must be a line of text, not {_shown(raw)}")
    if len(raw) > MAX_NOTE:
        raise Refusal("out-of-range", f"{name} has {len(raw)} characters; shorten it to {MAX_NOTE}")
    text = clean(raw.strip())
    return text if len(text) <= MAX_NOTE else text[: MAX_NOTE - 1] + "…"


def _shown(raw: Any) -> str:
    # Python refuses to write integers of thousands of digits
    huge = isinstance(raw, int) and abs(raw) >= 10**18
    return "a huge number" if huge else clean(repr(raw)[:60])


def _free(values: Mapping[str, Any]) -> None:
    """Any combination will do."""


def _something(values: Mapping[str, Any]) -> None:
    if not values:
        raise Refusal("bad-argument", f"set needs at least one setting: {', '.join(LIVE)}")


def _one_choice(values: Mapping[str, Any]) -> None:
    if ("channels" in values) == ("top" in values):
        raise Refusal(
            "bad-argument",
            "zero needs either channels (3,5,7) or top (how many of the most dominant)",
        )


@dataclass(frozen=True)
class Argument:
    """One argument of an operation: how a raw value is read, and what `ctl` says of its option.

    metavar: what stands for its value. positional: it is no option but the word after the
    operation's name. A default that is true or false makes it a switch.
    """

    parse: Parse
    help: str
    metavar: str = "TEXT"
    positional: bool = False


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One row of the table, which the command line of `ctl` is made from too.

    help: what it does, and what it needs. more: what else people should know. title: what people
    call it, by default its name. did: what is said of a policy that did it. settings: every live
    setting is an argument too: "options" of the command line, or "pairs" such as eps=8/255.
    changes: applying it raises the configuration version.
    """

    help: str
    more: str = ""
    title: str = ""
    did: str = ""
    args: Mapping[str, Argument] = field(default_factory=dict)
    settings: Literal["", "options", "pairs"] = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    together: Callable[[Mapping[str, Any]], None] = _free
    changes: bool = False

    @property
    def parses(self) -> Mapping[str, Parse]:
        """How each argument is read."""
        own = {name: argument.parse for name, argument in self.args.items()}
        return {**own, **dict.fromkeys(LIVE, parse_live)} if self.settings else own


OPERATIONS: dict[str, Operation] = {
    "pause": Operation(help="hold training before the next step", did="paused"),
    "resume": Operation(help="go on after a pause", title="go on"),
    "stop": Operation(
        help="end the run: with a checkpoint and a last probe, or at once with now",
        did="stopped",
        args={"now": Argument(_truth, "at once: no last probe, no checkpoint")},
        defaults={"now": False},
    ),
    "checkpoint": Operation(
        help="save a checkpoint before the next step", did="saved a checkpoint"
    ),
    "rollback": Operation(
        help="continue from an earlier checkpoint on a new branch, with other settings if any are "
        "given",
        more="What came after the checkpoint stays in the log. Settings given here hold from there "
        "on.",
        title="roll back",
        did="rolled back",
        args={
            "to": Argument(
                _target,
                "such as main-1200, or 'healthy', the newest that was healthy, or 'sound', the "
                "newest from before a divergence",
                "CKPT",
            ),
            "exact": Argument(_truth, "repeat the random numbers of the first time"),
        },
        settings="options",
        defaults={"to": HEALTHY, "exact": False},
        changes=True,
    ),
    "set": Operation(
        help="change settings from the next step on",
        did="changed settings",
        more="For example: set eps=8/255 alpha=1.25eps.",
        settings="pairs",
        together=_something,
        changes=True,
    ),
    "zero": Operation(
        help="hold channels of a layer at zero from the next step on",
        title="zero channels",
        did="zeroed channels",
        args={
            "layer": Argument(_layer, "name of the layer, as the channel panel shows it", "NAME"),
            "top": Argument(_top, "the K most dominant channels now", "K"),
            "channels": Argument(_channels, "these channels, numbered from 0", "3,5"),
        },
        required=("layer",),
        together=_one_choice,
        changes=True,
    ),
    "unzero": Operation(
        help="undo zero, in one layer or, without layer, everywhere",
        title="unzero channels",
        args={"layer": Argument(_layer, "only in this layer", "NAME")},
        defaults={"layer": None},
        changes=True,
    ),
    "probe": Operation(
        help="measure before the next step: robust accuracy, the full self-information set, "
        "channels, the causal check, and a strong attack",
        args={"apgd": Argument(_truth, "also APGD-CE and APGD-T of AutoAttack (extra: referee)")},
        defaults={"apgd": False},
        did="measured",
    ),
    "note": Operation(
        help="write a line into the log",
        args={"text": Argument(_text, "one line", positional=True)},
        required=("text",),
    ),
}

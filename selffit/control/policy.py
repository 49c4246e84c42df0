"""What the trainer does by itself when the detector speaks, in the words of a command.

It is decided once, at the start.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import msgspec

from selffit.config import ROLLBACK, RunConfig, nearest
from selffit.control.commands import POLICY, SOUND, Command, check, new_command
from selffit.control.ledger import Ledger
from selffit.control.refusal import Refusal
from selffit.errors import UserError
from selffit.eventlog.former import forms, op_today
from selffit.methods.catalogue import METHODS
from selffit.vocabulary import DIVERGED, ONSET, SUSPICIONS, level_of

# what changes settings is done at the first alert of its level on a branch only
ONCE = ("zero", "set")
ON_DIVERGED = ("alert", "pause", "stop", "rollback")
ON_CO = (*ON_DIVERGED, *ONCE)
ON_SUSPECT = ("none", "probe", "checkpoint", *ONCE)
_SETTINGS = ",".join(f"{name}=…" for name in ROLLBACK)
_ROLLBACK = f"write it as rollback:METHOD[,{_SETTINGS}], e.g. rollback:n-fgsm,lr_scale=0.5"
_ROLLBACK_DIVERGED = (
    f"write it as rollback or rollback:[METHOD][,{_SETTINGS}], e.g. rollback:lr_scale=0.5"
)
_ZERO = "write it as zero:LAYER=TOP[,LAYER=TOP], e.g. zero:conv1=2,conv2=4"
_SET = "write it as set:KEY=VALUE[,KEY=VALUE], e.g. set:mix_signs=0.3"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Reactions to alerts: operations and their arguments.

    `max_rollbacks` ends a series of roll-backs, whatever they answer to. `rollback` and
    `rollback_diverged` are the arguments of a roll-back after an onset and after a divergence.
    `suspect` and `onset` hold the arguments of each command that such an alert calls for, `onset`
    of what changes settings only: `zero` takes one for each layer.
    """

    on_co: str = "alert"
    on_suspect: str = "none"
    on_diverged: str = "alert"
    max_rollbacks: int = 3
    rollback: Mapping[str, Any] = field(default_factory=dict)
    rollback_diverged: Mapping[str, Any] = field(default_factory=dict)
    suspect: Sequence[Mapping[str, Any]] = ()
    onset: Sequence[Mapping[str, Any]] = ()

    def to(self, level: str) -> tuple[str, Mapping[str, Any]]:
        """What an onset or a divergence calls for, and with which arguments; else "alert"."""
        if level == ONSET.name:
            return self.on_co, self.rollback if self.on_co == "rollback" else {}
        if level == DIVERGED.name:
            back = self.on_diverged == "rollback"
            return self.on_diverged, self.rollback_diverged if back else {}
        return "alert", {}

    def reaction(self, level: str, ledger: Ledger, *, t: float | None = None) -> list[Command]:
        """The commands that an alert of this level calls for; they take the same way as a person's.

        When as many roll-backs are made as may be, the reaction is a note that says so. `t` is the
        wall clock in seconds, now by default.
        """
        when = time.time() if t is None else t
        if level_of(level).name in SUSPICIONS:
            return _commands(self.on_suspect, self.suspect, {}, ledger, when)
        op, args = self.to(level)
        if op in ONCE:
            return _commands(op, self.onset, {"at": level}, ledger, when)
        if op == "alert":
            return []
        if op != "rollback":
            return [new_command(op, args, by=POLICY, t=when)]
        if ledger.rollbacks >= self.max_rollbacks:
            made = f"{ledger.rollbacks} of max_rollbacks {self.max_rollbacks} are made"
            return [
                new_command(
                    "note",
                    {"text": f"no roll-back: {made}; a person has to decide"},
                    by=POLICY,
                    t=when,
                )
            ]
        return [new_command(op, args, by=POLICY, t=when)]


def _commands(
    op: str,
    each: Sequence[Mapping[str, Any]],
    also: Mapping[str, Any],
    ledger: Ledger,
    t: float,
) -> list[Command]:
    """The commands of one operation, one for each arguments.

    also: tells them from the same ones at another level.
    """
    commands = [new_command(op, args, by=POLICY, t=t) for args in each]
    if op not in ONCE:
        return commands
    # On a branch each of them has one id for ever, so whatever became of it, the log tells that it
    # is decided: after a crash, too, when the steps are done again and the alert is raised again. A
    # run that an older version began has it under the names of that time.
    found = []
    for command in commands:
        known = forms(command.op, command.args)
        ids = [_id_on(ledger.branch, op, {**args, **also}) for op, args in known]
        if not any(id in ledger.outcomes for id in ids):
            found.append(msgspec.structs.replace(command, id=ids[0]))
    return found


def _id_on(branch: str, op: str, args: Mapping[str, Any]) -> str:
    named = msgspec.json.encode([POLICY, branch, op, args], order="sorted")
    return "c" + blake2b(named, digest_size=10).hexdigest()


def policy_of(config: RunConfig) -> Policy:
    """The policy that the settings of a run describe. Raises UserError."""
    return parse_policy(
        config.on_co, config.on_suspect, config.max_rollbacks, on_diverged=config.on_diverged
    )


def parse_policy(
    on_co: str = "alert",
    on_suspect: str = "none",
    max_rollbacks: int = 3,
    *,
    on_diverged: str = "alert",
) -> Policy:
    """The policy that --on-co, --on-suspect, --on-diverged and --max-rollbacks describe.

    Raises UserError. Whether a network has the layers of `zero:…` shows when they are to be zeroed.
    """
    if max_rollbacks < 0:
        raise UserError(f"--max-rollbacks must be at least 0, not {max_rollbacks}")
    suspected, then = _action("--on-suspect", on_suspect, ON_SUSPECT, ONCE)
    action, rest = _action("--on-co", on_co, ON_CO, ("rollback", *ONCE))
    diverged, more = _action("--on-diverged", on_diverged, ON_DIVERGED, ("rollback",))
    return Policy(
        on_co=action,
        on_suspect=suspected,
        on_diverged=diverged,
        max_rollbacks=max_rollbacks,
        rollback=_after_onset(rest) if action == "rollback" else {},
        rollback_diverged=_after_divergence(more) if diverged == "rollback" else {},
        suspect=_each("--on-suspect", suspected, then) if suspected != "none" else (),
        onset=_each("--on-co", action, rest) if action in ONCE else (),
    )


def _action(
    option: str, text: str, actions: tuple[str, ...], open_ended: tuple[str, ...]
) -> tuple[str, str]:
    """The action and what follows its colon, which only those that are `open_ended` have."""
    action, colon, rest = text.partition(":")
    action = op_today(action)
    if action not in actions:
        raise UserError(f"unknown {option} '{action}'; {nearest(action, actions)}")
    if colon and action not in open_ended:
        raise UserError(f"{option} {action} takes nothing after a colon; write {option} {action}")
    return action, rest


def _each(option: str, action: str, rest: str) -> Sequence[Mapping[str, Any]]:
    """The arguments of each command that an action stands for."""
    where = f"{option} {action}"
    if action == "zero":
        tops = _pairs(where, rest.split(","), _ZERO, settings=False)
        return [
            _checked(where, action, {"layer": layer, "top": top}) for layer, top in tops.items()
        ]
    args = _pairs(where, rest.split(","), _SET, settings=True) if action == "set" else {}
    return [_checked(where, action, args)]


def _after_onset(text: str) -> Mapping[str, Any]:
    """The method that fell must be replaced by another one."""
    where = "--on-co rollback"
    method, *parts = (part.strip() for part in text.split(","))
    if not method:
        raise UserError(f"{where} names no method; {_ROLLBACK}")
    return _rollback(where, [method, *parts], _ROLLBACK, {})


def _after_divergence(text: str) -> Mapping[str, Any]:
    """Back to what was sound, robust or not, and on with the method that was trained with.

    Unless another one is named.
    """
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    return _rollback("--on-diverged rollback", parts, _ROLLBACK_DIVERGED, {"to": SOUND})


def _rollback(
    where: str, parts: Sequence[str], form: str, args: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The arguments of a roll-back: a method first, where there is one, then pairs."""
    named = [part for part in parts[:1] if "=" not in part and part]
    if named and named[0] not in METHODS:
        raise UserError(f"unknown method '{named[0]}' in {where}; {nearest(named[0], METHODS)}")
    rest = parts[1:] if parts and (named or not parts[0]) else parts
    settings = _pairs(where, rest, form, settings=True)
    unknown = [key for key in settings if key not in ROLLBACK]
    if unknown:
        raise UserError(f"unknown key '{unknown[0]}' in {where}; {nearest(unknown[0], ROLLBACK)}")
    method = {"method": named[0]} if named else {}
    return _checked(where, "rollback", {**args, **method, **settings})


def _pairs(where: str, parts: Sequence[str], form: str, *, settings: bool) -> dict[str, str]:
    """The pairs of parts such as 'conv1=2'.

    `form` says how it is written; `settings` may be spelled like options.
    """
    pairs: dict[str, str] = {}
    for part in parts:
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not (name and equals and value):
            raise UserError(f"'{part.strip()}' in {where} is no NAME=VALUE; {form}")
        name = name.replace("-", "_") if settings else name
        if name in pairs:
            raise UserError(f"{where} names {name} twice; leave one out")
        pairs[name] = value
    return pairs


def _checked(where: str, op: str, args: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return check(op, args)
    except Refusal as refusal:
        raise UserError(f"{where}: {refusal.reason}") from None

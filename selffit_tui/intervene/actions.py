"""What can be done to a run now: a list, in the order in which people need it."""

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any

from selffit.config import FIELDS, LIVE, ROLLBACK
from selffit.control.commands import HEALTHY, OPERATIONS, SOUND
from selffit.control.ledger import Checkpoint, Ledger
from selffit.control.settings import ZEROED
from selffit.methods.catalogue import METHODS
from selffit.numbers import count, known, plural, share
from selffit.run.folded.state import RunState
from selffit.run.judged.answered import wants_rollback
from selffit.run.judged.verdict import verdict
from selffit.vocabulary import DIVERGED
from selffit_tui.words.commands import cure, label, value

# live settings that have an action: there is something to say about changing them
SETTINGS = tuple(name for name in LIVE if FIELDS[name].metadata["does"])
ZERO_TOP = 2  # channels, as a first suggestion
SHOWN_CHECKPOINTS = 4
YES_NO = ("no", "yes")
AS_SAVED = "as in the checkpoint"
PROBE = (
    "Everything is measured before the next step: robust accuracy, the full self-information, "
    "channels and their causal check, and what a strong attack leaves. Training waits for it."
)


@dataclass(frozen=True)
class Field:
    """One line of a form. `text`: what stands there first; `choices`: space goes through them."""

    name: str
    label: str
    text: str = ""
    hint: str = ""
    _: KW_ONLY
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Action:
    """One thing to do.

    `args` are fixed, `fields` are asked for; `costs`: it takes work away, so it is confirmed.

    `id` is stable; `now` is the value that would change, `does` says in a sentence what will
    happen.
    """

    id: str
    title: str
    op: str
    does: str
    _: KW_ONLY
    args: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[Field, ...] = ()
    now: str = ""
    costs: bool = False
    recommended: bool = False


def actions(ledger: Ledger, state: RunState, fallen: bool, layer: str) -> list[Action]:
    """Everything that can be done.

    The first one is recommended while the network is `fallen` and nothing else has helped, or may
    yet. `layer`: the one on show.
    """
    settings, stands = ledger.settings, verdict(state)
    diverged = fallen and stands.level is DIVERGED
    recommended = fallen and (not stands.fallen or wants_rollback(state, stands))
    target = ledger.target(SOUND if diverged else HEALTHY)
    method = cure(str(settings["method"]))
    found: list[Action] = []
    if target is not None and diverged:
        found.append(_before_divergence(ledger, state, target))
    elif target is not None:
        found.append(_back(ledger, state, target, method, fallen, recommended))
    elif fallen and not diverged:
        does = (
            f"No healthy checkpoint is known, so training goes on from here with {method}, "
            "from the next step on."
        )
        found.append(
            Action(
                "cure",
                f"switch to {method}",
                "set",
                does,
                args={"method": method},
                fields=(),
                now="",
                costs=True,
                recommended=recommended,
            )
        )
    if ledger.checkpoints:
        found.append(_back_to(ledger, state))
    if ledger.paused:
        found.append(
            Action(
                "resume", "go on after the pause", "resume", "Training goes on where it was held."
            )
        )
    else:
        does = "Training is held before the next step; nothing is lost, and it goes on when asked."
        found.append(Action("pause", "pause", "pause", does))
    found += [
        Action("probe", "probe now", "probe", PROBE),
        Action(
            "checkpoint",
            "save a checkpoint now",
            "checkpoint",
            "A checkpoint is saved before the next step.",
        ),
    ]
    found += [_setting(name, settings) for name in SETTINGS]
    found += _zeroing(ledger, layer)
    text = Field("text", "note", hint="a line for the log and for whoever reads it later")
    found.append(
        Action(
            "note",
            "write a note",
            "note",
            "A line is written into the log; nothing else changes.",
            args={},
            fields=(text,),
        )
    )
    soon = "The run ends after a last probe and a checkpoint; it can be resumed from there."
    now = (
        "The run ends at once: no probe, no checkpoint. "
        "What came after the last checkpoint is lost."
    )
    found.append(Action("stop", "stop the run", "stop", soon, args={"now": False}, costs=True))
    found.append(
        Action("stop-now", "stop the run at once", "stop", now, args={"now": True}, costs=True)
    )
    return found if ledger.offers is None else _offered(found, ledger.offers)


def not_offered(ledger: Ledger) -> str:
    """What cannot be asked of somebody else's program, in a line; "" where all can be."""
    if ledger.offers is None:
        return ""
    lacking = ", ".join(label_of(op) for op in OPERATIONS if op not in ledger.offers)
    return f"not offered by this program: {lacking}" if lacking else ""


def label_of(op: str) -> str:
    """What people call an operation."""
    return OPERATIONS[op].title or op


def _offered(found: list[Action], offers: tuple[str, ...]) -> list[Action]:
    """Those that somebody else's program can carry out, in words that are true of it."""
    kept = [action for action in found if action.op in (*offers, "note")]
    return [
        replace(action, does=_ENDS[bool(action.args["now"])]) if action.op == "stop" else action
        for action in kept
    ]


_ENDS = (
    "The program is asked to end (SIGTERM, or by its own loop); what it saves is its own affair.",
    "The program is ended at once (SIGKILL, or by its own loop).",
)


def _back(
    ledger: Ledger,
    state: RunState,
    target: Checkpoint,
    method: str,
    fallen: bool,
    recommended: bool,
) -> Action:
    where = "before the onset" if fallen else "the newest healthy checkpoint"
    return Action(
        "rollback-healthy",
        f"roll back to {where}, go on with {method}",
        "rollback",
        f"{_begins(ledger, target)}, with {method} from there. {_abandoned(ledger, state, target)}",
        args={"to": target.id, "method": method},
        costs=True,
        recommended=recommended,
    )


def _before_divergence(ledger: Ledger, state: RunState, target: Checkpoint) -> Action:
    """Another attack would diverge as well: it is the learning rate that is asked about."""
    scale = Field("lr_scale", label("lr_scale"), "0.5", "of the schedule's; empty: as saved")
    return Action(
        "rollback-healthy",
        "roll back to before the divergence, go on with a smaller learning rate",
        "rollback",
        f"{_begins(ledger, target)}. {_abandoned(ledger, state, target)}",
        args={"to": target.id},
        fields=(scale,),
        costs=True,
        recommended=True,
    )


def _begins(ledger: Ledger, target: Checkpoint) -> str:
    pgd = f" (PGD {share(target.pgd)})" if known(target.pgd) else ""
    branch = ledger.next_branch()
    return f"Training continues from checkpoint {target.id}{pgd} on a new branch {branch}"


def _abandoned(ledger: Ledger, state: RunState, target: Checkpoint) -> str:
    steps = state.step - target.step
    if target.branch != ledger.branch or steps <= 0:
        return (
            f"What branch {ledger.branch} has done is left behind: "
            "it stays in the log and is drawn dotted."
        )
    span = f"steps {count(target.step)} to {count(state.step)}"
    return (
        f"The {plural(steps, 'step')} since ({span}) are left behind: "
        "they stay in the log and are drawn dotted."
    )


def _back_to(ledger: Ledger, state: RunState) -> Action:
    newest = sorted(ledger.checkpoints.values(), key=lambda c: (c.step, c.id))[-SHOWN_CHECKPOINTS:]
    told = [
        f"{c.id} PGD {share(c.pgd)}{'' if c.healthy else ' not healthy'}" for c in reversed(newest)
    ]
    fields = (
        Field(
            "to",
            "checkpoint",
            HEALTHY if ledger.target(HEALTHY) else newest[-1].id,
            "; ".join(told),
        ),
        Field("method", label("method"), "", f"empty: {AS_SAVED}", choices=("", *METHODS)),
        *(_instead(name) for name in ROLLBACK),
        Field(
            "exact",
            "repeat",
            "no",
            "yes: the same random numbers as the first time",
            choices=YES_NO,
        ),
    )
    does = (
        f"Training continues from that checkpoint on a new branch {ledger.next_branch()}; "
        "what came after it stays in the log and is drawn dotted."
    )
    return Action(
        "rollback",
        "roll back: choose where to and with what",
        "rollback",
        does,
        args={},
        fields=fields,
        costs=True,
    )


def _instead(name: str) -> Field:
    """The field for what a setting is to be after a roll-back."""
    follows = FIELDS[name].metadata["follows"]
    left_out = f"goes with {follows}" if follows else AS_SAVED
    return Field(name, label(name), "", f"empty: {left_out}{_example(name)}")


def _example(name: str) -> str:
    example = FIELDS[name].metadata["example"]
    return f"; e.g. {example}" if example else ""


def _setting(name: str, settings: Mapping[str, Any]) -> Action:
    now, about = settings[name], FIELDS[name].metadata
    choices: tuple[str, ...] = about["choices"]
    low, high = about["low"], about["high"]
    hint = ", ".join(choices) or (
        f"{low:g} to {high:g}" if math.isfinite(high) else f"at least {low:g}"
    )
    hint += _example(name) + (f"; 0: {about['zero']}" if about["zero"] else "")
    shown = f"{now:.6g}" if isinstance(now, float) else str(now)
    fields = (Field(name, label(name), shown, hint, choices=choices),)
    return Action(
        name,
        f"change {label(name)}",
        "set",
        about["does"],
        args={},
        fields=fields,
        now=value(name, now),
        costs=name == "method",
    )


def _zeroing(ledger: Ledger, layer: str) -> list[Action]:
    found: list[Action] = []
    if layer in ledger.layers:
        total = ledger.layers[layer]
        hint = f"how many of the {total} channels of {layer}, at most {total - 1}"
        top = (Field("top", "channels", str(ZERO_TOP), hint),)
        does = (
            f"The most dominant channels of {layer} are held at zero from the next step on, "
            "until that is undone."
        )
        found.append(
            Action(
                "zero",
                f"zero dominant channels of {layer}",
                "zero",
                does,
                args={"layer": layer},
                fields=top,
            )
        )
    if ledger.zeroed:
        now = value(ZEROED, ledger.zeroed)
        does = "All channels take part again from the next step on."
        found.append(Action("unzero", "unzero all channels", "unzero", does, now=now))
    return found

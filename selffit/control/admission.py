"""Whether a command may be applied now, by what the log says; and what it changes."""

from typing import Any

from selffit.config import nearest
from selffit.control.commands import HEALTHY, OPERATIONS, SOUND, Command, checked, expired
from selffit.control.ledger import Change, Ledger
from selffit.control.refusal import Refusal
from selffit.control.settings import ZEROED, changed, differing

_SHOWN = 3  # changes that a "stale" refusal names


def admit(command: Command, ledger: Ledger, now: float) -> Refusal | None:
    """Why the command is refused, None when it may be applied. `now` is the wall clock in seconds.

    A command of which the log holds only `ctl.received` is no duplicate: after a crash it is taken
    up again.
    """
    try:
        _decide(command, ledger, now)
    except Refusal as refusal:
        return refusal
    return None


def new_settings(
    command: Command, ledger: Ledger, at: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The live settings that an admitted command changes, {} for what changes none.

    They are as `lines.applied` wants them. A roll-back gives `at`, the live settings that its
    checkpoint holds. `zero` must name channels by now: the trainer replaces `top` by those that are
    most dominant at this step. Raises Refusal.
    """
    args = command.args
    if command.op == "set":
        now, new = ledger.settings, changed(ledger.settings, args, ledger.config)
        # What was asked for by name is named even if only something else differs: see `replay_plan`
        # on overtaking.
        different = differing(now, new)
        return (
            {name: new[name] for name in new if name in different or name in args}
            if different
            else {}
        )
    if command.op == "rollback":
        return changed(ledger.settings if at is None else at, args, ledger.config)
    if command.op == "zero":
        layer = {"channels": list(args.get("channels", ()))}
        return {ZEROED: {**ledger.zeroed, args["layer"]: layer}}
    if command.op == "unzero":
        left = {
            name: value
            for name, value in ledger.zeroed.items()
            if args["layer"] not in (None, name)
        }
        return {ZEROED: left}
    return {}


def _decide(command: Command, ledger: Ledger, now: float) -> None:
    if command.id in ledger.outcomes:
        past = ledger.outcomes[command.id]
        raise Refusal(
            "duplicate",
            f"it was {past.how} already at step {past.step}; send a new command to repeat it",
        )
    command = checked(command)  # it may come from a log that another version wrote
    late = expired(command, now)
    if late is not None:
        raise late
    if ledger.ended:
        raise Refusal(
            "ended",
            f"the run has ended ({ledger.ended}); resume it first, then send the command again",
        )
    if ledger.offers is not None and command.op not in ledger.offers:
        raise Refusal("not-offered", _not_offered(command.op, ledger.offers))
    urgent = command.op == "stop" and command.args["now"] and ledger.stopping == "soon"
    if ledger.stopping and not urgent and command.op != "note":
        rule = "nothing-to-do" if command.op == "stop" else "ended"
        raise Refusal(rule, "the run is stopping already; wait for its end")
    if command.expect is not None and command.expect != ledger.version:
        raise Refusal("stale", _stale(command.expect, ledger))
    if command.op == "rollback":
        _rollback(command, ledger)
    elif command.op in ("zero", "unzero"):
        _zeroing(command, ledger)
    if OPERATIONS[command.op].changes and command.op != "rollback":
        if not differing(ledger.settings, new_settings(command, ledger)):
            raise Refusal(
                "nothing-to-do", "the settings are so already; look at the current ones first"
            )
    elif command.op in ("pause", "resume") and ledger.paused == (command.op == "pause"):
        raise Refusal(
            "nothing-to-do",
            f"the run is {'' if ledger.paused else 'not '}paused; there is nothing to do",
        )


def _not_offered(op: str, offers: tuple[str, ...]) -> str:
    can = ", ".join(offers) or "nothing"
    return (
        f"the training is somebody else's program, which does not offer {op}; it offers {can} "
        "(docs/any-script.md)"
    )


def _stale(expect: int, ledger: Ledger) -> str:
    since = [change for change in ledger.history if change.version > expect]
    if not since:
        return (
            f"you expected version {expect} of the settings, the run is at {ledger.version}; "
            "look again"
        )
    told = "; ".join(_told(change) for change in since[-_SHOWN:])
    more = f"; and {len(since) - _SHOWN} earlier changes" if len(since) > _SHOWN else ""
    return (
        f"since you looked (version {expect}, now {ledger.version}): {told}{more}; "
        "look again and decide anew"
    )


def _told(change: Change) -> str:
    names = [name for name in change.new if change.old.get(name) != change.new[name]]
    values = ", ".join(
        f"{name} {_short(change.old.get(name))} → {_short(change.new[name])}" for name in names
    )
    how = "could not apply and undid" if change.failed else "applied"
    what = f"{change.op} ({values})" if values else change.op
    return f"{change.by} {how} {what} at step {change.step} of {change.branch}"


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return (", ".join(value) or "none") if isinstance(value, dict) else str(value)


def _rollback(command: Command, ledger: Ledger) -> None:
    to = command.args["to"]
    if ledger.target(to) is None:
        if to in (HEALTHY, SOUND):
            what = "known to be healthy" if to == HEALTHY else "from before the divergence"
            raise Refusal(
                "no-checkpoint", f"no checkpoint of this history is {what}; name one with --to"
            )
        ids = sorted(ledger.checkpoints, key=lambda id: ledger.checkpoints[id].step)
        hint = f"the newest are {', '.join(ids[-5:])}" if ids else "none has been saved yet"
        raise Refusal("no-checkpoint", f"there is no usable checkpoint {to}; {hint}")
    new_settings(command, ledger)


def _zeroing(command: Command, ledger: Ledger) -> None:
    layer = command.args["layer"]
    if command.op == "unzero":
        if not ledger.zeroed or layer not in (None, *ledger.zeroed):
            hint = f"zeroed: {', '.join(ledger.zeroed)}" if ledger.zeroed else "nothing is zeroed"
            raise Refusal("nothing-to-do", f"there is nothing to undo; {hint}")
        return
    if layer not in ledger.layers:
        raise Refusal(
            "bad-argument",
            f"the network has no layer '{layer}'; {nearest(layer, tuple(ledger.layers))}",
        )
    total = ledger.layers[layer]
    named = command.args.get("channels", [])
    if any(channel >= total for channel in named):
        raise Refusal(
            "out-of-range",
            f"{layer} has {total} channels, numbered from 0; channel {max(named)} is none",
        )
    if max(len(named), command.args.get("top", 0)) >= total:
        raise Refusal(
            "out-of-range", f"{layer} has {total} channels; leave at least one of them as it is"
        )

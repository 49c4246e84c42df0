"""The data of the control records, as the trainer emits them: the one place that knows their
fields.
"""

from collections.abc import Mapping
from typing import Any

from selffit.control.commands import OPERATIONS, Command
from selffit.control.ledger import Ledger
from selffit.control.refusal import Refusal


def received(command: Command) -> dict[str, Any]:
    """`ctl.received`: everything that is needed to go on with the command after a crash, without
    its file.
    """
    return {
        "id": command.id,
        "op": command.op,
        "args": command.args,
        "by": command.by,
        "expect": command.expect,
        "ttl": command.ttl,
        "t": command.t,
    }


def rejected(command: Command, refusal: Refusal) -> dict[str, Any]:
    """`ctl.rejected` of a command. For something in the inbox that is none, the fields of
    `Rejected` do.
    """
    return {
        "id": command.id,
        "op": command.op,
        "by": command.by,
        "rule": refusal.rule,
        "reason": refusal.reason,
    }


def applied(
    ledger: Ledger,
    command: Command,
    new: Mapping[str, Any] | None = None,
    *,
    branch: str | None = None,
    args: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """`ctl.applied`: the commit. `new` are the live settings that it changes, resolved (alpha in
    pixels).

    A roll-back gives `branch`, the new one; `args` with `to` as a checkpoint id; and in `new` every
    live setting of the new branch, so that nothing after the checkpoint has to be known to continue
    from it.
    """
    before, after = ledger.settings, dict(new or {})
    return {
        "id": command.id,
        "op": command.op,
        "args": dict(command.args if args is None else args),
        "by": command.by,
        "branch": ledger.branch if branch is None else branch,
        "old": {name: before.get(name) for name in after},
        "new": after,
        "version": ledger.version + OPERATIONS[command.op].changes,
    }


def failed(ledger: Ledger, command: Command, reason: str) -> dict[str, Any]:
    """`ctl.failed`: what was applied could not be carried out and is undone, which is a new version
    again.

    `new` are the values that hold once more.
    """
    undone = [change for change in ledger.history if change.id == command.id]
    return {
        "id": command.id,
        "op": command.op,
        "reason": reason,
        "new": dict(undone[0].old) if undone else {},
        "version": ledger.version + len(undone),
    }

"""The events of commands, as the trainer logs them: the one place that fills in their fields."""

import math
from collections.abc import Mapping
from typing import Any

from selffit.control.commands import OPERATIONS, Command
from selffit.control.ledger import Ledger
from selffit.control.refusal import Refusal
from selffit.eventlog import kinds


def received(command: Command) -> kinds.Received:
    """Return what is needed to go on with the command after a crash, without its file."""
    return kinds.Received(
        id=command.id,
        op=command.op,
        args=command.args,
        by=command.by,
        expect=command.expect,
        ttl=math.nan if command.ttl is None else command.ttl,
        sent=command.t,
    )


def rejected(command: Command, refusal: Refusal) -> kinds.Rejected:
    """Return the refusal of a command."""
    return kinds.Rejected(
        id=command.id, op=command.op, by=command.by, rule=refusal.rule, reason=refusal.reason
    )


def applied(
    ledger: Ledger,
    command: Command,
    new: Mapping[str, Any] | None = None,
    *,
    branch: str | None = None,
    args: Mapping[str, Any] | None = None,
) -> kinds.Applied:
    """Return the commit. `new` are the live settings that it changes, resolved (alpha in pixels).

    A roll-back gives `branch`, the new one; `args` with `to` as a checkpoint id; and in `new` every
    live setting of the new branch, so that nothing after the checkpoint has to be known to continue
    from it.
    """
    before, after = ledger.settings, dict(new or {})
    return kinds.Applied(
        id=command.id,
        op=command.op,
        args=dict(command.args if args is None else args),
        by=command.by,
        onto=ledger.branch if branch is None else branch,
        old={name: before.get(name) for name in after},
        new=after,
        version=ledger.version + OPERATIONS[command.op].changes,
    )


def failed(ledger: Ledger, command: Command, reason: str) -> kinds.Failed:
    """Return that what was applied could not be carried out and is undone: a new version again."""
    undone = [change for change in ledger.history if change.id == command.id]
    return kinds.Failed(
        id=command.id,
        op=command.op,
        reason=reason,
        new=dict(undone[0].old) if undone else {},
        version=ledger.version + len(undone),
    )

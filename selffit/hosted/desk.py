"""Commands to somebody else's training: decided by the rules for ours, and only then carried out.

What is offered is what somebody can carry out; the rest is refused with a sentence.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from selffit.control import lines
from selffit.control.admission import admit, new_settings
from selffit.control.commands import Command
from selffit.control.inbox import Rejected
from selffit.control.refusal import Refusal
from selffit.eventlog import kinds
from selffit.train.requests import Requests
from selffit.train.trainlog import TrainLog

Effect = Callable[[Command, Mapping[str, Any]], None]  # gets the live settings that change, too


class Desk:
    """Looks into the inbox, writes down what is decided, and has it carried out."""

    def __init__(self, log: TrainLog, requests: Requests) -> None:
        self.log = log
        self.requests = requests
        self.effects: dict[str, Effect] = {"note": lambda command, new: None}

    @property
    def offers(self) -> tuple[str, ...]:
        """The operations that can be asked for."""
        return tuple(self.effects)

    def poll(self, step: int) -> list[Command]:
        """Decide what waits, at this step; the commands that were carried out.

        Looks into the inbox a few times a second at most. Whatever an effect raises beside a
        Refusal is written down as a failure, and the training goes on.
        """
        done = []
        while (command := self.requests.take_waiting()) is not None:
            done += self._take(command, step)
        if not self.requests.poll_due:
            return done
        for item in self.requests.poll():
            if isinstance(item, Rejected):
                if item.id not in self.log.ledger.outcomes:
                    refused = kinds.Rejected(id=item.id, rule=item.rule, reason=item.reason)
                    self.log.emit(refused, step=step)
            else:
                done += self._take(item, step)
            self.requests.retire(item.id)
        return done

    def _take(self, command: Command, step: int) -> list[Command]:
        if command.id in self.log.ledger.outcomes:
            return []
        try:
            refusal = self.requests.outlived(command)
            refusal = refusal or admit(command, self.log.ledger, time.time())
            if refusal is not None:
                raise refusal
            self.log.emit(lines.received(command), step=step)
            if command.op == "rollback":
                return [command] if self._roll_back(command, step) else []
            new = new_settings(command, self.log.ledger)
            if not self.log.commit(lines.applied(self.log.ledger, command, new), step):
                return []
        except Refusal as refusal:
            self.log.emit(lines.rejected(command, refusal), step=step)
            return []
        return [command] if self._carry_out(command, new, step) else []

    def _roll_back(self, command: Command, step: int) -> bool:
        """Somebody restores their checkpoint; what follows is on a new branch."""
        ledger = self.log.ledger
        target = ledger.target(command.args["to"])
        assert target is not None  # admitted
        branch = ledger.next_branch()
        new = new_settings(command, ledger, at=ledger.settings)
        args = {**command.args, "to": target.id}
        applied = lines.applied(ledger, command, new, branch=branch, args=args)
        if not self.log.commit(applied, step):
            return False
        command = msgspec.structs.replace(command, args=args)
        if not self._carry_out(command, new, step):
            return False
        self.log.begin_branch(branch, target.branch, target.step, target.id)
        return True

    def _carry_out(self, command: Command, new: Mapping[str, Any], step: int) -> bool:
        try:
            self.effects[command.op](command, new)
        except Exception as error:  # of somebody's own function: a commit without effect is undone
            why = f"{type(error).__name__}: {error}"
            self.log.emit(lines.failed(self.log.ledger, command, why), step=step)
            return False
        return True

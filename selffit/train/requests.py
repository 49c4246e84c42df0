"""What people and policies ask of a run, until it is decided: the inbox, reactions to alerts."""

import time

from selffit.control.commands import POLICY, Command, new_command, outlived
from selffit.control.inbox import Inbox, Rejected
from selffit.control.policy import Policy
from selffit.control.refusal import Refusal
from selffit.run.folder.run_dir import RunDir
from selffit.train.trainlog import TrainLog

POLL_SECONDS = 0.25


class Requests:
    """Collects commands; what becomes of them is the commander's business."""

    def __init__(self, run: RunDir, log: TrainLog, policy: Policy, attempt: int) -> None:
        self._attempt = attempt
        self._began = run.claimed_at(attempt)
        self._inbox = Inbox(run.place)
        self._log = log
        self._policy = policy
        self.next_poll = 0.0  # on the monotonic clock
        # Received before a crash and not decided: the log has them, their files may be gone.
        self._waiting = list(log.ledger.pending.values())

    def react(self, level: str) -> None:
        """An alert was raised: what the policy makes of it is applied at the next boundary.

        Alerts of one block, such as of a divergence and of the fall that it brings, call for one
        roll-back: the first that is called for is made, and a note tells of the other.
        """
        for command in self._policy.reaction(level, self._log.ledger):
            if command.op == "rollback" and any(map(_is_rollback, self._waiting)):
                text = f"no second roll-back for {level}: one is about to be made"
                command = new_command("note", {"text": text}, by=POLICY, t=command.t)
            self._waiting.append(command)

    def somebody_waits(self) -> bool:
        """Whether a command has come in that is not being carried out: measurements give way."""
        return self._inbox.has_news()

    def take_waiting(self) -> Command | None:
        """The oldest of those that did not come from the inbox just now; None without any."""
        return self._waiting.pop(0) if self._waiting else None

    @property
    def fault(self) -> str:
        """Why the inbox cannot be read at present, "" where it can."""
        return self._inbox.fault

    @property
    def poll_due(self) -> bool:
        """Whether it is time to look into the inbox."""
        return time.monotonic() >= self.next_poll

    def outlived(self, command: Command) -> Refusal | None:
        """The refusal of a command that was meant for an earlier attempt, None for any other.

        One that an earlier attempt has received is no such command: it was looked at.
        """
        if command.id in self._log.ledger.pending or command.by == POLICY:
            return None
        return outlived(command, self._attempt, self._began)

    def poll(self) -> list[Command | Rejected]:
        """What lies in the inbox. Each of them is to be retired when it is decided."""
        self.next_poll = time.monotonic() + POLL_SECONDS
        return self._inbox.poll()

    def retire(self, id: str) -> None:
        """The log has the decision: the file is not needed any more."""
        self._inbox.retire(id)


def _is_rollback(command: Command) -> bool:
    return command.op == "rollback" and command.by == POLICY

"""Sending a command from the command line and waiting for what the log says of it."""

import time
from dataclasses import dataclass
from shlex import quote
from typing import Any

from selffit.control.commands import Command
from selffit.control.submit import submit
from selffit.numbers import age
from selffit.run.folder.run_dir import RunDir
from selffit.run.follow import GONE_SECONDS
from selffit.run.judged.summary import verdict_dict
from selffit.vocabulary import LOST, is_foreign, state_of
from selffit_tui.model.requests import Answer, answer, hindrance
from selffit_tui.plain.follow import look
from selffit_tui.talk import typed

POLL_SECONDS = 0.05
SETTLE_SECONDS = 0.3  # after it was applied, this long for the news that it failed after all


@dataclass(frozen=True)
class Fate:
    """How a command fared: an answer of the log, or that there was none.

    Its state is then "timeout", with what kept the trainer from it.
    """

    id: str
    op: str
    answer: Answer


class Asking:
    """One command to one run."""

    def __init__(self, run: RunDir) -> None:
        self._run = run.held()
        self._follower = look(self._run)

    def nobody(self) -> Answer | None:
        """The refusal where no trainer is left to take a command, None while there is one."""
        word, resume = self._follower.word(), typed(f"train --resume {quote(self._run.name)}")
        ending = self._follower.state.ending
        if ending is not None and is_foreign(ending.how):
            return Answer(state="rejected", reason=state_of(word).meaning, rule="ended")
        if ending is not None:
            return Answer(
                state="rejected",
                reason=f"the run has ended ({word}); resume it first: {resume}",
                rule="ended",
            )
        if (looks := state_of(word)).left:
            why = self._follower.loss() if looks is LOST else looks.meaning
            why = f"{why}; resume it: {resume}"
            return Answer(state="rejected", reason=why, rule="ended")
        return None

    @property
    def attempt(self) -> int | None:
        """The attempt that a command is meant for now."""
        return self._follower.state.addressed

    def verdict(self) -> dict[str, Any]:
        """What stands in the run, as far as its log has been read: for `--json`."""
        return verdict_dict(self._follower.state)

    def send(self, command: Command) -> Fate:
        """Puts the command into the inbox, or refuses it where nobody would read it.

        Raises UserError.
        """
        refused = self.nobody()
        if refused is None:
            submit(self._run.place, command)
        return Fate(command.id, command.op, refused or Answer(state="submitted"))

    def wait(self, command: Command, seconds: float) -> Fate:
        """What the log says of the command within so many seconds."""
        begin = time.monotonic()
        applied_at = gone_at = None
        while True:
            # asked before the log is read: its last words may be about this command
            gone = self.nobody() is not None
            self._follower.poll(10_000)
            found = answer(command.id, self._follower.state)
            now = time.monotonic()
            if found.state in ("rejected", "failed"):
                return Fate(command.id, command.op, found)
            if found.state == "applied":
                applied_at = applied_at or now
                if gone or now - applied_at >= SETTLE_SECONDS:
                    return Fate(command.id, command.op, found)
            else:
                gone_at = (gone_at or now) if gone else None
                if not now - begin < seconds or (
                    gone_at is not None and now - gone_at >= GONE_SECONDS
                ):
                    return Fate(command.id, command.op, self._silence(found, now - begin))
            time.sleep(POLL_SECONDS)

    def _silence(self, found: Answer, waited: float) -> Answer:
        """No answer: what is wrong, and what becomes of the command."""
        why = hindrance(self._follower.state, self._follower.word(), self._follower.now())
        what = (
            "it was received but not decided"
            if found.state == "received"
            else "nobody has looked at it"
        )
        return Answer(
            state="timeout",
            reason=f"no answer after {age(waited)}: {why}; {what}, and it may still be applied, "
            "but by this attempt only",
        )

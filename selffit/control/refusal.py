"""Why a command was not taken: one rule of a closed list, and a sentence that says what to do."""

from selffit.errors import UserError
from selffit.eventlog.clean import clean

MAX_REASON = 600  # characters

RULES = {
    "not-a-file": "the name in the inbox is a link, a folder, a pipe, a device, or cannot be read",
    "not-owner": "the file belongs to another user than the trainer",
    "too-large": "the file is larger than 64 KiB",
    "bad-json": "the file is not one UTF-8 JSON object within the limits on nesting and keys",
    "bad-id": "the id is not `c` + 20 hex digits, or is not the file's name",
    "bad-command": "a field of the command is missing, unknown or of a wrong type",
    "unknown-op": "no such operation",
    "bad-argument": "an argument is missing, unknown, of a wrong type, or at odds with the others",
    "out-of-range": "an argument has the right type but no allowed value",
    "expired": "the command waited longer than its time to live, or than the attempt it is for",
    "duplicate": "the command has been decided already",
    "ended": "the run has ended or is about to stop",
    "stale": "the settings changed after the person who sent the command looked",
    "no-checkpoint": "there is no such checkpoint to roll back to",
    "not-offered": "the training is somebody else's program, and does not do that",
    "not-installed": "a library that the command needs is not installed where the run trains",
    "nothing-to-do": "the run is already what the command asks for",
}


class Refusal(UserError):
    """A command that is not applied.

    `rule` is a key of `RULES`; `reason` says what is wrong and what to do.
    """

    def __init__(self, rule: str, reason: str) -> None:
        if rule not in RULES:
            raise ValueError(f"'{rule}' is no rule of the closed list")
        self.rule = rule
        self.reason = clean(reason)[:MAX_REASON]
        super().__init__(self.reason)

    def __repr__(self) -> str:
        return f"Refusal({self.rule!r}, {self.reason!r})"

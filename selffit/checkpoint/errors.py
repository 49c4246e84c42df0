"""What can be wrong with a checkpoint: it is damaged, or it could not be saved.

Neither ends the training.
"""


class Damaged(Exception):
    """The checkpoint `id` is not what was written; `reason` says in a few words what is wrong."""

    def __init__(self, id: str, reason: str) -> None:
        super().__init__(f"checkpoint {id} is damaged: {reason}")
        self.id = id
        self.reason = reason


class Foreign(Damaged):
    """The checkpoint `id` was saved by another run, whose id is `run`."""

    def __init__(self, id: str, run: str) -> None:
        super().__init__(id, f"it is of another run ({run or 'one without an id'})")


class SaveFailed(Exception):
    """The checkpoint was not written.

    Those from before are untouched and nothing half-written is left behind.
    """


class NotFinite(SaveFailed):
    """It would hold a weight, or a value of the optimiser, that is NaN or infinite."""


class NoSpace(SaveFailed):
    """The disk, the quota or the file-size limit has no room for it."""

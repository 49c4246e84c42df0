"""What can be wrong with a checkpoint: it is damaged, or it could not be saved. Neither ends the
training.
"""


class Damaged(Exception):
    """The checkpoint is not what was written. `id` names it, `reason` says in a few words what does
    not fit.
    """

    def __init__(self, id: str, reason: str) -> None:
        super().__init__(f"checkpoint {id} is damaged: {reason}")
        self.id, self.reason = id, reason


class SaveFailed(Exception):
    """The checkpoint was not written; those from before are untouched and nothing half-written is
    left behind.
    """


class NoSpace(SaveFailed):
    """The disk, the quota or the file-size limit has no room for it."""

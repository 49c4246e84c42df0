"""Branch from here: a roll-back to the moment that a view of the past shows."""

from selffit.control.ledger import Checkpoint, Ledger
from selffit.numbers import count
from selffit.run.folded.lineage import line_to
from selffit_tui.intervene.dialog import Dialog
from selffit_tui.model.scene import Scene

ROLLBACK = "rollback"  # the action that asks where to and with what


def checkpoint_before(ledger: Ledger, branch: str, step: int) -> Checkpoint | None:
    """The newest checkpoint at or before a step on the line that leads there, None without one."""
    line = line_to(ledger, branch, step)
    there = [c for c in ledger.checkpoints.values() if line.holds(c.branch, c.step)]
    return max(there, key=lambda c: (c.step, c.id), default=None)


def branch_from_here(dialog: Dialog, scene: Scene) -> None:
    """Opens the form of a roll-back with the checkpoint that is nearest to what is on show.

    Where none is left, the dialog says so and stays at its list.
    """
    branch, step = scene.replay.branch, scene.replay.step
    found = checkpoint_before(scene.ledger, branch, step)
    where = f"step {count(step)} of {branch}"
    if found is None:
        dialog.notice = f"no checkpoint is left from {where} or before it to branch from"
    elif dialog.choose(ROLLBACK):
        dialog.enter()
        dialog.fill("to", found.id)
        dialog.notice = f"branch from here: {found.id} is the newest checkpoint up to {where}"

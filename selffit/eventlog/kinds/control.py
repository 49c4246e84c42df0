"""Kinds of interventions: commands, branches, and checkpoints."""

from collections.abc import Mapping
from math import nan
from typing import Any, ClassVar

import msgspec

from selffit.eventlog.fields import Amount, Part, Unmeasured, UnmeasuredShare
from selffit.eventlog.former import args_today, op_today, settings_today
from selffit.eventlog.kinds.base import Event, Kind, today


def _critical(name: str, *, kept: str = "", important: bool = True) -> Kind:
    return Kind(name=name, critical=True, kept=kept, important=important)


class Received(Event, frozen=True, kw_only=True):
    """A command has come in: everything that is needed to go on with it without its file.

    id: of the command.
    op: operation.
    args: its arguments.
    by: who asks.
    expect: configuration version that its author saw, or null.
    ttl: seconds that it is valid for, or null.
    t: when it was sent, wall clock in seconds.
    """

    KIND: ClassVar[Kind] = _critical("ctl.received", important=False)
    id: str
    op: str
    args: Mapping[str, Any]
    by: str
    expect: int | None = None
    ttl: Unmeasured = nan
    sent: Amount = msgspec.field(name="t", default=nan)

    def __post_init__(self) -> None:
        """Call everything as it is called today."""
        today(self, op=op_today(self.op), args=args_today(self.op, self.args))


class Rejected(Event, frozen=True, kw_only=True):
    """A command, or something else in the inbox, was refused.

    id: of the command, or name of the file.
    op: operation, where it is known.
    by: who asked, where that is known.
    rule: of the closed list of refusals.
    reason: in a sentence.
    """

    KIND: ClassVar[Kind] = _critical("ctl.rejected", kept="all")
    id: str
    op: str = ""
    by: str = ""
    rule: str = ""
    reason: str = ""


class Applied(Event, frozen=True, kw_only=True):
    """The commit of a command, on the disk before its effect.

    id: of the command.
    op: operation.
    args: its arguments, resolved.
    by: who asked.
    branch: the line of history that it belongs to; of a roll-back the new one.
    old: live settings before, by name.
    new: live settings after, by name.
    version: configuration version.
    """

    KIND: ClassVar[Kind] = _critical("ctl.applied", kept="all")
    id: str
    op: str
    args: Mapping[str, Any]
    by: str
    onto: str = msgspec.field(name="branch", default="")
    old: Mapping[str, Any] = {}
    new: Mapping[str, Any] = {}
    version: int = 0

    def __post_init__(self) -> None:
        """Call everything as it is called today."""
        today(
            self,
            op=op_today(self.op),
            args=args_today(self.op, self.args),
            old=settings_today(self.old),
            new=settings_today(self.new),
        )


class Failed(Event, frozen=True, kw_only=True):
    """What was applied could not be carried out and is undone.

    id: of the command.
    op: operation.
    reason: in words.
    new: the live settings that hold again.
    version: configuration version.
    """

    KIND: ClassVar[Kind] = _critical("ctl.failed", kept="all")
    id: str
    op: str
    reason: str
    new: Mapping[str, Any] = {}
    version: int = 0

    def __post_init__(self) -> None:
        """Call everything as it is called today."""
        today(self, op=op_today(self.op), new=settings_today(self.new))


class BranchBegun(Event, frozen=True, kw_only=True):
    """A new line of history.

    name: of the branch.
    parent: the branch that it left.
    base_step: the step at which it left it.
    ckpt: the checkpoint that it started from.
    """

    KIND: ClassVar[Kind] = _critical("branch", kept="all")
    name: str
    parent: str = ""
    base_step: int = 0
    ckpt: str = ""


class Skipped(Part, frozen=True, kw_only=True):
    """A checkpoint that could not be used."""

    id: str = ""
    reason: str = ""


class Resumed(Event, frozen=True, kw_only=True):
    """An attempt goes on where an earlier one left off.

    ckpt: the checkpoint it starts from, or null: from the first step.
    step: of that checkpoint.
    branch: of that checkpoint.
    lost_steps: steps that are done again.
    skipped: id of newer checkpoints that could not be used, and the reason.
    """

    KIND: ClassVar[Kind] = _critical("resumed")
    ckpt: str | None = None
    to_step: int = msgspec.field(name="step", default=0)
    to_branch: str = msgspec.field(name="branch", default="")
    lost_steps: int = 0
    skipped: tuple[Skipped, ...] = ()


class CheckpointSaved(Event, frozen=True, kw_only=True):
    """A checkpoint is on the disk.

    id: branch and step.
    step: training steps done.
    branch: line of history.
    pgd: PGD accuracy of the newest probe, or null.
    healthy: whether that was clearly above chance, and neither an onset nor a divergence was open.
    diverged: whether training had diverged by then; what is not finite is not saved at all.
    bytes: size of its files.
    sec: that saving took.
    """

    KIND: ClassVar[Kind] = _critical("ckpt.saved", important=False)
    id: str
    of_step: int = msgspec.field(name="step", default=0)
    of_branch: str = msgspec.field(name="branch", default="")
    pgd: UnmeasuredShare = nan
    healthy: bool = False
    diverged: bool = False
    bytes: Amount = nan
    sec: Amount = nan


class CheckpointPruned(Event, frozen=True, kw_only=True):
    """An old checkpoint was removed: newer ones are kept.

    id: of the checkpoint.
    """

    KIND: ClassVar[Kind] = Kind(name="ckpt.pruned")
    id: str


class CheckpointDamaged(Event, frozen=True, kw_only=True):
    """A checkpoint is not what was written.

    id: of the checkpoint.
    reason: what does not fit.
    """

    KIND: ClassVar[Kind] = _critical("ckpt.damaged")
    id: str
    reason: str


class CheckpointFailed(Event, frozen=True, kw_only=True):
    """A checkpoint could not be saved.

    id: of the checkpoint.
    reason: in words.
    """

    KIND: ClassVar[Kind] = _critical("ckpt.failed")
    id: str
    reason: str

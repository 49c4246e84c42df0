"""One start of a run's trainer: who it is, and how it ended."""

from dataclasses import dataclass

from selffit.eventlog import kinds
from selffit.eventlog.liveness import ProcessIdentity


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One start of the trainer: who it is, and how it ended, as either of the two streams tells."""

    number: int = 0
    trainer: kinds.Opened | None = None
    supervisor: kinds.Opened | None = None
    spawned: kinds.Spawned | None = None
    end: kinds.End | None = None
    exit: kinds.Exited | None = None

    @property
    def identity(self) -> ProcessIdentity | None:
        """The process that this attempt stands or falls with, None before anything is known of it.

        The trainer, as it says itself or as its supervisor started it; before that, and once it has
        ended and another one is to be started, the supervisor.
        """
        watcher = None if self.supervisor is None else self.supervisor.identity
        if self.restarting:
            return watcher
        if self.trainer is not None:
            return self.trainer.identity
        if watcher is None or self.spawned is None:
            return watcher
        pid, began = self.spawned.pid, self.spawned.pstart
        return ProcessIdentity(watcher.host, watcher.boot, pid, began, watcher.pidns)

    @property
    def restarting(self) -> bool:
        """Whether it has ended and the supervisor is starting another one."""
        return self.exit is not None and self.exit.again

    @property
    def ending(self) -> "Ending | None":
        """How it ended, None while it runs: the supervisor's word first; the killed have none."""
        if self.exit is not None:
            exit = self.exit
            return Ending(how=exit.how, t=exit.t, text=exit.text, stderr=exit.stderr)
        if self.end is not None:
            return Ending(how=self.end.how, t=self.end.t, text=self.end.reason)
        return None


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an attempt ended: a name of `selffit.vocabulary`, when, why, and its last words."""

    how: str
    t: float
    text: str
    stderr: tuple[str, ...] = ()

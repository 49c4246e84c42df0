"""Commands at the step boundary: polled, decided, written down, and only then carried out."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from selffit.checkpoint.errors import Damaged
from selffit.control import lines
from selffit.control.admission import admit, new_settings
from selffit.control.commands import Command
from selffit.control.inbox import Inbox, Rejected
from selffit.control.ledger import Applied
from selffit.control.policy import Policy
from selffit.control.refusal import Refusal
from selffit.control.replay import replay_plan
from selffit.data import step_seed
from selffit.run.run_dir import RunDir
from selffit.train.checkpoints import Checkpoints, Saved
from selffit.train.stopping import Stop
from selffit.train.trainlog import TrainLog

if TYPE_CHECKING:
    from selffit.train.loop import Loop

POLL_SECONDS = 0.25
PAUSED_SECONDS = 0.1  # between two looks while the run is paused


class Commander:
    """What people and policies ask for, applied between two steps, each exactly once.

    `plan` holds changes of an earlier attempt that are to be made again at their steps.
    """

    def __init__(
        self, run: RunDir, log: TrainLog, checkpoints: Checkpoints, policy: Policy
    ) -> None:
        self._inbox, self._log, self._checkpoints, self._policy = (
            Inbox(run.path),
            log,
            checkpoints,
            policy,
        )
        self._ledger = log.ledger
        self._next_poll = 0.0
        # Received before a crash and not decided: the log has them, their files may be gone.
        self._waiting = list(self._ledger.pending.values())
        self.plan: list[tuple[int, Applied]] = []

    def react(self, level: str) -> None:
        """An alert was raised: what the policy makes of it is applied at the next boundary."""
        self._waiting += self._policy.reaction(level, self._ledger)

    def somebody_waits(self) -> bool:
        """Whether a command has come in that is not being carried out: long measurements give way
        to it.
        """
        return self._inbox.has_news()

    def boundary(self, loop: "Loop") -> None:
        """Between two steps. Raises Stop; does not return while the run is paused."""
        self._redo(loop)
        self._checkpoints.collect()
        self._take_waiting(loop)
        if time.monotonic() >= self._next_poll:
            self._poll(loop)
        if self._ledger.paused:
            self._hold(loop)

    def _redo(self, loop: "Loop") -> None:
        """Changes that an earlier attempt made at this step."""
        while self.plan and self.plan[0][0] <= loop.done:
            loop.adopt({**loop.settings, **self.plan.pop(0)[1].new})

    def _hold(self, loop: "Loop") -> None:
        loop.close_block()
        self._log.emit("phase", {"name": "paused"}, step=loop.done)
        while self._ledger.paused:
            loop.stop.check()
            time.sleep(PAUSED_SECONDS)
            self._take_waiting(loop)
            self._poll(loop)
        self._log.emit("phase", {"name": "training"}, step=loop.done)

    def _take_waiting(self, loop: "Loop") -> None:
        while self._waiting:
            self.take(self._waiting.pop(0), loop)

    def _poll(self, loop: "Loop") -> None:
        self._next_poll = time.monotonic() + POLL_SECONDS
        for item in self._inbox.poll():
            if isinstance(item, Command):
                try:
                    self.take(item, loop)
                finally:  # a stop leaves by an exception
                    self._inbox.retire(item.id)
                continue
            if item.id not in self._ledger.outcomes:
                self._reject(item, loop)
            self._inbox.retire(item.id)

    def _reject(self, item: Rejected, loop: "Loop") -> None:
        data = {"id": item.id, "op": "", "by": "", "rule": item.rule, "reason": item.reason}
        self._log.emit("ctl.rejected", data, step=loop.done, critical=True)

    def take(self, command: Command, loop: "Loop") -> None:
        """Apply a command or refuse it; one that was decided before is left alone. Raises Stop."""
        if command.id in self._ledger.outcomes:
            return
        loop.close_block()  # the log tells of the steps before the command first
        if command.op == "rollback":
            self._checkpoints.collect(wait=True)  # the one under way may be the one to go back to
        try:
            refusal = admit(command, self._ledger, time.time())
            if refusal is not None:
                raise refusal
            if command.id not in self._ledger.pending:
                self._log.emit(
                    "ctl.received", lines.received(command), step=loop.done, critical=True
                )
            self._apply(command, loop)
        except Refusal as refusal:
            self._log.emit(
                "ctl.rejected", lines.rejected(command, refusal), step=loop.done, critical=True
            )

    def _apply(self, command: Command, loop: "Loop") -> None:
        if command.op == "rollback":
            self._roll_back(command, loop)
            return
        if command.op == "zero":
            command = self._with_channels(command, loop)
        new = new_settings(command, self._ledger)
        loop.check_settings(new)
        if not self._log.commit(lines.applied(self._ledger, command, new), loop.done):
            return
        if new:
            self._carry_out(command, loop, lambda: loop.adopt({**loop.settings, **new}))
            self._replan(loop)
        elif command.op == "checkpoint":
            self._checkpoints.save(loop, wait=True)
        elif command.op == "probe":
            loop.probe("asked")
        elif command.op == "stop":
            if not command.args["now"]:
                loop.probe("end")
            raise Stop("stopped", f"stopped by {command.by}", save=not command.args["now"])

    def _carry_out(self, command: Command, loop: "Loop", effect: Callable[[], None]) -> None:
        """The effect of a committed change; where it is impossible after all, the log says so and
        nothing changed.
        """
        try:
            effect()
        except Exception as error:
            failed = lines.failed(self._ledger, command, f"{type(error).__name__}: {error}")
            self._log.emit("ctl.failed", failed, step=loop.done, critical=True)
            raise

    def _with_channels(self, command: Command, loop: "Loop") -> Command:
        """`top` made concrete: the channels that are most dominant now."""
        if "top" not in command.args:
            return command
        layer, top = command.args["layer"], command.args["top"]
        dominance = loop.monitor.dominance(layer, loop.done)
        channels = sorted(range(len(dominance)), key=lambda channel: -dominance[channel])[:top]
        args = {"layer": layer, "channels": sorted(channels)}
        return msgspec.structs.replace(command, args=args)

    def _roll_back(self, command: Command, loop: "Loop") -> None:
        """Continue from a checkpoint on a new branch. What is verified, is verified before the
        commit.
        """
        ledger = self._ledger
        target = ledger.target(command.args["to"])
        assert target is not None  # admitted
        try:
            saved: Saved = self._checkpoints.read(target.id)
        except Damaged as damage:
            self._log.emit(
                "ckpt.damaged",
                {"id": target.id, "reason": damage.reason},
                step=loop.done,
                critical=True,
            )
            reason = (
                f"checkpoint {target.id} is damaged ({damage.reason}); choose another with --to"
            )
            raise Refusal("no-checkpoint", reason) from None
        branch = ledger.next_branch()
        new = new_settings(command, ledger, at=saved.state.settings)
        if not command.args["exact"]:
            new["seed"] = step_seed(int(ledger.config["seed"]), branch, 0) % 2**31
        args = {**command.args, "to": target.id}
        if not self._log.commit(
            lines.applied(ledger, command, new, branch=branch, args=args), loop.done
        ):
            return
        self._log.branch = branch
        told: dict[str, Any] = {
            "name": branch,
            "parent": target.branch,
            "base_step": target.step,
            "ckpt": target.id,
        }
        self._log.emit("branch", told, step=target.step, critical=True)
        self._carry_out(command, loop, lambda: self._checkpoints.restore(saved, loop))
        loop.adopt(new)
        self.plan = []
        # it may have been finishing already
        self._log.emit("phase", {"name": "training"}, step=loop.done)
        loop.probe("branch")

    def _replan(self, loop: "Loop") -> None:
        """While old steps are done again, a new decision may replace what was planned after it."""
        if self.plan:
            self.plan = replay_plan(self._ledger, self._ledger.branch, loop.done)

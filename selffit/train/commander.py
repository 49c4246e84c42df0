"""Commands at the step boundary: decided, written down, and only then carried out."""

import time
from collections.abc import Callable

import msgspec

from selffit.checkpoint.errors import Damaged
from selffit.control import lines
from selffit.control.admission import admit, new_settings
from selffit.control.commands import Command
from selffit.control.inbox import Rejected
from selffit.control.ledger import Checkpoint, Ledger
from selffit.control.refusal import Refusal
from selffit.control.replay import replay_plan
from selffit.data import step_seed
from selffit.eventlog import kinds
from selffit.train.checkpoints import Checkpoints
from selffit.train.requests import Requests
from selffit.train.session import Saved, Session
from selffit.train.stopping import Stop

PAUSED_SECONDS = 0.1  # between two looks while the run is paused


class Commander:
    """Applies what is asked for to the session between two steps, each request exactly once.

    `_plan` holds changes of an earlier attempt that are to be made again at their steps.
    """

    def __init__(self, session: Session, checkpoints: Checkpoints, requests: Requests) -> None:
        """The session stands where this attempt goes on."""
        self._session = session
        self._log = session.log
        self._checkpoints = checkpoints
        self.requests = requests
        self._plan = replay_plan(self._ledger, self._ledger.branch, session.done)

    @property
    def _ledger(self) -> Ledger:
        """What the log says at this moment."""
        return self._log.ledger

    def boundary(self) -> None:
        """Between two steps. Raises Stop; does not return while the run is paused."""
        self._redo()
        self._checkpoints.collect()
        self._take_waiting()
        if self.requests.poll_due:
            self._poll()
        if self._ledger.paused:
            self._hold()

    def take(self, command: Command) -> None:
        """Apply a command or refuse it; one that was decided before is left alone. Raises Stop."""
        if command.id in self._ledger.outcomes:
            return
        self._session.close_block()  # the log tells of the steps before the command first
        if command.op == "rollback":
            self._checkpoints.collect(wait=True)  # the one under way may be the one to go back to
        try:
            refusal = self.requests.outlived(command)
            refusal = refusal or admit(command, self._ledger, time.time())
            if refusal is not None:
                raise refusal
            if command.id not in self._ledger.pending:
                self._tell(lines.received(command))
            self._apply(command)
        except Refusal as refusal:
            self._tell(lines.rejected(command, refusal))

    # ---- what waits to be decided ----------------------------------------------------------------
    def _redo(self) -> None:
        """Changes that an earlier attempt made at this step."""
        while self._plan and self._plan[0][0] <= self._session.done:
            self._session.change(self._plan.pop(0)[1].new)

    def _hold(self) -> None:
        self._session.close_block()
        self._log.phase("paused", self._session.done)
        while self._ledger.paused:
            self._session.stop.check()
            self._session.measure_later()
            time.sleep(PAUSED_SECONDS)
            self._take_waiting()
            self._poll()
        self._session.blocks.restart_clock()  # the pause was no step's
        self._log.phase("training", self._session.done)

    def _take_waiting(self) -> None:
        while (command := self.requests.take_waiting()) is not None:
            self.take(command)

    def _poll(self) -> None:
        for item in self.requests.poll():
            if isinstance(item, Command):
                try:
                    self.take(item)
                finally:  # a stop leaves by an exception
                    self.requests.retire(item.id)
                continue
            if item.id not in self._ledger.outcomes:
                self._reject(item)
            self.requests.retire(item.id)

    def _reject(self, item: Rejected) -> None:
        self._tell(kinds.Rejected(id=item.id, rule=item.rule, reason=item.reason))

    # ---- decided ---------------------------------------------------------------------------------
    def _apply(self, command: Command) -> None:
        if command.op == "rollback":
            self._roll_back(command)
            return
        if command.op == "zero":
            command = self._with_channels(command)
        session, new = self._session, new_settings(command, self._ledger)
        session.check_settings(new)
        if not self._log.commit(lines.applied(self._ledger, command, new), session.done):
            return
        if new:
            self._carry_out(command, lambda: session.change(new))
            self._replan()
        elif command.op == "checkpoint":
            self._checkpoints.save(wait=True)
        elif command.op == "probe":
            session.probe("asked")
        elif command.op == "stop":
            if not command.args["now"]:
                session.probe("end")
            raise Stop("stopped", f"stopped by {command.by}", save=not command.args["now"])

    def _carry_out(self, command: Command, effect: Callable[[], None]) -> None:
        """The effect of a committed change; where it is impossible after all, the log says so."""
        try:
            effect()
        except Exception as error:  # whatever it is: a commit without an effect must be undone
            why = f"{type(error).__name__}: {error}"
            self._tell(lines.failed(self._ledger, command, why))
            raise

    def _with_channels(self, command: Command) -> Command:
        """`top` made concrete: the channels that are most dominant now."""
        if "top" not in command.args:
            return command
        layer, top = command.args["layer"], command.args["top"]
        dominance = self._session.monitor.dominance(layer, self._session.done)
        channels = sorted(range(len(dominance)), key=lambda channel: -dominance[channel])[:top]
        args = {"layer": layer, "channels": sorted(channels)}
        return msgspec.structs.replace(command, args=args)

    def _roll_back(self, command: Command) -> None:
        """Continue from a checkpoint on a new branch. It is verified before the commit."""
        session = self._session
        target = self._ledger.target(command.args["to"])
        assert target is not None  # admitted
        saved, ledger = self._read(target), self._ledger
        branch = ledger.next_branch()
        new = new_settings(command, ledger, at=saved.state.settings)
        if not command.args["exact"]:
            new["seed"] = step_seed(int(ledger.config["seed"]), branch, 0) % 2**31
        args = {**command.args, "to": target.id}
        applied = lines.applied(ledger, command, new, branch=branch, args=args)
        if not self._log.commit(applied, session.done):
            return
        self._log.begin_branch(branch, target.branch, target.step, target.id)
        self._carry_out(command, lambda: session.restore(saved))
        session.adopt(new)
        self._plan = []
        self._log.phase("training", session.done)  # it may have been finishing already
        session.probe("branch")

    def _read(self, target: Checkpoint) -> Saved:
        """The checkpoint to go back to. Raises Refusal, and logs the damage, where it has any."""
        try:
            return self._checkpoints.read(target.id)
        except Damaged as damage:
            self._log.damaged(target.id, damage.reason, self._session.done)
            why = f"checkpoint {target.id} is damaged ({damage.reason}); choose another with --to"
            raise Refusal("no-checkpoint", why) from None

    def _replan(self) -> None:
        """While old steps are done again, a new decision may replace what was planned after it."""
        if self._plan:
            self._plan = replay_plan(self._ledger, self._ledger.branch, self._session.done)

    def _tell(self, event: kinds.Event) -> None:
        """Write down a decision at this step."""
        self._log.emit(event, step=self._session.done)

"""The training loop: one for all methods.

Where it stands is a function of (weights, optimiser, step, settings) only.
"""

import math

from selffit.eventlog import kinds
from selffit.train.checkpoints import Checkpoints
from selffit.train.commander import Commander
from selffit.train.runner import Runner
from selffit.train.scalars import Ahead
from selffit.train.session import Session
from selffit.train.stopping import Stop


class Loop:
    """Takes the session from step `done` to the end of training, or to where it is stopped.

    Between two steps the commander applies what was asked for, and checkpoints are saved.
    """

    def __init__(self, session: Session, checkpoints: Checkpoints, commander: Commander) -> None:
        self.session = session
        self.checkpoints = checkpoints
        self.commander = commander
        setup = session.setup
        self.runner = Runner(setup, self._tell)
        self._between_blocks = False
        self._ahead = Ahead(setup.device, setup.config.block_steps)

    def run(self) -> None:
        """Train to the end.

        Raises Stop where the run is asked to stop, with all finished steps in the log.
        """
        session = self.session
        session.setup.model.train()
        if session.done == 0:  # a resumed run was probed at its checkpoint
            session.probe("start")
        try:
            while True:
                self._boundary()
                if session.done >= session.setup.schedule.last_step:
                    while session.monitor.aftermaths:
                        session.measure_later(math.inf)
                    break
                if self._between_blocks:
                    session.measure_later()
                    if self.runner.prepare():
                        session.blocks.restart_clock()
                self._one_step()
                self._after_step()
        except Stop as request:
            session.close_block()
            if request.save and session.setup.config.keep:
                self.checkpoints.save(wait=True)
            raise

    def _tell(self, event: kinds.StepGraph) -> None:
        """Log how the next steps are taken."""
        self.session.log.emit(event, step=self.session.done)

    def _boundary(self) -> None:
        """Between two steps: the one place where the run stops and its settings may change."""
        self.session.stop.check()
        self.commander.boundary()

    def _one_step(self) -> None:
        setup, step = self.session.setup, self.session.done
        x, y = setup.batches.batch(step)
        values = self.runner.run(x, y, self._ahead.at(step, setup.schedule))
        self.session.blocks.add(values)
        self.session.done += 1

    def _after_step(self) -> None:
        """Log the block, probe and save, where it is time for it."""
        session, monitor = self.session, self.session.monitor
        last = session.done == session.setup.schedule.last_step
        self._between_blocks = False
        due = last or session.done % monitor.every == 0
        if due or session.blocks.full:
            session.close_block(everything=due)
            self._between_blocks = True
        if monitor.looks(session.done):
            session.look()
        if due:
            session.probe("end" if last else "interval")
        elif monitor.wants_probe(session.done):
            session.close_block()
            self._between_blocks = True
            session.probe("suspicion")
        session.blocks.send(session.done)
        if self.checkpoints.due(probed=due, last=last):
            session.close_block()  # so that a resumed run has the same blocks
            self.checkpoints.save()

"""What is measured of an onset once the policy has acted: on a copy, in pauses of bounded length.

A roll-back must not wait for an explanation, nor may the explanation be lost by it. So the network
of the onset is copied, and between two blocks of steps its full set of measurements goes on for a
moment, until all of it stands in the log, at the step of the onset.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

from selffit.config import RunConfig
from selffit.detect.diagnoser import Diagnoser
from selffit.eventlog import kinds
from selffit.probes.causal import causal_of, causal_record
from selffit.probes.channels import channel_probe
from selffit.probes.selfinfo import self_probe
from selffit.probes.strip import strip_probe
from selffit.probes.subject import Subject
from selffit.train.trainlog import TrainLog

PAUSE = 0.1  # seconds that training is held up at a time, but for the last measurement in them
STRIP_IMAGES = 4


class Aftermath:
    """The full set for the network of one onset; `subject` has a copy of it.

    What it says goes into the diagnosis of that onset, also where training has left its branch.
    """

    def __init__(
        self, subject: Subject, why: str, config: RunConfig, log: TrainLog, diagnoser: Diagnoser
    ) -> None:
        """`diagnoser` is the training's, which has just heard of the onset."""
        self._subject = subject
        self._why = why
        self._config = config
        self._log = log
        self._live = diagnoser
        self._state = diagnoser.state()
        self._left_behind: Diagnoser | None = None  # the diagnoser of an onset on another branch
        self._work = self._measure()

    @property
    def at(self) -> kinds.Place:
        """Branch and step of the onset."""
        return self._subject.at

    def go_on(self, seconds: float = PAUSE) -> bool:
        """Measure for about so many seconds; False when nothing is left to do."""
        until = time.perf_counter() + seconds
        return any(time.perf_counter() >= until for _ in self._work)

    def _measure(self) -> Iterator[None]:
        """One measurement after another, with a pause behind each."""
        config, subject = self._config, self._subject
        if config.self_images and subject.eps:
            n = max(config.self_images, config.probe_images)
            probe = self_probe(subject, n, full=True, why=self._why)
            self._emit(probe)
            diagnoser = self._diagnoser()
            diagnoser.measured(probe)
            self._emit(strip_probe(subject, STRIP_IMAGES))
            self._tell(diagnoser.diagnose(probe))
            yield
        if config.channel_images:
            # at the final budget, so that ranks compare
            final = replace(subject, eps=config.eps)
            self._emit(channel_probe(final, config.channel_images))
            yield
        if config.causal_images and subject.eps:
            yield from self._causal(config.causal_images, config.causal_seconds)

    def _causal(self, images: int, budget: float) -> Iterator[None]:
        began = time.perf_counter()
        check = causal_of(self._subject, images, brief=True)
        spent = time.perf_counter() - began
        while check.left and (not budget or spent < budget):
            yield
            began = time.perf_counter()
            check.measure()
            spent += time.perf_counter() - began
        found = causal_record(self._subject, check, spent, budget)
        self._emit(found)
        self._tell(self._diagnoser().checked(found))

    def _diagnoser(self) -> Diagnoser:
        """The one that knows of this onset."""
        if self._left_behind is None:
            if self._log.branch == self.at.branch:
                return self._live
            self._left_behind = Diagnoser(1 / self._subject.classes)
            self._left_behind.restore(self._state)
        return self._left_behind

    def _emit(self, event: kinds.Event) -> None:
        self._log.emit(event, step=self.at.step, branch=self.at.branch)

    def _tell(self, diagnosis: kinds.Diagnosis | None) -> None:
        if diagnosis is not None:
            self._emit(diagnosis)

"""The training loop: one for all methods. Its state is a function of (weights, optimiser, step) and nothing else."""

import time
from typing import Any

import torch

from selffit.data import step_seed
from selffit.train.monitor import Log, Monitor, six_digits
from selffit.train.setup import Setup
from selffit.train.signals import SignalBuffer
from selffit.train.stopping import Stop, StopSwitch

ALIGN_EVERY = 1  # steps between two measurements of pertalign


class Loop:
    """Trains from step `done` to the end, writing `steps` records and calling the monitor."""

    def __init__(self, setup: Setup, monitor: Monitor, log: Log, stop: StopSwitch) -> None:
        self.setup, self.monitor, self.log, self.stop = setup, monitor, log, stop
        config = setup.config
        self.done = 0
        self.generator = torch.Generator(setup.device)
        self.signals = SignalBuffer(config.block_steps, config.batch_size, setup.images.shape, setup.device)
        self._block_began = time.perf_counter()

    def run(self) -> None:
        """Train to the end. Raises Stop where the run is asked to stop, with all finished steps in the log."""
        total, every = self.setup.schedule.steps_total, self.monitor.every
        self.setup.model.train()
        self._probe("start")
        try:
            while self.done < total:
                self._boundary()
                self._one_step()
                due = self.done == total or self.done % every == 0
                if due or self.signals.count == self.setup.config.block_steps:
                    self._close_block(everything=due)
                if due:
                    self._probe("end" if self.done == total else "interval")
                elif self.monitor.detector.wants_probe:
                    self._close_block(everything=True)
                    self._probe("suspicion")
        except Stop:
            self._close_block(everything=True)
            raise

    def _boundary(self) -> None:
        """Between two steps: the one place where the run stops and where its settings may change."""
        self.stop.check()

    def _one_step(self) -> None:
        setup, step = self.setup, self.done
        schedule = setup.schedule
        setup.step.set(schedule.lr(step), schedule.eps(step), schedule.alpha(step))
        self.generator.manual_seed(step_seed(setup.config.seed, "attack", step))
        x, y = setup.batches.batch(step)
        attack, trained = setup.step(x, y, self.generator, with_input_gradient=step % ALIGN_EVERY == 0)
        self.signals.add(x, y, attack, trained)
        self.done += 1

    def _close_block(self, *, everything: bool) -> None:
        """End the present block; log the blocks that have reached the host (with `everything`, this one too)."""
        if self.signals.count:
            now = time.perf_counter()
            self.signals.close_block((self.done - self.signals.count, now - self._block_began))
            self._block_began = now
        for (first, seconds), measured in self.signals.ready_blocks(everything=everything):
            n = len(measured["loss_adv"])
            schedule, steps = self.setup.schedule, range(first, first + n)
            columns: dict[str, list[float]] = {
                **measured,
                "lr": [schedule.lr(step) for step in steps],
                "eps": [schedule.eps(step) for step in steps],
                "alpha": [schedule.alpha(step) for step in steps],
            }
            data: dict[str, Any] = {
                "n": n,
                "cols": {name: six_digits(values) for name, values in columns.items()},
                "img_s": round(n * self.setup.config.batch_size / seconds, 1),
                "sec": round(seconds, 6),
                "epoch": schedule.epoch(first + n),
            }
            self.log.emit("steps", data, step=first)
            self.monitor.signals(first, columns)

    def _probe(self, why: str) -> None:
        """Probe between two steps; the time it takes is not the block's. A signal breaks it off."""
        if why == "end":
            self.log.emit("phase", {"name": "finishing"}, step=self.done)
        with self.stop.interruptible():
            self.monitor.probe(self.done, why)
        self._block_began = time.perf_counter()

"""Learning rate and attack budget as pure functions of the step.

So resume and roll-back are exact.
"""

from dataclasses import dataclass

from selffit.config import READ, RunConfig


@dataclass(frozen=True)
class Schedule:
    """lr, momentum, eps and alpha of every optimiser step, counted from 0.

    eps and alpha are in pixel units of [0,1].
    """

    config: RunConfig
    steps_per_epoch: int

    @property
    def steps_total(self) -> int:
        """Steps of the whole run; a fraction of an epoch becomes whole steps, at least one."""
        return max(1, round(self.config.epochs * self.steps_per_epoch))

    @property
    def last_step(self) -> int:
        """Where training ends: after stop_epoch if there is one. The schedules stay as they are."""
        stop = self.config.stop_epoch
        if not stop:
            return self.steps_total
        return min(self.steps_total, max(1, round(stop * self.steps_per_epoch)))

    def epoch(self, step: int) -> float:
        """Epochs done after `step` steps."""
        return step / self.steps_per_epoch

    def lr(self, step: int) -> float:
        """The learning rate of step `step`, read off the schedule where `lr_read` says.

        In the middle of the step a schedule that starts or ends at 0 wastes neither its first nor
        its last step; at its start it is what torch's schedulers give. `lr_scale` multiplies it,
        and so does warm-up.
        """
        config, now = self.config, self._read(step)
        part, turn = now / self.steps_total, config.lr_turn
        factor = 1.0
        if config.lr_schedule == "triangular":
            factor = self._triangle(step)
        elif config.lr_schedule == "linear" and part > turn:
            factor = (1 - part) / (1 - turn)
        elif config.lr_schedule == "step":
            factor = config.lr_gamma ** sum(
                now >= mark * self.steps_per_epoch for mark in config.lr_milestones
            )
        warmup = min(1.0, now / config.lr_warmup) if config.lr_warmup else 1.0
        return config.lr * config.lr_scale * max(0.0, factor) * warmup

    def momentum(self, step: int) -> float:
        """The momentum of step `step`.

        With `momentum_low` it moves against the triangular schedule: low where the learning rate
        peaks, the full one where that is 0. That is what torch's CyclicLR does by default.
        """
        config = self.config
        if not config.momentum_low:
            return config.momentum
        return config.momentum - (config.momentum - config.momentum_low) * self._triangle(step)

    def _read(self, step: int) -> float:
        """The place of step `step` on the schedule, in steps."""
        return step + READ[self.config.lr_read]

    def _triangle(self, step: int) -> float:
        """0 → 1 → 0 over the whole run, with the peak at the turn."""
        part, turn = self._read(step) / self.steps_total, self.config.lr_turn
        rising = part <= turn and turn > 0
        return part / turn if rising else max(0.0, (1 - part) / (1 - turn))

    def ramp(self, step: int) -> float:
        """The share of the final budget that a step uses: rises linearly from 0 to 1, and stays."""
        length = self.config.eps_ramp * self.steps_total
        return 1.0 if step >= length else step / length

    def eps(self, step: int) -> float:
        """The budget of step `step`."""
        return self.config.eps * self.ramp(step)

    def alpha(self, step: int) -> float:
        """The attack's step size; its ratio to eps stays what the configuration says."""
        return self.config.alpha * self.ramp(step)

    def columns(self, first: int, n: int) -> dict[str, list[float]]:
        """lr, eps and alpha of the n steps from `first` on."""
        steps = range(first, first + n)
        return {
            "lr": [self.lr(step) for step in steps],
            "eps": [self.eps(step) for step in steps],
            "alpha": [self.alpha(step) for step in steps],
        }

    def probe_alpha(self, eps: float) -> float:
        """The PGD step size of a probe at budget eps; the configured one is for the final one."""
        config = self.config
        return config.probe_alpha * (eps / config.eps) if config.eps else config.probe_alpha

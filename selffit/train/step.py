"""One training step, the same for every method: attack the batch, then descend on its loss."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor, nn

from selffit.config import RunConfig
from selffit.methods import METHODS, Attack, Batch, Budget, Gradient, mix_signs
from selffit.methods.base import PerImage
from selffit.methods.gradient import cross_entropy, input_gradient
from selffit.train.optimizer import make_optimizer
from selffit.train.scalars import Scalars, Values, rows
from selffit.train.signals import TrainedOn


class Step:
    """A training step on one network, with its optimiser; numbers that change are `set` or `use`d.

    `autocast` is the dtype of mixed precision or None: images, perturbation and input gradient stay
    float32. capturable: no number that schedules or commands move comes from the host.
    """

    def __init__(
        self,
        config: RunConfig,
        model: nn.Module,
        device: torch.device,
        autocast: torch.dtype | None,
        *,
        capturable: bool = False,
    ) -> None:
        self.model = model
        self.autocast = autocast
        self.parameters = list(model.parameters())
        self.device = device
        self.scalars = Scalars(device)
        self.optimizer = make_optimizer(config, model, self.scalars, capturable=capturable)
        self.version = 0  # rises with every `configure`
        self.configure(config)

    def configure(self, config: RunConfig) -> None:
        """Use these settings from the next step on; what schedules move is `set` for each step."""
        self.clip_grad = config.clip_grad
        self.bn_eval = config.attack_bn == "eval"
        self.method = METHODS[config.method]
        self.budget = Budget(
            self.scalars.eps,
            self.scalars.alpha,
            config.attack_steps,
            start=config.start,
            corner=config.corner,
        )
        self.mix_signs = config.mix_signs
        self._weight_decay = config.weight_decay
        self.version += 1

    @property
    def fixed(self) -> tuple[Hashable, ...]:
        """Everything that a captured step has in it for good, beside the addresses of tensors."""
        budget = self.budget
        return (
            self.method,
            budget.steps if "attack_steps" in self.method.uses else 1,
            budget.start,
            budget.corner,
            self.mix_signs,
            self.clip_grad,
            self.bn_eval,
            self.autocast,
        )

    def tensors(self) -> Iterator[Tensor]:
        """Everything that steps read and leave changed: weights, statistics, optimiser."""
        yield from self.parameters
        yield from self.model.buffers()
        for state in self.optimizer.state.values():
            yield from (value for value in state.values() if isinstance(value, Tensor))

    def set(self, *, lr: float, momentum: float, eps: float, alpha: float) -> None:
        """The values that the next step uses."""
        values = Values(
            lr=lr, momentum=momentum, weight_decay=self._weight_decay, eps=eps, alpha=alpha
        )
        self.use(values, rows([values])[0])

    def use(self, values: Values, row: Tensor) -> None:
        """The values that the next step uses, also as a row of `scalars.rows`: one copy of it."""
        self.scalars.fill(row)
        self.optimizer.use(values)

    def gradient_at(self, x: Tensor, y: Tensor, objective: PerImage | None = None) -> Gradient:
        """The attack's view of the network.

        2 of the step's 5 units: a forward pass, and back to the input.
        """
        return input_gradient(
            self.model,
            x,
            y,
            objective=objective,
            autocast=self.autocast,
            bn_eval=self.bn_eval,
        )

    def logits(self, x: Tensor) -> Tensor:
        """The network at x, [B,K] in the type of x, with its graph."""
        with torch.autocast(
            self.device.type, dtype=self.autocast, enabled=self.autocast is not None
        ):
            logits: Tensor = self.model(x)
        return logits.to(x.dtype)

    def __call__(
        self, x: Tensor, y: Tensor, generator: torch.Generator, *, with_input_gradient: bool
    ) -> tuple[Attack, TrainedOn]:
        """Attack x, then take one optimiser step on the method's loss.

        By default that is the mean cross-entropy at x_adv. Nothing waits for the device.
        """
        with _cast_once() if self.method.loss is None else nullcontext():
            return self._take(x, y, generator, with_input_gradient=with_input_gradient)

    def _take(
        self, x: Tensor, y: Tensor, generator: torch.Generator, *, with_input_gradient: bool
    ) -> tuple[Attack, TrainedOn]:
        attack = self.method.attack(self.gradient_at, x, y, self.budget, generator)
        if self.mix_signs:
            attack = mix_signs(attack, x, self.scalars.eps, self.mix_signs, generator)
        x_adv = attack.x_adv.detach().requires_grad_(with_input_gradient)
        if self.method.loss is None:
            logits = self.logits(x_adv)
            loss = cross_entropy(logits, y)
            torch.autograd.backward(loss.mean())
        else:
            made = replace(attack, x_adv=x_adv)
            objective = self.method.loss(
                Batch(
                    model=self.logits,
                    x=x,
                    y=y,
                    attack=made,
                    eps=self.scalars.eps,
                    generator=generator,
                )
            )
            torch.autograd.backward(objective.mean)
            logits = objective.logits
            loss = cross_entropy(logits.detach(), y)  # what the signals compare with the start's
        if self.clip_grad:
            nn.utils.clip_grad_norm_(self.parameters, self.clip_grad)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return attack, TrainedOn(loss.detach(), logits.detach(), x_adv.grad)


@contextmanager
def _cast_once() -> Iterator[None]:
    """Mixed precision has each weight in its own type once for all passes inside, not for each.

    Weights must be as they were in all passes, and all of these with their graph.
    """
    torch.autocast_increment_nesting()  # the passes' own ends are then no end of the cached weights
    try:
        yield
    finally:
        if torch.autocast_decrement_nesting() == 0:
            torch.clear_autocast_cache()

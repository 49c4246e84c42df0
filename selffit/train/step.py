"""One training step, the same for every method: attack the batch, then descend on its loss."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from selffit.config import RunConfig
from selffit.methods import METHODS, Attack, Batch, Budget, Gradient, mix_signs
from selffit.methods.base import PerImage
from selffit.methods.gradient import cross_entropy, input_gradient
from selffit.train.signals import TrainedOn


def make_optimizer(
    config: RunConfig, model: nn.Module, device: torch.device
) -> torch.optim.Optimizer:
    """SGD or Adam in its fused form.

    lr is a 0-d tensor on the device, so that a new value needs no new graph.
    """
    lr = torch.zeros((), device=device)
    if config.optimizer == "adam":
        return torch.optim.Adam(
            model.parameters(), lr=lr, weight_decay=config.weight_decay, fused=True
        )
    return torch.optim.SGD(
        model.parameters(),
        lr=lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        fused=True,
    )


class Step:
    """A training step on one network; eps, alpha and lr live in device tensors that `set` fills.

    `autocast` is the dtype of mixed precision or None: images, perturbation and input gradient stay
    float32.
    """

    def __init__(
        self,
        config: RunConfig,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
        autocast: torch.dtype | None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.autocast = autocast
        self.parameters = list(model.parameters())
        self.device = device
        self._eps = torch.zeros((), device=device)
        self._alpha = torch.zeros((), device=device)
        self.configure(config)

    def configure(self, config: RunConfig) -> None:
        """Use these settings from the next step on; what schedules move is `set` for each step."""
        self.clip_grad = config.clip_grad
        self.bn_eval = config.attack_bn == "eval"
        self.method = METHODS[config.method]
        self.budget = Budget(
            self._eps, self._alpha, config.attack_steps, start=config.start, corner=config.corner
        )
        self.mix_signs = config.mix_signs
        for group in self.optimizer.param_groups:
            group["weight_decay"] = config.weight_decay

    def set(self, *, lr: float, momentum: float, eps: float, alpha: float) -> None:
        """The values that the next step uses; only enqueues three fills.

        torch's SGD takes momentum from the host with every step, also in its fused form.
        """
        self._eps.fill_(eps)
        self._alpha.fill_(alpha)
        for group in self.optimizer.param_groups:
            group["lr"].fill_(lr)
            if "momentum" in group:
                group["momentum"] = momentum

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
        attack = self.method.attack(self.gradient_at, x, y, self.budget, generator)
        if self.mix_signs:
            attack = mix_signs(attack, x, self._eps, self.mix_signs, generator)
        x_adv = attack.x_adv.detach().requires_grad_(with_input_gradient)
        if self.method.loss is None:
            logits = self.logits(x_adv)
            loss = cross_entropy(logits, y)
            torch.autograd.backward(loss.mean())
        else:
            made = replace(attack, x_adv=x_adv)
            objective = self.method.loss(
                Batch(model=self.logits, x=x, y=y, attack=made, eps=self._eps, generator=generator)
            )
            torch.autograd.backward(objective.mean)
            logits = objective.logits
            loss = cross_entropy(logits.detach(), y)  # what the signals compare with the start's
        if self.clip_grad:
            nn.utils.clip_grad_norm_(self.parameters, self.clip_grad)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return attack, TrainedOn(loss.detach(), logits.detach(), x_adv.grad)

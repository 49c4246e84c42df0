"""One training step, the same for every method: attack the batch, then descend on what the attack
made.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selffit.config import RunConfig
from selffit.methods import METHODS, Attack, Budget, Gradient, input_gradient, mix_signs
from selffit.train.signals import TrainedOn


def make_optimizer(
    config: RunConfig, model: nn.Module, device: torch.device
) -> torch.optim.Optimizer:
    """SGD or Adam in its fused form; lr is a 0-d tensor on the device, so that a new value needs no
    new graph.
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
        self.model, self.optimizer, self.autocast = model, optimizer, autocast
        self.parameters = list(model.parameters())
        self.device = device
        self._eps, self._alpha = torch.zeros((), device=device), torch.zeros((), device=device)
        self.configure(config)

    def configure(self, config: RunConfig) -> None:
        """Use these settings from the next step on; eps, alpha and lr are `set` for each step."""
        self.clip_grad, self.bn_eval = config.clip_grad, config.attack_bn == "eval"
        self.method = METHODS[config.method]
        self.budget = Budget(
            self._eps, self._alpha, config.attack_steps, config.start, config.corner
        )
        self.mix_signs = config.mix_signs
        for group in self.optimizer.param_groups:
            group["weight_decay"] = config.weight_decay

    def set(self, lr: float, eps: float, alpha: float) -> None:
        """The values that the next step uses; only enqueues three fills."""
        self._eps.fill_(eps)
        self._alpha.fill_(alpha)
        for group in self.optimizer.param_groups:
            group["lr"].fill_(lr)

    def gradient_at(self, x: Tensor, y: Tensor) -> Gradient:
        """The attack's view of the network (2 + 1 units of the step's 5: a forward pass, and back
        to the input).
        """
        return input_gradient(self.model, x, y, autocast=self.autocast, bn_eval=self.bn_eval)

    def __call__(
        self, x: Tensor, y: Tensor, generator: torch.Generator, *, with_input_gradient: bool
    ) -> tuple[Attack, TrainedOn]:
        """Attack x, then take one optimiser step on the mean cross-entropy at x_adv. Nothing waits
        for the device.
        """
        attack = self.method(self.gradient_at, x, y, self.budget, generator)
        if self.mix_signs:
            attack = mix_signs(attack, x, self._eps, self.mix_signs, generator)
        x_adv = attack.x_adv.detach().requires_grad_(with_input_gradient)
        with torch.autocast(
            self.device.type, dtype=self.autocast, enabled=self.autocast is not None
        ):
            logits = self.model(x_adv)
        loss = F.cross_entropy(logits.float(), y, reduction="none")
        loss.mean().backward()
        if self.clip_grad:
            nn.utils.clip_grad_norm_(self.parameters, self.clip_grad)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return attack, TrainedOn(loss.detach(), logits.detach(), x_adv.grad)

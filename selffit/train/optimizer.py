"""SGD and Adam as torch's fused kernels compute them, with their settings on the device.

Why not torch's own classes: their constructor loads torch's compiler, more than half of the time
from the command to the first step, and SGD takes momentum and weight decay from the host, which a
captured step would never look at again. Groups and states have the names of torch's, so
checkpoints of both can be read by either.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from selffit.config import RunConfig
from selffit.train.scalars import Scalars, Values

BETAS, ADAM_EPS = (0.9, 0.999), 1e-8


class Optimizer:
    """One group of parameters. Its learning rate is always read from the device.

    capturable: weight decay and momentum are too, at the cost of some passes over the weights;
    otherwise `use` takes them from the host.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], scalars: Scalars, *, capturable: bool
    ) -> None:
        """The values are those that `scalars` has at each step."""
        self.capturable = capturable
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)
        group: dict[str, Any] = {"params": list(parameters), "lr": scalars.lr, "fused": True}
        group["weight_decay"] = scalars.weight_decay if capturable else 0.0
        self.param_groups = [group]

    def use(self, values: Values) -> None:
        """Take from the host what is not read from the device."""
        if not self.capturable:
            self._group["weight_decay"] = values.weight_decay

    def step(self) -> None:
        """Change the weights by the gradients they have."""
        raise NotImplementedError

    def zero_grad(self) -> None:
        """Let go of all gradients."""
        for parameter in self._group["params"]:
            parameter.grad = None

    @property
    def _group(self) -> dict[str, Any]:
        return self.param_groups[0]

    def _ready(self) -> tuple[list[Tensor], list[Tensor], float]:
        """Parameters that have a gradient, the gradients, and the decay that is still to be done.

        A decay that is read from the device is in the gradients already: g + wd·p.
        """
        parameters: list[Tensor] = [p for p in self._group["params"] if p.grad is not None]
        gradients = [p.grad for p in parameters if p.grad is not None]
        decay = self._group["weight_decay"]
        if not isinstance(decay, Tensor):
            return parameters, gradients, decay
        torch._foreach_add_(gradients, torch._foreach_mul(parameters, decay))
        return parameters, gradients, 0.0

    def _kept(self, parameters: list[Tensor], name: str) -> list[Tensor]:
        """The state of that name of each parameter, 0 where there has been no step."""
        for p in parameters:
            if name not in self.state[p]:
                self.state[p][name] = torch.zeros_like(p, memory_format=torch.preserve_format)
        return [self.state[p][name] for p in parameters]


class SGD(Optimizer):
    """buf = momentum·buf + (g + weight_decay·p); p = p - lr·buf."""

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        scalars: Scalars,
        *,
        momentum: bool,
        capturable: bool,
    ) -> None:
        """Without `momentum` there is none at any step, and no buffer."""
        super().__init__(parameters, scalars, capturable=capturable)
        self._moving = momentum
        self._group["momentum"] = scalars.momentum if capturable else 0.0

    def use(self, values: Values) -> None:
        """Take from the host what is not read from the device."""
        super().use(values)
        if not self.capturable:
            self._group["momentum"] = values.momentum

    @torch.no_grad()
    def step(self) -> None:
        """Change the weights by the gradients they have."""
        parameters, gradients, decay = self._ready()
        buffers = self._kept(parameters, "momentum_buffer") if self._moving else []
        momentum: float | Tensor = self._group["momentum"] if self._moving else 0.0
        if isinstance(momentum, Tensor):  # the kernel adds what is scaled already
            torch._foreach_mul_(buffers, momentum)
            momentum = 1.0
        torch._fused_sgd_(
            parameters,
            gradients,
            buffers,
            weight_decay=decay,
            momentum=momentum,
            lr=self._group["lr"],
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015) with torch's default betas; the decay is part of the gradient."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], scalars: Scalars, *, capturable: bool
    ) -> None:
        super().__init__(parameters, scalars, capturable=capturable)
        self._group.update(betas=BETAS, eps=ADAM_EPS)

    @torch.no_grad()
    def step(self) -> None:
        """Change the weights by the gradients they have."""
        parameters, gradients, decay = self._ready()
        for p in parameters:
            if "step" not in self.state[p]:
                self.state[p]["step"] = torch.zeros((), dtype=torch.float32, device=p.device)
        steps = [self.state[p]["step"] for p in parameters]
        torch._foreach_add_(steps, 1)
        torch._fused_adam_(
            parameters,
            gradients,
            self._kept(parameters, "exp_avg"),
            self._kept(parameters, "exp_avg_sq"),
            [],
            steps,
            lr=self._group["lr"],
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=decay,
            eps=ADAM_EPS,
            amsgrad=False,
            maximize=False,
        )


def make_optimizer(
    config: RunConfig, model: nn.Module, scalars: Scalars, *, capturable: bool = False
) -> Optimizer:
    """The optimiser of a configuration, with its settings in `scalars`."""
    if config.optimizer == "adam":
        return Adam(model.parameters(), scalars, capturable=capturable)
    return SGD(model.parameters(), scalars, momentum=config.momentum > 0, capturable=capturable)

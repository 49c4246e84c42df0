"""A Monitor that a framework's trainer drives: what its callbacks have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.distributed
from torch import nn

from selffit.hosted.ending import how_left
from selffit.hosted.monitor import Monitor
from selffit.hosted.told import SIGNALS

AGREED_EVERY = 20  # steps after which the processes of a distributed training agree on a stop
_TOLD = (*SIGNALS, "lr", "eps", "alpha")


class Driven:
    """Keeps what `Monitor` is to be made with until training begins, and then drives it.

    heldout, eps, settings: as `Monitor` takes them; with a `name`, a training that its framework
    resumes goes on with the run of that name. network: what of the framework's model is looked at,
    a function of it; the model itself without one. on: what the loop carries out, by operation, as
    for `Monitor.on`.
    """

    def __init__(
        self,
        heldout: tuple[Any, Any],
        *,
        eps: float | str,
        network: Callable[[Any], nn.Module] | None = None,
        on: Mapping[str, Callable[..., object]] | None = None,
        **settings: Any,
    ) -> None:
        self.monitor: Monitor | None = (
            None  # None before training, and where another process has it
        )
        self._make = {"heldout": heldout, "eps": eps, **settings}
        self._network = network
        self._on = dict(on or {})
        self._told: dict[str, Any] = {}
        self._done = 0
        self._device = torch.device("cpu")

    def tell(self, **signals: Any) -> None:
        """Tell of the step under way what `Monitor.step` takes; what is told again replaces it.

        Raises TypeError for what it does not take.
        """
        if strange := sorted(signals.keys() - set(_TOLD)):
            raise TypeError(f"tell({', '.join(strange)}): a step has {', '.join(_TOLD)}")
        self._told |= signals

    def begin(
        self,
        model: nn.Module,
        *,
        step: int,
        watches: bool,
        per_epoch: int,
        epochs: float,
        optimizer: torch.optim.Optimizer | None,
    ) -> None:
        """Training begins, or goes on after `step` steps; `watches`: this process is the first.

        Raises UserError, as `Monitor` does.
        """
        self._done = step
        self._told = {}
        self._device = next((p.device for p in model.parameters()), self._device)
        self.monitor = None
        if not watches:
            return
        known = {"steps_per_epoch": per_epoch, "epochs": epochs, "optimizer": optimizer}
        resumed = {"resume": step} if step else {}
        network = model if self._network is None else self._network(model)
        self.monitor = Monitor(network, **{**known, **resumed, **self._make})
        for op, do in self._on.items():
            self.monitor.on(op, do)

    def step(self, done: int) -> bool:
        """A batch is over, after `done` optimiser steps; whether training is asked to stop.

        A batch without an optimiser step, as where gradients are accumulated, is no step.
        """
        if done == self._done:
            return False
        self._done = done
        told, self._told = self._told, {}
        if self.monitor is not None:
            self.monitor.step(**told)
        stopping = self.monitor is not None and self.monitor.stopping
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return stopping
        if done % AGREED_EVERY:
            return False
        flag = torch.tensor(float(stopping), device=self._device)
        torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
        return bool(flag)

    def end(self, error: BaseException | None = None) -> None:
        """Training is over, by an error if one is given."""
        if self.monitor is None:
            return
        if error is None:
            self.monitor.close()
        else:
            how, reason = how_left(error)
            self.monitor.close(how, reason, probe=False)


def told_in(outputs: Any) -> dict[str, Any]:
    """Return what a training step has returned, as far as it has the names of `Monitor.step`."""
    if isinstance(outputs, torch.Tensor):
        return {"loss": outputs}
    if not isinstance(outputs, Mapping):
        return {}
    return {name: outputs[name] for name in _TOLD if outputs.get(name) is not None}

"""`selffit.Monitor`: anybody's training loop as a run, in three lines; see docs/any-script.md."""

from __future__ import annotations

import atexit
import math
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from selffit.control.commands import Command
from selffit.errors import UserError
from selffit.hosted.beginning import loop_of
from selffit.hosted.ending import how_left
from selffit.hosted.guard import harmless
from selffit.hosted.network import Normalisation
from selffit.hosted.told import seen_of
from selffit.hosted.watching import About, Watching, step_of

PAUSED_SECONDS = 0.1  # between two looks while the loop is held
OFFERED = ("set", "rollback", "checkpoint")  # what a loop may offer with `on`


class Monitor:
    """Watches a training loop: event log, signals, probes, detector, alerts, commands.

    Make it before the loop, call `step` once an optimiser step, and `close` at the end (or use it
    as a context manager). Nothing that goes wrong in it stops the training: it is said once on
    stderr and in the log, then `off` tells why. In the processes of a distributed training other
    than that of rank 0 it does nothing.

    model: any nn.Module that gives logits [B,K] for images. heldout: (x, y) that are not trained
    on, x uint8 [N,C,H,W] or floats in [0,1], y [N]. eps: budget in pixels, such as 8/255 or
    "8/255". normalize: (mean, std) or a function, where normalisation is not part of the model.
    resume: the run called `name` goes on, as another attempt, by the rules for our own trainings:
    give the steps that the loop has done when it starts (0: from the beginning), or the id of the
    checkpoint that it has loaded, as `saved` gave it; where there is no such run it begins there.
    take_over: do not wait until a run whose process cannot be seen counts as lost.
    optimizer: its learning rate is logged. method: of the training attack, as far as ours have a
    name for it. steps_per_epoch, epochs: of the training. settings: more by the names of the log,
    such as probe_every (steps), probe_images, self_images (0: none), on_co ("alert", "pause" or
    "stop"); all of them stand in `selffit.hosted.settings`.

    Raises UserError where images, network or settings do not fit, or the run cannot be made.
    """

    def __init__(
        self,
        model: nn.Module,
        heldout: tuple[Any, Any],
        *,
        eps: float | str,
        name: str | None = None,
        runs: str | Path = "runs",
        data: str = "",
        class_names: Sequence[str] = (),
        normalize: Normalisation | None = None,
        optimizer: torch.optim.Optimizer | None = None,
        method: str = "fgsm",
        steps_per_epoch: int = 0,
        epochs: float = 0,
        resume: int | str | None = None,
        take_over: bool = False,
        **settings: Any,
    ) -> None:
        self.off = ""  # why nothing is watched any more
        self.stopping = False  # somebody, or a rule of the run, asks the loop to end
        self._closed = False
        self._news: list[Command] = []
        self._optimizer = optimizer
        if os.environ.get("RANK", "0") not in ("", "0"):
            self.off = f"rank {os.environ['RANK']}: rank 0 watches"
            return
        loop, told = loop_of(
            model,
            heldout,
            eps=eps,
            method=method,
            data=data,
            class_names=class_names,
            normalize=normalize,
            steps_per_epoch=steps_per_epoch,
            settings=settings,
        )
        about = About(data=data, epochs=epochs, told=told)
        self._watching = Watching(loop, about, Path(runs), name, resume, take_over)
        self._watching.desk.effects |= {
            "pause": _nothing,
            "resume": _nothing,
            "stop": self._stop,
            "probe": lambda command, new: self._watching.probe("asked"),
        }
        self._watching.begin()
        atexit.register(self._at_exit)

    @property
    def path(self) -> Path | None:
        """The folder of the run; None in the other processes of a distributed training."""
        return self._watching.run.path if hasattr(self, "_watching") else None

    @property
    def steps(self) -> int:
        """Steps that were told, on the line that leads to the present."""
        return self._watching.steps if hasattr(self, "_watching") else 0

    # ---- in the loop -----------------------------------------------------------------------------
    @harmless
    def step(
        self,
        *,
        loss: Tensor | float | None = None,
        x: Tensor | None = None,
        y: Tensor | None = None,
        x_adv: Tensor | None = None,
        logits: Tensor | None = None,
        start_loss: Tensor | float | None = None,
        start_grad: Tensor | None = None,
        grad: Tensor | None = None,
        lr: float | None = None,
        eps: float | None = None,
        alpha: float | None = None,
    ) -> None:
        """Tell of one optimiser step that was done; whatever is given becomes a signal.

        loss: on the adversarial images, 0-d or [B]; start_loss: where the attack starts. x, x_adv:
        [B,C,H,W] in pixels of [0,1]; y [B]; logits [B,K] at x_adv. start_grad, grad: gradients of
        the loss with respect to the input, at the attack's start and at x_adv. Their graphs are not
        kept, and nothing waits for the device. lr, eps, alpha: of this step, where they change.

        Then probes are made where it is time for them, and commands are looked for; it returns when
        a pause is over.
        """
        watching = self._watching
        watching.loop.schedule.tell(
            step=watching.steps, lr=self._rate() if lr is None else lr, eps=eps, alpha=alpha
        )
        given = {
            "loss": loss,
            "x": x,
            "y": y,
            "x_adv": x_adv,
            "logits": logits,
            "start_loss": start_loss,
            "start_grad": start_grad,
            "grad": grad,
        }
        seen = seen_of(given, watching.loop.images.shape)
        blocks = watching.blocks(seen.size)
        blocks.add(watching.values(seen), seen.names)
        watching.steps += 1
        watching.after_step(blocks)
        self._boundary()
        if not self.off:
            watching.measure_later()

    def commands(self) -> list[Command]:
        """What was asked for and carried out since the last call; see `on` and `stopping`."""
        found, self._news = self._news, []
        return found

    def on(self, op: str, do: Callable[..., object]) -> None:
        """Offer an operation that the loop carries out itself, between two steps.

        set: do(settings), a mapping such as {"eps": 0.03, "lr_scale": 0.5}; where the run was
        resumed, it hears at once of what was set before and holds. rollback: do(id, step,
        settings), to a checkpoint that `saved` has told of; the steps count on from there, on a new
        branch. checkpoint: do(). What it raises is the answer to whoever asked. Raises UserError
        for other operations.
        """
        if op not in OFFERED:
            raise UserError(f"on('{op}', …): there is {', '.join(OFFERED)}; the rest is built in")
        self._offer(op, do)

    @harmless
    def _offer(self, op: str, do: Callable[..., object]) -> None:
        watching = self._watching

        def carry_out(command: Command, new: Mapping[str, Any]) -> None:
            if op == "rollback":
                watching.close_block()
                do(command.args["to"], step_of(command.args["to"]), dict(new))
                watching.restored(command, new)
            elif op == "set":
                do(dict(new))
                watching.adopt(new)
            else:
                do()

        watching.desk.effects[op] = carry_out
        watching.tell()
        if op == "set" and watching.carried:  # before this attempt, and it holds
            do(dict(watching.carried))

    @harmless
    def saved(self, bytes: float = math.nan) -> str:
        """Say that the loop has saved a checkpoint of its own after this step; returns its id.

        A roll-back may go there, which the loop carries out; see `on`.
        """
        return self._watching.saved(bytes)

    @harmless
    def probe(self) -> None:
        """Measure everything now: robust accuracy, self-information, channels, a strong attack."""
        self._watching.probe("asked")

    # ---- the end ---------------------------------------------------------------------------------
    @harmless
    def close(self, how: str = "finished", reason: str = "", *, probe: bool = True) -> None:
        """End the run; the second call does nothing. how: finished, stopped or crashed.

        probe: measure everything a last time, as at the end of our own trainings.
        """
        if self.stopping and how == "finished":
            how, reason = "stopped", reason or "as it was asked to"
        watching = self._watching
        watching.close_block()
        if probe and watching.steps:
            watching.log.phase("finishing", watching.steps)
            watching.probe("end")
        self._end(how, reason)

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self._left_by(error)

    def _left_by(self, error: BaseException) -> None:
        how, reason = how_left(error)
        self.close(how, reason, probe=False)

    def _at_exit(self) -> None:
        """The script ends, and nobody has closed the run."""
        error = getattr(sys, "last_value", None)
        if error is None:
            self.close(probe=False)
        else:
            self._left_by(error)

    def _end(self, how: str, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        self._watching.end(how, reason)
        self.off = self.off or f"the run is over: {how}"

    def give_up(self, error: Exception) -> None:
        """Say once that monitoring has failed, and why; from now on nothing is watched."""
        lines = str(error).strip().splitlines() or [""]
        self.off = f"{type(error).__name__}: {lines[0]}"
        print(
            f"selffit: monitoring has failed and is off; the training goes on ({self.off})",
            file=sys.stderr,
        )
        if not isinstance(error, UserError):
            traceback.print_exc()
        with suppress(Exception):  # the log may be what has failed
            self._watching.about.told.append(f"monitoring has failed and is off: {self.off}")
            self._watching.desk.effects = {}
            self._watching.tell()
            self._end("crashed", f"monitoring only, the training may go on: {self.off}")

    # ---- parts -----------------------------------------------------------------------------------
    def _rate(self) -> float:
        if self._optimizer is None:
            return math.nan
        rate = self._optimizer.param_groups[0]["lr"]
        # a tensor on a device would have to be waited for
        return math.nan if isinstance(rate, Tensor) and rate.is_cuda else float(rate)

    def _boundary(self) -> None:
        """Between two steps: commands, and a pause where it was asked for."""
        watching = self._watching
        if watching.taken is not None:
            # who was taken over trains for nothing; who has lost its folder only is not seen
            self.stopping = watching.taken.how == "superseded"
            self._end(watching.taken.how, str(watching.taken))
            return
        self._poll()
        if not watching.log.ledger.paused or self.stopping:
            return
        watching.close_block()
        watching.log.phase("paused", watching.steps)
        while watching.log.ledger.paused and not self.stopping and watching.taken is None:
            time.sleep(PAUSED_SECONDS)
            self._poll()
        watching.restart_clock()
        watching.log.phase("training", watching.steps)

    def _poll(self) -> None:
        watching = self._watching
        news = watching.desk.poll(watching.steps)
        self._news += news
        if any(command.op == "rollback" for command in news):
            watching.probe("branch")

    def _stop(self, command: Command, new: Mapping[str, Any]) -> None:
        self.stopping = True


def _nothing(command: Command, new: Mapping[str, Any]) -> None:
    """The ledger knows of it, and the loop is held by that."""

"""Takes training steps: one operation after another, or as a captured graph where that is possible.

What a graph has in it for good (the method, its steps, what is zeroed, where tensors lie) is its
fingerprint; another one takes a few ordinary steps and then a new capture. Everything else that
moves lies in tensors that are filled before the replay.
"""

import sys
import time
from collections.abc import Callable, Hashable
from contextlib import nullcontext

import torch
from torch import Tensor

from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.models.trials import without_trials
from selffit.train.capture import Capture, captures_on, static_images
from selffit.train.hostreads import HostReads
from selffit.train.passes import Passes
from selffit.train.scalars import Planned
from selffit.train.setup import Setup
from selffit.train.signals import VALUES, image_values

WARM_UP = 3  # ordinary steps before a capture: libraries choose kernels, the optimiser makes state


class Runner:
    """The steps of one training. Both ways do the same with the same numbers.

    `tell` hears of every capture, and once for each reason of steps that cannot be captured.
    """

    def __init__(self, setup: Setup, tell: Callable[[kinds.StepGraph], None]) -> None:
        """Raises UserError where a graph is asked for and does not exist here."""
        self._setup = setup
        self._tell = tell
        self._make = captures_on(setup.device) if setup.config.graph != "off" else None
        if self._make is None and setup.config.graph == "on":
            raise UserError(
                f"--graph on: there are no CUDA graphs on {setup.device}; use --graph auto"
            )
        self._generator = torch.Generator(setup.device)
        self._graph: Capture | None = None
        self._captured = False
        self._fingerprint: Hashable = None  # of what was captured, or is about to be
        self._version: Hashable = None  # that the fingerprint was last compared at
        self._warm = 0
        self._refused: set[Hashable] = set()
        self.captures = 0
        self._size = size = setup.config.batch_size
        self._x = self._y = self._values = torch.empty(0)
        if self._make is not None:
            device = setup.device
            self._x = static_images(size, setup.images.shape, device)
            self._y = torch.zeros(size, dtype=torch.int64, device=device)
            self._values = torch.zeros(VALUES, size, device=device)
            setup.model.passes = Passes(setup.model, self._make, setup.images)

    def run(self, x: Tensor, y: Tensor, now: Planned) -> Tensor:
        """One step on a batch x [B,C,H,W], y [B]; the per-image values [7,B] of `image_values`.

        They are valid until the next step. Nothing waits for the device.
        """
        self._setup.step.use(now.values, now.row)
        self._generator.manual_seed(now.seed)
        # the rest of an epoch is no batch of that size, and not worth a graph
        if self._make is None or len(y) != self._size:
            values = torch.empty(VALUES, len(y), device=x.device)
            with nullcontext() if len(y) == self._size else without_trials():
                self._take(x, y, values)
            return values
        self._x.copy_(x)
        self._y.copy_(y)
        if self._ready():
            assert self._graph is not None
            self._graph.replay()
        return self._values

    def prepare(self) -> bool:
        """Between two blocks: a part of what probes will ask for; False where nothing was to do."""
        setup, passes = self._setup, self._setup.model.passes
        if passes is None:
            return False
        config = setup.config
        most = max(config.probe_images, config.self_images, config.align_images)
        done: bool = passes.prepare(min(most, len(setup.images.held_x)))
        return done

    def _take(self, x: Tensor, y: Tensor, values: Tensor) -> None:
        """The step itself, and its values per image."""
        attack, trained = self._setup.step(x, y, self._generator, with_input_gradient=True)
        image_values(x, y, attack, trained, values)

    def _static(self) -> None:
        self._take(self._x, self._y, self._values)

    # ---- when to capture -------------------------------------------------------------------------
    def _ready(self) -> bool:
        """Whether this step is to be replayed; if not, it has been taken as it is."""
        step = self._setup.step
        version = step.version, self._setup.zeroing.version
        if version != self._version:
            self._version = version
            if self._captured and self._now() != self._fingerprint:
                self._forget()
        if self._captured:
            return True
        if self._kind() in self._refused:
            self._static()
            return False
        if self._warm < WARM_UP:
            self._warm_up()
            return False
        return self._capture()

    def _kind(self) -> Hashable:
        """What may be impossible to capture."""
        return self._setup.step.fixed, self._setup.zeroing.version

    def _now(self) -> Hashable:
        """The fingerprint of a graph that would be captured now."""
        lie = tuple(tensor.data_ptr() for tensor in self._setup.step.tensors())
        return self._kind(), lie

    def _forget(self) -> None:
        self._graph, self._captured, self._warm = None, False, 0

    def _warm_up(self) -> None:
        """An ordinary step where the capture will be; the first is searched for host reads."""
        if self._graph is None or self._kind() != self._fingerprint:
            self._forget()
            assert self._make is not None
            self._graph, self._fingerprint = self._make(self._generator, None), self._kind()
        reads = HostReads() if self._warm == 0 else None
        with reads or nullcontext():
            self._graph.warm_up(self._static)
        self._warm += 1
        if reads is not None and reads.found:
            self._refuse(f"the step reads from the host: {reads.found[0]}")

    def _capture(self) -> bool:
        """Record the step; whether that worked. If not, it has been taken as it is."""
        assert self._graph is not None
        began = time.perf_counter()
        try:
            self._graph.capture(self._static)
        except (RuntimeError, torch.OutOfMemoryError) as error:
            self._after_failure(str(error).strip().splitlines()[0])
            return False
        self._captured, self._fingerprint = True, self._now()
        self.captures += 1
        seconds = round(time.perf_counter() - began, 3)
        self._tell(kinds.StepGraph(captured=True, count=self.captures, sec=seconds))
        return True

    def _after_failure(self, why: str) -> None:
        """Take the step that could not be captured; what the attempt has left is thrown away."""
        seed = self._generator.initial_seed()
        self._setup.step.optimizer.zero_grad()
        self._generator = torch.Generator(self._setup.device).manual_seed(seed)
        self._refuse(why)
        self._static()

    def _refuse(self, why: str) -> None:
        """Go on without a graph. Raises UserError where one was asked for and none has worked."""
        self._refused.add(self._kind())
        self._forget()
        if self._setup.config.graph == "on" and not self.captures:
            raise UserError(f"--graph on: the step cannot be captured; {why}; use --graph auto")
        print(f"steps are taken without a CUDA graph: {why}", file=sys.stderr)
        self._tell(kinds.StepGraph(captured=False, count=self.captures, why=why))

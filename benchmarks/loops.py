"""Loops whose speed is measured: textbook, our step alone, our loop as the trainer has it."""

import copy
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.backends import cudnn

from selffit.config import RunConfig
from selffit.data.batches import Batches
from selffit.data.imageset import ImageSet
from selffit.models.zeroing import Zeroing
from selffit.train.blocks import Blocks
from selffit.train.capture import CudaCapture
from selffit.train.monitor import Monitor
from selffit.train.runner import WARM_UP, Runner
from selffit.train.scalars import Ahead
from selffit.train.schedule import Schedule
from selffit.train.scores import empty_summary
from selffit.train.setup import Setup, build_network, choose_precision
from selffit.train.step import Step
from selffit.train.trainlog import TrainLog

SHAPE, CLASSES = (3, 32, 32), 10
SMALL_PROBES = {"probe_images": 64, "self_images": 32, "channel_images": 32, "align_images": 32}

Work = Callable[[int], object]  # the step of a number


@dataclass
class Bench:
    """What is measured where, with how much time, and what was left out."""

    device: torch.device
    small: bool
    until: float
    skipped: list[str] = field(default_factory=list)

    @property
    def cuda(self) -> bool:
        """Whether it is a GPU."""
        return self.device.type == "cuda"

    def left(self, what: str, needs: float) -> bool:
        """Whether there are so many seconds left; if not, that is said at the end."""
        if time.monotonic() + needs < self.until:
            return True
        self.skipped.append(f"{what}: no time left")
        return False

    def seconds(self, works: dict[str, Work], steps: int, rounds: int) -> dict[str, float]:
        """Median seconds of a step of each, alternating; a first round does not count."""
        clock = time.perf_counter if self.cuda else time.process_time
        times: dict[str, list[float]] = {name: [] for name in works}
        for number in range(rounds + 1):
            for name, work in works.items():
                self.wait()
                began = clock()
                for step in range(steps):
                    work(number * steps + step)
                self.wait()
                if number:
                    times[name].append((clock() - began) / steps)
        return {name: statistics.median(values) for name, values in times.items()}

    def wait(self) -> None:
        """Until everything that was asked for is done."""
        if self.cuda:
            torch.cuda.synchronize(self.device)


def textbook(setup: Setup, kind: str) -> Callable[[int], float]:
    """FGSM as public codes have it, in "fp32", "tf32", or "fp16" autocast with a scaled loss."""
    half = kind == "fp16"
    config, device = setup.config, setup.device
    model = copy.deepcopy(setup.model)
    first = nn.Conv2d(SHAPE[0], config.width, 3, padding=1, bias=False)  # ours has its own way back
    first.load_state_dict(model.get_submodule("conv1").state_dict())
    model.add_module("conv1", first.to(device))
    model.to(memory_format=torch.contiguous_format).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    scaler = torch.amp.GradScaler(device.type, enabled=half)
    totals = {"loss": 0.0, "right": 0.0}
    fp16 = torch.autocast(device.type, dtype=torch.float16, enabled=half)
    eps = config.eps

    def step(number: int) -> float:
        before, cudnn.allow_tf32 = cudnn.allow_tf32, kind == "tf32"
        try:
            return take(number)
        finally:
            cudnn.allow_tf32 = before

    def take(number: int) -> float:
        x, y = setup.batches.batch(number % setup.batches.steps_per_epoch)
        x = x.contiguous()
        x.requires_grad = True
        with fp16:
            loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        assert x.grad is not None
        x_adv = torch.clamp(x.detach() + eps * torch.sign(x.grad), 0, 1)
        optimizer.zero_grad()
        with fp16:
            output = model(x_adv)
            loss = F.cross_entropy(output, y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        totals["loss"] += loss.item() * len(y)
        totals["right"] += (output.max(1)[1] == y).sum().item()
        return loss.item()

    return step


def alone(setup: Setup, graph: bool) -> Work:
    """Our step without signals."""
    ahead, generator = Ahead(setup.device, 20), torch.Generator(setup.device)
    step, per_epoch = setup.step, setup.batches.steps_per_epoch
    x, y = (part.clone() for part in setup.batches.batch(0))

    def take() -> None:
        step(x, y, generator, with_input_gradient=False)

    capture = CudaCapture(generator) if graph else None
    if capture is not None:
        for _ in range(WARM_UP):
            capture.warm_up(take)
        capture.capture(take)

    def run(number: int) -> None:
        now = ahead.at(number, setup.schedule)
        step.use(now.values, now.row)
        generator.manual_seed(now.seed)
        for static, new in zip((x, y), setup.batches.batch(number % per_epoch), strict=True):
            static.copy_(new)
        if capture is None:
            take()
        else:
            capture.replay()

    return run


class Trained:
    """Our loop with signals and log, as the trainer has it."""

    def __init__(self, setup: Setup, log: TrainLog) -> None:
        self.setup = setup
        self.monitor = Monitor(setup, log, empty_summary(), lambda level: None, lambda: False)
        self.runner = Runner(setup, lambda event: None)
        self._ahead = Ahead(setup.device, setup.config.block_steps)
        self._blocks = Blocks(setup, self.monitor, log)
        self._done = 0

    def step(self, number: int) -> Tensor:
        """One step, and its block where it is full."""
        setup = self.setup
        x, y = setup.batches.batch(self._done % setup.batches.steps_per_epoch)
        values = self.runner.run(x, y, self._ahead.at(self._done, setup.schedule))
        self._blocks.add(values)
        self._done += 1
        if self._blocks.full:
            self._blocks.close(self._done, everything=False)
        return values[1].mean()  # the loss at x_adv

    def probe(self, number: int) -> None:
        """What comes once an epoch."""
        self.monitor.probe(max(1, self._done), "interval")


def random_images(device: torch.device, count: int) -> ImageSet:
    """Random ones of CIFAR-10's shape."""
    generator = torch.Generator().manual_seed(0)

    def draw(n: int) -> tuple[Tensor, Tensor]:
        x = torch.randint(0, 256, (n, *SHAPE), dtype=torch.uint8, generator=generator)
        return x.to(device), (torch.arange(n) % CLASSES).to(device)

    (train_x, train_y), (held_x, held_y) = draw(count), draw(512)
    return ImageSet(
        name="random",
        classes=CLASSES,
        shape=SHAPE,
        train_x=train_x,
        train_y=train_y,
        held_x=held_x,
        held_y=held_y,
    )


def prepared(bench: Bench, images: ImageSet, config: RunConfig) -> Setup:
    """Ready for a step; always the same weights."""
    device = bench.device
    batches = Batches(
        images.train_x, images.train_y, config.batch_size, config.augment, 0, keep_last=False
    )
    torch.manual_seed(0)
    model = build_network(config, images).to(device).train()
    autocast = choose_precision(config.precision, device)
    return Setup(
        config=config,
        device=device,
        images=images,
        batches=batches,
        model=model,
        step=Step(config, model, device, autocast, capturable=bench.cuda),
        schedule=Schedule(config, batches.steps_per_epoch),
        zeroing=Zeroing(model, device),
    )


def real_images(bench: Bench) -> str:
    """The folder that has CIFAR-10, "" where there is none, or no GPU."""
    folder = Path(os.environ.get("SELFFIT_DATA", "")).resolve()
    real = bench.cuda and (folder / "cifar-10-batches-py").is_dir()
    return str(folder) if real else ""

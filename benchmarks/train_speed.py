"""How fast a step is, and a run: one table, against textbook loops and against the floor.

    uv run python benchmarks/train_speed.py [--device cpu --small] [--seconds 450] [--json FILE]

Rows: the textbook loop in fp32, with tf32 convolutions (torch's default) and in fp16 autocast, ours
one operation after another, ours as one CUDA graph; batches of 128, 512 and 1024. Columns: the
step alone, with its signals and their log records, with an interval probe every epoch beside them.
Images are random ones of CIFAR-10's shape, an epoch is 50 000 of them, and a step is worth 5
forward passes (5U); the floor is the time that these take at the speed of a large matrix product
measured here. Textbook: contiguous NCHW, a backward pass that computes weight gradients for the
attack too, torch's default SGD, loss and accuracy read with .item() at every step.

At the end a whole run is timed from the command: 30 epochs of cifar10-fgsm-8 where SELFFIT_DATA
names a folder that has CIFAR-10, else of the default preset.

The target of 1.5 over the textbook is missed on a CPU: 1.45 at width 16 and batch 128 (one of two
shared cores under load, torch 2.15). 6U of work against 5U are worth 1.2, the rest comes from
channels_last; ours computes an input gradient of the training step too, for PertAlign. It works at
78 % of the speed of a large matrix product there, the textbook loop at 54 %.

On a CPU times are processor times of one thread, which other processes hardly change; loops
alternate, so that all see the same weather. What there is no time for (--seconds), or what the
device does not have, is said. Ends with 1 where the losses of the loops differ.
"""

import argparse
import copy
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.backends import cudnn
from torch.utils.flop_counter import FlopCounterMode

from selffit.config import RunConfig, resolve
from selffit.control.ledger import Ledger
from selffit.data.batches import Batches
from selffit.data.imageset import ImageSet
from selffit.eventlog.writer import EventWriter
from selffit.models.zeroing import Zeroing
from selffit.train.blocks import Blocks
from selffit.train.capture import CudaCapture
from selffit.train.monitor import Monitor
from selffit.train.runner import WARM_UP, Runner
from selffit.train.scalars import Ahead
from selffit.train.schedule import Schedule
from selffit.train.scores import empty_summary
from selffit.train.setup import Setup, build_network, choose_device, choose_precision, cpu_name
from selffit.train.step import Step
from selffit.train.trainlog import TrainLog

EPOCH = 50_000  # images
UNITS = 5  # forward passes that a step is worth
TARGET = 1.5  # of ours over the textbook in fp32, on a CPU
SHAPE, CLASSES = (3, 32, 32), 10
DEFAULT_RUN = 60.0  # seconds that the default run may take on two cores
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


# ---- the loops -----------------------------------------------------------------------------------
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


# ---- what they train -----------------------------------------------------------------------------
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


def forward_flop(model: nn.Module, device: torch.device) -> float:
    """Of one image (1U): multiplications and additions."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, *SHAPE, device=device))
    return float(counter.get_total_flops())


def peak(bench: Bench) -> float:
    """FLOP/s of a large matrix product, in bf16 on CUDA and in float32 with one thread on a CPU."""
    size, dtype = (8192, torch.bfloat16) if bench.cuda else (1024, torch.float32)
    a = torch.randn(size, size, dtype=dtype, device=bench.device)
    took = bench.seconds({"": lambda _: a @ a}, 10 if bench.cuda else 3, 5)[""]
    return 2 * size**3 / took


def real_images(bench: Bench) -> str:
    """The folder that has CIFAR-10, "" where there is none, or no GPU."""
    folder = Path(os.environ.get("SELFFIT_DATA", "")).resolve()
    real = bench.cuda and (folder / "cifar-10-batches-py").is_dir()
    return str(folder) if real else ""


# ---- the table -----------------------------------------------------------------------------------
def same_losses(bench: Bench, setup: Callable[[], Setup], log: TrainLog) -> bool:
    """Whether the loops start alike: later, pixels whose gradient is about 0 get other signs."""

    def fixed() -> Setup:
        made = setup()
        made.adopt(replace(made.config, lr=0.05, lr_schedule="constant", momentum_low=0.0), {})
        return made

    theirs, ours = textbook(fixed(), "fp32"), Trained(fixed(), log)
    errors = [abs(theirs(i) - float(ours.step(i))) for i in range(3)]
    same = errors[0] < (2e-2 if bench.cuda else 1e-3) and max(errors) < (
        0.1 if bench.cuda else 2e-2
    )
    told = f"{errors[0]:.1e} at step 1, {errors[2]:.1e} at step 3"
    print(f"losses of textbook and ours differ by {told}: {'ok' if same else 'WRONG'}")
    return same


def row(bench: Bench, name: str, batch: int, flop: float, top: float, times: list[float]) -> str:
    """One line: s an epoch of each column, then images/s, TFLOP/s and the share of the floor."""
    shown = [f"{t * EPOCH / batch:8.2f}" if t == t else f"{'-':>8}" for t in times]
    best = next((t for t in reversed(times[:2]) if t == t), times[0])
    rate = batch / best
    speed = UNITS * flop * rate
    figures = f"{rate:10.0f} {speed / 1e12:9.3f} {100 * speed / top:7.1f} %"
    return f"{name:<16}{batch:6}  {' '.join(shown)}  {figures}"


def table(
    bench: Bench, width: int, batches: list[int], log: TrainLog, found: list[dict[str, Any]]
) -> bool:
    """Prints it, with the figures in `found`; whether the losses agree."""
    images = random_images(bench.device, 4096 if bench.small or not bench.cuda else EPOCH)
    top, nan = peak(bench), float("nan")
    same = True
    ratios: dict[int, float] = {}
    for number, batch in enumerate(batches):
        if not bench.left(f"batch {batch}", 60 if bench.cuda else 20):
            continue

        def setup(batch: int = batch, **more: Any) -> Setup:
            config = resolve(
                "cifar10-fgsm-8",
                {"batch_size": batch, "width": width, "last_batch": "drop", "eps": 8 / 255, **more}
                | (SMALL_PROBES if bench.small else {}),
            )
            return prepared(bench, images, config)

        if number == 0:
            flop = forward_flop(setup().model, bench.device)
            same = same_losses(bench, setup, log)
            print(
                f"floor: {UNITS}U = {UNITS * flop / 1e9:.2f} GFLOP an image at {top / 1e12:.2f} "
                f"TFLOP/s = {UNITS * flop * EPOCH / top:.2f} s an epoch\n"
            )
            heads = f"{'step':>8} {'signals':>8} {'probes':>8}"
            print(f"{'':<16}{'batch':>6}  {heads}  {'images/s':>10} {'TFLOP/s':>9} {'of floor':>9}")
            print(f"{'':<16}{'':>6}  {'s an epoch':>26}")
        trained = {"eager": Trained(setup(graph="off"), log)}
        kinds = ("fp32", "tf32", "fp16") if bench.cuda else ("fp32",)
        works: dict[str, Work] = {f"textbook {kind}": textbook(setup(), kind) for kind in kinds}
        if bench.cuda:
            trained["graph"] = Trained(setup(graph="on"), log)
        for name, loop in trained.items():
            works[f"{name} alone"] = alone(setup(), name == "graph")
            works[name] = loop.step
        steps, rounds = (20, 3) if bench.cuda else (2, 3 if bench.small else 8)
        times = bench.seconds(works, steps, rounds)
        probes = {}
        for name, loop in trained.items():
            if bench.left(f"probes, {name}, batch {batch}", 20):
                probes[name] = bench.seconds({"": loop.probe}, 1, 1)[""]
        for name in works:
            if name.startswith("textbook"):
                print(row(bench, name, batch, flop, top, [times[name], nan, nan]))
        for name in trained:
            beside = probes.get(name, nan) * batch / EPOCH  # a step's share of the epoch's probe
            three = [times[f"{name} alone"], times[name], times[name] + beside]
            print(row(bench, name, batch, flop, top, three))
        best = "graph" if "graph" in times else "eager"
        ratios[batch] = times["textbook fp32"] / times[best]
        others = "".join(
            f", {times[name] / times[best]:.2f}x in {name.split()[1]}"
            for name in times
            if name.startswith("textbook ") and name != "textbook fp32"
        )
        signals = times[best] / times[f"{best} alone"] - 1
        share = probes.get(best, nan) / (times[best] * EPOCH / batch)
        print(
            f"  {best}: {ratios[batch]:.2f}x the textbook in fp32{others}; signals and log "
            f"{100 * signals:+.1f} %, an interval probe {100 * share:.1f} % of an epoch"
        )
        found.append({"batch": batch, "seconds": times, "probe": probes})
    if not bench.cuda:
        bench.skipped.append("textbook tf32 and fp16, and graph: a CPU has none of them")
        if ratios:
            ratio = max(ratios.values())
            verdict = "ok" if ratio >= TARGET else "missed"
            print(f"\nspeed-up over the textbook: {ratio:.2f}x  target {TARGET}x  {verdict}")
    return same


def whole_run(bench: Bench) -> dict[str, Any]:
    """Seconds from the command to the end of a run."""
    folder = real_images(bench)
    preset = "cifar10-fgsm-8" if folder else "patterns"
    epochs = 3 if bench.small else 30
    options = ["--preset", preset, "--epochs", "30", "--device", bench.device.type, "--plain"]
    options += ["--stop-epoch", str(epochs)] if epochs < 30 else []
    options += ["--data-dir", folder] if folder else []
    if not bench.left(f"a whole run of {preset}", 150 if bench.cuda else 30):
        return {}
    with tempfile.TemporaryDirectory() as runs:
        began = time.perf_counter()
        command = [sys.executable, "-m", "selffit_tui", "train", "--runs", runs, *options]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        took = time.perf_counter() - began
    told = f"{preset}, {epochs} of 30 epochs, from the command: {took:.1f} s"
    if not bench.cuda and epochs == 30:
        told += f"  target {DEFAULT_RUN:g} s  {'ok' if took <= DEFAULT_RUN else 'missed'}"
    print(f"\n{told}")
    return {"preset": preset, "epochs": epochs, "seconds": took}


def main() -> int:
    """Prints the table; returns 1 where the losses differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--small", action="store_true", help="narrow and short: a minute or two")
    parser.add_argument("--width", type=int, default=0, help="default: 16 on a CPU, 64 on CUDA")
    parser.add_argument("--seconds", type=float, default=450.0, help="begin nothing after that")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    device = choose_device(options.device)
    bench = Bench(device, options.small, time.monotonic() + options.seconds)
    if bench.cuda:
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = True
    else:
        torch.set_num_threads(1)
    width = options.width or (64 if bench.cuda else 16)
    if options.small:
        width = options.width or 8
    name = torch.cuda.get_device_name(device) if bench.cuda else cpu_name()
    print(f"hardware: {name}; torch {torch.__version__}")
    print(f"recipe: cifar10-fgsm-8, preact-resnet18, width {width}, 3x32x32, random images")
    figures: list[dict[str, Any]] = []
    sizes = [128, 512, 1024] if bench.cuda else ([64] if options.small else [64, 128])
    with tempfile.TemporaryDirectory() as place, EventWriter(Path(place), "trainer", 1) as writer:
        same = table(bench, width, sizes, TrainLog(writer, Ledger()), figures)
    run = whole_run(bench)
    for what in bench.skipped:
        print(f"skipped: {what}")
    if options.json:
        told = {"hardware": name, "torch": torch.__version__, "table": figures, "run": run}
        options.json.write_text(json.dumps(told, indent=2) + "\n")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())

"""Other ways to take a training step on a GPU: is one quicker, and does it train alike?

    uv run python benchmarks/levers.py [--device cpu --small]

Each in a process of its own, as one CUDA graph where there are any, cifar10-fgsm-8 at width 64 and
batches of 128, on random images. A line each: milliseconds a step, seconds until the first one is
done, and the loss of step 20, which tells whether it trains as the first way does.

plain         the step as it is.
untried       without cuDNN's trial runs: how much they save in a step, and cost at the start.
two streams   the backward pass of the training step computes gradients of weights and of maps,
              which do not wait for each other, on two streams.
fp32          without mixed precision, with tf32 convolutions.

Not here: batch norm and ReLU as one kernel. Torch has none for training; its compiler makes one,
and compiling the whole step was 4 % quicker than the graph alone, for 16 s of start (H100, torch
2.11). Nor the normalisation of the images as a part of the first convolution: zeros are put around
the normalised image, so what its mean is worth depends on how near a pixel is to the border. That
is a map to be added to all 64 channels of the result: more than is saved at the 3 of the image,
where it is two small kernels of a thousand.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.loops import Bench, prepared, random_images
from selffit.config import resolve
from selffit.models.image_conv import ImageConv
from selffit.train.runner import Runner
from selffit.train.scalars import Ahead
from selffit.train.setup import Setup, choose_device
from selffit.train.signals import LOSS_ADV


class Streams:
    """A second stream, what was done there, and what must not be given away before it is joined."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.side = torch.cuda.Stream(device) if device.type == "cuda" else None
        self.held: list[Tensor] = []
        self.gradients: list[tuple[nn.Parameter, Tensor]] = []

    def aside(self, work: Callable[[], Tensor]) -> Tensor:
        """Do work there, with all that was asked for here before."""
        if self.side is not None:
            self.side.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self.side) if self.side is not None else nullcontext():
            return work()

    def join(self) -> None:
        """Wait for it, and give the weights their gradients."""
        if self.side is not None:
            torch.cuda.current_stream(self.device).wait_stream(self.side)
        for weight, gradient in self.gradients:
            weight.grad = gradient
        self.gradients.clear()
        self.held.clear()


class _Both(torch.autograd.Function):
    """A convolution without bias whose weight gets its gradient when the streams are joined."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: nn.Parameter, conv: "TwoStreams") -> Tensor:
        cast = weight.detach().to(x.dtype)
        ctx.save_for_backward(x, cast)
        ctx.conv, ctx.weight = conv, weight
        return F.conv2d(x, cast, None, conv.stride, conv.padding)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        (x, cast), conv, streams = ctx.saved_tensors, ctx.conv, ctx.conv.streams

        def found(mask: list[bool]) -> list[Tensor]:
            made: list[Tensor] = torch.ops.aten.convolution_backward(
                g, x, cast, [0], conv.stride, conv.padding, [1, 1], False, [0, 0], 1, mask
            )
            return made

        def of_weight() -> Tensor:
            return found([False, True, False])[1].to(ctx.weight.dtype)

        gradient = streams.aside(of_weight)
        streams.held += [g, x, cast]
        streams.gradients.append((ctx.weight, gradient))
        return found([True, False, False])[0], None, None


class TwoStreams(nn.Conv2d):
    """In a training step's own passes; an attack asks for no gradient of weights."""

    streams: Streams
    first: ImageConv

    def forward(self, x: Tensor) -> Tensor:
        """Maps [B,C,H,W] → maps."""
        if self.first.alone or not torch.is_grad_enabled():
            return super().forward(x)
        made: Tensor = _Both.apply(x, self.weight, self)
        return made


def two_streams(setup: Setup) -> None:
    """All convolutions but the one that sees the image."""
    streams = Streams(setup.device)
    [first] = [module for module in setup.model.modules() if isinstance(module, ImageConv)]
    for module in setup.model.modules():
        if type(module) is nn.Conv2d:
            module.__class__ = TwoStreams
            for name, value in {"streams": streams, "first": first}.items():
                object.__setattr__(module, name, value)  # neither is a part of it
    optimizer = setup.step.optimizer
    step = optimizer.step

    def joined() -> None:
        streams.join()
        step()

    optimizer.step = joined  # type: ignore[method-assign]


def untried(setup: Setup) -> None:
    """No trial runs."""
    torch.backends.cudnn.benchmark = False


WAYS: dict[str, Callable[[Setup], None]] = {
    "plain": lambda setup: None,
    "untried": untried,
    "two streams": two_streams,
    "fp32": lambda setup: None,
}


def measure(bench: Bench, way: str) -> None:
    """Print the line of one way."""
    images = random_images(bench.device, 256 if bench.small else 4096)
    settings: dict[str, Any] = {"width": 8 if bench.small else 64, "last_batch": "drop"}
    settings |= {"batch_size": 8} if bench.small else {}
    settings |= {"precision": "fp32"} if way == "fp32" else {}
    settings |= {"graph": "on"} if bench.cuda else {}
    setup = prepared(bench, images, resolve("cifar10-fgsm-8", settings))
    if bench.cuda:
        torch.backends.cudnn.benchmark = True
    else:
        torch.set_num_threads(1)
    WAYS[way](setup)
    runner, ahead = Runner(setup, lambda event: None), Ahead(setup.device, 20)

    def take(number: int) -> Tensor:
        x, y = setup.batches.batch(number)
        return runner.run(x, y, ahead.at(number, setup.schedule))

    began = time.perf_counter()
    take(0)
    bench.wait()
    first = time.perf_counter() - began
    steps = 6 if bench.small else 20
    loss = [float(take(number)[LOSS_ADV].mean()) for number in range(1, steps)][-1]
    times = bench.seconds({"": lambda number: take(steps + number)}, steps, 1 + 4 * bench.cuda)
    print(
        f"{way:<12} {1e3 * times['']:8.2f} ms a step, first one after {first:5.2f} s, "
        f"loss of step {steps} {loss:.5f}, {runner.captures} captured",
        flush=True,
    )


def main() -> int:
    """Prints a line for each way; returns 1 where one of them fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--small", action="store_true", help="narrow and short")
    parser.add_argument("--way", choices=WAYS, help="this one only, in this process")
    options = parser.parse_args()
    if options.way:
        device = choose_device(options.device)
        measure(Bench(device, options.small, float("inf")), options.way)
        return 0
    failed = 0
    for way in WAYS:
        command = [sys.executable, __file__, "--device", options.device, "--way", way]
        command += ["--small"] if options.small else []
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            failed = 1
            print(f"{way:<12} fails: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}")
    return failed


if __name__ == "__main__":
    sys.exit(main())

"""What `selffit.Monitor` costs somebody's loop, without probes.

    uv run python benchmarks/monitor.py [--width N] [--batch N] [--everything]

A textbook RS-FGSM loop calls `monitor.step` with its loss, images, logits, and the losses and
gradients of its attack; an event log is written, a heartbeat beats, the inbox is looked at, the
detector listens. The same loop without these calls is the reference: the two alternate in one
process, so that both see the same weather. On a CPU processor times are compared, with one thread
and those of the log; on CUDA wall times. With --everything the loop also asks torch for the
gradient at x_adv, which it does not need itself (`grad`): that is paid by whoever wants the signal
PertAlign.
"""

import argparse
import copy
import statistics
import sys
import tempfile
import time
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selffit import Monitor
from selffit.models import build
from selffit.train.setup import cpu_name

TARGET = 0.01
EPS, ALPHA, LR = 8 / 255, 10 / 255, 0.05
SHAPE, CLASSES = (3, 32, 32), 10
NO_PROBES: dict[str, Any] = {"probe_every": 10**9, "align_every": 0, "self_images": 0}


class Textbook:
    """One RS-FGSM training step after another, as public codes have it."""

    def __init__(self, model: nn.Module, monitor: Monitor | None, everything: bool) -> None:
        self.model = model.train()
        self.monitor = monitor
        self.everything = everything
        self.optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9)

    def step(self, x: Tensor, y: Tensor) -> None:
        """Train on a batch x [B,C,H,W] in [0,1], y [B]."""
        delta = torch.empty_like(x).uniform_(-EPS, EPS).requires_grad_()
        start = F.cross_entropy(self.model(x + delta), y)
        start.backward()
        assert delta.grad is not None
        start_grad = delta.grad.detach()
        delta = (delta + ALPHA * start_grad.sign()).clamp(-EPS, EPS).detach()
        x_adv = (x + delta).clamp(0, 1).requires_grad_(self.everything)
        logits = self.model(x_adv)
        loss = F.cross_entropy(logits, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if self.monitor is not None:
            self.monitor.step(
                loss=loss,
                x=x,
                y=y,
                x_adv=x_adv,
                logits=logits,
                start_loss=start,
                start_grad=start_grad if self.everything else None,
                grad=x_adv.grad,
            )


def main() -> int:
    """Prints one line a figure; returns 1 where monitoring was off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=0, help="default: 16 on a CPU, 64 on CUDA")
    parser.add_argument("--batch", type=int, default=0, help="default: 64 on a CPU, 128 on CUDA")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--everything", action="store_true")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cuda = device.type == "cuda"
    width, batch = options.width or (64 if cuda else 16), options.batch or (128 if cuda else 64)
    steps = 20 if cuda else 3
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build("preact-resnet18", shape=SHAPE, classes=CLASSES, width=width).to(device)
    other = copy.deepcopy(model)
    x = torch.rand(4, batch, *SHAPE, device=device)
    y = torch.randint(0, CLASSES, (4, batch), device=device)
    held = (torch.rand(64, *SHAPE), torch.arange(64) % CLASSES)
    with tempfile.TemporaryDirectory() as folder:
        monitor = Monitor(model, held, eps=EPS, runs=folder, **NO_PROBES)
        loops = [
            Textbook(other, None, options.everything),
            Textbook(model, monitor, options.everything),
        ]

        def seconds(loop: Textbook) -> float:
            if cuda:
                torch.cuda.synchronize()
            clock = time.perf_counter if cuda else time.process_time
            began = clock()
            for i in range(steps):
                loop.step(x[i % 4], y[i % 4])
            if cuda:
                torch.cuda.synchronize()
            return (clock() - began) / steps

        for loop in loops:
            seconds(loop)
        pairs = []
        for turn in range(options.rounds):
            # who goes first changes: a machine that gets slower favours neither
            order = loops if turn % 2 else loops[::-1]
            times = {loop.monitor is not None: seconds(loop) for loop in order}
            pairs.append((times[False], times[True]))
        off = monitor.off
        monitor.close(probe=False)
    cost = statistics.median(b / a for a, b in pairs) - 1
    print(
        f"hardware: {torch.cuda.get_device_name(device) if cuda else cpu_name()}; torch "
        f"{torch.__version__}"
    )
    print(
        f"recipe: RS-FGSM, preact-resnet18, width {width}, batch {batch}, 3x32x32; median of "
        f"{options.rounds} rounds of {steps} steps"
    )
    for i, name in enumerate(("alone", "monitored")):
        print(f"{name}: {1e3 * statistics.median(pair[i] for pair in pairs):.1f} ms a step")
    print(
        f"cost of monitoring: {100 * cost:.2f} %  target {100 * TARGET:.0f} %  "
        f"{'ok' if cost <= TARGET else 'missed'}"
    )
    if off:
        print(f"monitoring was off: {off}")
    return int(bool(off))


if __name__ == "__main__":
    sys.exit(main())

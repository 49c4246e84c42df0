"""What `selffit.Monitor` costs somebody's loop, without probes.

    uv run python benchmarks/monitor.py [--width N] [--batch N] [--everything]

A textbook RS-FGSM loop calls `monitor.step` with its loss, images, logits, and the losses and
gradients of its attack; an event log is written, a heartbeat beats, the inbox is looked at, the
detector listens. The same loop without these calls is the reference: the two alternate in one
process, so that both see the same weather, and who goes first changes. On a CPU processor times are
compared, with one thread and those of the log; on CUDA wall times.

On a machine that does other things, too, that difference drowns in noise (its quartiles are
printed). So on a CPU what monitoring takes is also measured by itself: the processor time of this
thread inside `monitor.step`, and that of all other threads (log, heartbeat), against the rest of
this thread's time in the same rounds; the target is held against it.

With --everything the loop also asks torch for the gradient at x_adv, which it does not need itself
(`grad`): that is paid by whoever wants the signal PertAlign.
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
        self.monitoring = 0.0  # processor seconds of this thread inside `monitor.step`
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
            began = time.thread_time()
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
            self.monitoring += time.thread_time() - began


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
        pairs, direct = [], []
        for turn in range(options.rounds):
            # who goes first changes: a machine that gets slower favours neither
            order = loops if turn % 2 else loops[::-1]
            times = {}
            for loop in order:
                loop.monitoring = 0.0
                mine, all_threads = time.thread_time(), time.process_time()
                times[loop.monitor is not None] = seconds(loop)
                mine, all_threads = time.thread_time() - mine, time.process_time() - all_threads
                if loop.monitor is not None:
                    others = max(0.0, all_threads - mine)
                    direct.append((loop.monitoring + others) / (mine - loop.monitoring))
            pairs.append((times[False], times[True]))
        off = monitor.off
        monitor.close(probe=False)
    low, whole, high = (
        100 * (ratio - 1) for ratio in statistics.quantiles((b / a for a, b in pairs), n=4)
    )
    cost = whole if cuda else 100 * statistics.median(direct)
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
    print(f"difference of whole steps: {whole:.2f} %, quartiles {low:.2f} to {high:.2f} %")
    print(
        f"cost of monitoring: {cost:.2f} %  target {100 * TARGET:.0f} %  "
        f"{'ok' if cost <= 100 * TARGET else 'missed'}"
    )
    if off:
        print(f"monitoring was off: {off}")
    return int(bool(off))


if __name__ == "__main__":
    sys.exit(main())

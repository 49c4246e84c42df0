"""Our training step against a textbook FGSM loop.

    uv run python benchmarks/training_step.py [--width N] [--batch N]

The textbook loop is written from the formula as public codes have it: contiguous NCHW tensors, a
backward pass that computes weight gradients for the attack too, torch's default SGD, a running loss
and accuracy read with .item() at every step. Both start from the same weights, see the same batches
and must report the same losses. Ours includes all per-step signals. On a CPU the figure is the
ratio of processor times with one thread, which other processes on the machine hardly change; on
CUDA it is wall time. The two alternate, so that both see the same weather.
"""

import argparse
import copy
import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selffit.config import resolve
from selffit.models import build
from selffit.train.setup import choose_precision, cpu_name
from selffit.train.signals import SignalBuffer
from selffit.train.step import Step, make_optimizer

TARGET = 1.5
EPS, LR = 8 / 255, 0.05
SHAPE, CLASSES = (3, 32, 32), 10


def textbook(model: nn.Module) -> Callable[[Tensor, Tensor], float]:
    """One FGSM training step after another; returns each step's loss on the perturbed batch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)
    totals = {"loss": 0.0, "right": 0.0}
    model.train()

    def step(x: Tensor, y: Tensor) -> float:
        x = x.clone()
        x.requires_grad = True
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        assert x.grad is not None
        x_adv = torch.clamp(x.detach() + EPS * torch.sign(x.grad), 0, 1)
        optimizer.zero_grad()
        output = model(x_adv)
        loss = F.cross_entropy(output, y)
        loss.backward()
        optimizer.step()
        totals["loss"] += loss.item() * len(y)
        totals["right"] += (output.max(1)[1] == y).sum().item()
        return loss.item()

    return step


def ours(model: nn.Module, device: torch.device, batch: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The same with this project's step and all of its signals."""
    config = resolve("cifar10-fgsm-8", {"eps": EPS, "lr": LR})
    model = model.to(memory_format=torch.channels_last).train()
    step = Step(
        config,
        model,
        make_optimizer(config, model, device),
        device,
        choose_precision("auto", device),
    )
    signals: SignalBuffer[None] = SignalBuffer(1000, batch, SHAPE, device)
    generator = torch.Generator(device)
    step.set(lr=LR, momentum=config.momentum, eps=EPS, alpha=EPS)

    def run(x: Tensor, y: Tensor) -> Tensor:
        attack, trained = step(x, y, generator, with_input_gradient=True)
        signals.add(x, y, attack, trained)
        if signals.count == 20:
            signals.close_block(None)
            signals.ready_blocks(everything=False)
        return trained.loss.mean()

    return run


def main() -> int:
    """Prints one line a figure; returns 1 where the losses differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=0, help="default: 16 on a CPU, 64 on CUDA")
    parser.add_argument("--batch", type=int, default=0, help="default: 64 on a CPU, 128 on CUDA")
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    cuda = device.type == "cuda"
    width, batch = options.width or (64 if cuda else 16), options.batch or (128 if cuda else 64)
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    model = build("preact-resnet18", shape=SHAPE, classes=CLASSES, width=width).to(device)
    plain = copy.deepcopy(model).to(memory_format=torch.contiguous_format)
    loops: dict[str, Callable[[Tensor, Tensor], float | Tensor]]
    loops = {"textbook": textbook(plain), "ours": ours(model, device, batch)}
    layouts = {"textbook": torch.contiguous_format, "ours": torch.channels_last}
    x = torch.rand(8, batch, *SHAPE, device=device)
    y = torch.randint(0, CLASSES, (8, batch), device=device)
    batches = {
        name: [x[i].contiguous(memory_format=form) for i in range(8)]
        for name, form in layouts.items()
    }

    losses = {
        name: [float(loop(batches[name][i], y[i])) for i in range(3)]
        for name, loop in loops.items()
    }
    # From the second step on, pixels whose gradient is about 0 get another sign in another
    # summation order.
    errors = [abs(a - b) for a, b in zip(losses["textbook"], losses["ours"], strict=True)]
    same = errors[0] < (2e-2 if cuda else 1e-3) and max(errors) < (0.1 if cuda else 2e-2)

    def seconds(name: str, steps: int = 4) -> float:
        if cuda:
            torch.cuda.synchronize()
        clock = time.perf_counter if cuda else time.process_time
        began = clock()
        for i in range(steps):
            loops[name](batches[name][i], y[i])
        if cuda:
            torch.cuda.synchronize()
        return (clock() - began) / steps

    times = [(seconds("textbook"), seconds("ours")) for _ in range(options.rounds)]
    ratio = statistics.median(a / b for a, b in times)
    print(
        f"hardware: {torch.cuda.get_device_name(device) if cuda else cpu_name()}; torch "
        f"{torch.__version__}"
    )
    print(
        f"recipe: preact-resnet18, width {width}, batch {batch}, 3x32x32; median of "
        f"{options.rounds} rounds of 4 steps"
    )
    print(
        f"losses agree: difference {errors[0]:.1e} at step 1, {errors[2]:.1e} at step 3  "
        f"{'ok' if same else 'WRONG'}"
    )
    for i, name in enumerate(("textbook", "ours")):
        print(f"{name}: {1e3 * statistics.median(t[i] for t in times):.1f} ms a step")
    print(
        f"speed-up over textbook: {ratio:.2f}x  target {TARGET}x  "
        f"{'ok' if ratio >= TARGET else 'missed'}"
    )
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())

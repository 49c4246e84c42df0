"""What monitoring costs beside training: `uv run python benchmarks/monitoring.py [--width 16]`.

PreActResNet18 with the settings of preset cifar10-fgsm-8, on random images of CIFAR-10's shape.
Shares of the training time:

signals and log   the per-step signals, the input gradient that PertAlign needs, and the `steps`
                  records of a real event log, each timed by itself: differences of whole steps
                  would drown in noise.
probes            a robust-accuracy probe, a channel probe and a light self-information probe (with
                  a reference network) against the steps between two of them (one epoch of 49 000
                  images), extrapolated from the time of one step. PGD leaves out images that it
                  has beaten: the typical case here keeps 60 % of them throughout, the worst case
                  all.
at an onset       the full self-information set and the causal check, once, in seconds and as a
                  share of an epoch.

On a CPU these are processor times with one thread, which other processes hardly change; on CUDA
wall times. The network is narrow on a CPU, which overstates the signals: their cost does not depend
on the width, a step's does.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from selffit.config import resolve
from selffit.eventlog import kinds
from selffit.eventlog.fields import Columns
from selffit.eventlog.writer import EventWriter
from selffit.models import build
from selffit.models.preact_resnet import PreActResNet18
from selffit.probes.attacks import ProbeAttack
from selffit.probes.causal import BRIEF_SHARES, BRIEF_SINGLES, causal_check
from selffit.probes.channels import channel_dominance
from selffit.probes.robust import robust_accuracies
from selffit.probes.selfinfo import self_information
from selffit.train.blocks import six_digits
from selffit.train.setup import choose_precision, cpu_name
from selffit.train.signals import MEASURED, VALUES, SignalBuffer, image_values
from selffit.train.step import Step

SHAPE, CLASSES, IMAGES = (3, 32, 32), 10, 49_000
# a budget that changes no prediction, so that the labels alone decide which images survive
HARMLESS = 1e-6
CUDA = torch.cuda.is_available()


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median time of one call, after a first one that does not count."""
    clock = time.perf_counter if CUDA else time.process_time

    def once() -> float:
        began = clock()
        work()
        if CUDA:
            torch.cuda.synchronize()
        return clock() - began

    once()
    return statistics.median(once() for _ in range(repeats))


def to_input(first: nn.Module, x: Tensor, autocast: torch.dtype | None) -> Callable[[], object]:
    """The last piece of the backward pass: from the first convolution's output to the input."""
    leaf = x.clone().requires_grad_()
    with torch.autocast(x.device.type, dtype=autocast, enabled=autocast is not None):
        h = first(leaf)
    return lambda: torch.autograd.grad(h, leaf, torch.ones_like(h), retain_graph=True)


def report(name: str, share: float, target: float) -> None:
    """Print a share of the training time beside its target."""
    print(
        f"{name}: {100 * share:.2f} %  target {100 * target:g} %  "
        f"{'ok' if share <= target else 'missed'}"
    )


def main() -> int:
    """Prints one line a figure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--width", type=int, default=64 if CUDA else 16)
    width = parser.parse_args().width
    torch.set_num_threads(1)
    torch.manual_seed(0)
    device = torch.device("cuda" if CUDA else "cpu")
    torch.backends.cudnn.benchmark = CUDA  # as in a training; probes turn it off
    config, autocast = resolve("cifar10-fgsm-8"), choose_precision("auto", device)
    batch, block = config.batch_size, config.block_steps
    model = build("preact-resnet18", shape=SHAPE, classes=CLASSES, width=width).to(device).train()
    assert isinstance(model, PreActResNet18)
    step = Step(config, model, device, autocast, capturable=CUDA)
    step.set(lr=0.01, momentum=config.momentum, eps=config.eps, alpha=config.alpha)
    generator = torch.Generator(device)
    x = torch.rand(batch, *SHAPE, device=device).contiguous(memory_format=torch.channels_last)
    y = torch.randint(0, CLASSES, (batch,), device=device)

    whole = seconds(lambda: step(x, y, generator, with_input_gradient=False), 10)
    attack, trained = step(x, y, generator, with_input_gradient=True)
    signals: SignalBuffer[None] = SignalBuffer(block, batch, SHAPE, device)

    values = torch.empty(VALUES, batch, device=device)

    def a_block() -> None:
        for _ in range(block):
            image_values(x, y, attack, trained, values)
            signals.add(values)
        signals.close_block(None)
        signals.ready_blocks(everything=False)

    with tempfile.TemporaryDirectory() as folder, EventWriter(Path(folder), "trainer", 1) as log:
        numbers = [i / 7 for i in range(block)]

        def a_record() -> None:
            columns = {name: six_digits(numbers) for name in (*MEASURED, "lr", "eps", "alpha")}
            cols = Columns(columns)
            log.emit(kinds.Steps(n=block, cols=cols, img_s=1.0, sec=1.0, epoch=1.0))

        parts = {
            "signals": seconds(a_block, 5) / block,
            "input gradient": seconds(
                to_input(nn.Sequential(model.normalise, model.conv1), x, autocast), 20
            ),
            "log": seconds(a_record, 50) / block,
        }

    images = torch.randint(0, 256, (config.holdout, *SHAPE), dtype=torch.uint8, device=device)
    with torch.no_grad():
        right = model.eval()(images.float().div(255)).argmax(1)

    def probe(survivors: float) -> float:
        n = config.probe_images
        labels = torch.where(
            torch.arange(n, device=device) < survivors * n, right[:n], (right[:n] + 1) % CLASSES
        )
        budgets = [(HARMLESS, HARMLESS)]
        return seconds(
            lambda: robust_accuracies(
                model,
                images[:n],
                labels,
                budgets=budgets,
                pgd_steps=config.probe_steps,
                generator=generator,
            ),
            3,
        )

    n = config.channel_images
    channels = seconds(
        lambda: channel_dominance(
            model, images[:n], right[:n], eps=config.eps, generator=generator
        ),
        3,
    )
    other = build("preact-resnet18", shape=SHAPE, classes=CLASSES, width=width).to(device).eval()
    own = ProbeAttack(config.eps)

    def explain(n: int, full: bool) -> float:
        return seconds(
            lambda: self_information(
                model,
                images[:n],
                right[:n],
                attack=own,
                generator=generator,
                classes=CLASSES,
                mean=torch.full(SHAPE, 0.5, device=device),
                reference=other,
                full=full,
            ),
            3,
        )

    light, full = explain(config.self_images, False), explain(config.probe_images, True)
    began = time.perf_counter() if CUDA else time.process_time()
    # on a CPU the whole check takes minutes; its time is in proportion to the images
    n = config.causal_images // 4
    causal_check(
        model,
        images[:n],
        right[:n],
        attack=own,
        pgd_alpha=config.probe_alpha,
        pgd_steps=config.probe_steps,
        generator=generator,
        shares=BRIEF_SHARES,
        singles=BRIEF_SINGLES,
    )
    causal = 4 * ((time.perf_counter() if CUDA else time.process_time()) - began)
    interval = config.probe_every or IMAGES // batch

    print(
        f"hardware: {torch.cuda.get_device_name(device) if CUDA else cpu_name()}; torch "
        f"{torch.__version__}"
    )
    print(
        f"recipe: preact-resnet18, width {width}, batch {batch}, 3x32x32; a step takes "
        f"{1e3 * whole:.1f} ms"
    )
    for name, cost in parts.items():
        print(f"  {name}: {1e6 * cost:.0f} us a step, {100 * cost / whole:.2f} %")
    print(
        f"  a probe every {interval} steps: PGD-{config.probe_steps}; "
        f"{config.probe_images} images, {config.channel_images} for channels, "
        f"{config.self_images} for self-information"
    )
    report("signals and log", sum(parts.values()) / whole, 0.01)
    report(
        "probes, 60 % of the images survive",
        (probe(0.6) + channels + light) / (interval * whole),
        0.05,
    )
    report("probes, all images survive", (probe(1.0) + channels + light) / (interval * whole), 0.05)
    for name, cost in {"channels": channels, "light self-information": light}.items():
        print(f"  of which {name}: {100 * cost / (interval * whole):.2f} %")
    for name, cost in {"full self-information": full, "causal check": causal}.items():
        print(
            f"  at an onset, {name}: {cost:.1f} s, {100 * cost / (interval * whole):.1f} % of an "
            "epoch, once"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

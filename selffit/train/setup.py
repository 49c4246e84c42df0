"""From a configuration to all that training needs: device, images, network, optimiser, schedule."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from selffit import data, models
from selffit.config import RunConfig
from selffit.data import step_seed
from selffit.data.batches import Batches
from selffit.data.imageset import ImageSet
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.models.base import Network
from selffit.models.trials import without_trials
from selffit.models.zeroing import Zeroing
from selffit.numbers import plural
from selffit.probes.channels import watching
from selffit.train.schedule import Schedule
from selffit.train.step import Step

if TYPE_CHECKING:
    from selffit.data import Arrays


@dataclass(kw_only=True)
class Setup:
    """A run that is ready for a step: a function of its settings alone.

    `config` holds those in effect.
    """

    config: RunConfig
    device: torch.device
    images: ImageSet
    batches: Batches
    model: Network
    step: Step
    schedule: Schedule
    zeroing: Zeroing

    def adopt(self, config: RunConfig, zeroed: Mapping[str, Any]) -> None:
        """Train with these settings and these zeroed channels from the next step on."""
        if config.seed != self.config.seed:
            self.batches = _batches(self.images, config)
        self.config = config
        self.schedule = Schedule(config, self.batches.steps_per_epoch)
        self.step.configure(config)
        self.zeroing.set(zeroed)

    def describe(self) -> kinds.RunStart:
        """What the log says of the run when training begins."""
        images = self.images
        cuda = self.device.type == "cuda"
        return kinds.RunStart(
            config=self.config.as_dict(),
            steps_total=self.schedule.steps_total,
            steps_per_epoch=self.schedule.steps_per_epoch,
            device=str(self.device),
            device_name=torch.cuda.get_device_name(self.device) if cuda else cpu_name(),
            torch=torch.__version__,
            params=sum(p.numel() for p in self.model.parameters()),
            layers=layers(self.model, images),
            data_set=kinds.ImageSetInfo(
                name=images.name,
                classes=images.classes,
                shape=images.shape,
                train=len(images.train_x),
                heldout=len(images.held_x),
            ),
        )


def prepare(
    config: RunConfig,
    announce: Callable[[str], None],
    reading: "Future[Arrays | None] | None" = None,
) -> Setup:
    """Load and build everything; `announce` hears "data" and "model" when these begin.

    reading: the images, where `data.read_ahead` has begun to read them.
    Weights depend on the seed only, not on the device. Raises UserError for a device, precision or
    data set that is not to be had here.
    """
    device = choose_device(config.device)
    autocast = choose_precision(config.precision, device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
    torch.set_num_threads(config.threads or sensible_threads())
    announce("data")
    images = data.load(config, device, reading)
    batches = _batches(images, config)
    announce("model")
    torch.manual_seed(step_seed(config.seed, "weights", 0))
    model = build_network(config, images).to(device)
    step = Step(config, model, device, autocast, capturable=device.type == "cuda")
    schedule = Schedule(config, batches.steps_per_epoch)
    return Setup(
        config=config,
        device=device,
        images=images,
        batches=batches,
        model=model,
        step=step,
        schedule=schedule,
        zeroing=Zeroing(model, device),
    )


def build_network(config: RunConfig, images: ImageSet) -> Network:
    """A new network of this configuration for these images, on the CPU.

    The caller sets torch's seed.
    """
    return models.build(
        config.model,
        shape=images.shape,
        classes=images.classes,
        width=config.width,
        mean=config.input_mean,
        scale=config.input_scale,
        **{name: getattr(config, name) for name in models.MODELS[config.model].uses},
    )


def _batches(images: ImageSet, config: RunConfig) -> Batches:
    return Batches(
        images.train_x,
        images.train_y,
        config.batch_size,
        config.augment,
        config.seed,
        keep_last=config.last_batch == "keep",
    )


def choose_device(name: str) -> torch.device:
    """auto, cpu, cuda or cuda:N as a device that exists. Raises UserError."""
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UserError(
            f"--device {name}: torch sees no CUDA device here; use --device cpu, or check the "
            "driver"
        )
    index = int(name.split(":")[1]) if ":" in name else 0
    count = torch.cuda.device_count()
    if index >= count:
        raise UserError(
            f"--device {name}: there are {count} CUDA devices here, cuda:0 to cuda:{count - 1}"
        )
    return torch.device("cuda", index)


def choose_precision(precision: str, device: torch.device) -> torch.dtype | None:
    """The autocast dtype, None for float32.

    Raises UserError where bf16 was asked for and does not exist.
    """
    cuda_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    if precision == "bf16" and device.type == "cuda" and not cuda_bf16:
        raise UserError(
            f"--precision bf16: {torch.cuda.get_device_name(device)} has no bf16; use --precision "
            "fp32"
        )
    return torch.bfloat16 if precision == "bf16" or (precision == "auto" and cuda_bf16) else None


def sensible_threads() -> int:
    """As many threads as torch would choose, but no more than this process has CPUs."""
    allowed = (
        float(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else float("inf")
    )
    with suppress(OSError, ValueError):  # a container's quota, which torch does not look at
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        allowed = min(allowed, max(1.0, int(quota) / int(period)))
    return int(min(torch.get_num_threads(), allowed))


def cpu_name() -> str:
    """The processor's name where the system tells it, and the number of threads that torch uses."""
    name = "CPU"
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{name}, {plural(torch.get_num_threads(), 'thread')}"


def layers(model: Network, images: ImageSet) -> tuple[kinds.Layer, ...]:
    """Name and number of channels of every convolution layer that the channel probe watches."""
    found: list[kinds.Layer] = []

    def note(name: str, response: Tensor) -> None:
        found.append(kinds.Layer(name=name, channels=response.shape[1]))

    training = model.training
    model.eval()
    with torch.no_grad(), without_trials(), watching(model, note):
        model(torch.zeros(1, *images.shape, device=images.held_x.device))
    model.train(training)
    return tuple(found)

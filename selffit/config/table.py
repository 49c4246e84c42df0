"""The typed run configuration: one table of settings for presets, command line and run.json.

A setting is a field of `RunConfig` made with `setting()`, live or not. The options of the command
line, what a `set` may change, the fields and sentences of the dialog and the words for a value all
come from here, so a new setting is an entry in this table and the place that uses it. Lists of
settings keep the order of the table.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from selffit.data.catalogue import AUGMENTATIONS, DATA_SETS
from selffit.methods.base import STARTS
from selffit.methods.catalogue import METHODS
from selffit.models.catalogue import MODELS, SHORTCUTS

Numbers = tuple[float, ...]  # on the command line with commas, in TOML and JSON a list
GROUPS = ("data", "model", "attack", "training", "probes", "checkpoints", "policy", "run")
DEFAULT_PRESET = "patterns"
FALLING_STEPS = 0.0  # as probe_alpha: no constant step, but steps that fall from 2·eps to 0
READ = {"start": 0.0, "middle": 0.5, "end": 1.0}  # of a step, from its beginning


def setting(
    default: Any,
    group: str,
    help: str,
    *,
    choices: Iterable[str] = (),
    low: float = -math.inf,
    high: float = math.inf,
    pixels: bool = False,
    heldout: bool = False,
    at_most: bool = False,
    live: bool = False,
    does: str = "",
    example: str = "",
    zero: str = "",
    rollback: bool = False,
    follows: str = "",
    was: str = "",
    host: bool = False,
) -> Any:
    """A `RunConfig` field with what people need to know about it; `low` and `high` are inclusive.

    pixels: in units of [0, 1]. heldout: a number of held-out images; at_most: whose default is an
    upper bound, as a run may hold out fewer. live: it may change while the run trains. does: what
    changing it does, in a sentence; the dialog offers the live settings that have one. example: how
    a value is written. zero: what 0 means, in words. rollback: a roll-back often changes it, so its
    form and the policy ask for it; follows: what it goes with when a roll-back leaves it out. was:
    its name in earlier versions, which presets and run.json may still use. host: it is about the
    machine or its folders, not about what is trained, so a run may be resumed with another value.
    """
    return field(
        default=default,
        metadata={
            "group": group,
            "help": help,
            "choices": tuple(choices),
            "low": low,
            "high": high,
            "pixels": pixels,
            "heldout": heldout,
            "at_most": at_most,
            "live": live,
            "does": does,
            "example": example,
            "zero": zero,
            "rollback": rollback,
            "follows": follows,
            "was": was,
            "host": host,
        },
    )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides how a run trains. Pixels and budgets are in units of [0, 1]."""

    data: str = setting("patterns", "data", "image set", choices=DATA_SETS)
    data_dir: str = setting(
        "",
        "data",
        "folder of downloaded sets, in torchvision's layout (default: ./data)",
        host=True,
    )
    download: bool = setting(
        False, "data", "download the set into --data-dir when it is missing", host=True
    )
    train_images: int = setting(0, "data", "number of training images, 0 = all", low=0)
    holdout: int = setting(
        1000, "data", "training images held out for the probes", low=16, high=100_000
    )
    augment: str = setting("none", "data", "augmentation", choices=AUGMENTATIONS)

    model: str = setting("small", "model", "network", choices=MODELS)
    width: int = setting(
        0, "model", "channels of the first convolution, 0 = the network's own", low=0, high=1024
    )
    shortcut: str = setting(
        "activated",
        "model",
        "what a projecting shortcut of preact-resnet18 sees of its block's input: that after "
        "normalisation and activation, or raw, as the public codes of fast adversarial training",
        choices=SHORTCUTS,
    )
    final_bn: bool = setting(
        True,
        "model",
        "normalise and activate the last block of preact-resnet18 (RobustBench's does not)",
    )
    input_mean: tuple[float, ...] = setting(
        (0.0,),
        "model",
        "the network sees (x − input_mean)·input_scale; a number, or one a channel",
        low=0,
        high=1,
        example="0.4914,0.4822,0.4465",
    )
    input_scale: tuple[float, ...] = setting(
        (1.0,),
        "model",
        "the same, e.g. 1/0.247,1/0.243,1/0.262 for a standard deviation; budgets stay in pixels",
        low=1e-3,
        high=1e3,
        example="1/0.247,1/0.243,1/0.262",
    )

    method: str = setting(
        "fgsm",
        "attack",
        "training attack",
        choices=METHODS,
        live=True,
        does="The training attack changes from the next step on; step size and start become the "
        "method's own.",
    )
    eps: float = setting(
        8 / 255,
        "attack",
        "budget (L∞), e.g. 8/255 or 0.16",
        low=0,
        high=1,
        pixels=True,
        live=True,
        does="The budget changes from the next step on; the ratio alpha/eps stays.",
        example="8/255",
        rollback=True,
    )
    alpha: float = setting(
        -1.0,
        "attack",
        "step size: 10/255, 1.25eps, or auto (the method's own)",
        low=0,
        high=2,
        pixels=True,
        live=True,
        does="The alpha changes from the next step on.",
        example="10/255, 1.25eps, auto",
        rollback=True,
        follows="method and eps",
    )
    attack_steps: int = setting(
        10,
        "attack",
        "steps of a multi-step method (the others take one)",
        low=1,
        high=1000,
        live=True,
    )
    start: str = setting("default", "attack", "start of the attack", choices=STARTS, live=True)
    eps_ramp: float = setting(
        0.0, "attack", "share of training over which eps rises linearly from 0", low=0, high=1
    )
    corner: bool = setting(
        False,
        "attack",
        "project the perturbation of a multi-step method to the corners of the ball",
        live=True,
    )
    mix_signs: float = setting(
        0.0,
        "attack",
        "share of the perturbation's entries that random signs replace",
        low=0,
        high=1,
        live=True,
        does="Random signs replace that share of each perturbation: less self-information to "
        "train on.",
    )
    attack_bn: str = setting(
        "train", "attack", "batch-norm mode while the attack is made", choices=("train", "eval")
    )

    epochs: float = setting(
        30.0, "training", "passes over the training images", low=1e-3, high=10_000
    )
    batch_size: int = setting(128, "training", "images a step", low=1, high=65_536)
    last_batch: str = setting(
        "drop",
        "training",
        "what becomes of the images that fill no whole batch at the end of an epoch",
        choices=("drop", "keep"),
    )
    optimizer: str = setting("sgd", "training", "optimiser", choices=("sgd", "adam"))
    lr: float = setting(0.1, "training", "peak learning rate", low=0, high=100)
    lr_scale: float = setting(
        1.0,
        "training",
        "factor on the scheduled learning rate",
        low=1e-6,
        high=100,
        live=True,
        does="The lr scale changes from the next step on.",
        rollback=True,
    )
    momentum: float = setting(0.9, "training", "momentum (sgd)", low=0, high=0.9999)
    momentum_low: float = setting(
        0.0,
        "training",
        "momentum (sgd) where the triangular schedule peaks: it falls and rises against lr, as "
        "torch's CyclicLR does by default with 0.8; 0 = it stays",
        low=0,
        high=0.9999,
        zero="it stays",
    )
    weight_decay: float = setting(
        0.0,
        "training",
        "weight decay",
        low=0,
        high=1,
        live=True,
        does="The weight decay changes from the next step on.",
    )
    stop_epoch: float = setting(
        0.0,
        "training",
        "end training after this epoch without changing the schedules, 0 = at --epochs",
        low=0,
        high=10_000,
        live=True,
        does="Training ends after that epoch; the schedules stay as they are.",
        zero="at the end",
    )
    clip_grad: float = setting(0.0, "training", "largest gradient norm, 0 = no clipping", low=0)
    lr_schedule: str = setting(
        "constant",
        "training",
        "triangular is 0→lr→0 with the peak at --lr-turn, linear falls to 0 from --lr-turn on, "
        "step is ×lr-gamma at each of --lr-milestones",
        choices=("constant", "triangular", "linear", "step"),
    )
    lr_turn: float = setting(
        0.5, "training", "share of training at which lr peaks or starts to fall", low=0, high=1
    )
    lr_read: str = setting(
        "middle",
        "training",
        "where in a step lr and momentum are read off the schedule; start, as torch's schedulers "
        "do: the first step of a triangular one then has lr 0",
        choices=READ,
    )
    lr_warmup: int = setting(0, "training", "steps over which lr rises linearly from 0", low=0)
    lr_milestones: tuple[float, ...] = setting(
        (),
        "training",
        "epochs of the step schedule, e.g. 80,90",
        example="80,90",
    )
    lr_gamma: float = setting(0.1, "training", "factor of the step schedule", low=0, high=1)
    precision: str = setting(
        "auto",
        "training",
        "auto = bf16 autocast on CUDA, fp32 elsewhere",
        choices=("auto", "fp32", "bf16"),
    )
    graph: str = setting(
        "auto",
        "training",
        "take each step as one CUDA graph, which saves launching its operations: auto = on CUDA, "
        "where the method allows it; on = or refuse; off = never. The results are the same",
        choices=("auto", "on", "off"),
        host=True,
    )

    probe_every: int = setting(
        0,
        "probes",
        "steps between robust-accuracy probes, 0 = once an epoch",
        low=0,
        live=True,
        zero="once an epoch",
    )
    probe_images: int = setting(
        512,
        "probes",
        "held-out images of a probe",
        low=16,
        high=100_000,
        heldout=True,
        live=True,
    )
    probe_steps: int = setting(10, "probes", "PGD steps of a probe", low=1, high=1000)
    probe_alpha: float = setting(
        FALLING_STEPS,
        "probes",
        "PGD step size of a probe: 2/255, 0.25eps, or auto: falling from 2 eps to 0",
        low=0,
        high=2,
        pixels=True,
    )
    align_every: int = setting(
        30,
        "probes",
        "steps between two looks for an early warning at one budget, 0 = none",
        low=0,
        live=True,
        zero="never",
    )
    align_images: int = setting(
        256,
        "probes",
        "held-out images of such a look, at most",
        low=16,
        heldout=True,
        at_most=True,
        live=True,
    )
    channel_images: int = setting(
        256,
        "probes",
        "held-out images of a channel probe, 0 = no channel probes",
        low=0,
        heldout=True,
        live=True,
    )
    self_images: int = setting(
        128,
        "probes",
        "held-out images of a self-information probe, 0 = none, not even after an onset",
        low=0,
        heldout=True,
        at_most=True,
        live=True,
    )
    causal_images: int = setting(
        256,
        "probes",
        "held-out images of the causal check of channels after an onset, 0 = no check",
        low=0,
        heldout=True,
        at_most=True,
        live=True,
    )
    causal_seconds: float = setting(
        30.0,
        "probes",
        "seconds that a causal check may take, 0 = as long as it needs; what there was no time for "
        "is left out",
        low=0,
        high=86_400,
        live=True,
        zero="as long as it needs",
    )

    checkpoint_every: int = setting(
        0, "checkpoints", "steps between checkpoints, 0 = with every interval probe", low=0
    )
    keep: int = setting(
        3,
        "checkpoints",
        "newest checkpoints to keep beside pinned ones, 0 = save on request only",
        low=0,
        high=10_000,
        host=True,
    )

    on_co: str = setting(
        "alert",
        "policy",
        "reaction to an onset: alert, pause, stop, rollback:METHOD[,eps=…,alpha=…,lr_scale=…], or, "
        "at the first one of a branch, zero:LAYER=TOP[,…] or set:KEY=VALUE[,…]",
    )
    on_suspect: str = setting(
        "none",
        "policy",
        "reaction to a suspect alert: none, probe, checkpoint, zero:LAYER=TOP[,…], or "
        "set:KEY=VALUE[,…]",
        was="on_watch",
    )
    on_diverged: str = setting(
        "alert",
        "policy",
        "reaction to a divergence: alert, pause, stop, or rollback[:METHOD][,lr_scale=…], to the "
        "last checkpoint before it",
    )
    max_rollbacks: int = setting(
        3, "policy", "roll-backs that the policy may make", low=0, high=1000
    )

    seed: int = setting(
        0, "run", "seed of weights, order of images and random starts", low=0, high=2**31 - 1
    )
    device: str = setting("auto", "run", "auto, cpu, cuda or cuda:N", host=True)
    threads: int = setting(
        0,
        "run",
        "CPU threads of the trainer, 0 = torch's choice",
        low=0,
        high=1024,
        host=True,
    )
    restarts: int = setting(
        0,
        "run",
        "times that a crashed or killed trainer is started again from its newest checkpoint",
        low=0,
        high=1000,
        host=True,
    )
    block_steps: int = setting(20, "run", "training steps a log event", low=1, high=1000)

    def as_dict(self) -> dict[str, Any]:
        """Flat and as it comes back from JSON: what `run.json` and the log store."""
        values = {name: getattr(self, name) for name in FIELDS}
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in values.items()
        }


FIELDS = {f.name: f for f in fields(RunConfig)}
OLD_NAMES: dict[str, str] = {
    f.metadata["was"]: f.name for f in FIELDS.values() if f.metadata["was"]
}


def _with(mark: str) -> tuple[str, ...]:
    return tuple(name for name, f in FIELDS.items() if f.metadata[mark])


LIVE = _with("live")
HELDOUT = _with("heldout")
ROLLBACK = _with("rollback")
HOST = _with("host")

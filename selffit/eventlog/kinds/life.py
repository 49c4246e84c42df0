"""Kinds about the life of a run: attempts, phases, the machine, the log, and how it ended."""

from collections.abc import Mapping
from math import nan
from typing import Any, ClassVar

import msgspec

from selffit.eventlog.fields import (
    Amount,
    Part,
    Signed,
    Unmeasured,
    UnmeasuredAmount,
    UnmeasuredShare,
)
from selffit.eventlog.former import config_today
from selffit.eventlog.kinds.base import Event, Kind, today
from selffit.eventlog.liveness import ProcessIdentity

BOTH = ("trainer", "supervisor")


class Opened(Event, frozen=True, kw_only=True):
    """The first line of every file of a stream: who writes it.

    run: name of the run.
    stream: name of the stream.
    seg: number of the file, from 0.
    pid: process id.
    host: name of the machine.
    boot: identifier of the machine's boot.
    pstart: start time of the process, in seconds since boot.
    pidns: the PID namespace that pid belongs to, "" where that is not known.
    version: of selffit.
    folder: what tells the run's folder from a copy of it: its number in its file system.
    """

    KIND: ClassVar[Kind] = Kind(name="open", critical=True, listed=False, streams=BOTH)
    run: str = ""
    stream: str = ""
    seg: int = 0
    pid: int = 0
    host: str = ""
    boot: str = ""
    pstart: Amount = nan
    pidns: str = ""
    version: str = ""
    folder: str = ""

    @property
    def identity(self) -> ProcessIdentity | None:
        """The process, None where the line does not tell."""
        if not self.host or self.pid <= 0 or self.pstart != self.pstart:
            return None
        return ProcessIdentity(self.host, self.boot, self.pid, self.pstart, self.pidns)


class Sealed(Event, frozen=True, kw_only=True):
    """The last line of a file.

    reason: "rotated", or why the stream was closed.
    """

    KIND: ClassVar[Kind] = Kind(name="seal", critical=True, listed=False, streams=BOTH)
    reason: str


class Phase(Event, frozen=True, kw_only=True):
    """What the trainer is doing.

    name: starting, imports, data, model, training, paused or finishing.
    note: more about it.
    """

    KIND: ClassVar[Kind] = Kind(name="phase")
    name: str
    note: str = ""


class Layer(Part, frozen=True, kw_only=True):
    """A convolution layer that channel probes watch: name, and number of channels."""

    name: str = ""
    channels: int = 0


class ImageSetInfo(Part, frozen=True, kw_only=True):
    """The images: name of the set, number of classes, shape [C, H, W], images of each part."""

    name: str = ""
    classes: int = 0
    shape: tuple[int, int, int] = (0, 0, 0)
    train: int = 0
    heldout: int = 0


class RunStart(Event, frozen=True, kw_only=True):
    """Data and network are loaded: what is trained.

    config: the resolved configuration, flat.
    steps_total: training steps of the whole run.
    steps_per_epoch: training steps of an epoch.
    device: such as cuda:0.
    device_name: as its maker calls it.
    torch: version.
    params: number of weights.
    layers: name and channels of every convolution layer that is watched.
    data: name, classes, shape, and number of training and held-out images.
    """

    KIND: ClassVar[Kind] = Kind(name="run.start", critical=True)
    config: Mapping[str, Any]
    steps_total: int
    steps_per_epoch: int
    device: str
    device_name: str
    torch: str
    params: int
    layers: tuple[Layer, ...]
    data_set: ImageSetInfo = msgspec.field(name="data", default=ImageSetInfo())

    def __post_init__(self) -> None:
        """Call the settings as they are called today."""
        today(self, config=config_today(self.config))

    @property
    def classes(self) -> int:
        """The number of classes, 0 where the log does not tell."""
        return self.data_set.classes


class StepGraph(Event, frozen=True, kw_only=True):
    """How the steps from here on are taken, where there are CUDA graphs.

    captured: whether as one graph; otherwise one operation after another.
    why: what stands in the way of a graph.
    count: graphs that this attempt has captured so far.
    sec: that the capture took.
    """

    KIND: ClassVar[Kind] = Kind(name="step.graph")
    captured: bool
    why: str = ""
    count: int = 0
    sec: Amount = nan


class Host(Event, frozen=True, kw_only=True):
    """The heartbeat, every 2 s: a sample of the machine and of the log's health.

    cpu: share of the process's processors that are busy.
    rss: memory of the process, in bytes.
    gpu: share of the time that the GPU was busy.
    gpu_mem: its memory in use, in bytes.
    gpu_total: its memory, in bytes.
    gpu_temp: degrees Celsius.
    disk_free: bytes free where the run lies.
    log_ok: whether the log holds nothing back and drops nothing at present.
    log_faults: episodes of trouble with the disk so far.
    log_dropped: metrics that were not logged so far.
    log_error: the last refusal of the disk, "" where there was none.
    inbox_error: why commands cannot be read, "" where they can.
    """

    KIND: ClassVar[Kind] = Kind(name="host", listed=False, kept="newest", enough=1)
    cpu: UnmeasuredAmount = nan
    rss: UnmeasuredAmount = nan
    gpu: UnmeasuredShare = nan
    gpu_mem: UnmeasuredAmount = nan
    gpu_total: UnmeasuredAmount = nan
    gpu_temp: Unmeasured = nan
    disk_free: UnmeasuredAmount = nan
    log_ok: bool | None = None
    log_faults: int = 0
    log_dropped: int = 0
    log_error: str = ""
    inbox_error: str = ""


class Imported(Event, frozen=True, kw_only=True):
    """The run was not trained by selffit: what was measured comes from somebody else's log.

    source: name of the file or folder that it was read from.
    format: what that was read as.
    unit: what a step of this log stands for: "step", or "epoch" where the source has epochs only.
    columns: what each measure is called in the source.
    assumed: what had to be guessed, in words.
    left_out: what was not read, in words.
    """

    KIND: ClassVar[Kind] = Kind(name="imported", critical=True, kept="all")
    source: str
    format: str = ""
    unit: str = ""
    columns: Mapping[str, Any] = {}
    assumed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


class End(Event, frozen=True, kw_only=True):
    """The trainer's last word of an attempt.

    how: finished, diverged, stopped, refused, crashed or superseded; imported where no trainer was.
    reason: in words.
    summary: clean, fgsm, pgd, n, best_pgd (accuracies at the final budget) and onset_step.
    """

    KIND: ClassVar[Kind] = Kind(name="end", critical=True)
    how: str
    reason: str = ""
    summary: Mapping[str, Any] = {}


class LogGap(Event, frozen=True, kw_only=True):
    """What a full queue or a full disk made the writer leave out.

    dropped: number of events.
    kinds: number by kind.
    why: "queue full" or "disk full".
    """

    KIND: ClassVar[Kind] = Kind(name="log.gap", critical=True, important=True, streams=BOTH)
    dropped: int
    kinds: Mapping[str, Any] = {}
    why: str = ""


class LogFault(Event, frozen=True, kw_only=True):
    """The disk refused.

    error: what it said.
    action: what the writer does about it.
    """

    KIND: ClassVar[Kind] = Kind(name="log.fault", critical=True, important=True, streams=BOTH)
    error: str
    action: str


class Spawned(Event, frozen=True, kw_only=True):
    """The supervisor has started a trainer.

    pid: its process id.
    pstart: its start time, in seconds since boot.
    argv: its command line, names without their folders.
    """

    KIND: ClassVar[Kind] = Kind(name="sup.spawn", critical=True, streams=("supervisor",))
    pid: int
    pstart: Amount
    argv: tuple[str, ...] = ()


class Exited(Event, frozen=True, kw_only=True):
    """How a trainer ended, as its supervisor saw it.

    how: finished, diverged, stopped, refused, crashed, killed, oom or superseded.
    code: exit status, negative for a signal.
    signal: name of the signal, or null.
    stderr: its last lines.
    text: in words.
    seconds: that it ran.
    again: whether the supervisor starts another attempt.
    """

    KIND: ClassVar[Kind] = Kind(
        name="sup.exit", critical=True, important=True, streams=("supervisor",)
    )
    how: str
    code: Signed = 0
    signal: str | None = None
    stderr: tuple[str, ...] = ()
    text: str = ""
    seconds: Amount = nan
    again: bool = False


class NotifyFailed(Event, frozen=True, kw_only=True):
    """The command of `--notify` failed; told once for all calls of a supervisor.

    error: in words.
    """

    KIND: ClassVar[Kind] = Kind(name="sup.notify", streams=("supervisor",))
    error: str

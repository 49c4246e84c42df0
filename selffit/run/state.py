"""The state of a run as a pure function of its events: `reduce(state, item) -> state`.

Live watching, `status` and replay all use this one function; it knows nothing of files, clocks or
screens. The streams of a run may reach a reader in any interleaving, so what the supervisor says
and what the trainer says is kept apart by attempt and only combined when asked for: the order
between streams does not matter.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from selffit.eventlog import explained
from selffit.eventlog.entries import (
    Alert,
    CausalProbe,
    ChannelProbe,
    Diagnosis,
    Ending,
    Host,
    ImageStrip,
    LayerChannels,
    Notable,
    Probe,
    SelfProbe,
    StepBlock,
    StrongProbe,
)
from selffit.eventlog.history import History
from selffit.eventlog.records import Notice, Record, num
from selffit.eventlog.values import EMPTY, floats, items, mapping, maybe_step, numbers, text, whole
from selffit.vocabulary import level_of

NAN = float("nan")


@dataclass(frozen=True)
class RunState:
    """Everything a screen needs to know about a run, immutable."""

    run: str = ""
    attempt: int = 0
    branch: str = "main"  # the active one
    phase: str = ""  # what the trainer said it is doing: starting, data, model, training, finishing
    step: int = 0
    epoch: float = 0.0
    t: float = 0.0  # wall clock of the newest record
    started: float = NAN  # wall clock of the first record
    # the newest trainer's host, boot, pid, pstart
    identity: Mapping[str, Any] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)  # run.start's data
    # settings that interventions changed, as they are now
    changed: Mapping[str, Any] = field(default_factory=dict)
    # what `selffit.control.Ledger` is folded from
    control: History[Record] = field(default_factory=History)
    steps: History[StepBlock] = field(default_factory=History)
    probes: History[Probe] = field(default_factory=History)
    channels: History[ChannelProbe] = field(default_factory=History)
    selfs: History[SelfProbe] = field(default_factory=History)
    strongs: History[StrongProbe] = field(default_factory=History)
    causals: History[CausalProbe] = field(default_factory=History)
    strips: History[ImageStrip] = field(default_factory=History)
    diagnoses: History[Diagnosis] = field(default_factory=History)
    alerts: History[Alert] = field(default_factory=History)
    events: History[Notable] = field(default_factory=History)
    host: Host | None = None
    ends: Mapping[int, Ending] = field(default_factory=dict)  # by attempt, from the trainer
    exits: Mapping[int, Ending] = field(default_factory=dict)  # by attempt, from the supervisor
    dropped: int = 0  # metrics that the writer had to drop, as the log itself says
    # what the reader found wrong with the log
    notices: History[Notice] = field(default_factory=History)

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration, empty before `run.start`."""
        config = self.info.get("config")
        return config if isinstance(config, dict) else EMPTY

    @property
    def steps_total(self) -> int:
        """Training steps of the whole run, 0 before `run.start`."""
        return whole(self.info.get("steps_total"))

    @property
    def ending(self) -> Ending | None:
        """How the newest attempt ended: the supervisor's word first, since a killed trainer has
        none.

        None while it runs, and while the supervisor starts the next attempt.
        """
        ending = self.exits.get(self.attempt) or self.ends.get(self.attempt)
        return None if ending is None or ending.again else ending

    @property
    def restarting(self) -> bool:
        """Whether the newest attempt has ended and the supervisor is starting another."""
        ending = self.exits.get(self.attempt)
        return ending is not None and ending.again

    def setting(self, name: str) -> Any:
        """A setting as it is now: the newest logged value of eps, alpha and lr, else as changed or
        configured.
        """
        block = self.steps.last
        if block is not None and (values := block.cols.get(name)):
            return num(values[-1])
        return self.changed.get(name, self.config.get(name))


def reduce(state: RunState, item: Record | Notice) -> RunState:
    """The state after one more item."""
    return reduce_all(state, (item,))


def reduce_all(state: RunState, items: Iterable[Record | Notice]) -> RunState:
    """The state after all items; the same as `reduce` one by one, but one new state for the whole
    batch.
    """
    draft = {name: getattr(state, name) for name in RunState.__dataclass_fields__}
    # only the newest of a batch is worth decoding: a long log is half heartbeats
    heartbeat: Record | None = None
    for item in items:
        if isinstance(item, Notice):
            draft["notices"] = draft["notices"].append(item)
            continue
        _reduce_record(draft, item)
        if item.k == "host":
            heartbeat = item
    if heartbeat is not None:
        _host(draft, heartbeat)
    return replace(state, **draft)


def _reduce_record(draft: dict[str, Any], record: Record) -> None:
    if record.a > draft["attempt"]:
        draft["attempt"], draft["phase"] = record.a, "starting"
    draft["t"] = max(draft["t"], record.t)
    if not draft["started"] <= record.t:  # also true while it is NaN
        draft["started"] = record.t
    if record.stream == "trainer" and record.b == draft["branch"] and record.s > draft["step"]:
        draft["step"] = record.s
    if record.k in _CONTROL or record.k.startswith(("ctl.", "ckpt.")):
        draft["control"] = draft["control"].append(record)
    handler = _HANDLERS.get(record.k)
    if handler is not None:
        handler(draft, record)
    if record.k not in UNLISTED:
        draft["events"] = draft["events"].append(Notable(record.t, record.s, record.k, record.d))


def _open(draft: dict[str, Any], record: Record) -> None:
    if record.stream == "trainer":
        draft["run"] = text(record.d.get("run")) or draft["run"]
        draft["identity"] = record.d


def _phase(draft: dict[str, Any], record: Record) -> None:
    draft["phase"] = text(record.d.get("name"))


def _run_start(draft: dict[str, Any], record: Record) -> None:
    draft["info"], draft["phase"], draft["branch"] = record.d, "training", record.b


def _resumed(draft: dict[str, Any], record: Record) -> None:
    """An attempt goes on from a checkpoint: what an earlier one did after it is done again, so it
    is dropped.
    """
    for name in _ON_BRANCHES:
        first = record.s if name == "steps" else record.s + 1
        kept = [entry for entry in draft[name] if entry.branch != record.b or entry.step < first]
        draft[name] = History(kept)
    draft["step"], draft["branch"] = record.s, record.b


def _branch(draft: dict[str, Any], record: Record) -> None:
    draft["step"], draft["branch"] = record.s, record.b


def _settings(draft: dict[str, Any], record: Record) -> None:
    draft["changed"] = {**draft["changed"], **mapping(record.d.get("new"))}


def _steps(draft: dict[str, Any], record: Record) -> None:
    d = record.d
    n = whole(d.get("n"))
    cols = {
        name: values for name, values in mapping(d.get("cols")).items() if isinstance(values, list)
    }
    block = StepBlock(
        record.b, record.s, n, record.t, num(d.get("epoch")), num(d.get("img_s")), cols
    )
    draft["steps"] = draft["steps"].append(block)
    draft["step"] = max(draft["step"], record.s + n)
    draft["epoch"] = block.epoch


def _probe(draft: dict[str, Any], record: Record) -> None:
    d = record.d
    final = mapping(d.get("final"))
    probe = Probe(
        branch=record.b,
        step=record.s,
        t=record.t,
        epoch=num(d.get("epoch")),
        n=whole(d.get("n")),
        why=text(d.get("why")),
        eps=num(d.get("eps")),
        clean=num(d.get("clean")),
        fgsm=num(d.get("fgsm")),
        pgd=num(d.get("pgd")),
        pgd_steps=whole(d.get("pgd_steps")),
        final_eps=num(final.get("eps")),
        final_fgsm=num(final.get("fgsm")),
        final_pgd=num(final.get("pgd")),
    )
    draft["probes"] = draft["probes"].append(probe)


def _channels(draft: dict[str, Any], record: Record) -> None:
    layers = tuple(
        LayerChannels(
            name=text(layer.get("name")),
            dominance=floats(layer.get("dominance")),
            si=floats(layer.get("si")),
            di=floats(layer.get("di")),
            rand=floats(layer.get("rand")),
            gini=num(layer.get("gini")),
            top10=num(layer.get("top10")),
            pr=num(layer.get("pr")),
            car=floats(layer.get("car")),
            rho=num(layer.get("rho")),
            agree=num(layer.get("agree")),
        )
        for layer in items(record.d.get("layers"))
        if isinstance(layer, dict)
    )
    draft["channels"] = draft["channels"].append(
        ChannelProbe(record.b, record.s, whole(record.d.get("n")), layers)
    )


def _alert(draft: dict[str, Any], record: Record) -> None:
    d = record.d
    healthy = mapping(d.get("healthy"))
    alert = Alert(
        branch=record.b,
        step=record.s,
        t=record.t,
        level=level_of(text(d.get("level"))).name,
        text=text(d.get("text")),
        onset_step=maybe_step(d.get("onset_step")),
        onset_low=maybe_step(d.get("onset_low")),
        confidence=num(d.get("confidence")),
        n=whole(d.get("n")),
        evidence=numbers(d.get("evidence")),
        healthy_step=maybe_step(healthy.get("step")),
        healthy_pgd=num(healthy.get("pgd")),
        advice=text(d.get("advice")),
        disease=text(d.get("disease")),
    )
    draft["alerts"] = draft["alerts"].append(alert)


def _host(draft: dict[str, Any], record: Record) -> None:
    d = record.d
    names = ("cpu", "rss", "gpu", "gpu_mem", "gpu_total", "gpu_temp", "disk_free")
    draft["host"] = Host(record.t, *(num(d.get(name)) for name in names))


def _gap(draft: dict[str, Any], record: Record) -> None:
    draft["dropped"] += max(0, whole(record.d.get("dropped")))


def _end(draft: dict[str, Any], record: Record) -> None:
    ending = Ending(text(record.d.get("how")), record.t, text(record.d.get("reason")))
    draft["ends"] = {**draft["ends"], record.a: ending}


def _exit(draft: dict[str, Any], record: Record) -> None:
    lines = tuple(line for line in items(record.d.get("stderr")) if isinstance(line, str))
    again = record.d.get("again") is True
    ending = Ending(text(record.d.get("how")), record.t, text(record.d.get("text")), lines, again)
    draft["exits"] = {**draft["exits"], record.a: ending}


def _append(name: str, entry: Callable[[Record], Any]) -> Callable[[dict[str, Any], Record], None]:
    def handle(draft: dict[str, Any], record: Record) -> None:
        draft[name] = draft[name].append(entry(record))

    return handle


_HANDLERS: dict[str, Callable[[dict[str, Any], Record], None]] = {
    "open": _open,
    "phase": _phase,
    "run.start": _run_start,
    "resumed": _resumed,
    "branch": _branch,
    "ctl.applied": _settings,
    "ctl.failed": _settings,  # its `new` are the old values again
    "steps": _steps,
    "probe.robust": _probe,
    "probe.channels": _channels,
    "probe.self": _append("selfs", explained.self_probe),
    "probe.strong": _append("strongs", explained.strong_probe),
    "probe.causal": _append("causals", explained.causal_probe),
    "probe.images": _append("strips", explained.image_strip),
    "diagnosis": _append("diagnoses", explained.diagnosis),
    "alert": _alert,
    "log.gap": _gap,
    "end": _end,
    "sup.exit": _exit,
}
_CONTROL = frozenset({"run.start", "end", "alert", "branch", "resumed"})
# Kinds that are no line of an event list: metrics, heartbeats, and the frame of a file.
UNLISTED = frozenset(
    {"open", "seal", "steps", "probe.channels", "probe.self", "probe.images", "host"}
)
# Histories whose entries belong to a step of a branch: what is done again after a resume is dropped
# from them.
_ON_BRANCHES = (
    "steps",
    "probes",
    "channels",
    "selfs",
    "strongs",
    "causals",
    "strips",
    "diagnoses",
    "alerts",
)

"""The figures of a run's report, as SVG that follows the colours of its page; needs matplotlib.

They are drawn twice: wide, and narrow for a phone. Colours are written as variables of the page, so
that a dark one shows them light.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selffit.eventlog import kinds
from selffit.report.figures import ACCURACIES, FAINT, INK, ONSET, SELF
from selffit.run.folded.state import RunState, unit_of
from selffit.vocabulary import ACCURACY, COMPONENT, STEP, level_of
from selffit.vocabulary import SELF as OF_SELF

ACTION = "#6a3fb5"
STRONG = "#7a8f00"
PARTS = {"carrier": "#a05a00", "conflict": "#8c3fa0", "abnormal": "#7a6a00", "swap": "#5b6f7a"}
SIGNALS = ("abnormal", "pertalign", "loss_adv", "acc_adv")
# on a dark page: the same hue, lighter
DARK = {
    ACCURACIES["clean"]: "#7fb2ea",
    ACCURACIES["fgsm"]: "#e8b84a",
    ACCURACIES["pgd"]: "#4fd1a8",
    STRONG: "#c3d94a",
    SELF: "#f09a5a",
    ONSET: "#ff8078",
    ACTION: "#b79bff",
    INK: "#e6e6e6",
    FAINT: "#8d8d8d",
    **dict(zip(PARTS.values(), ("#e0a050", "#d08ae0", "#c9b83a", "#a5bac6"), strict=True)),
}
MOST_DRAWN = 1500  # points of a curve
BINS = 200  # in which signals of every step are drawn
E = TypeVar("E", bound=kinds.Event)
_SIZES = {"wide": 9.5, "narrow": 4.4}  # inches
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.fonttype": "none",
    "text.parse_math": False,  # names come from logs: a $ in one is a $
}


@dataclass(frozen=True)
class Mark:
    """A moment that charts show: its step, its branch, what it is called, and its colour."""

    step: float
    branch: str
    name: str
    colour: str


def marks(state: RunState) -> list[Mark]:
    """Return the alerts and interventions of a run."""
    found = [
        Mark(alert.about, alert.branch, alert.level, ONSET)
        for alert in state.all(kinds.Alert)
        if level_of(alert.level).serious
    ]
    for change in state.ledger.history:
        if not change.failed:
            found.append(Mark(change.step, change.branch, change.op, ACTION))
    return sorted(found, key=lambda mark: mark.step)


def accuracies(state: RunState) -> Callable[[Figure], None]:
    """Clean, FGSM and PGD accuracy through training; what a roll-back left behind is dotted."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for branch, probes in by_branch(state.all(kinds.RobustProbe)):
            for name, colour in ACCURACIES.items():
                if all(math.isnan(getattr(probe, name)) for probe in probes):
                    continue  # somebody else's log need not have it
                _pieces(axes, state, branch, probes, name, colour, ACCURACY[name].label)
            strong = [p for p in state.all(kinds.StrongProbe) if p.branch == branch]
            if strong:
                axes.plot(
                    [p.step for p in strong],
                    [p.pgd for p in strong],
                    linestyle="",
                    marker="v",
                    color=STRONG,
                    label=ACCURACY["strong"].label,
                )
        classes = state.start.classes if state.start is not None else 0
        if classes:
            axes.axhline(1 / classes, color=FAINT, linestyle=":", linewidth=1, label="guessing")
        axes.set(ylim=(-0.02, 1.02), ylabel="accuracy", xlabel=unit_of(state))
        _marked(axes, marks(state))
        _legend(figure, axes)

    return draw


def signals(state: RunState) -> Callable[[Figure], None] | None:
    """Signals of every training step on the line that leads to the present; None without any."""
    steps, values = signal_means(state)
    known = [name for name in SIGNALS if name in values]
    if not known:
        return None

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(known), 1, sharex=True, squeeze=False)[:, 0]
        colours = (SELF, PARTS["conflict"], INK, ACCURACIES["fgsm"])
        for axes, name in zip(grid, known, strict=True):
            colour = colours[SIGNALS.index(name)]
            axes.plot(steps, values[name], color=colour, linewidth=1.3)
            axes.set_title(STEP[name].label)
            _marked(axes, marks(state), named=axes is grid[0])
        grid[-1].set_xlabel(unit_of(state))

    return draw


def index(state: RunState) -> Callable[[Figure], None] | None:
    """The self-fitting index with its components; None where they were not measured."""
    probes = [p for p in state.all(kinds.SelfProbe) if not math.isnan(p.index)]
    if not probes:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for branch, mine in by_branch(probes):
            steps = [p.step for p in mine]
            for name, colour in PARTS.items():
                values = [p.components.get(name, math.nan) for p in mine]
                label = COMPONENT[name].label if branch == probes[0].branch else "_"
                if any(value == value for value in values) and name in COMPONENT:
                    axes.plot(steps, values, color=colour, linewidth=0.9, label=label)
            label = OF_SELF["index"].label if branch == probes[0].branch else "_"
            style = "-" if state.line.holds(branch, steps[-1]) else ":"
            axes.plot(steps, [p.index for p in mine], style, color=SELF, linewidth=2, label=label)
        axes.set(xlabel=unit_of(state))
        _marked(axes, marks(state))
        _legend(figure, axes)

    return draw


def dominance(state: RunState, layer: str) -> Callable[[Figure], None]:
    """The dominance of a layer's channels through training, ordered by the last probe."""

    def draw(figure: Figure) -> None:
        probes = channel_probes(state, layer)
        columns = [_dominance(probe, layer) for probe in probes]
        order = sorted(range(len(columns[-1])), key=lambda c: -columns[-1][c])
        rows = [[column[c] for column in columns] for c in order]
        axes = figure.subplots()
        shown = axes.imshow(
            rows, aspect="auto", cmap="PuOr_r", vmin=-1, vmax=1, interpolation="nearest"
        )
        places = sorted({0, len(probes) // 2, len(probes) - 1})
        axes.set_xticks(places, [f"{probes[i].step:,}".replace(",", " ") for i in places])
        axes.set(xlabel=unit_of(state), ylabel="channels", yticks=[], title=layer)
        figure.colorbar(shown, ax=axes, label="dominance", fraction=0.04, pad=0.02)

    return draw


def channel_probes(state: RunState, layer: str) -> list[kinds.ChannelProbe]:
    """Return the probes of the present line that have as many channels of a layer as the last."""
    line = state.line
    found = [
        probe
        for probe in state.all(kinds.ChannelProbe)
        if line.holds(probe.branch, probe.step) and _dominance(probe, layer)
    ]
    width = len(_dominance(found[-1], layer)) if found else 0
    found = [probe for probe in found if len(_dominance(probe, layer)) == width]
    return [found[i] for i in _spread(len(found), 400)]


def signal_means(state: RunState) -> tuple[list[float], dict[str, list[float]]]:
    """Return means of the signals of the present line over equal pieces of training."""
    import numpy as np

    line, blocks = state.line, state.blocks
    if not len(blocks):
        return [], {}
    rising, values = blocks.arrays()
    steps = np.asarray(rising)
    held = np.zeros(len(steps), dtype=bool)
    for branch, begin, end in blocks.rows(0):
        stands = line.end(branch)
        held[begin:end] = steps[begin:end] < stands
    steps, values = steps[held], values[:, held]
    if not len(steps):
        return [], {}
    last = int(steps.max()) + 1
    bins = min(BINS, max(1, len(np.unique(steps))))
    place = steps * bins // last
    found: dict[str, list[float]] = {}
    for row, name in zip(values, kinds.DRAWN_SIGNALS, strict=True):
        fine = np.isfinite(row)
        if not fine.any():
            continue
        total = np.bincount(place[fine], weights=row[fine].astype(float), minlength=bins)
        many = np.bincount(place[fine], minlength=bins)
        means = np.where(many > 0, total / np.maximum(many, 1), np.nan)
        found[name] = [float(value) for value in means]
    return [float((i + 0.5) * last / bins) for i in range(bins)], found


def svg(draw: Callable[[Figure], None], size: str, height: float, salt: str) -> str:
    """Return a figure as SVG to stand in a page; colours are variables of that page."""
    text = picture(draw, "svg", _SIZES[size], height, salt).decode()
    text = text[text.index("<svg") :]
    for colour in DARK:
        text = re.sub(colour, f"var({variable(colour)}, {colour})", text, flags=re.IGNORECASE)
    return text


def picture(
    draw: Callable[[Figure], None], kind: str, width: float, height: float, salt: str = "selffit"
) -> bytes:
    """Return a figure as "svg" or "png", on a figure of its own."""
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": salt}):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        out = io.BytesIO()
        about = {"Date": None, "Creator": None} if kind == "svg" else None
        clear = {"transparent": True} if kind == "svg" else {"dpi": 160}
        figure.savefig(out, format=kind, metadata=about, **clear)
    return out.getvalue()


def variable(colour: str) -> str:
    """The page's variable for a colour."""
    return f"--c{colour[1:].lower()}"


def by_branch(probes: Sequence[E]) -> Iterator[tuple[str, list[E]]]:
    """Events by branch, in the order in which the branches began."""
    found: dict[str, list[E]] = {}
    for probe in probes:
        found.setdefault(probe.branch, []).append(probe)
    yield from found.items()


# ---- parts ---------------------------------------------------------------------------------------
def _pieces(
    axes: Axes,
    state: RunState,
    branch: str,
    probes: Sequence[kinds.RobustProbe],
    name: str,
    colour: str,
    label: str,
) -> None:
    """A curve: what stands drawn through, what was left behind dotted."""
    probes = [probes[i] for i in _spread(len(probes), MOST_DRAWN)]
    line = state.line
    held = [p for p in probes if line.holds(branch, p.step)]
    left = [p for p in probes if not line.holds(branch, p.step)]
    named = label if branch == "main" else "_"
    few = len(probes) <= 60
    for mine, style, shown in ((held, "-", named), ([*held[-1:], *left], ":", "_")):
        if len(mine) > (style == ":"):
            axes.plot(
                [p.step for p in mine],
                [getattr(p, name) for p in mine],
                style,
                color=colour,
                linewidth=1.6 if style == "-" else 1.1,
                marker="." if few and style == "-" else None,
                markersize=4,
                label=shown,
            )


def _marked(axes: Axes, found: Sequence[Mark], named: bool = True) -> None:
    for number, mark in enumerate(found[:12]):
        axes.axvline(mark.step, color=mark.colour, linestyle="--", linewidth=1)
        if named:
            axes.annotate(
                mark.name,
                (mark.step, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(3, -9 - 10 * (number % 3)),
                textcoords="offset points",
                color=mark.colour,
                fontsize=8,
            )


def _legend(figure: Figure, axes: Axes) -> None:
    narrow = figure.get_figwidth() < 6
    if narrow:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2)
    else:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _dominance(probe: kinds.ChannelProbe, layer: str) -> Sequence[float]:
    found = probe.layer(layer)
    return found.dominance if found is not None else ()


def _spread(many: int, most: int) -> list[int]:
    if many <= most:
        return list(range(many))
    return [round(i * (many - 1) / (most - 1)) for i in range(most)]

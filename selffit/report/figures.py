"""The figures of a report, each as one SVG; needs matplotlib.

Every text in them is drawn, none is markup.

Colours and signs are the same everywhere: blue for what speaks of the image, orange for what speaks
of the network itself, a dotted line for guessing, a red dashed one for an onset.
"""

import io
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from selffit.report.findings import Findings, Report
from selffit.vocabulary import ACCURACY, COMPONENT, EFFECT, GROUPS, VALUES

DATA, SELF, ONSET, FAINT, INK = "#2f6db3", "#c8641e", "#b3261e", "#8a8a8a", "#222222"
ACCURACIES = {"clean": "#2f6db3", "fgsm": "#c79117", "pgd": "#1f8a6d"}
STRONG = "#0b3d2e"
PARTS = {"carrier": "#c8641e", "conflict": "#8c3fa0", "abnormal": "#7a6a00", "swap": "#5b6f7a"}
GROUP_COLOURS = {"self": SELF, "data": DATA, "random": FAINT, "norm": INK}
MOST_CURVES = 6  # networks in one plot of dose curves
WIDTH = 9.5  # inches
T = TypeVar("T")
_STYLE: dict[Any, Any] = {  # matplotlib has a type of its own for these names, in new versions
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "selffit",
    "text.parse_math": False,  # names come from logs: a $ in one is a $
}


def accuracies(report: Report) -> bytes:
    """Accuracies and the index through the checkpoints; the run's own probes are the thin lines."""

    def draw(figure: Figure) -> None:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _onsets(report, top, bottom)
        for columns in report.series("probes").values():
            for name, colour in ACCURACIES.items():
                top.plot(columns["step"], columns[name], color=colour, linewidth=0.8, alpha=0.5)
        for columns in report.series("selfs").values():
            bottom.plot(columns["step"], columns["index"], color=SELF, linewidth=0.8, alpha=0.5)
        for number, line in enumerate(_branches(report.found)):
            steps = [found.step for found in line]
            for name, colour in ACCURACIES.items():
                values = [found.accuracy(name) for found in line]
                _dots(top, steps, values, colour, "" if number else ACCURACY[name].label)
            strong = [found.accuracy("strong") for found in line]
            _dots(
                top, steps, strong, STRONG, "" if number else ACCURACY["strong"].label, marker="v"
            )
            for name, colour in PARTS.items():
                values = [found.component(name) for found in line]
                bottom.plot(
                    steps,
                    values,
                    color=colour,
                    linewidth=1,
                    marker=".",
                    label="" if number else COMPONENT[name].label,
                )
            _dots(
                bottom,
                steps,
                [found.value("index") for found in line],
                INK,
                "" if number else "index",
            )
        _guessing(report, top)
        top.set(ylim=(0, 1), ylabel="accuracy")
        bottom.set(ylim=(0, 1), ylabel="index, components", xlabel="step")
        for axes in (top, bottom):
            axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))

    return _svg(draw, 5.2)


def self_information(report: Report) -> bytes:
    """A small chart for every value, one bar a checkpoint."""
    shown = [v for v in VALUES if any(math.isfinite(found.value(v.name)) for found in report.found)]
    rows = -(-len(shown) // 5)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(rows, 5, sharey=True, squeeze=False)
        ticks = _labels(report.found)
        for axes, value in zip(grid.flat, shown, strict=False):
            numbers = [found.value(value.name) for found in report.found]
            axes.bar(
                range(len(numbers)),
                numbers,
                color=SELF if value.of == "self" else DATA,
                width=0.8,
            )
            if value.control:
                controls = [found.value(value.control) for found in report.found]
                axes.plot(range(len(controls)), controls, "_", color=INK, markersize=8)
            if value.chance:
                _guessing(report, axes)
            axes.set(ylim=(0, 1), title=value.label)
            _label(axes, ticks)
        for axes in list(grid.flat)[len(shown) :]:
            axes.set_visible(False)

    return _svg(draw, 1.7 * rows)


def dose_and_mix(report: Report) -> bytes:
    """Accuracy against how much of the network's own perturbation is added.

    And against the share that is left of it.
    """
    with_curves = [
        found
        for found in report.found
        if found.selfinfo is not None and len(found.selfinfo.doses[0])
    ]
    chosen = _spread(with_curves, MOST_CURVES)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, sharey=True)
        for number, found in enumerate(chosen):
            assert found.selfinfo is not None
            last = number == len(chosen) - 1
            shade = 0.8 - 0.55 * number / max(1, len(chosen) - 1)
            colour = SELF if last else str(shade)
            for axes, (x, y) in ((left, found.selfinfo.doses), (right, found.selfinfo.mixes)):
                axes.plot(
                    list(x),
                    list(y),
                    color=colour,
                    linewidth=2.2 if last else 1.3,
                    marker=".",
                    label=found.id,
                )
        for axes in (left, right):
            _guessing(report, axes)
        left.axvline(1, color=FAINT, linewidth=0.6)
        left.set(
            ylim=(0, 1),
            xlabel="k: the image + k · its own perturbation",
            ylabel="accuracy",
            title="dose",
        )
        right.set(xlabel="r: share of the perturbation that random signs replace", title="mix")
        right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))

    return _svg(draw, 3.0)


def dominance(report: Report) -> bytes:
    """Every layer: dominance of its channels (rows) through the checkpoints (columns).

    The order of the rows is that of the last checkpoint.
    """
    probes = [found for found in report.found if found.channels is not None]
    names = (
        [layer.name for layer in probes[-1].channels.layers]
        if probes and probes[-1].channels
        else []
    )
    rows = max(1, -(-len(names) // 6))

    def draw(figure: Figure) -> None:
        grid = figure.subplots(rows, min(6, max(1, len(names))), squeeze=False)
        shown: Any = None
        for axes, name in zip(grid.flat, names, strict=False):
            columns = [_dominances(found, name) for found in probes]
            count = len(columns[-1])
            order = [c for _, c in sorted((-value, c) for c, value in enumerate(columns[-1]))]
            table = [
                [column[c] if len(column) == count else math.nan for column in columns]
                for c in order
            ]
            shown = axes.imshow(
                table, aspect="auto", cmap="PuOr_r", vmin=-1, vmax=1, interpolation="nearest"
            )
            axes.set(title=f"{name} ({count})", yticks=[])
            _label(axes, _labels(probes))
        for axes in list(grid.flat)[len(names) :]:
            axes.set_visible(False)
        if shown is not None:
            figure.colorbar(shown, ax=list(grid.flat), label="dominance", fraction=0.03, pad=0.02)

    return _svg(draw, 2.3 * rows)


def causal_effects(found: Findings) -> bytes:
    """What zeroing a share of a stage's channels changes.

    A row an effect, a column a stage, a line a group.
    """
    probe = found.causal
    assert probe is not None
    stages = list(dict.fromkeys(row.stage for row in probe.rows))
    effects = ("fgsm", "pgd", "carrier")

    def draw(figure: Figure) -> None:
        grid = figure.subplots(len(effects), len(stages), sharex=True, sharey=True, squeeze=False)
        for line, effect in zip(grid, effects, strict=True):
            for axes, stage in zip(line, stages, strict=True):
                axes.axhline(0, color=FAINT, linewidth=0.6)
                for group, colour in GROUP_COLOURS.items():
                    mine = [row for row in probe.rows if (row.stage, row.group) == (stage, group)]
                    rows = sorted(mine, key=lambda row: row.share)
                    change = [row.value(effect) - probe.base.value(effect) for row in rows]
                    shares = [100 * r.share for r in rows]
                    axes.plot(
                        shares,
                        change,
                        color=colour,
                        marker=".",
                        linewidth=1.3,
                        label=GROUPS[group].meaning,
                    )
                if effect == effects[0]:
                    axes.set_title(stage)
                if effect == effects[-1]:
                    axes.set_xlabel("% of channels")
            line[0].set_ylabel(f"change of {EFFECT[effect].label}")
        low, high = grid[0][0].get_ylim()
        grid[0][0].set_ylim(min(low, -0.1), max(high, 0.1))
        grid[0][-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title="zeroed")

    return _svg(draw, 1.5 * len(effects) + 0.4)


# ---- parts ---------------------------------------------------------------------------------------
def _svg(draw: Callable[[Figure], None], height: float) -> bytes:
    """Draw on a figure of its own, without any window or global state but the style."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _branches(found: Sequence[Findings]) -> list[list[Findings]]:
    """One line of points for each branch."""
    lines: dict[str, list[Findings]] = {}
    for one in found:
        lines.setdefault(one.branch, []).append(one)
    return list(lines.values())


def _dots(
    axes: Axes, x: Sequence[float], y: Sequence[float], colour: str, label: str, marker: str = "o"
) -> None:
    axes.plot(x, y, color=colour, marker=marker, markersize=4, linewidth=1.6, label=label or "_")


def _guessing(report: Report, axes: Axes) -> None:
    if report.chance == report.chance:
        axes.axhline(report.chance, color=FAINT, linestyle=":", linewidth=1)


def _onsets(report: Report, *all_axes: Axes) -> None:
    for columns in report.series("onsets").values():
        for step in columns["step"]:
            for axes in all_axes:
                axes.axvline(step, color=ONSET, linestyle="--", linewidth=1)
            all_axes[0].annotate(
                "onset", (step, 0.95), xytext=(4, 0), textcoords="offset points", color=ONSET
            )


def _labels(found: Sequence[Findings]) -> list[str]:
    one_branch = len(found) > 1 and len({one.branch for one in found}) == 1
    return [str(one.step) if one_branch else one.id for one in found]


def _label(axes: Axes, labels: Sequence[str]) -> None:
    """The first and last column, and at most two between them."""
    places = _spread(list(range(len(labels))), 3)
    axes.set_xticks(places, [labels[i] for i in places], fontsize=7)


def _dominances(found: Findings, name: str) -> Sequence[float]:
    layer = found.channels.layer(name) if found.channels is not None else None
    return layer.dominance if layer is not None else ()


def _spread(entries: list[T], most: int) -> list[T]:
    """At most `most` of them, evenly, the first and the last among them."""
    if len(entries) <= most:
        return entries
    return [entries[round(i * (len(entries) - 1) / (most - 1))] for i in range(most)]

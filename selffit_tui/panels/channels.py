"""The channel ranking of one layer: what is dominant, and how sure that is.

Dominance, change of rank, what zeroing a channel does, concentration and stability.

Dominance is our operational definition (see `selffit.probes.channels`): +1 answers to the
perturbation only, −1 to the content of the image only.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from selffit.detect.alone import alone as lone_channels
from selffit.eventlog import kinds
from selffit.eventlog.fields import items, mapping
from selffit.numbers import count, known, share, signed
from selffit.vocabulary import CHANNEL, CONCENTRATION, EFFECT
from selffit_tui.draw.format import fit
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.raster import Trace, rasterise, window
from selffit_tui.draw.spans import Line, Span, fill, framed
from selffit_tui.model.scene import BASELINES, Scene
from selffit_tui.panels.panel import REST, Panel
from selffit_tui.panels.parts import causal
from selffit_tui.panels.parts.empty import no_channels
from selffit_tui.panels.parts.ranking import layer_title, ranking

FIXED = 23  # cells of a row beside its bar and its columns
CELL = 6  # cells of a column
NARROWEST_BAR = 11
ROOMY = 60  # cells from which columns say how a channel responds
ABREAST = 97  # cells from which the causal table stands beside the ranking, in BESIDE cells
BESIDE = causal.WIDTH + 3
CAUSAL_LINES = 6  # of the table below the ranking
NARROWEST_CONCENTRATION = 28


@dataclass(frozen=True)
class Column:
    """A column right of the bar: a text for each channel.

    Of a change, clear ones are drawn bright.
    """

    label: str
    value: Callable[[int], str]
    change: bool = False


class ChannelPanel(Panel):
    """Which channels have become dominant."""

    name = "channels"
    title = "dominance"
    help = "channel ranking alone"
    keys = ("3", "f4")
    side = "right"

    @staticmethod
    def overview_lines(room: int, narrow: bool) -> int:
        """What the panels above it leave."""
        return 0 if narrow else REST

    @staticmethod
    def terms(scene: Scene) -> Sequence[tuple[str, str]]:
        """What is measured of channels."""
        return [(one.short, one.meaning) for one in CHANNEL.values()]

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The ranking in its border; shown alone, with the causal table of the layer's stage."""
        return channel_lines(scene, width, height)


def channel_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The ranking in its border; shown alone, with the causal table of the layer's stage."""
    glyphs = scene.glyphs
    index = scene.channel_probe()
    title: list[Span] = [(ChannelPanel.title, "title")]
    if index is None or not scene.columns.channels[index].layers:
        return framed(no_channels(scene, width - 2), width, height, glyphs, title)
    probe = scene.columns.channels[index]
    layer = probe.layers[scene.view.layer % len(probe.layers)]
    off = zeroed_channels(scene, layer.name)
    title += layer_title(scene, layer, len(probe.layers))
    if off:
        title.append((f"  {glyphs.symbols['off']} {len(off)} zeroed", "warn"))
    base = scene.baseline_probe(index)
    before = base.layer(layer.name) if base is not None else None
    zeroed = scene.newest_of(scene.state.all(kinds.CausalProbe))
    if zeroed is not None and not any(single.layer == layer.name for single in zeroed.single):
        zeroed = None
    body = _body(layer, before, zeroed, off, scene, width - 2, height - 2)
    since = "" if base is None else _since(scene.view.baseline, base.step)
    words = f"chg since {since}" if since else "first probe: no change of rank yet"
    if zeroed is not None:
        words = _zeroed_words(layer.name, zeroed, words, width - 6, glyphs)
    note: list[Span] = [(f"step {count(probe.step)}", "dim")]
    return framed(body, width, height, glyphs, title, note, [(words, "faint")])


def _zeroed_words(
    layer: str, zeroed: kinds.CausalProbe, words: str, room: int, glyphs: Glyphs
) -> str:
    """What the check of single channels found in a layer, before `words` where there is room.

    The channel that carries most FGSM accuracy alone goes before anything else.
    """
    at = f"step {count(zeroed.step)}"
    found = [one for one in lone_channels(zeroed) if one.layer == layer]
    if not found:
        told = f"ΔFGSM, ΔPGD: zeroed alone, {at}  {words}"
        return told if len(told) <= room else words
    lost = causal.effect(found[0], zeroed.base, "fgsm")
    told = f"{glyphs.symbols['alone']} alone: FGSM {lost}"
    for more in (f", ch {found[0].channel}, {at}  {words}", f", ch {found[0].channel}, {at}"):
        if len(told + more) <= room:
            return told + more
    return told


def _body(
    layer: kinds.LayerChannels,
    before: kinds.LayerChannels | None,
    zeroed: kinds.CausalProbe | None,
    off: frozenset[int],
    scene: Scene,
    width: int,
    height: int,
) -> list[Line]:
    """The ranking above concentration.

    Shown alone, with the causal table right of both or beside the concentration.
    """
    alone, room = scene.view.panel == "channels", width
    if alone and width >= ABREAST:
        room = width - BESIDE - 1
    columns = _columns(layer, zeroed, room)
    below = _concentration(layer, scene, room) if height >= 9 else []
    if alone and room == width and height >= 2 * CAUSAL_LINES:
        below = causal.causal_lines(scene, layer.name, width, CAUSAL_LINES)
        if (left := width - causal.WIDTH - 1) >= NARROWEST_CONCENTRATION:
            below = causal.causal_lines(scene, layer.name, causal.WIDTH, CAUSAL_LINES)
            below = _beside(_concentration(layer, scene, left), below, left, scene)
    rows = height - 1 - len(below)
    lines = [
        _head(columns, room, scene.glyphs),
        *_ranking(layer, before, off, _alone(layer, zeroed), columns, room, rows, scene.glyphs),
    ]
    if room == width:
        return [*lines, *below]
    right = causal.causal_lines(scene, layer.name, BESIDE, height)
    return _beside([*lines, *below], right, room, scene)


def _beside(left: Sequence[Line], right: Sequence[Line], width: int, scene: Scene) -> list[Line]:
    """Two blocks with a rule between; the left one gets `width` cells."""
    rule: Span = (scene.glyphs.upright, "frame")
    return [
        [*one, rule, *other]
        for one, other in zip(fill(left, width, len(right)), right, strict=True)
    ]


def _columns(
    layer: kinds.LayerChannels, zeroed: kinds.CausalProbe | None, width: int
) -> list[Column]:
    """As many columns, by twos, as leave room for the bar.

    Responses are relative to the mean of the layer.
    """
    found: list[Column] = []
    changes: list[Column] = []
    if zeroed is not None:
        for name in ("fgsm", "pgd", "clean", "carrier"):
            changes.append(
                Column(EFFECT[name].short, partial(_change, zeroed, layer.name, name), True)
            )
    found += changes[:2]
    if width >= ROOMY:
        found += [
            Column(CHANNEL["si"].short, partial(_response, layer.si)),
            Column(CHANNEL["rand"].short, partial(_response, layer.rand)),
        ]
        found += changes[2:]
    fitting = max(0, width - FIXED - NARROWEST_BAR) // CELL
    return found[: fitting // 2 * 2]


def _change(zeroed: kinds.CausalProbe, layer: str, name: str, channel: int) -> str:
    single = zeroed.channel(layer, channel)
    return causal.effect(single, zeroed.base, name) if single is not None else ""


def _alone(layer: kinds.LayerChannels, zeroed: kinds.CausalProbe | None) -> frozenset[int]:
    """The channels of a layer that alone carry FGSM accuracy."""
    found = [] if zeroed is None else lone_channels(zeroed)
    return frozenset(one.channel for one in found if one.layer == layer.name)


def _response(values: Sequence[float], channel: int) -> str:
    return share(values[channel]) if channel < len(values) and known(values[channel]) else ""


def _since(baseline: int, step: int) -> str:
    back = BASELINES[baseline]
    which = {0: "the first probe", 1: "the probe before"}.get(back, f"{back} probes earlier")
    return f"{which}, step {count(step)}"


def _head(columns: Sequence[Column], width: int, glyphs: Glyphs) -> Line:
    bar = max(0, width - FIXED - CELL * len(columns))
    ends = ("−1", "0", "+1")
    middle = ends[0] + ends[1].center(max(1, bar - 4)) + ends[2]
    labels = "".join(_label(column).rjust(CELL) for column in columns)
    return [
        (" rank   ch  chg  ", "faint"),
        (fit(middle, bar, ""), "faint"),
        ("     d" + labels, "faint"),
    ]


def _label(column: Column) -> str:
    short = len(column.label) < CELL - 1
    return f"Δ{column.label}" if column.change and short else column.label


def zeroed_channels(scene: Scene, layer: str) -> frozenset[int]:
    """The channels of a layer that an intervention has zeroed."""
    what = mapping(scene.state.ledger.zeroed.get(layer))
    return frozenset(channel for channel in items(what.get("channels")) if isinstance(channel, int))


def _ranking(
    layer: kinds.LayerChannels,
    before: kinds.LayerChannels | None,
    off: frozenset[int],
    lone: frozenset[int],
    columns: Sequence[Column],
    width: int,
    rows: int,
    glyphs: Glyphs,
) -> list[Line]:
    """The top of the ranking and, where not all fit, its bottom: channels that read the image."""
    order = ranking(list(layer.dominance))
    earlier = (
        {c: rank for rank, c in enumerate(ranking(list(before.dominance)))}
        if before is not None
        else {}
    )
    if rows <= 0:
        return []
    shown: list[tuple[int, int] | None] = list(enumerate(order))
    if len(order) > rows:
        bottom = (rows - 1) // 3 if rows >= 4 else 0
        top = rows - bottom - 1
        shown = [*shown[:top], None, *shown[len(order) - bottom :]] if rows >= 2 else shown[:rows]
    lines: list[Line] = []
    for item in shown:
        if item is None:
            hidden = len(order) - (len(shown) - 1)
            lines.append([(f"   {glyphs.ellipsis}  {count(hidden)} more channels", "faint")])
            continue
        rank, channel = item
        row = _row(
            rank, channel, layer.dominance[channel], earlier.get(channel), columns, width, glyphs
        )
        mark, style = ("off", "warn") if channel in off else ("alone", "alert")
        marked: Line = [(f"{glyphs.symbols[mark]}{row[0][0][1:]}", style), *row[1:]]
        lines.append(marked if channel in off or channel in lone else row)
    return lines + [[] for _ in range(rows - len(lines))]


def _row(
    rank: int,
    channel: int,
    dominance: float,
    earlier: int | None,
    columns: Sequence[Column],
    width: int,
    glyphs: Glyphs,
) -> Line:
    moved = 0 if earlier is None else earlier - rank
    delta = "" if earlier is None else glyphs.bullet
    if moved:
        delta = f"{moved:+d}"
    style = "self" if dominance > 0 else "data"
    cells = [(column, column.value(channel)) for column in columns]
    return [
        (f" {rank + 1:>4} ", "dim"),
        (f"{channel:>4} ", "text"),
        (f"{delta:>4}  ", "strong" if abs(moved) >= 5 else "dim"),
        *bar(dominance, max(0, width - FIXED - CELL * len(columns)), style, glyphs),
        (f" {signed(dominance):>5}", style),
        *(
            (text.rjust(CELL), causal.effect_style(text) if column.change else "dim")
            for column, text in cells
        ),
    ]


def bar(value: float, width: int, style: str, glyphs: Glyphs) -> list[Span]:
    """A bar from the centre of `width` cells: to the right for positive values, else left."""
    half = (width - 1) // 2
    if half <= 0:
        return [(" " * width, "text")]
    length = 0.0 if math.isnan(value) else min(1.0, abs(value)) * half
    table = glyphs.bar if value >= 0 else glyphs.bar_left
    steps = len(table) - 1
    full, part = divmod(round(length * steps), steps)
    drawn = table[-1] * full + (table[part] if part else "")
    left = drawn[::-1].rjust(half) if value < 0 else " " * half
    right = drawn.ljust(half) if value >= 0 else " " * half
    return [
        (left, style),
        (glyphs.centre, "frame"),
        (right, style),
        (" " * (width - 2 * half - 1), "text"),
    ]


def _concentration(layer: kinds.LayerChannels, scene: Scene, width: int) -> list[Line]:
    """Gini, share of the top 10 % and participation ratio, and how stable the ranking is.

    Of each measure the first value, the present one, and the way between.

    The ratio is a number of channels, so that its chart ends at their number.
    """
    table = scene.columns.concentration.get(layer.name)
    if table is None or not len(table.steps):
        return []
    glyphs = scene.glyphs
    lines: list[Line] = [[(" concentration ".ljust(width, glyphs.rule), "frame")]]
    cells = max(0, width - 28)
    place = window(0.0, float(max(scene.state.step, 1)), cells * glyphs.across)
    for name in CONCENTRATION:
        column = table.column(name)
        first, now = float(column[0]), float(getattr(layer, name))
        high, digits = (float(max(1, len(layer.dominance))), 1) if name == "pr" else (1.0, 2)
        spans: Line = [
            (f" {CHANNEL[name].short:<10}", "dim"),
            (f"{share(first, digits):>4} → ", "dim"),
            (f"{share(now, digits):<4}", "strong"),
        ]
        if cells >= 8:
            raster = rasterise([Trace(table.steps, column, high=high)], place, 1, glyphs)
            spans += [("  ", "text"), (raster.rows[0], "self")]
        lines.append(spans)
    if known(layer.rho):
        agree: Line = (
            [(f"  {CHANNEL['agree'].label} ", "dim"), (share(layer.agree), "strong")]
            if known(layer.agree)
            else []
        )
        lines.append(
            [
                (" stability ", "dim"),
                (f"{CHANNEL['rho'].label} {share(layer.rho)}", "strong"),
                *agree,
            ]
        )
    return lines

"""The channel ranking of one layer: dominance, change of rank, and concentration through time.

Dominance is our operational definition (see `selffit.probes.channels`): +1 answers to the perturbation only, −1 to
the content of the image only.
"""

import math

from selffit.eventlog.entries import LayerChannels
from selffit.eventlog.state import items, mapping
from selffit_tui.format import count, fit, safe, share, signed
from selffit_tui.glyphs import Glyphs
from selffit_tui.lines import Line, Span, framed
from selffit_tui.raster import Trace, rasterise, window
from selffit_tui.view import BASELINES, Scene
from selffit_tui.widgets.panel import Panel

FIXED = 23  # cells of a row beside its bar
MEASURES = (("gini", "Gini"), ("top10", "top 10 %"), ("pr", "particip."))


class ChannelPanel(Panel):
    """Which channels have become dominant."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        return channel_lines(scene, width, height)


def channel_lines(scene: Scene, width: int, height: int) -> list[Line]:
    """The ranking in its border."""
    glyphs = scene.glyphs
    index = scene.channel_probe()
    title: list[Span] = [("dominance", "title")]
    if index is None or not scene.columns.channels[index].layers:
        return framed(_nothing_yet(scene, width - 4), width, height, glyphs, title)
    probe = scene.columns.channels[index]
    layer = probe.layers[scene.view.layer % len(probe.layers)]
    title += [(f"  {safe(layer.name, glyphs.plain)}", "strong"), (f" ({len(layer.dominance)})", "dim")]
    if len(probe.layers) > 1:
        title.append((f"  {scene.view.layer % len(probe.layers) + 1}/{len(probe.layers)}", "faint"))
    inner_width, inner_height = width - 2, height - 2
    base = scene.baseline_probe(index)
    before = base.layer(layer.name) if base is not None else None
    concentration = _concentration(layer, scene, inner_width) if inner_height >= 9 else []
    rows = inner_height - 1 - len(concentration)
    off = masked(scene, layer.name)
    if off:
        title.append((f"  {glyphs.symbols['off']} {len(off)} masked", "watch"))
    body = [_head(inner_width, glyphs), *_ranking(layer, before, off, inner_width, rows, glyphs), *concentration]
    since = "" if base is None else _since(scene.view.baseline, base.step, glyphs.space)
    delta = "change" if glyphs.plain else "Δ"
    foot: list[Span] = [(f"{delta} since {since}" if since else "first probe: no change of rank yet", "faint")]
    note: list[Span] = [(f"step {count(probe.step, glyphs.space)}", "dim")]
    return framed(body, width, height, glyphs, title, note, foot)


def _since(baseline: int, step: int, space: str) -> str:
    back = BASELINES[baseline]
    which = "the first probe" if back == 0 else "the probe before" if back == 1 else f"{back} probes earlier"
    return f"{which}, step {count(step, space)}"


def _nothing_yet(scene: Scene, width: int) -> list[Line]:
    state = scene.state
    if scene.view.cursor is not None and len(state.channels):
        return [[], [("  no channel probe before the cursor", "dim")]]
    if state.config.get("channel_images") == 0:
        return [[], [("  channel probes are off", "text")], [("  --channel-images 256 turns them on", "dim")]]
    if state.ending is not None:
        return [[], [("  the run ended before its first channel probe", "dim")]]
    lines: list[Line] = [[], [("  no channel probe yet", "text")]]
    step = _next_probe(scene)
    where = "" if step is None else f" at step {count(step, scene.glyphs.space)}"
    return [*lines, [(f"  the first comes with the probe{where}", "dim")]]


def _next_probe(scene: Scene) -> int | None:
    """The step of the next regular probe, None when it is not known."""
    state = scene.state
    every = state.config.get("probe_every") or state.info.get("steps_per_epoch")
    if not isinstance(every, int) or every <= 0:
        return None
    step = 0 if not len(state.probes) and not state.step else (state.step // every + 1) * every
    return min(step, state.steps_total) if state.steps_total else step


def _head(width: int, glyphs: Glyphs) -> Line:
    bar = max(0, width - FIXED)
    ends = ("-1", "0", "+1") if glyphs.plain else ("−1", "0", "+1")
    middle = ends[0] + ends[1].center(max(1, bar - 4)) + ends[2]
    delta = "chg" if glyphs.plain else "Δ"
    return [(f" rank   ch {delta:>4}  ", "faint"), (fit(middle, bar, ""), "faint"), ("     d", "faint")]


def ranking(dominance: list[float]) -> list[int]:
    """Channels from the most dominant one down; those without a number come last."""
    return sorted(range(len(dominance)), key=lambda c: (math.isnan(dominance[c]), -dominance[c], c))


def masked(scene: Scene, layer: str) -> frozenset[int]:
    """The channels of a layer that an intervention has masked."""
    what = mapping(scene.columns.control.ledger.suppressed.get(layer))
    return frozenset(channel for channel in items(what.get("channels")) if isinstance(channel, int))


def _ranking(
    layer: LayerChannels, before: LayerChannels | None, off: frozenset[int], width: int, rows: int, glyphs: Glyphs
) -> list[Line]:
    """The top of the ranking and, where not all fit, its bottom: the channels that read the image."""
    order = ranking(list(layer.dominance))
    earlier = {c: rank for rank, c in enumerate(ranking(list(before.dominance)))} if before is not None else {}
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
            lines.append([(f"   {glyphs.ellipsis}  {hidden} more channels", "faint")])
            continue
        rank, channel = item
        row = _row(rank, channel, layer.dominance[channel], earlier.get(channel), width, glyphs)
        lines.append([(f"{glyphs.symbols['off']}{row[0][0][1:]}", "watch"), *row[1:]] if channel in off else row)
    return lines + [[] for _ in range(rows - len(lines))]


def _row(rank: int, channel: int, dominance: float, earlier: int | None, width: int, glyphs: Glyphs) -> Line:
    moved = 0 if earlier is None else earlier - rank
    delta = f"{moved:+d}" if moved else glyphs.bullet if earlier is not None else ""
    style = "self" if dominance > 0 else "data"
    return [
        (f" {rank + 1:>4} ", "dim"),
        (f"{channel:>4} ", "text"),
        (f"{delta:>4}  ", "strong" if abs(moved) >= 5 else "dim"),
        *bar(dominance, max(0, width - FIXED), style, glyphs),
        (f" {signed(dominance):>5}", style),
    ]


def bar(value: float, width: int, style: str, glyphs: Glyphs) -> list[Span]:
    """A bar from the centre of `width` cells: to the right for positive values, to the left for negative ones."""
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
    return [(left, style), (glyphs.centre, "frame"), (right, style), (" " * (width - 2 * half - 1), "text")]


def _concentration(layer: LayerChannels, scene: Scene, width: int) -> list[Line]:
    """Gini, share of the top 10 % and participation ratio: first, now, and the way between."""
    table = scene.columns.concentration.get(layer.name)
    if table is None or not len(table.steps):
        return []
    glyphs = scene.glyphs
    lines: list[Line] = [[(" concentration ".ljust(width, glyphs.rule), "frame")]]
    cells = max(0, width - 28)
    place = window(0.0, float(max(scene.state.step, 1)), cells * glyphs.across)
    for name, label in MEASURES:
        column = table.column(name)
        first, now = float(column[0]), float(getattr(layer, name))
        spans: Line = [
            (f" {label:<10}", "dim"),
            (f"{share(first)} {glyphs.arrow} ", "dim"),
            (share(now), "strong"),
        ]
        if cells >= 8:
            raster = rasterise([Trace(table.steps, column, 0.0, 1.0)], place, 1, glyphs)
            spans += [("  ", "text"), (raster.rows[0], "self")]
        lines.append(spans)
    return lines

"""The causal check of the channel ranking: accuracy when groups of channels are set to zero.

Of one stage (the layers that share the first part of their names) the channels with the highest
dominance ("self"), the lowest ("data"), random ones and those with the largest activation ("norm");
our operational definition, see `selffit.probes.causal`.
"""

from selffit.eventlog import kinds
from selffit.numbers import count, known, percent, share, signed
from selffit.vocabulary import EFFECT, GROUPS
from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line, Span, fill, width_of
from selffit_tui.model.scene import Scene

CELL = 6  # cells of an effect
NAMES = 13  # cells of share and group
WIDTH = NAMES + CELL * len(EFFECT)
TYPICAL = 0.1  # the share that is shown first where there is no room for all
CLEAR = 0.1  # changes from here on are drawn bright
_SAID = ", ".join(f"{group.name}: {group.meaning}" for group in GROUPS.values())
ABOUT = f"{_SAID}; zeroed in the stage"


def stage_of(layer: str) -> str:
    """The stage of a layer: the first part of its name."""
    return layer.split(".")[0]


def effect(left: kinds.Effects, base: kinds.Effects, name: str) -> str:
    """The change of an accuracy in four cells: +.12, -.31; '' where it was not measured."""
    change = left.value(name) - base.value(name)
    if not known(change):
        return ""
    if round(change, 2) == 0:
        return "0"
    return signed(change) if abs(change) < 0.995 else signed(change, 1)


def effect_style(text: str) -> str:
    """Bright for clear changes."""
    return "strong" if text and abs(float(text)) >= CLEAR else "dim"


def causal_lines(scene: Scene, layer: str, width: int, height: int) -> list[Line]:
    """The table of the layer's stage, `height` lines high; how to get one where there is none."""
    probe, stage = scene.newest_of(scene.state.all(kinds.CausalProbe)), stage_of(layer)
    title: Line = [(" causal check", "title"), (f"  {stage}", "strong")]
    if probe is None:
        return fill([title, *_absent(scene, width)], width, height)
    title.append((f"  step {count(probe.step)}", "dim"))
    rows = [
        row for row in probe.rows if row.stage == stage and row.group in GROUPS and known(row.share)
    ]
    if not rows:
        return fill([title, [(" this stage was not part of it", "dim")]], width, height)
    title.append((f"  n {count(probe.n)} rank {count(probe.n_rank)}", "dim"))
    if width_of(title) > width:
        title[0] = (" causal", "title")
    shares = sorted({row.share for row in rows}, key=lambda s: (abs(s - TYPICAL) > 1e-9, -s))
    head = [title, _head(width)]
    each = len({row.group for row in rows})
    room = max(1, (height - len(head)) // max(1, each))
    shown = sorted(shares[:room])
    body = [line for part in shown for line in _table(rows, probe, part, width)]
    # room for a blank line after each share, and for the base
    if height - len(head) - len(body) > len(shown):
        body = [line for part in shown for line in (*_table(rows, probe, part, width), [])]
        about = wrap(ABOUT, width - 2)
        body.append(_base(probe, width))
        if len(head) + len(body) + len(about) < height:
            body += [[], *([(f" {part}", "faint")] for part in about)]
    return fill([*head, *body], width, height)


def _absent(scene: Scene, width: int) -> list[Line]:
    """Why there is none, and how to get one."""
    state = scene.state
    if scene.view.cursor is not None and len(state.all(kinds.CausalProbe)):
        words = "none before the cursor"
    elif state.config.get("causal_images") == 0:
        words = "it is off; --causal-images 256 turns it on"
    elif state.ending is not None:
        words = "none in this run; while one trains: selffit ctl RUN probe"
    else:
        words = f"none yet: it comes after an onset, or now with: selffit ctl {state.run} probe"
    return [[(f" {part}", "dim")] for part in wrap(words, width - 2)]


def _columns(width: int) -> list[str]:
    return list(EFFECT)[: max(0, (width - NAMES) // CELL)]


def _head(width: int) -> Line:
    names = [f"Δ{EFFECT[name].short}".rjust(CELL) for name in _columns(width)]
    return [(" share group ".ljust(NAMES) + "".join(names), "faint")]


def _table(
    rows: list[kinds.Ablation], probe: kinds.CausalProbe, part: float, width: int
) -> list[Line]:
    """The groups of one share."""
    lines: list[Line] = []
    for group in GROUPS.values():
        row = next((row for row in rows if row.share == part and row.group == group.name), None)
        if row is None:
            continue
        cells: list[Span] = []
        for name in _columns(width):
            text = effect(row, probe.base, name)
            cells.append((text.rjust(CELL), effect_style(text)))
        lines.append(
            [(f" {percent(part):>5} ", "dim"), (f"{group.name:<{NAMES - 7}}", group.style), *cells]
        )
    return lines


def _base(probe: kinds.CausalProbe, width: int) -> Line:
    """The accuracies of the whole network, from which the changes are."""
    cells = [share(probe.base.value(name)).rjust(CELL) for name in _columns(width)]
    return [(" none zeroed".ljust(NAMES), "dim"), ("".join(cells), "dim")]

"""The first lines of the Compare screen: what is compared by what, and which letter is which."""

from selffit.numbers import plural
from selffit_tui.draw.spans import Line, Span, crop, spread, width_of
from selffit_tui.model.compare.scene import CompareScene
from selffit_tui.model.listing.letters import ink_of
from selffit_tui.panels.compare.table import doubt_lines
from selffit_tui.panels.widget import LineView

DOUBTS = 3  # lines at most


class CompareHead(LineView[CompareScene]):
    """The lines."""

    def draw(self, scene: CompareScene, width: int, height: int) -> list[Line]:
        """The lines."""
        return [crop(line, width) for line in head_lines(scene, width)[:height]]


def head_lines(scene: CompareScene, width: int) -> list[Line]:
    """What is compared, the legend, and what must not be taken for the same."""
    runs = len({curve.run for curve in scene.curves})
    lines, view = len(scene.curves), scene.view
    what = "several measures" if view.multiples else view.compared.measure.label
    left: list[Span] = [(" compare ", "strong")]
    told = (
        plural(runs, "run")
        if runs == lines
        else f"{plural(lines, 'line')} of {plural(runs, 'run')}"
    )
    left += [(f" {told}   ", "text"), (what, "key"), (f" by {view.aligned}", "text")]
    right: list[Span] = []
    if scene.loading:
        right = [(f"reading {plural(scene.loading, 'log')} ", "warn")]
    return [
        spread(left, right, width, scene.glyphs.ellipsis),
        *_legend(scene, width),
        *doubt_lines(scene, width, DOUBTS),
    ]


def _legend(scene: CompareScene, width: int) -> list[Line]:
    """Letters and names, in at most two lines."""
    lines: list[Line] = [[]]
    for curve in scene.curves:
        item: Line = [(f" {curve.letter} ", ink_of(curve.ink)), (f"{curve.label} ", "text")]
        if not curve.active:
            item.append(("(left behind) ", "faint"))
        if lines[-1] and width_of([*lines[-1], *item]) > width:
            if len(lines) == 2:
                lines[-1] = crop([*lines[-1], (scene.glyphs.ellipsis, "dim")], width)
                break
            lines.append([])
        lines[-1] += item
    return lines

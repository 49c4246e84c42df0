"""How a run ended, where that was bad."""

from selffit.vocabulary import ended_badly
from selffit_tui.draw.format import wrap
from selffit_tui.draw.spans import Line
from selffit_tui.model.scene import Scene


def ending_lines(scene: Scene, width: int) -> list[Line]:
    """The word, why, and its last words; [] where the end was no bad one."""
    ending = scene.state.ending
    if ending is None or not ended_badly(ending.how):
        return []
    lines: list[Line] = [[(f" {scene.glyphs.symbols['failed']} {scene.word.upper()} ", "ended")]]
    lines += [[(f"   {part}", "text")] for part in wrap(ending.text, width - 4)]
    for line in ending.stderr[-4:]:
        lines += [[(f"   {part}", "dim")] for part in wrap(line, width - 4)[:2]]
    return [*lines, []]

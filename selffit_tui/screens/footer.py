"""The footer of the Run screen: the most important keys in one line."""

from selffit_tui.draw.spans import Line, Span, crop, width_of
from selffit_tui.model.scene import Scene
from selffit_tui.panels.widget import LineWidget
from selffit_tui.screens.keys import (
    MARKS_IN_FOOTER,
    PALETTE_IN_FOOTER,
    PANELS_IN_FOOTER,
    keys_of,
    shown_keys,
)


class Footer(LineWidget):
    """One line: the most important keys."""

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """The line."""
        return [footer_line(scene, width)]


def footer_line(scene: Scene, width: int) -> Line:
    """Keys and words from the key table; what does not fit is in the help."""
    table = keys_of(readonly=not scene.may_act)
    # the timeline says these, while no mark under the clock takes their place
    told = scene.replay.length and scene.replay.mark is None
    shown: list[tuple[str, str]] = [
        (
            shown_keys(key).split(" ")[0],
            "play" if key.id == "play" and not scene.goes else key.footer,
        )
        for key in table
        if key.footer and not (told and key.id == "play")
    ]
    going = scene.newest.state.ending is None and scene.present_word != "lost"
    if width >= 100 and going:
        shown[0] = (shown[0][0], "leave (training goes on)")
    help_key = shown.pop()
    tail: list[Span] = [(f" {help_key[0]} ", "key"), (help_key[1], "dim")]
    spans: list[Span] = []
    marks = [] if told else [MARKS_IN_FOOTER]
    for key, words in [*shown, PANELS_IN_FOOTER, *marks, PALETTE_IN_FOOTER]:
        item: list[Span] = [(f" {key} ", "key"), (f"{words} ", "dim")]
        if width_of([*spans, *item, *tail]) > width:
            break
        spans += item
    return crop([*spans, *tail], width)

"""Help: every key of the Run screen, made from the table that dispatches them, and a legend."""

from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.screen import Screen

from selffit.numbers import budget
from selffit.vocabulary import (
    ACCURACY,
    CHANNEL,
    DISEASES,
    GROUPS,
    LEVELS,
    SELF,
    STANDING,
    STEP,
    WEAKENED,
)
from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.spans import Line, framed
from selffit_tui.model.scene import Scene, Snapshot, View
from selffit_tui.model.series import Columns
from selffit_tui.panels.widget import LineWidget
from selffit_tui.screens.keys import keys_of, shown_keys

_SHOWN = (  # of the screens, in their order
    *(ACCURACY[name] for name in ("clean", "fgsm", "pgd")),
    STEP["abnormal"],
    STEP["pertalign"],
    ACCURACY["gap"],
    STEP["loss_adv"],
    STEP["acc_adv"],
    CHANNEL["dominance"],
    SELF["index"],
    *(SELF[name] for name in ("own", "carrier_grey", "conflict_self", "abnormal", "swap")),
)
_STABLE = " (rho), ".join(CHANNEL[name].meaning for name in ("rho", "agree"))
LEGEND: tuple[tuple[str, str], ...] = (
    *((measure.label, measure.meaning) for measure in _SHOWN),
    (f"@{budget(8 / 255)}", f"{ACCURACY['final_pgd'].meaning} (here to {budget(8 / 255)})"),
    *((CHANNEL[name].short, CHANNEL[name].meaning) for name in ("si", "rand")),
    ("ΔFGSM, ΔPGD", "what the accuracy changes by when this channel alone is set to zero"),
    ("concentration", "how few channels carry the answer to the perturbation"),
    ("stability", f"{_STABLE} (agree)"),
    ("causal check", ", ".join(f"{g.name}: {g.meaning}" for g in GROUPS.values()) + "; zeroed"),
    *((d.name, d.meaning) for d in DISEASES.values() if d.sure and d.name not in STANDING),
    (
        "heat strip",
        "dominance of each channel through time, the newest order from the top; a line at the "
        "onset",
    ),
    ("dotted lines", "what a roll-back left behind; it stays in the log and counts no more"),
    (
        "charts",
        "each column of dots runs from the least to the greatest value in its steps; a gap is no "
        "number",
    ),
)
SYMBOLS = (
    *((level.symbol, level.label, level.meaning) for level in (*LEVELS.values(), WEAKENED)),
    ("applied", "", "an intervention: somebody changed the run, or a branch begins"),
    ("off", "", "a channel that is set to zero"),
)


class HelpPanel(LineWidget):
    """The lines of the help, from the first one shown."""

    first = 0
    ascii_because = ""
    readonly = False

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
        """What of it fits, in its border."""
        lines = help_lines(width - 4, scene.glyphs, self.ascii_because, self.readonly)
        self.first = min(max(0, self.first), max(0, len(lines) - (height - 2)))
        below = len(lines) - self.first - (height - 2)
        more = f"{below} more lines below: j or down" if below > 0 else "esc q ?: back"
        indented: list[Line] = [[(" ", "text"), *line] for line in lines[self.first :]]
        title: Line = [("keys and legend", "title")]
        return framed(
            indented, width, height, scene.glyphs, title, [("selffit", "dim")], [(more, "dim")]
        )


def help_lines(
    width: int, glyphs: Glyphs, ascii_because: str, readonly: bool = False
) -> list[Line]:
    """Keys, legend and, in ASCII, why."""
    lines: list[Line] = []
    if ascii_because:
        text = (
            f"drawn in ASCII because {ascii_because}; SELFFIT_ASCII=0 draws in Unicode all the same"
        )
        lines += [[(part, "warn")] for part in wrap(text, width)] + [[]]
    for key in keys_of(readonly):
        lines.append([(fit(shown_keys(key, glyphs.plain), 17), "key"), (key.help, "text")])
    lines.append([])
    marks = [(f"{glyphs.symbols[symbol]} {word}", meaning) for symbol, word, meaning in SYMBOLS]
    for name, meaning in (*LEGEND, *marks):
        for index, part in enumerate(wrap(meaning, max(10, width - 20))):
            lines.append([(fit(name if index == 0 else "", 20), "strong"), (part, "dim")])
    return lines


class HelpScreen(Screen[None]):
    """A screen of its own, so that it has room in any terminal."""

    CSS = "HelpScreen HelpPanel { width: 100%; height: 100%; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,space,ctrl+c", "app.pop_screen", "back", show=False),
        Binding("down,j", "scroll_by(1)", "down", show=False),
        Binding("up,k", "scroll_by(-1)", "up", show=False),
        Binding("pagedown", "scroll_by(10)", "down", show=False),
        Binding("pageup", "scroll_by(-10)", "up", show=False),
    ]

    def __init__(
        self, styles: dict[str, Style], glyphs: Glyphs, ascii_because: str, readonly: bool = False
    ) -> None:
        super().__init__()
        self._inks = styles
        self._glyphs = glyphs
        self._ascii_because = ascii_because
        self._readonly = readonly

    def compose(self) -> ComposeResult:
        """One panel."""
        yield HelpPanel(self._inks)

    def on_mount(self) -> None:
        """Fills the panel."""
        panel = self.query_one(HelpPanel)
        panel.ascii_because = self._ascii_because
        panel.readonly = self._readonly
        self._show()

    def on_resize(self, event: Resize) -> None:
        """Fills the panel again."""
        self._show()

    def action_scroll_by(self, by: int) -> None:
        """Moves the text."""
        panel = self.query_one(HelpPanel)
        panel.first += by
        self._show()

    def _show(self) -> None:
        blank = Snapshot()
        scene = Scene(
            snapshot=blank,
            view=View(),
            columns=Columns(),
            now=0.0,
            newest=blank,
            glyphs=self._glyphs,
        )
        self.query_one(HelpPanel).show(scene)

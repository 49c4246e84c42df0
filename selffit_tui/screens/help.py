"""Help: every key of the Run screen, made from the table that dispatches them, and a legend."""

from typing import ClassVar

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.screen import Screen

from selffit_tui.draw.format import fit, wrap
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.spans import Line, framed
from selffit_tui.model.scene import Scene, Snapshot, View
from selffit_tui.model.series import Columns
from selffit_tui.panels.keys import keys_of, shown_keys
from selffit_tui.panels.panel import Panel

LEGEND = (
    (
        "clean, FGSM, PGD-k",
        "accuracy on held-out images: as they are, after one step of attack, after k steps",
    ),
    ("@.350", "PGD accuracy at the final budget (here 0.350) while eps is still rising"),
    ("abnormal", "share of a batch whose loss falls after the attack: near 0 in healthy training"),
    ("PertAlign", "cosine of the attack's input gradient and the training step's"),
    (
        "FGSM-PGD",
        "accuracy under FGSM less accuracy under PGD, from the probes: wide when the network is "
        "fooled",
    ),
    ("train acc", "accuracy on the training attack"),
    (
        "dominance",
        "our operational definition: +1 a channel answers to the perturbation only, -1 to the "
        "image only",
    ),
    (
        "own, rand",
        "a channel's answer to the own perturbation and to random signs; 1 is the mean of its "
        "layer",
    ),
    (
        "dFGSM, dPGD / ΔFGSM, ΔPGD",
        "what the accuracy changes by when this channel alone is set to zero",
    ),
    ("concentration", "how few channels carry the answer to the perturbation"),
    (
        "stability",
        "rank correlation of two halves of the images (rho), and of their top 10 % what both name "
        "(agree)",
    ),
    (
        "causal check",
        "accuracy when the self, data, random or largest channels of a stage are set to zero",
    ),
    (
        "self-fitting",
        "the network reads its own perturbation; gradient masking: it hides from the attack "
        "instead",
    ),
    (
        "index",
        "self-fitting from 0 to 1: the mean of carrier, conflict, abnormal and label swap; ours",
    ),
    (
        "carrier",
        "accuracy on grey + own perturbation: nothing but the perturbation can tell the class",
    ),
    (
        "conflict",
        "x + a perturbation of another image's class: share that follows it instead of the image",
    ),
    ("label swap", "x + a step towards another label: share that follows it"),
    (
        "heat strip",
        "dominance of each channel through time, the newest order from the top; a line at the "
        "onset",
    ),
    ("! WATCH", "signals left their band; a multi-step probe decides"),
    (
        "!! ONSET",
        "catastrophic overfitting, confirmed by a multi-step probe; with the name of the disease",
    ),
    ("?! MASKED", "PGD accuracy seems to be back, but a strong attack leaves none of it"),
    ("ok / ✔ RECOVERED", "PGD accuracy is back; a stronger attack has to confirm it"),
    ("o / ◆", "an intervention: somebody changed the run, or a branch begins"),
    ("dotted lines", "what a roll-back left behind; it stays in the log and counts no more"),
    ("x / ×", "a channel that is zeroed"),
    (
        "charts",
        "each column of dots runs from the least to the greatest value in its steps; a gap is no "
        "number",
    ),
)


class HelpPanel(Panel):
    """The lines of the help, from the first one shown."""

    first = 0
    ascii_because = ""
    readonly = False

    def draw(self, scene: Scene, width: int, height: int) -> list[Line]:
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
        lines += [[(part, "watch")] for part in wrap(text, width)] + [[]]
    for key in keys_of(readonly):
        lines.append([(fit(shown_keys(key, glyphs.plain), 17), "key"), (key.help, "text")])
    lines.append([])
    for name, meaning in LEGEND:
        name = name.split(" / ")[0] if glyphs.plain else name.split(" / ")[-1]
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
        self._inks, self._glyphs, self._ascii_because, self._readonly = (
            styles,
            glyphs,
            ascii_because,
            readonly,
        )

    def compose(self) -> ComposeResult:
        """One panel."""
        yield HelpPanel(self._inks)

    def on_mount(self) -> None:
        """Fills the panel."""
        panel = self.query_one(HelpPanel)
        panel.ascii_because, panel.readonly = self._ascii_because, self._readonly
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
        self.query_one(HelpPanel).show(Scene(blank, View(), Columns(), 0.0, blank, self._glyphs))

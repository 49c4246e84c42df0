"""Help: every key of the Run screen, made from the table that dispatches them, and a legend."""

from rich.style import Style

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
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.screens.keyhelp import KeyHelpScreen
from selffit_tui.screens.keys import keys_of

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
        "dashed best, alarm",
        "what a healthy network reaches at the budget of each probe, and the "
        "PGD accuracy below which a probe counts as fallen",
    ),
    ("dashed usual", "the edge of what was usual of a signal before anything was found; !! beyond"),
    ("c F P f", "without colours: clean, FGSM, PGD and final PGD along their lines"),
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


def legend(glyphs: Glyphs) -> list[tuple[str, str]]:
    """What is on show, and what it means: the marks, then the words."""
    marks = [(f"{glyphs.symbols[symbol]} {word}", meaning) for symbol, word, meaning in SYMBOLS]
    return [*marks, *LEGEND]


class HelpScreen(KeyHelpScreen):
    """The keys and the legend of the Run screen."""

    def __init__(
        self, styles: dict[str, Style], glyphs: Glyphs, ascii_because: str, readonly: bool = False
    ) -> None:
        super().__init__(
            styles,
            glyphs,
            heading="keys and legend",
            table=keys_of(readonly),
            legend=legend(glyphs),
            ascii_because=ascii_because,
        )

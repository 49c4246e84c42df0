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
from selffit_tui.draw.format import wrap
from selffit_tui.draw.glyphs import Glyphs
from selffit_tui.draw.spans import Line
from selffit_tui.screens.keys import keys_of, shown_keys
from selffit_tui.screens.page import PageScreen, entry_lines, two_columns

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


NAMES = 20  # cells of a word of the legend
KEYS = 17  # cells of the keys
TWO_FROM = 110  # cells from which keys and legend stand side by side


def help_lines(
    width: int, glyphs: Glyphs, ascii_because: str, readonly: bool = False
) -> list[Line]:
    """Keys, legend and, in ASCII, why; side by side where there is room."""
    lines: list[Line] = []
    if ascii_because:
        text = (
            f"drawn in ASCII because {ascii_because}; SELFFIT_ASCII=0 draws in Unicode all the same"
        )
        lines += [[(part, "warn")] for part in wrap(text, width)] + [[]]
    keys = [(shown_keys(key, glyphs.plain), "key", key.help) for key in keys_of(readonly)]
    marks = [(f"{glyphs.symbols[symbol]} {word}", meaning) for symbol, word, meaning in SYMBOLS]
    legend = [(name, "strong", meaning) for name, meaning in (*marks, *LEGEND)]
    if width < TWO_FROM:
        return [*lines, *entry_lines(keys, KEYS, width), [], *entry_lines(legend, NAMES, width)]
    left = width * 9 // 20
    return lines + two_columns(
        entry_lines(keys, KEYS, left - 2),
        entry_lines(legend, NAMES, width - left),
        left,
    )


class HelpScreen(PageScreen):
    """The keys and the legend."""

    heading = "keys and legend"

    def __init__(
        self, styles: dict[str, Style], glyphs: Glyphs, ascii_because: str, readonly: bool = False
    ) -> None:
        super().__init__(styles, glyphs)
        self._ascii_because = ascii_because
        self._readonly = readonly

    def lines(self, width: int) -> list[Line]:
        """All of it."""
        return help_lines(width, self._glyphs, self._ascii_because, self._readonly)

"""Levels: how grave an alert is, and what else can stand of a run.

`symbol` and `style` are names that the terminal's side draws (`selffit_tui.draw`).
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Level:
    """How grave an alert is.

    style, banner: its ink beside other text, and that of a whole line. serious: charts draw it
    through. rank: of marks in one place the highest is seen. aliases: what older logs call it.
    """

    name: str
    meaning: str
    symbol: str
    style: str
    banner: str
    serious: bool = False
    rank: int = 0
    aliases: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The level as a headline has it."""
        return self.name.upper()


SUSPECT = Level(
    name="suspect",
    meaning="signals left their band; the next multi-step probe decides",
    symbol="suspect",
    style="warn",
    banner="caution",
    aliases=("watch",),
)
TRANSIENT = Level(
    name="transient",
    meaning="PGD accuracy is lost while FGSM accuracy is not, before it ever was healthy: a "
    "collapse of the first steps, which may pass by itself; the next multi-step probes decide",
    symbol="down",
    style="warn",
    banner="warn",
    rank=1,
)
ONSET = Level(
    name="onset",
    meaning="catastrophic overfitting, confirmed by a multi-step probe; with the name of the "
    "disease",
    symbol="onset",
    style="alert",
    banner="onset",
    serious=True,
    rank=3,
)
MASKED = Level(
    name="masked",
    meaning="PGD accuracy seems to be there, or back, but a strong attack leaves little of it",
    symbol="masked",
    style="alert",
    banner="onset",
    serious=True,
    rank=2,
)
RECOVERED = Level(
    name="recovered",
    meaning="PGD accuracy is back; a stronger attack has to confirm it",
    symbol="recovered",
    style="good",
    banner="calm",
)
DIVERGED = Level(
    name="diverged",
    meaning="training has come apart: its loss or the network's answers are not finite, the loss "
    "stays far above that of guessing, or every accuracy has fallen to guessing",
    symbol="diverged",
    style="alert",
    banner="onset",
    serious=True,
    rank=4,
)
LEVELS: Mapping[str, Level] = {
    level.name: level for level in (SUSPECT, TRANSIENT, ONSET, MASKED, RECOVERED, DIVERGED)
}
# What a healthy probe clears.
SUSPICIONS = (SUSPECT.name, TRANSIENT.name)
# What can stand beside that: states of the verdict that are no alerts.
UNMEASURED = Level(
    name="unmeasured",
    meaning="no probe has looked yet",
    symbol="starting",
    style="dim",
    banner="idle",
)
HEALTHY = Level(
    name="healthy",
    meaning="probes have looked, and nothing that was found stands",
    symbol="recovered",
    style="good",
    banner="calm",
)
CANNOT_TELL = "cannot tell"  # the third answer, beside a fall and none
DOUBTFUL = Level(
    name=CANNOT_TELL,
    meaning="what somebody else's log holds is too little to tell whether the network is robust; "
    "the reason is said",
    symbol="unknown",
    style="warn",
    banner="caution",
)
WEAKENED = Level(
    name="weakened",
    meaning="PGD accuracy has fallen below 3/4 of its best at this budget, and FGSM accuracy fell "
    "with it: no catastrophic overfitting, and no health either",
    symbol="down",
    style="warn",
    banner="caution",
)
ROLLED_BACK = Level(
    name="rolled back",
    meaning="the branch was begun by a roll-back, and nothing was found on it since",
    symbol="applied",
    style="act",
    banner="acted",
)
STANDING: Mapping[str, Level] = {
    level.name: level
    for level in (UNMEASURED, HEALTHY, DOUBTFUL, *LEVELS.values(), WEAKENED, ROLLED_BACK)
}
_BY_ANY_NAME = {name: level for level in LEVELS.values() for name in (level.name, *level.aliases)}


def standing_of(name: str) -> Level:
    """The level of what stands; one that only a newer version knows is drawn like a suspicion."""
    return STANDING.get(name) or level_of(name)


def level_of(name: str) -> Level:
    """The level of that name, or of an older one; an unknown one is drawn like a suspicion."""
    known = _BY_ANY_NAME.get(name)
    if known is not None:
        return known
    return Level(name=name, meaning="", symbol="suspect", style="warn", banner="caution")

"""Diseases: what an onset is called once its cause was measured.

`symbol` and `style` are names that the terminal's side draws (`selffit_tui.draw`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from selffit.vocabulary.levels import CANNOT_TELL, DIVERGED, WEAKENED


@dataclass(frozen=True, kw_only=True)
class Disease:
    """What an onset is called once self-information was measured.

    sure: the name says what it is.
    """

    name: str
    meaning: str
    symbol: str
    style: str
    sure: bool = True


DISEASES: Mapping[str, Disease] = {
    disease.name: disease
    for disease in (
        Disease(
            name="self-fitting",
            meaning="the network reads its own perturbation",
            symbol="onset",
            style="alert",
        ),
        Disease(
            name="gradient masking",
            meaning="the network does not read its own perturbation",
            symbol="onset",
            style="warn",
        ),
        Disease(
            name=DIVERGED.name,
            meaning="training has come apart, and there is nothing to tell of its network",
            symbol=DIVERGED.symbol,
            style="alert",
        ),
        Disease(
            name=WEAKENED.name,
            meaning="PGD and FGSM accuracy have fallen together",
            symbol=WEAKENED.symbol,
            style="warn",
        ),
        Disease(
            name=CANNOT_TELL,
            meaning="there is nothing to judge by, and the reason is said",
            symbol="unknown",
            style="warn",
            sure=False,
        ),
        Disease(
            name="undecided",
            meaning="the signs of self-fitting do not agree",
            symbol="unknown",
            style="strong",
            sure=False,
        ),
    )
}


def disease_of(name: str) -> Disease:
    """The disease of that name, or one that is not known."""
    known = DISEASES.get(name)
    if known is not None:
        return known
    return Disease(name=name, meaning="", symbol="unknown", style="strong", sure=False)

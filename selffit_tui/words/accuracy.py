"""The attack that an accuracy was measured under, in words."""

from selffit.vocabulary import ACCURACY


def pgd_label(steps: int) -> str:
    """PGD with its number of steps where that is known: PGD-10."""
    return f"{ACCURACY['pgd'].label}-{steps}" if steps else ACCURACY["pgd"].label

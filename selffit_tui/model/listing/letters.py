"""Letters and inks of runs that are compared: a run keeps its own for as long as it is marked."""

from collections.abc import Mapping, Sequence

LETTERS = "ABCDEFGHIJKL"  # so many can be compared at once
# those of the accuracy chart and of alerts, which every palette has
INKS = ("pgd", "fgsm", "clean", "alert", "signal", "good")


def ink_of(letter: str) -> str:
    """The name of the ink of a letter: with few inks the letter tells lines apart."""
    return INKS[LETTERS.index(letter) % len(INKS)] if letter in LETTERS else "text"


def toggled(marks: Mapping[str, str], name: str) -> dict[str, str] | None:
    """The marks (letters by name of a run) with that run marked or not; None: no letter is left."""
    if name in marks:
        return {run: letter for run, letter in marks.items() if run != name}
    free = next((letter for letter in LETTERS if letter not in marks.values()), None)
    return None if free is None else {**marks, name: free}


def lettered(names: Sequence[str]) -> dict[str, str]:
    """Letters for these, in their order, as far as there are letters."""
    return dict(zip(names, LETTERS, strict=False))

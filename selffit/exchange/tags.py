"""What the columns of an export are called as TensorBoard's tags, and back."""

from selffit.vocabulary import STEP

ABOUT = "selffit/about"  # a JSON text: the run, its branch, its settings


def tag_of(column: str) -> str:
    """The tag of a column: signals of training under train/, everything else under probe/."""
    return f"train/{column}" if column in STEP and column != "eps" else f"probe/{column}"


def column_of(tag: str) -> str:
    """The column of a tag."""
    head, slash, name = tag.partition("/")
    return name if slash and head in ("train", "probe") else tag

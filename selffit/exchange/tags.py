"""What the columns of an export are called as TensorBoard's tags, and back."""

ABOUT = "selffit/about"  # a JSON text: the run, its branch, its settings


def tag_of(column: str, sheet: str) -> str:
    """The tag of a column of a sheet: those of every step under train/, of probes under probe/."""
    return f"train/{column}" if sheet == "steps" else f"probe/{column}"


def column_of(tag: str) -> str:
    """The column of a tag."""
    head, slash, name = tag.partition("/")
    return name if slash and head in ("train", "probe") else tag

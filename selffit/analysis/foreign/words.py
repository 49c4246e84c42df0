"""Words for refusals."""

from collections.abc import Sequence

from torch import Tensor

from selffit.eventlog.clean import clean


def listed(names: Sequence[str], shown: int = 4) -> str:
    """The first names of a list, and how many more there are; names come from a file."""
    text = ", ".join(clean(name)[:100] for name in names[:shown])
    return text + (f" and {len(names) - shown} more" if len(names) > shown else "")


def sides(tensor: Tensor) -> str:
    """A shape: 64×3×3×3."""
    return "×".join(map(str, tensor.shape)) or "one number"


def dtype(tensor: Tensor) -> str:
    """A kind of numbers: float16."""
    return str(tensor.dtype).removeprefix("torch.")

"""What a loop tells of one step, as the signals take it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from selffit.errors import UserError
from selffit.train.signals import Seen

# what `Monitor.step` takes beside the settings of the step
SIGNALS = ("loss", "x", "y", "x_adv", "logits", "start_loss", "start_grad", "grad")
_IMAGES = ("x", "x_adv", "start_grad", "grad")


def seen_of(given: dict[str, Any], shape: tuple[int, ...]) -> Seen:
    """Return what was given of a step, by the names of `SIGNALS`, without its graphs.

    shape: of a held-out image. Raises UserError for images of another one.
    """
    for name in _IMAGES:
        images = given[name]
        if images is not None and tuple(images.shape[1:]) != shape:
            raise UserError(
                f"step({name}=…) has the shape {list(images.shape)}; held-out images are "
                f"{list(shape)} each"
            )
    sized = next(
        (given[name] for name in ("y", "x", "x_adv", "logits") if given[name] is not None), None
    )
    return Seen(
        size=1 if sized is None else len(sized),
        **{name: value if name == "y" else _bare(value) for name, value in given.items()},
    )


def _bare(value: Tensor | float | None) -> Any:
    """Without its graph; a number as a tensor."""
    if value is None:
        return None
    return value.detach() if isinstance(value, Tensor) else torch.tensor(float(value))

"""Some images with the network's own perturbation, as text for the log and for the terminal."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from selffit.data.imageset import as_float
from selffit.probes.attacks import ProbeAttack, add, grey_like
from selffit.probes.base import probing

FULL = 127  # the int8 that stands for eps


def image_strip(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    attack: ProbeAttack,
    count: int = 4,
    classes_names: Sequence[str] = (),
) -> dict[str, Any]:
    """Data of a `probe.images` record about the first `count` images, uint8 [N,C,H,W].

    Each row has x (uint8) and delta(x,y;θ) (int8, 127 = eps) as one base64 string a pixel row
    [W,C], and the predicted class with its probability on x (clean), x + delta (own) and grey +
    delta (carrier). The network is in evaluation mode and float32, and is left as it was.
    """
    shown, y = images[:count], labels[:count]
    x = as_float(shown)
    with probing(model), torch.no_grad():
        delta = attack.delta(model, x, y)
        views = {"clean": x, "own": add(x, delta), "carrier": add(grey_like(x), delta)}
        best = {name: model(view).softmax(1).max(1) for name, view in views.items()}
    steps = delta / attack.eps if attack.eps else delta
    small = (FULL * steps).round().to(torch.int8)
    return {
        "shape": list(images.shape[1:]),
        "eps": attack.eps,
        "attack": attack.name,
        "classes": list(classes_names),
        "rows": [
            {
                "y": int(y[i]),
                "x": _pixel_rows(shown[i]),
                "delta": _pixel_rows(small[i]),
                **{
                    name: [int(top.indices[i]), round(float(top.values[i]), 5)]
                    for name, top in best.items()
                },
            }
            for i in range(len(shown))
        ],
    }


def _pixel_rows(image: Tensor) -> list[str]:
    """One base64 string for each row [W,C] of an 8-bit image [C,H,W]."""
    return [
        b64encode(row.tobytes()).decode("ascii") for row in image.permute(1, 2, 0).cpu().numpy()
    ]

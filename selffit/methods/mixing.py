"""Random signs mixed into a perturbation of the same size: less self-information to fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selffit.methods.base import Attack

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def mix_signs(
    attack: Attack, x: Tensor, eps: Tensor, share: float, generator: torch.Generator
) -> Attack:
    """The attack with a random `share` of the perturbation's entries replaced by ±eps.

    Each sign is a fair coin. A data-side way to weaken self-information, our operational reading of
    the abstract of He et al. (2023): a random sign owes nothing to the network. The other entries
    stay as they are; x_adv is clipped to [0,1].
    """
    noise = eps * (2 * x.detach().clone().bernoulli_(0.5, generator=generator) - 1)
    replaced = x.detach().clone().bernoulli_(share, generator=generator).bool()
    return replace(attack, x_adv=(x + noise).clamp(0, 1).where(replaced, attack.x_adv))

"""Per-step signals on cases worked out by hand."""

import math

import pytest
import torch

from selffit.methods import Attack, Gradient
from selffit.train.signals import MEASURED, VALUES, SignalBuffer, TrainedOn, image_values

SHAPE = (1, 1, 2)
Y = torch.tensor([0, 1])


def images(*rows: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(rows).reshape(-1, *SHAPE)


X = images((0.5, 0.5), (0.2, 0.8))


def values(x: torch.Tensor, y: torch.Tensor, attack: Attack, trained: TrainedOn) -> torch.Tensor:
    """The values of each image of a step."""
    found = torch.empty(VALUES, len(y))
    image_values(x, y, attack, trained, found)
    return found


def signals(
    *,
    x_adv: torch.Tensor = X,
    loss: tuple[float, float] = (1.0, 1.0),
    loss_adv: tuple[float, float] = (1.0, 1.0),
    logits: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (1.0, 0.0)),
    grad: torch.Tensor = X,
    grad_adv: torch.Tensor | None = X,
) -> dict[str, float]:
    """The signals of one step of two images with two pixels."""
    buffer: SignalBuffer[str] = SignalBuffer(3, 2, SHAPE, torch.device("cpu"))
    attack = Attack(x_adv, Gradient(grad, torch.tensor(loss), torch.zeros(2, 2)))
    trained = TrainedOn(torch.tensor(loss_adv), torch.tensor(logits), grad_adv)
    buffer.add(values(X, Y, attack, trained))
    buffer.close_block("about")
    [(about, found)] = buffer.ready_blocks(everything=True)
    assert about == "about"
    return {name: values[0] for name, values in found.items()}


def test_losses_are_means_over_the_batch() -> None:
    found = signals(loss=(1.0, 2.0), loss_adv=(3.0, 6.0))
    assert (found["loss_clean"], found["loss_adv"]) == (1.5, 4.5)


def test_accuracy_counts_images_whose_largest_logit_is_their_label() -> None:
    assert signals(logits=((1.0, 0.0), (1.0, 0.0)))["acc_adv"] == 0.5


def test_abnormal_is_the_share_of_images_whose_loss_falls_after_the_attack() -> None:
    assert signals(loss=(1.0, 1.0), loss_adv=(0.5, 2.0))["abnormal"] == 0.5
    assert signals(loss=(1.0, 1.0), loss_adv=(1.0, 1.0))["abnormal"] == 0.0


def test_pertalign_is_the_mean_cosine_whatever_the_lengths() -> None:
    found = signals(grad=images((1.0, 0.0), (0.0, 2.0)), grad_adv=images((3.0, 3.0), (0.0, -1e-9)))
    assert found["pertalign"] == pytest.approx((math.sqrt(0.5) - 1) / 2)


def test_a_vanished_gradient_counts_as_not_aligned() -> None:
    assert (
        signals(grad=images((0.0, 0.0), (0.0, 1.0)), grad_adv=images((1.0, 0.0), (0.0, 1.0)))[
            "pertalign"
        ]
        == 0.5
    )


def test_pertalign_is_nan_where_the_gradient_was_not_asked_for() -> None:
    assert math.isnan(signals(grad_adv=None)["pertalign"])


def test_delta_is_the_mean_absolute_perturbation_of_a_pixel() -> None:
    assert signals(x_adv=images((0.6, 0.5), (0.2, 0.5)))["delta"] == pytest.approx((0.1 + 0.3) / 4)


def test_a_loss_that_is_not_finite_stays_visible() -> None:
    assert math.isnan(signals(loss_adv=(math.nan, 1.0))["loss_adv"])


def test_what_rests_on_a_loss_that_is_not_finite_is_no_number() -> None:
    found = signals(loss_adv=(math.nan, 0.5))
    assert math.isnan(found["acc_adv"]) and math.isnan(found["abnormal"])
    assert found["loss_clean"] == 1.0
    assert math.isnan(signals(loss_adv=(math.inf, 0.5))["acc_adv"])


def test_a_smaller_batch_counts_with_its_own_images() -> None:
    buffer: SignalBuffer[str] = SignalBuffer(3, 2, SHAPE, torch.device("cpu"))
    for count, losses in ((2, (1.0, 3.0)), (1, (8.0, 0.0))):
        gradient = Gradient(X[:count], torch.tensor(losses[:count]), torch.zeros(count, 2))
        trained = TrainedOn(torch.full((count,), 9.0), torch.eye(2)[:count], X[:count])
        buffer.add(values(X[:count], Y[:count], Attack(X[:count], gradient), trained))
    assert (buffer.count, buffer.images) == (2, 3)
    buffer.close_block("")
    [(_, found)] = buffer.ready_blocks(everything=True)
    assert found["loss_clean"] == [2.0, 8.0] and found["loss_adv"] == [9.0, 9.0]
    assert found["abnormal"] == [0.0, 0.0] and found["acc_adv"] == [1.0, 1.0]
    assert (buffer.count, buffer.images) == (0, 0)


def test_a_block_holds_the_steps_since_the_last_one_in_order() -> None:
    buffer: SignalBuffer[int] = SignalBuffer(3, 2, SHAPE, torch.device("cpu"))
    for losses in ((1.0, 2.0, 3.0), (4.0,)):
        for loss in losses:
            gradient = Gradient(X, torch.full((2,), loss), torch.zeros(2, 2))
            trained = TrainedOn(torch.ones(2), torch.eye(2), X)
            buffer.add(values(X, Y, Attack(X, gradient), trained))
        buffer.close_block(len(losses))
    blocks = buffer.ready_blocks(everything=True)
    assert [(about, found["loss_clean"]) for about, found in blocks] == [
        (3, [1.0, 2.0, 3.0]),
        (1, [4.0]),
    ]
    assert set(blocks[0][1]) == set(MEASURED)
    assert buffer.ready_blocks(everything=True) == []

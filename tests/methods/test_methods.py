"""The attacks against hand-computed cases: a linear score with a known gradient, borders, balls and
starts.
"""

import pytest
import torch
from torch import Tensor

from selffit.errors import UserError
from selffit.methods import METHODS, Budget, Gradient, mix_signs
from selffit.methods.base import to_corner

SIGN_STEPS = ("fgsm", "rs-fgsm", "n-fgsm", "pgd")  # every pixel moves along the sign
SLOPE = torch.tensor([2.0, -3.0, 0.0, 1.0]).reshape(1, 1, 2, 2)
Y = torch.tensor([0])


def image(*pixels: float) -> Tensor:
    return torch.tensor(pixels).reshape(1, 1, 2, 2)


def budget(
    eps: float, alpha: float | None = None, steps: int = 1, start: str = "default"
) -> Budget:
    return Budget(
        torch.tensor(eps), torch.tensor(eps if alpha is None else alpha), steps, start=start
    )


class Linear:
    """loss(x) = slope · x; records where it was asked for its gradient."""

    def __init__(self) -> None:
        self.points: list[Tensor] = []

    def __call__(self, x: Tensor, y: Tensor, objective: object = None) -> Gradient:
        self.points.append(x)
        loss = (SLOPE * x).sum(dim=(1, 2, 3))
        return Gradient(SLOPE.expand_as(x), loss, torch.stack([loss, -loss], dim=1))


def attack(name: str, x: Tensor, allowance: Budget, seed: int = 0) -> tuple[Tensor, Linear]:
    gradient = Linear()
    result = METHODS[name].attack(gradient, x, Y, allowance, torch.Generator().manual_seed(seed))
    assert result.x_adv.dtype == torch.float32 and not result.x_adv.requires_grad
    assert torch.equal(result.start.loss, (SLOPE * gradient.points[0]).sum(dim=(1, 2, 3)))
    return result.x_adv, gradient


def test_fgsm_steps_by_eps_and_leaves_pixels_without_gradient():
    x = image(0.5, 0.5, 0.5, 0.5)
    x_adv, gradient = attack("fgsm", x, budget(0.1))
    assert torch.allclose(x_adv, image(0.6, 0.4, 0.5, 0.6))
    assert torch.equal(gradient.points[0], x)


def test_fgsm_is_clipped_at_the_borders_of_the_image():
    x_adv, _ = attack("fgsm", image(0.95, 0.05, 1.0, 1.0), budget(0.1))
    assert x_adv.flatten().tolist() == [1.0, 0.0, 1.0, 1.0]


def test_fgsm_does_not_use_alpha():
    x_adv, _ = attack("fgsm", image(0.5, 0.5, 0.5, 0.5), budget(0.1, alpha=0.7))
    assert torch.allclose(x_adv, image(0.6, 0.4, 0.5, 0.6))


@pytest.mark.parametrize("name", SIGN_STEPS)
def test_random_start_is_uniform_and_inside_the_image(name):
    x = torch.cat([torch.full((1, 1, 50, 50), 0.5), torch.zeros(1, 1, 50, 50)])
    starts: list[Tensor] = []

    def flat(x: Tensor, y: Tensor, objective: object = None) -> Gradient:
        starts.append(x)
        return Gradient(torch.zeros_like(x), torch.zeros(2), torch.zeros(2, 2))

    METHODS[name].attack(
        flat, x, Y.repeat(2), budget(0.1, start="random"), torch.Generator().manual_seed(0)
    )
    radius = 0.2 if name == "n-fgsm" else 0.1
    noise = starts[0] - x
    assert (
        noise.abs().max() <= radius + 1e-6
        and noise[0].min() < -0.98 * radius
        and noise[0].max() > 0.98 * radius
    )
    assert noise[0].std().item() == pytest.approx(radius / 3**0.5, rel=0.03)
    assert noise[1].min() == 0 and (noise[1] == 0).float().mean().item() == pytest.approx(
        0.5, abs=0.05
    )


def test_rs_fgsm_is_projected_into_the_ball():
    x = image(0.5, 0.5, 0.5, 0.5)
    x_adv, gradient = attack("rs-fgsm", x, budget(0.1, alpha=0.125))
    start = gradient.points[0]
    assert not torch.equal(start, x)
    assert torch.allclose(x_adv, x + (start - x + 0.125 * SLOPE.sign()).clamp(-0.1, 0.1))
    assert (x_adv - x).abs().max() <= 0.1 + 1e-6


def test_n_fgsm_is_not_projected_into_the_ball():
    x = torch.full((1, 1, 2, 2), 0.5)
    farthest = 0.0
    for seed in range(50):
        x_adv, gradient = attack("n-fgsm", x, budget(0.1), seed)
        assert torch.allclose(x_adv, gradient.points[0] + 0.1 * SLOPE.sign())
        farthest = max(farthest, (x_adv - x).abs().max().item())
    assert 0.27 < farthest <= 0.3 + 1e-6


def test_n_fgsm_stays_inside_the_image():
    for seed in range(20):
        x_adv, gradient = attack("n-fgsm", image(0.95, 0.05, 1.0, 0.0), budget(0.3), seed)
        assert x_adv.min() >= 0 and x_adv.max() <= 1
        assert gradient.points[0].min() >= 0 and gradient.points[0].max() <= 1


def test_pgd_takes_k_steps_and_stops_at_the_ball_and_the_border():
    x = image(0.5, 0.5, 0.5, 0.93)
    x_adv, gradient = attack("pgd", x, budget(0.1, alpha=0.04, steps=2, start="zero"))
    assert torch.allclose(x_adv, image(0.58, 0.42, 0.5, 1.0))
    assert len(gradient.points) == 2 and torch.equal(gradient.points[0], x)
    assert torch.allclose(gradient.points[1], image(0.54, 0.46, 0.5, 0.97))
    x_adv, gradient = attack("pgd", x, budget(0.1, alpha=0.04, steps=5, start="zero"))
    assert torch.allclose(x_adv, image(0.6, 0.4, 0.5, 1.0)) and len(gradient.points) == 5


def test_pgd_starts_at_random_by_default():
    x = image(0.5, 0.5, 0.5, 0.5)
    _, gradient = attack("pgd", x, budget(0.1, alpha=0.01, steps=3))
    assert 0 < (gradient.points[0] - x).abs().max() <= 0.1
    assert torch.allclose(
        gradient.points[1], (gradient.points[0] + 0.01 * SLOPE.sign()).clamp(0.4, 0.6)
    )


@pytest.mark.parametrize("name", SIGN_STEPS)
def test_a_zero_start_starts_at_the_image(name):
    x = image(0.5, 0.5, 0.5, 0.5)
    x_adv, gradient = attack(name, x, budget(0.1, start="zero"))
    assert torch.equal(gradient.points[0], x)
    assert torch.allclose(x_adv, image(0.6, 0.4, 0.5, 0.6))


@pytest.mark.parametrize("name", METHODS)
def test_attacks_repeat_with_the_generator_and_leave_the_global_one_alone(name):
    x = image(0.5, 0.5, 0.5, 0.5)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    first, _ = attack(name, x, budget(0.1, start="random"), seed=4)
    second, _ = attack(name, x, budget(0.1, start="random"), seed=4)
    assert torch.equal(first, second) and torch.rand(1) == expected


@pytest.mark.parametrize("name", METHODS)
def test_without_a_budget_the_image_stays(name):
    x = image(0.5, 0.25, 0.0, 1.0)
    assert torch.equal(attack(name, x, budget(0.0))[0], x)


def test_bad_requests():
    with pytest.raises(UserError, match="0 steps"):
        attack("pgd", image(0, 0, 0, 0), budget(0.1, steps=0))
    with pytest.raises(UserError, match="unknown start 'noise'"):
        attack("fgsm", image(0, 0, 0, 0), budget(0.1, start="noise"))


def test_pgd_to_the_corners_moves_every_pixel_that_it_moved_by_the_whole_budget():
    x = image(0.5, 0.5, 0.5, 0.95)
    two = Budget(torch.tensor(0.1), torch.tensor(0.03), 2, start="zero", corner=True)
    x_adv, gradient = attack("pgd", x, two)
    assert torch.allclose(x_adv, image(0.6, 0.4, 0.5, 1.0))
    # the steps themselves are not projected
    assert torch.allclose(gradient.points[1], image(0.53, 0.47, 0.5, 0.98))


def test_a_pixel_whose_steps_cancel_stays_where_it_is_in_the_corners():
    delta = torch.tensor([0.3, 0.1 + 0.2 - 0.3, -1e-9, -0.002])
    assert torch.allclose(to_corner(delta, 0.1), torch.tensor([0.1, 0.0, 0.0, -0.1]))


def mixed(share: float, x: Tensor, eps: float = 0.1) -> Tensor:
    plain = METHODS["fgsm"].attack(Linear(), x, Y.repeat(len(x)), budget(eps), torch.Generator())
    return mix_signs(plain, x, torch.tensor(eps), share, torch.Generator().manual_seed(0)).x_adv


def test_mixed_signs_replace_about_their_share_of_the_entries_by_fair_coins():
    x = torch.full((2500, 1, 2, 2), 0.5)
    delta = mixed(0.4, x) - x
    no_gradient = delta[..., 1, 0]  # 0 unless replaced
    assert {round(size, 6) for size in no_gradient.abs().flatten().tolist()} == {0.0, 0.1}
    assert (no_gradient != 0).float().mean().item() == pytest.approx(0.4, abs=0.04)
    # where the gradient is positive, half of the replaced entries turn round
    assert (delta[..., 0, 0] < 0).float().mean().item() == pytest.approx(0.2, abs=0.04)


def test_mixed_signs_stay_inside_the_image_and_all_of_them_leave_nothing_of_the_attack():
    x = torch.full((2500, 1, 2, 2), 1.0)
    assert mixed(1.0, x).max() <= 1
    inside = torch.full((2500, 1, 2, 2), 0.5)
    ups = (mixed(1.0, inside) > inside).float().mean(0).flatten()
    assert ups.tolist() == pytest.approx([0.5] * 4, abs=0.05)

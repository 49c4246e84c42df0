"""The perturbation of a probe: its exact values, and that nothing is lost at the pixels' bounds."""

import pytest
import torch
from torch import Tensor, nn

from selffit.errors import UserError
from selffit.methods.base import Budget
from selffit.methods.gradient import input_gradient
from selffit.methods.pgd import pgd
from selffit.models import build
from selffit.probes.attacks import ProbeAttack, add, grey_like


class LeftRight(nn.Module):
    """Class 0 where the left column is brighter than the right; the middle column is not read."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        score = (x[..., 0] - x[..., 2]).mean(dim=(1, 2))
        return torch.stack([score, -score], dim=1)


def test_fgsm_by_hand_and_no_gradient_is_lost_at_black_and_white_pixels():
    # all black, all white, grey
    x = torch.tensor([0.0, 1.0, 0.5]).reshape(3, 1, 1, 1).expand(3, 1, 2, 3)
    delta = ProbeAttack(0.1).delta(LeftRight(), x, torch.tensor([0, 1, 1]))
    # away from the label; sign(0) = 0
    expected = torch.tensor([[-0.1, 0, 0.1], [0.1, 0, -0.1], [0.1, 0, -0.1]])
    assert torch.equal(delta, expected[:, None, None].expand(3, 1, 2, 3))
    # only the sum is clipped
    assert torch.equal(add(x, delta)[0, 0, 0], torch.tensor([0.0, 0.0, 0.1]))
    assert torch.equal(add(grey_like(x), delta)[0, 0, 0], torch.tensor([0.4, 0.5, 0.6]))


def network_and_images():
    torch.manual_seed(0)
    net = build("small", shape=(1, 28, 28), classes=10)
    x = torch.randint(0, 256, (6, 1, 28, 28)) / 255
    x[:, :, :9], x[:, :, 9:15] = 0, 1
    return net, x, torch.arange(6)


@pytest.mark.parametrize("alpha", [0.04, 0.0])
def test_steps_are_those_of_pgd_from_a_zero_start(alpha):
    net, x, y = network_and_images()
    budget = Budget(torch.tensor(0.1), torch.tensor(alpha or 0.1), 3, start="zero")
    expected = pgd(lambda a, b: input_gradient(net, a, b), x, y, budget, torch.Generator()).x_adv
    torch.testing.assert_close(x + ProbeAttack(0.1, 3, alpha).delta(net, x, y), expected)


def test_corners_are_whole_and_clip_to_those_of_the_training_attack():
    net, x, y = network_and_images()
    corners = ProbeAttack(0.1, 3, 0.04, corner=True).delta(net, x, y)
    assert set(corners.unique().tolist()) == set(torch.tensor([-0.1, 0.0, 0.1]).tolist())
    budget = Budget(torch.tensor(0.1), torch.tensor(0.04), 3, start="zero", corner=True)
    trained_on = pgd(lambda a, b: input_gradient(net, a, b), x, y, budget, torch.Generator()).x_adv
    torch.testing.assert_close(add(x, corners), trained_on)
    assert not corners.requires_grad and all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(("attack", "gradients"), [(ProbeAttack(0.1), 1), (ProbeAttack(0.1, 3), 3)])
def test_a_known_gradient_saves_the_first(attack, gradients):
    net, x, y = LeftRight(), torch.rand(4, 1, 2, 3), torch.tensor([0, 1, 0, 1])
    fresh = attack.delta(net, x, y)
    assert net.calls == gradients
    at_x, net.calls = input_gradient(net, x, y), 0
    assert torch.equal(attack.delta(net, x, y, at_x), fresh) and net.calls == gradients - 1


def test_names():
    assert [ProbeAttack(0.1).name, ProbeAttack(0.1, 3).name] == ["fgsm", "pgd-3"]
    assert ProbeAttack(0.1, 3, 0.05, corner=True).name == "pgd-3 corners"


def test_an_attack_without_steps_is_refused():
    with pytest.raises(UserError, match="0 steps"):
        ProbeAttack(0.1, 0)

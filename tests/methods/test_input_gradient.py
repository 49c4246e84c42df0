"""The gradient that attacks use: right, per image, for the input only, and careful with batch norm
and borders.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from selffit.methods import METHODS, Budget
from selffit.methods.gradient import input_gradient
from selffit.models import build


def linear_model() -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    model[1].weight.data = torch.tensor([[1.0, -2.0, 0.0, 3.0], [0.0, 1.0, 0.0, -1.0]])
    return model


def test_gradient_loss_and_logits_of_a_linear_model():
    model, x, y = (
        linear_model(),
        torch.tensor([[0.1, 0.2, 0.3, 0.4]]).reshape(1, 1, 2, 2),
        torch.tensor([0]),
    )
    got = input_gradient(model, x, y)
    weight, logits = model.get_parameter("1.weight").detach(), torch.tensor([[0.9, -0.2]])
    p = logits.softmax(1)[0]
    assert torch.allclose(got.logits, logits, atol=1e-6)
    assert torch.allclose(got.loss, -p[0].log()[None])
    assert torch.allclose(got.grad.flatten(), (p[0] - 1) * weight[0] + p[1] * weight[1], atol=1e-6)


def test_an_images_gradient_does_not_depend_on_the_rest_of_the_batch():
    torch.manual_seed(0)
    net = build("small", shape=(1, 28, 28), classes=10)
    x, y = torch.rand(8, 1, 28, 28), torch.arange(8)
    alone, together = input_gradient(net, x[:1], y[:1]), input_gradient(net, x, y)
    assert torch.allclose(alone.grad, together.grad[:1], atol=1e-6)
    assert torch.allclose(alone.loss, together.loss[:1], atol=1e-5)


def test_weights_get_no_gradient_and_cost_no_backward_pass():
    net = build("small", shape=(1, 28, 28), classes=10)
    x, y = torch.rand(4, 1, 28, 28), torch.arange(4)
    computed = []
    for name, parameter in net.named_parameters():
        # runs whenever its gradient is made
        parameter.register_hook(lambda _grad, name=name: computed.append(name))
    got = input_gradient(net, x, y)
    assert computed == []
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert not any(t.requires_grad for t in (got.grad, got.loss, got.logits))


def test_gradients_are_taken_inside_no_grad_and_x_is_left_alone():
    x = torch.rand(1, 1, 2, 2)
    with torch.no_grad():
        assert input_gradient(linear_model(), x, torch.tensor([0])).grad.abs().sum() > 0
    assert not x.requires_grad


def test_under_autocast_the_gradient_stays_float32():
    torch.manual_seed(0)
    net = build("small", shape=(1, 28, 28), classes=10)
    x, y = torch.rand(4, 1, 28, 28), torch.arange(4)
    exact, rough = input_gradient(net, x, y), input_gradient(net, x, y, autocast=torch.bfloat16)
    assert rough.grad.dtype == rough.loss.dtype == rough.logits.dtype == torch.float32
    assert not torch.equal(exact.grad, rough.grad)
    assert F.cosine_similarity(exact.grad.flatten(), rough.grad.flatten(), dim=0) > 0.99


@pytest.mark.parametrize("bn_eval", [False, True])
def test_batch_norm_statistics_move_unless_told_otherwise(bn_eval):
    torch.manual_seed(0)
    net = build("resnet18", shape=(3, 28, 28), classes=10, width=2).train()
    x, y = torch.rand(4, 3, 28, 28), torch.arange(4)
    before = net.get_buffer("bn1.running_mean").clone()
    got = input_gradient(net, x, y, bn_eval=bn_eval)
    assert torch.equal(net.get_buffer("bn1.running_mean"), before) == bn_eval
    assert all(module.training for module in net.modules())
    if bn_eval:
        assert torch.equal(got.grad, input_gradient(net.eval(), x, y).grad)


@pytest.mark.parametrize("name", ["fgsm", "rs-fgsm", "n-fgsm", "pgd"])
def test_pixels_at_exactly_0_and_1_are_moved(name):
    """The gradient of clamp is 0 at the bound: differentiating through one would freeze these
    pixels.
    """
    torch.manual_seed(0)
    net = build("small", shape=(1, 28, 28), classes=10)
    x, y = torch.randint(0, 2, (4, 1, 28, 28)).float(), torch.arange(4)
    eps = torch.tensor(0.2)
    budget = Budget(eps, eps, 3, start="zero")
    result = METHODS[name].attack(
        lambda x, y, _=None: input_gradient(net, x, y), x, y, budget, torch.Generator()
    )
    # border pixels whose loss grows away from the border
    inward = (1 - 2 * x) * result.start.grad > 0
    assert 0.4 < inward.float().mean() < 0.6
    moved = (result.x_adv - x).abs()
    assert (
        torch.allclose(moved[inward], eps)
        if name != "pgd"
        else (moved[inward] > 0.1).float().mean() > 0.8
    )

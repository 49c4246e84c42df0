"""The referee: AutoAttack's own attacks where they are installed, a clear word where not."""

import pytest
import torch
from torch import Tensor, nn

from selffit import extras
from selffit.errors import UserError
from selffit.eventlog import kinds
from selffit.models import build
from selffit.probes.referee import check_referee, referee_accuracy


class Brightness(nn.Module):
    """Four classes by the mean pixel, around 0.125, 0.375, 0.625 and 0.875."""

    def forward(self, x: Tensor) -> Tensor:
        centres = torch.tensor([0.125, 0.375, 0.625, 0.875])
        return -50 * (x.mean(dim=(1, 2, 3))[:, None] - centres).square()


def grey(*levels: int) -> Tensor:
    return torch.tensor(levels, dtype=torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pyautoattack.*selffit\[referee\].*--extra referee"):
        check_referee()
    with pytest.raises(UserError, match="pyautoattack"):
        referee_accuracy(Brightness(), grey(10), torch.tensor([0]), eps=0.1)


def test_an_honest_network_has_its_closed_form_accuracy():
    pytest.importorskip("pyautoattack")
    # from the nearest border: 0.21, 0.03, 0.12, 0.05; the last one is wrong
    images, labels = grey(10, 56, 96, 140, 200), torch.tensor([0, 0, 1, 2, 0])
    for eps, right in ((0.02, 4), (0.04, 3), (0.1, 2), (0.3, 0), (0.0, 4)):
        found = referee_accuracy(Brightness(), images, labels, eps=eps, steps=20)
        assert found.pgd == right / 5 and found.ce >= found.pgd
        assert (found.n, found.eps, found.steps, found.targets) == (5, eps, 20, 3)


def test_it_leaves_no_trace_and_repeats_itself():
    pytest.importorskip("pyautoattack")
    torch.manual_seed(0)
    net = build("resnet18", shape=(3, 28, 28), classes=10, width=2)
    net.get_submodule("layer2").eval()
    images = torch.randint(0, 256, (6, 3, 28, 28), dtype=torch.uint8)
    modes = {name: module.training for name, module in net.named_modules()}
    before, rng = [value.tolist() for value in net.state_dict().values()], torch.get_rng_state()
    first, second = (
        referee_accuracy(net, images, torch.arange(6), eps=0.03, steps=3, targets=2)
        for _ in range(2)
    )
    assert first == second
    assert [value.tolist() for value in net.state_dict().values()] == before
    assert {name: module.training for name, module in net.named_modules()} == modes
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert torch.equal(torch.get_rng_state(), rng)


def test_it_says_how_it_was_made():
    probe = kinds.RefereeProbe(n=4, steps=100, restarts=1, targets=9)
    assert probe.how == "APGD-CE and APGD-T, 100 steps, 9 targets"
    assert kinds.RefereeProbe(n=4, steps=100, restarts=1).how == "APGD-CE, 100 steps"

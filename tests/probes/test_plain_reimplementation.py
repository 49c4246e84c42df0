"""The probes beside a plain second implementation of "To make the figures yourself".

That is a section of docs/self-information.md. Of `selffit.probes` only the draws are used on the
plain side, which is an input gradient, clipping, and means. The network's loss waves, so that a
step along its gradient does anything at all, and no figure is 0 or 1. All has to agree to an image,
which rounding may flip; PGD, whose start is another one, within four standard errors.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from selffit.data.patterns import generate
from selffit.models.base import Network
from selffit.probes.attacks import ProbeAttack
from selffit.probes.causal import causal_check
from selffit.probes.channels import channel_dominance
from selffit.probes.draws import other_labels, partners, random_signs
from selffit.probes.robust import robust_accuracies
from selffit.probes.selfinfo import self_information

EPS, N, CLASSES = 0.16, 256, 10
BALL = EPS / 128  # small enough that some images stand the attack


def fgsm(model: Network, x: Tensor, y: Tensor) -> Tensor:
    at = x.clone().requires_grad_()
    loss = F.cross_entropy(model(at), y, reduction="sum")
    return EPS * torch.autograd.grad(loss, at)[0].sign()


def clip(x: Tensor) -> Tensor:
    return x.clamp(0, 1)


@torch.no_grad()
def predicted(model: Network, x: Tensor) -> Tensor:
    return model(clip(x)).argmax(1)


def share(hits: Tensor) -> float:
    return float(hits.float().mean())


class Sine(nn.Module):
    def forward(self, h: Tensor) -> Tensor:
        return torch.sin(6 * h)


class Wavy(Network):
    """Two convolutions with sines behind them; a channel of each answers to nothing."""

    def __init__(self, images: Tensor, astray: float = 0.0) -> None:
        super().__init__()
        draws = torch.Generator().manual_seed(0)
        self.conv1, self.conv2 = nn.Conv2d(1, 12, 4, stride=4), nn.Conv2d(12, 11, 3, stride=2)
        self.sine1, self.sine2 = Sine(), Sine()
        self.output = nn.Linear(99, CLASSES)
        with torch.no_grad():
            for weights in self.parameters():
                bound = 3 * weights[0].numel() ** -0.5 / 2 if weights.dim() > 1 else 0.1
                weights.uniform_(-bound, bound, generator=draws)
                weights.add_(astray * torch.empty_like(weights).normal_(0, bound, generator=draws))
            for conv in (self.conv1, self.conv2):
                conv.weight[0] = conv.bias[0] = 0  # type: ignore[index]
            self.output.bias.sub_(self(images).mean(0))  # so that it names every class
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        h = self.sine2(self.conv2(self.sine1(self.conv1(x))))
        logits: Tensor = self.output(h.flatten(1))
        return logits

    def sites(self) -> dict[str, nn.Module]:
        return {"conv1": self.sine1, "conv2": self.sine2}


class Case:
    """A network, another one, images as bytes and as floats."""

    def __init__(self) -> None:
        pixels, classes = (torch.from_numpy(array) for array in generate("held", N))
        self.images, self.x = pixels, pixels.float() / 255
        self.model, self.other = Wavy(self.x), Wavy(self.x, astray=0.1)
        # two of three images are right
        told = predicted(self.model, self.x)
        self.y = torch.where(torch.arange(N) % 3 == 0, classes, told)
        self.delta = fgsm(self.model, self.x, self.y)

    def generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(1)


@pytest.fixture(scope="module")
def case() -> Case:
    return Case()


def same(value: float, plain: float) -> bool:
    return abs(value - plain) < 1.5 / N


def near(value: float, plain: float) -> bool:
    """Two samples of one share, neither of which is 0 or 1."""
    sd = math.sqrt((value * (1 - value) + plain * (1 - plain)) / N)
    return 0 < plain < 1 and abs(value - plain) < 4 * sd


def test_self_information(case: Case) -> None:
    model, x, y, delta = case.model, case.x, case.y, case.delta
    mean = torch.full((1, 28, 28), 0.4)
    found = self_information(
        model,
        case.images,
        y,
        attack=ProbeAttack(EPS),
        generator=case.generator(),
        classes=CLASSES,
        mean=mean,
        reference=case.other,
        full=True,
    )
    theirs = fgsm(case.other, x, y)
    with torch.no_grad():
        before, after = model(x), model(clip(x + delta))
        losses = [F.cross_entropy(logits, y, reduction="none") for logits in (before, after)]
    grey = torch.full_like(x, 0.5)
    patterns = fgsm(model, grey[:CLASSES], torch.arange(CLASSES))
    others = [(y + shift) % CLASSES for shift in range(1, CLASSES)]
    with torch.no_grad():
        rises = [
            (model(clip(x + patterns[c])) > before).gather(1, c[:, None])[:, 0] for c in others
        ]
    plain = {
        "clean": predicted(model, x) == y,
        "own": predicted(model, x + delta) == y,
        "other": predicted(model, x + theirs) == y,
        "abnormal": losses[1] < losses[0],
        "carrier_grey": predicted(model, grey + delta) == y,
        "carrier_mean": predicted(model, mean + delta) == y,
        "control_grey": predicted(model, grey + theirs) == y,
        "p_abnormal": torch.stack(rises),
        "p_dominate": torch.stack([predicted(model, x + patterns[c]) == c for c in others]),
    }
    for name, hits in plain.items():
        assert same(found.values[name], share(hits)), name
        assert 0 < share(hits) < 1, name
    assert found.values["gap"] == pytest.approx(found.values["own"] - found.values["other"])
    assert found.dose is not None
    for k, accuracy in zip(found.dose.k, found.dose.acc, strict=True):
        assert same(accuracy, share(predicted(model, x + k * delta) == y)), k

    draws = case.generator()
    away, donor = other_labels(y, CLASSES, draws), partners(y, draws)
    signs = EPS * random_signs(case.images, draws)
    told = predicted(model, x + delta[donor])
    drawn = {
        "swap": predicted(model, x + fgsm(model, x, away)) == away,
        "signs": predicted(model, x + signs) == y,
        "conflict_self": told == y[donor],
        "conflict_data": told == y,
        "control_conflict": predicted(model, x + theirs[donor]) == y[donor],
        "control_swap": predicted(model, x + fgsm(case.other, x, away)) == away,
    }
    for name, hits in drawn.items():
        assert same(found.values[name], share(hits)), name
        assert 0 < share(hits) < 1, name


def test_robust_accuracy(case: Case) -> None:
    (found,) = robust_accuracies(
        case.model,
        case.images,
        case.y,
        budgets=[(BALL, BALL / 2)],
        pgd_steps=5,
        generator=case.generator(),
    )
    x, y, eps = case.x, case.y, BALL
    start = eps * (2 * torch.rand(x.shape, generator=torch.Generator().manual_seed(3)) - 1)
    points = [x, clip(x + start)]
    for _ in range(5):
        up = points[-1] + fgsm(case.model, points[-1], y) * (BALL / EPS / 2)
        points.append(clip(torch.minimum(torch.maximum(up, x - eps), x + eps)))
    stood = torch.stack([predicted(case.model, point) == y for point in points]).all(0)
    assert same(found.clean, share(predicted(case.model, x) == y))
    assert same(found.fgsm, share(predicted(case.model, x + case.delta * (BALL / EPS)) == y))
    assert near(found.pgd, share(stood))


@torch.no_grad()
def maps(model: Wavy, x: Tensor) -> dict[str, Tensor]:
    first = torch.sin(6 * model.conv1(x))
    return {"conv1": first, "conv2": torch.sin(6 * model.conv2(first))}


def plain_dominance(case: Case, part: slice) -> dict[str, Tensor]:
    """Each layer's (si - di) / (si + di), 0 where both are below 1 % of the layer's mean."""
    x, delta = case.x[part], case.delta[part]
    at_x, moved = maps(case.model, x), maps(case.model, clip(x + delta))
    empty = maps(case.model, torch.full_like(x, 0.5))
    found = {}
    for name, h in at_x.items():
        si = (moved[name] - h).abs().mean((0, 2, 3))
        di = (h - empty[name]).abs().mean((0, 2, 3))
        si, di = si / si.mean(), di / di.mean()
        dead = (si < 0.01) & (di < 0.01)
        found[name] = torch.where(dead, 0, (si - di) / (si + di))
    return found


def test_dominance_and_the_causal_effect_of_it(case: Case) -> None:
    layers = channel_dominance(case.model, case.images, case.y, eps=EPS, generator=case.generator())
    plain = plain_dominance(case, slice(None))
    assert [layer.name for layer in layers] == list(plain)
    halves = [plain_dominance(case, part) for part in (slice(N // 2), slice(N // 2, None))]
    for layer in layers:
        assert list(layer.dominance) == pytest.approx(plain[layer.name].tolist(), abs=1e-4)
        living = plain[layer.name].nonzero()[:, 0]
        both = torch.stack([half[layer.name][living] for half in halves])
        ranks = both.argsort(1).argsort(1).float()  # there are no ties
        assert layer.rho == pytest.approx(float(torch.corrcoef(ranks)[0, 1]), abs=1e-4)
        tenth = both.topk(math.ceil(len(living) / 10)).indices
        assert layer.agree == share(torch.isin(tenth[0], tenth[1]))

    check = causal_check(
        case.model,
        case.images,
        case.y,
        attack=ProbeAttack(EPS),
        pgd_alpha=EPS,
        pgd_steps=1,
        generator=case.generator(),
        shares=(0.05, 0.4),
        singles=0,
        draws=12,
    )
    ranked = plain_dominance(case, slice(N // 2))
    activation = maps(case.model, case.x[: N // 2])
    x, y = case.x[N // 2 :], case.y[N // 2 :]

    def left(stage: str, chosen: Tensor) -> tuple[float, float]:
        keep = torch.ones(len(ranked[stage]))
        keep[chosen] = 0
        site = case.model.sites()[stage]
        hook = site.register_forward_hook(lambda _, __, out: out * keep[:, None, None])
        try:
            fgsm_left = share(predicted(case.model, x + fgsm(case.model, x, y)) == y)
            return share(predicted(case.model, x) == y), fgsm_left
        finally:
            hook.remove()

    compared = 0
    for row in check.rows:
        dominance, norm = ranked[row.stage], activation[row.stage].abs().mean((0, 2, 3))
        living = dominance.nonzero()[:, 0]
        if row.group == "random":
            if row.share == 0.4:
                assert row.draws == 12  # of hundreds
                continue
            all_of_them = torch.tensor([left(row.stage, c) for c in living])
            clean_left, fgsm_left = all_of_them.mean(0).tolist()
            assert row.draws == len(living)
            spread = all_of_them.std(0, correction=0).tolist()
            assert [row.clean_sd, row.fgsm_sd] == pytest.approx(spread, abs=1.5 / len(y))
        else:
            score = {"self": dominance, "data": -dominance, "norm": norm}[row.group][living]
            chosen = living[score.topk(math.ceil(row.share * len(living))).indices]
            clean_left, fgsm_left = left(row.stage, chosen)
            assert row.channels == len(chosen)
        assert row.clean == pytest.approx(clean_left, abs=1.5 / len(y)), row
        assert row.fgsm == pytest.approx(fgsm_left, abs=1.5 / len(y)), row
        compared += 1
    assert compared == 14

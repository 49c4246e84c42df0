"""Gradients of probes as captured graphs: the same answers, only where nothing else looks on."""

import copy

import pytest
import torch
from made_up.graphs import Stale, StandIn

from selffit.data.imageset import ImageSet
from selffit.methods.gradient import input_gradient, logits_at
from selffit.models import build
from selffit.probes import base
from selffit.probes.base import probing
from selffit.probes.channels import watching
from selffit.train.passes import Passes

SHAPE, CLASSES = (3, 8, 8), 4


IMAGES = ImageSet(
    name="none",
    classes=CLASSES,
    shape=SHAPE,
    train_x=torch.zeros(1, *SHAPE, dtype=torch.uint8),
    train_y=torch.zeros(1, dtype=torch.int64),
    held_x=torch.zeros(1, *SHAPE, dtype=torch.uint8),
    held_y=torch.zeros(1, dtype=torch.int64),
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = build("preact-resnet18", shape=SHAPE, classes=CLASSES, width=4).eval()
    network.passes = Passes(network, StandIn, IMAGES)
    StandIn.all.clear()
    return network


def batch(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, *SHAPE, generator=generator).contiguous(memory_format=torch.channels_last)
    return x, torch.randint(0, CLASSES, (n,), generator=generator)


def same(model, x, y):
    """Whether the quick way answers as the plain one does."""
    plain = copy.deepcopy(model)
    assert plain.passes is None
    quick, known = input_gradient(model, x, y), input_gradient(plain, x, y)
    for name in ("grad", "loss", "logits"):
        torch.testing.assert_close(getattr(quick, name), getattr(known, name))
    assert quick.grad.stride() == known.grad.stride()


def test_batches_of_any_size_get_the_answers_of_their_own_images(model):
    for seed, n in enumerate((40, 64, 33, 20, 7, 32, 1, 600)):
        same(model, *batch(n, seed))
    assert [(graph.warm_ups, graph.replays) for graph in StandIn.all] == [(1, 2), (1, 3)]


def test_an_answer_stays_when_the_next_one_is_asked_for(model):
    x, y = batch(9)
    first = input_gradient(model, x, y)
    kept = first.grad.clone()
    input_gradient(model, *batch(9, seed=5))
    assert torch.equal(first.grad, kept)


def test_new_weights_are_seen_and_moved_ones_are_captured_again(model):
    for _ in range(3):
        same(model, *batch(9))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.7)
    same(model, *batch(9))
    assert [graph.replays for graph in StandIn.all] == [3]
    model.output.weight = torch.nn.Parameter(model.output.weight.detach() * 2)
    for _ in range(2):
        same(model, *batch(9))
    assert [graph.replays for graph in StandIn.all] == [3, 1]


def test_where_somebody_watches_or_the_network_trains_operations_are_taken_one_by_one(model):
    x, y = batch(9)
    seen = []
    with watching(model, lambda name, _: seen.append(name)):
        input_gradient(model, x, y)
    assert seen == list(model.sites())
    model.train()
    input_gradient(model, x, y)
    assert StandIn.all == []
    with probing(model):
        input_gradient(model, x, y)
    assert len(StandIn.all) == 1


def test_a_network_that_reads_from_the_host_is_left_alone_and_that_is_said_once(model, capsys):
    forward = model.output.forward
    model.output.forward = lambda h: forward(h) * float(h.mean().item() > -1e9)
    for _ in range(3):
        x, y = batch(9)
        assert torch.isfinite(input_gradient(model, x, y).grad).all()
    told = capsys.readouterr().err
    assert told.count("without CUDA graphs") == 1 and "Tensor.item in" in told


def test_a_capture_that_fails_leaves_the_plain_way(model, monkeypatch, capsys):
    def fail(self, work):
        raise RuntimeError("not permitted")

    monkeypatch.setattr(StandIn, "capture", fail)
    for _ in range(3):
        same(model, *batch(9))
    assert "not permitted" in capsys.readouterr().err


def test_a_number_that_a_graph_would_keep_is_noticed(model):
    forward, now = model.output.forward, iter(range(1, 1000))
    model.output.forward = lambda h: forward(h) * (1.0 + next(now))
    with pytest.raises(Stale):
        for _ in range(4):
            input_gradient(model, *batch(9))


def test_graphs_are_made_ahead_of_the_probes_that_ask_for_them(model):
    model.train()
    before = [tensor.clone() for tensor in (*model.parameters(), *model.buffers())]
    told = [model.passes.prepare(70) for _ in range(7)]
    assert told == [True] * 6 + [False]  # a warm-up and a capture each, of 32, 64 and 96
    assert [(graph.warm_ups, graph.replays) for graph in StandIn.all] == [(1, 1)] * 3
    assert all(module.training for module in model.modules())
    after = (*model.parameters(), *model.buffers())
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    with probing(model):
        same(model, *batch(70))
    assert len(StandIn.all) == 3
    with watching(model, lambda name, _: None):
        assert not model.passes.prepare(600)
    assert model.passes.prepare(600)


def test_graphs_cast_the_weights_of_now_where_probes_are_made_in_bf16(model, monkeypatch):
    monkeypatch.setattr(base, "MIXED", torch.bfloat16)
    plain = copy.deepcopy(model)
    for seed in range(3):
        x, y = batch(9, seed)
        with probing(model), probing(plain), torch.no_grad():
            plain(x), model(x)  # casts them
            quick, known = input_gradient(model, x, y), input_gradient(plain, x, y)
        assert quick.grad.dtype == torch.float32
        torch.testing.assert_close(quick.grad, known.grad)
        with torch.no_grad():
            for network in (model, plain):
                network.output.weight.mul_(-2)
    assert [graph.replays for graph in StandIn.all] == [2]


def test_a_few_images_are_only_looked_at_by_the_same_graph_and_many_as_they_are(model):
    plain = copy.deepcopy(model)
    for n in (9, 96, 9, 97, 9):
        x, _ = batch(n)
        torch.testing.assert_close(logits_at(model, x), logits_at(plain, x))
    assert [(graph.warm_ups, graph.replays) for graph in StandIn.all] == [(1, 2), (1, 0)]

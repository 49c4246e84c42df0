"""Other people's weights in a network of ours: every tensor in its place, or a refusal by name."""

from typing import Any

import pytest
import torch
from made_up.foreign import SHAPE, network, prefixed, theirs
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm
from torchvision.models import resnet18

from selffit.analysis.foreign import fill, read_state_dict
from selffit.errors import UserError
from selffit.models import build


@pytest.mark.parametrize("name", ["preact-resnet18", "resnet18"])
def test_public_names_become_ours(name):
    model, state = network(name, mean=0.5), theirs(name)
    done = fill(model, state, name)
    ours = model.state_dict()
    assert torch.equal(ours["output.weight"], state["linear.weight"])
    assert torch.equal(ours["layer3.0.conv1.weight"], state["layer3.0.conv1.weight"])
    own, their = "shortcut.1.running_var", "shortcut.1.running_var"
    if name == "preact-resnet18":
        own, their = "shortcut.weight", "shortcut.0.weight"
    assert torch.equal(ours[f"layer2.0.{own}"], state[f"layer2.0.{their}"])
    assert ours["normalise.mean"] == 0.5  # decided by whoever builds the network
    assert "linear as output" in str(done)


def renamed(state, *pairs):
    for old, new in pairs:
        state = {key.replace(old, new): value for key, value in state.items()}
    return state


@pytest.mark.parametrize(
    "pairs",
    [
        [("shortcut.", "downsample."), ("linear", "fc")],
        [("shortcut.0", "skip.conv"), ("shortcut.1", "skip.norm"), ("linear", "classifier.1")],
        [("bn", "norm")],
    ],
)
def test_layers_are_told_by_what_they_consist_of_and_where_they_stand(pairs):
    state = theirs("resnet18")
    model = network("resnet18")
    fill(model, renamed(state, *pairs), "resnet18")
    other = network("resnet18")
    fill(other, state, "resnet18")
    assert all(map(torch.equal, model.state_dict().values(), other.state_dict().values()))


def test_a_network_without_names_is_told_by_its_shapes():
    small: Any = build("small", shape=(1, 28, 28), classes=10, width=4)
    parts = [small.conv1, small.relu1, small.conv2, small.relu2, nn.Flatten(), small.hidden]
    unnamed = nn.Sequential(*parts, small.relu3, small.output)
    model = build("small", shape=(1, 28, 28), classes=10, width=4)
    fill(model, unnamed.state_dict(), "small")
    assert all(map(torch.equal, model.parameters(), small.parameters()))


def test_two_layers_for_one_place_are_refused_by_name():
    state = renamed(
        theirs("resnet18"), ("layer4.1.bn1", "layer4.1.a"), ("layer4.1.bn2", "layer4.1.b")
    )
    with pytest.raises(UserError, match=r"layer4\.1\.bn1 could be layer4\.1\.a or layer4\.1\.b"):
        fill(network("resnet18"), state, "resnet18")


def test_a_file_without_batch_counters_is_enough():
    state = {k: v for k, v in theirs().items() if not k.endswith("num_batches_tracked")}
    fill(network(), state, "preact-resnet18")


def test_what_does_not_fit_is_named_and_changes_nothing():
    model, state = network(), theirs()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    del state["layer1.0.bn1.weight"]
    state["adapter.weight"] = torch.zeros(1)
    state["linear.weight"] = torch.zeros(100, 32)
    with pytest.raises(UserError) as error:
        fill(model, state, "preact-resnet18")
    for part in (
        "lacks layer1.0.bn1.weight",
        "in addition adapter.weight",
        "linear.weight is 100×32 there and 10×32 here",
        "It tells 100 classes apart, --data has 10",
    ):
        assert part in str(error.value)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def without(state, *parts):
    return {key: v for key, v in state.items() if not key.endswith(parts)}


@pytest.mark.parametrize(
    ("name", "state", "said"),
    [
        ("resnet18", theirs(), "holds a preact-resnet18, not a resnet18: give --model preact-"),
        ("preact-resnet18", theirs("resnet18"), "holds a resnet18, not a preact-resnet18"),
        ("resnet18", resnet18().state_dict(), "first convolution is 7×7, as for large images"),
        ("preact-resnet18", without(theirs(), "linear.bias"), "output.bias .*hypersphere"),
        ("preact-resnet18", theirs(final_bn=False), "final_bn = no"),
        ("resnet18", without(theirs("resnet18"), "_mean", "_var"), "without running statistics"),
        (
            "preact-resnet18",
            renamed(theirs(), ("layer1.0.conv1.weight", "layer1.0.conv1.weight_orig")),
            r"keeps a weight in parts \(layer1\.0\.conv1\.weight_orig\)",
        ),
    ],
)
def test_a_refusal_says_what_the_file_is_and_which_option_helps(name, state, said):
    with pytest.raises(UserError, match=said):
        fill(network(name), state, name)


@pytest.mark.parametrize(
    ("width", "shape", "said"),
    [(8, SHAPE, "8 channels: give --width 8"), (4, (1, 28, 28), r"images with 1 channel\(s\)")],
)
def test_a_network_of_another_size_is_named(width, shape, said):
    other = build("preact-resnet18", shape=shape, classes=10, width=width).state_dict()
    state = {key: value for key, value in other.items() if not key.startswith("normalise.")}
    with pytest.raises(UserError, match=said):
        fill(network(), state, "preact-resnet18")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.half(), "converted 1 tensor from float16"),
        (lambda w: w.bfloat16(), "converted 1 tensor from bfloat16"),
        (lambda w: w.double(), "converted 1 tensor from float64"),
        (lambda w: w.to_sparse(), "made 1 sparse tensor dense"),
        (lambda w: w.t().contiguous().t(), ""),
        (lambda w: torch.ones(1, 1).expand_as(w), ""),
    ],
)
def test_numbers_of_another_form_are_converted_and_said(tmp_path, change, said):
    state = theirs()
    wanted = state["linear.weight"] = change(state["linear.weight"])
    torch.save(state, tmp_path / "their.pt")
    model = network()
    done = fill(model, read_state_dict(tmp_path / "their.pt"), "preact-resnet18")
    assert said in "; ".join(done)
    assert torch.equal(model.state_dict()["output.weight"], wanted.to_dense().float())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.to(torch.int8), "linear.weight holds numbers of type int8"),
        (lambda w: w.to(torch.complex64), "linear.weight holds numbers of type complex64"),
        (lambda w: w.to("meta"), "linear.weight has a shape but no numbers"),
        (lambda w: torch.ones(1, 1).expand(10**7, 10**7), "10000000×10000000 there"),
        (lambda w: w.clone().fill_(torch.nan), r"NaN or infinite .* linear\.weight \(320 of 320\)"),
        (lambda w: w / 0, r"linear\.weight \(320 of 320\): the network has diverged"),
    ],
)
def test_numbers_that_cannot_be_weights_are_refused_by_name(tmp_path, change, said):
    state = theirs()
    state["linear.weight"] = change(state["linear.weight"])
    torch.save(state, tmp_path / "their.pt")
    with pytest.raises(UserError, match=said):
        fill(network(), read_state_dict(tmp_path / "their.pt"), "preact-resnet18")


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.parametrize(
    ("normalise", "said"),
    [
        (weight_norm, "folded weight normalisation"),
        (parametrizations.weight_norm, "folded weight normalisation"),
        (spectral_norm, "folded spectral normalisation"),
        (parametrizations.spectral_norm, "folded spectral normalisation"),
        (lambda layer: prune.l1_unstructured(layer, "weight", 0.3), "folded pruning"),
    ],
)
def test_weights_in_parts_are_put_together_as_the_network_does(tmp_path, normalise, said):
    small: Any = build("small", shape=(1, 28, 28), classes=10, width=4).eval()
    small.to(memory_format=torch.contiguous_format)  # pruning needs it
    normalise(small.hidden)
    normalise(small.conv2)
    state = {key: v for key, v in small.state_dict().items() if not key.startswith("normalise.")}
    torch.save(prefixed("module.", state), tmp_path / "their.pt")
    found = read_state_dict(tmp_path / "their.pt")
    assert f"{said} into 2 weights" in found.said
    model = build("small", shape=(1, 28, 28), classes=10, width=4)
    fill(model, found, "small")
    x = torch.rand(2, 1, 28, 28)
    assert torch.allclose(model(x), small(x), atol=1e-6)


def test_parts_of_a_weight_that_do_not_fit_each_other_are_refused_by_name(tmp_path):
    state = theirs()
    state["linear.weight_g"], state["linear.weight_v"] = torch.ones(7, 1), state["linear.weight"]
    torch.save(state, tmp_path / "their.pt")
    with pytest.raises(UserError, match=r"linear\.weight_g looks like a part of weight norm"):
        read_state_dict(tmp_path / "their.pt")

"""Which network of a file is taken, and what is stripped from its names."""

import argparse
import pathlib
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from made_up.foreign import Settings, network, prefixed, theirs

from selffit.analysis.foreign import fill, read_state_dict
from selffit.errors import UserError

STATE = theirs()
OTHER = theirs(seed=2)
OPTIMISER = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}
MEAN, STD = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.25, 0.5])
SHAPES: dict[str, Any] = {
    "bare": STATE,
    "DataParallel": prefixed("module.", STATE),
    "doubled": prefixed("module.module.", STATE),
    "compiled": prefixed("_orig_mod.module.", STATE),
    "compiled layer by layer": {
        key.replace("layer1.", "layer1._orig_mod."): value for key, value in STATE.items()
    },
    "lightning": {"state_dict": prefixed("model.", STATE), "epoch": 3},
    "a wrapper of no known name": {"weights": prefixed("backbone.net.", STATE), "epoch": 3},
    "in a list": [STATE],
    "optimiser beside": {"model": STATE, "optimizer": OPTIMISER, "epoch": 3},
    "NumPy numbers beside": {"state_dict": STATE, "acc": np.float64(0.5), "x": np.zeros(3)},
    "arguments beside": {"state_dict": STATE, "args": argparse.Namespace(out=pathlib.Path("x"))},
    "a configuration beside": {"state_dict": STATE, "cfg": Settings(a=1, b=Settings(c=2))},
    "a defaultdict beside": {"state_dict": STATE, "log": defaultdict(list, {"acc": [0.5]})},
    "numbers inside": {**STATE, "epoch": 3},
    "averaged": {"n_averaged": torch.tensor(5), **prefixed("module.", STATE)},
    "last and best alike": {"last": STATE, "best": {k: v.clone() for k, v in STATE.items()}},
    "average beside": {"state_dict_ema": OTHER, "state_dict": STATE},
    "an attacker's copy": {
        **prefixed("module.normalizer.", {"new_mean": MEAN, "new_std": STD}),
        **prefixed("module.model.", STATE),
        **prefixed("module.attacker.normalize.", {"new_mean": MEAN, "new_std": STD}),
        **prefixed("module.attacker.model.", STATE),
    },
    "behind a layer that normalises": {"0.mean": MEAN, "0.std": STD, **prefixed("1.", STATE)},
}


@pytest.fixture
def saved(tmp_path):
    def save(content, **how):
        path = tmp_path / "their.pt"
        torch.save(content, path, **how)
        return path

    return save


@pytest.mark.parametrize("shape", SHAPES)
def test_the_network_is_found_whatever_it_is_wrapped_in(saved, shape):
    found = read_state_dict(saved(SHAPES[shape]))
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize("shape", ["arguments beside", "NumPy numbers beside", "doubled"])
def test_files_of_old_torch_are_read_as_well(saved, shape):
    path = saved(SHAPES[shape], _use_new_zipfile_serialization=False)
    assert read_state_dict(path).keys() == STATE.keys()


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("compiled", ["stripped `_orig_mod.module.`"]),
        ("compiled layer by layer", ["stripped `_orig_mod.` inside names"]),
        ("lightning", ["took entry state_dict", "stripped `model.`"]),
        ("numbers inside", ["left out epoch: no tensors"]),
        ("averaged", ["left out n_averaged: a counter", "stripped `module.`"]),
        ("last and best alike", ["took entry last", "left out best: the same numbers"]),
        ("average beside", ["took entry state_dict of state_dict, state_dict_ema"]),
        (
            "an attacker's copy",
            [
                "took entry module.model",
                "left out module.attacker.model: the same numbers",
                "stripped `module.model.`",
            ],
        ),
        ("bare", []),
    ],
)
def test_what_was_done_is_said(saved, shape, said):
    assert list(read_state_dict(saved(SHAPES[shape])).said) == said


def test_of_two_networks_the_one_that_is_named_is_taken(saved):
    path = saved({"last": STATE, "best": {"net": OTHER}})
    with pytest.raises(UserError, match=r"2 networks of the same form: last, best\.net; .*--entry"):
        read_state_dict(path)
    for name in ("best", "best.net", "net"):
        assert torch.equal(read_state_dict(path, name)["conv1.weight"], OTHER["conv1.weight"])
    with pytest.raises(UserError, match="did you mean last"):
        read_state_dict(path, "lats")


def test_of_two_networks_in_one_module_the_one_that_is_named_is_taken(saved):
    path = saved(prefixed("teacher.", STATE) | prefixed("student.", OTHER))
    with pytest.raises(UserError, match="same form: teacher, student"):
        read_state_dict(path)
    found = read_state_dict(path, "student")
    assert torch.equal(found["conv1.weight"], OTHER["conv1.weight"])


def test_a_network_that_is_part_of_another_is_found_by_its_names(saved):
    state = prefixed("encoder.", {k: v for k, v in STATE.items() if not k.startswith("linear.")})
    state |= {"fc.weight": STATE["linear.weight"], "fc.bias": STATE["linear.bias"]}
    model = network()
    done = fill(model, read_state_dict(saved(state)), "preact-resnet18")
    assert done[0] == "stripped `encoder.` where it stood"
    assert torch.equal(model.state_dict()["output.weight"], STATE["linear.weight"])


@pytest.mark.parametrize(
    ("content", "mean", "scale"),
    [
        (SHAPES["an attacker's copy"], (0.4, 0.5, 0.6), (5, 4, 2)),
        (SHAPES["behind a layer that normalises"], (0.4, 0.5, 0.6), (5, 4, 2)),
        ({**STATE, "mu": MEAN.view(1, 3, 1, 1), "sigma": STD.view(1, 3, 1, 1)}, (0.4, 0.5, 0.6), 0),
        ({**STATE, "normalise.mean": MEAN, "normalise.scale": 1 / STD}, (0.4, 0.5, 0.6), (5, 4, 2)),
        ({"mean": [0.5], "std": [0.25], "model": STATE}, (0.5,), (4,)),
        ({**STATE, "mean": MEAN * 255, "std": STD * 255}, (0.4, 0.5, 0.6), (5, 4, 2)),
        (STATE, None, None),
    ],
)
def test_the_normalisation_in_a_file_is_found(saved, content, mean, scale):
    found = read_state_dict(saved(content))
    assert found.keys() == STATE.keys()
    if mean is None or found.inputs is None:
        assert found.inputs is mean
    else:
        assert found.inputs.mean == pytest.approx(mean)
        assert found.inputs.scale == pytest.approx(scale or (5, 4, 2))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"mean": MEAN, "std": STD * 0}, "mean, std are no normalisation"),
        ({"mean": MEAN, "std": STD * torch.nan}, "mean, std are no normalisation"),
        ({"a.mean": MEAN, "a.std": STD, "b.mean": MEAN, "b.std": MEAN}, "several .* that differ"),
        ({"mean": MEAN, "std": STD, "sigma": STD}, "goes with several of its tensors: std, sigma"),
    ],
)
def test_a_normalisation_that_cannot_be_is_refused(saved, more, said):
    with pytest.raises(UserError, match=said):
        read_state_dict(saved({**STATE, **more}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"epoch": 3}, "'epoch' is of type int"),
        ([1, 2], "'0' is of type int"),
        ({}, "an empty dict"),
        ({0: torch.zeros(3), 1: torch.zeros(3)}, "keys are of type int, not names"),
        (torch.zeros(3), "a single tensor"),
        ({"net": torch.nn.Linear(2, 2)}, r"'net' is a pickled torch\.nn\.modules\.linear\.Linear"),
        (network(), r"a whole pickled object, selffit\.models\.preact_resnet\.PreActResNet18"),
        ({"a" * 2000: torch.zeros(3), "b": torch.zeros(3)}, "has 2000 characters"),
    ],
)
def test_files_that_hold_something_else_are_explained(saved, content, said):
    with pytest.raises(UserError, match=said):
        read_state_dict(saved(content))


def test_a_file_that_holds_itself_is_read_to_its_end(saved):
    loop: dict[str, Any] = {"state_dict": STATE}
    loop["itself"], loop["all"] = loop, [loop, loop]
    assert read_state_dict(saved(loop)).keys() == STATE.keys()
    del loop["state_dict"]
    with pytest.raises(UserError, match="no state dict"):
        read_state_dict(saved(loop))

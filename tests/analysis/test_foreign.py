"""Other people's files: their names become ours where that is safe, and nothing in them is run."""

import os
import pickle

import pytest
import torch

from selffit.analysis.foreign import fill, read_state_dict
from selffit.errors import UserError
from selffit.models import build

BUFFERS = ("normalise.", "num_batches_tracked")


def network(name, **more):
    torch.manual_seed(0)
    return build(name, shape=(3, 32, 32), classes=10, width=4, **more)


def theirs(name):
    """The state dict of a network of ours under the names of the common public code."""
    state = {
        key: value
        for key, value in network(name).state_dict().items()
        if not key.startswith("normalise.")
    }
    renamed = {}
    for key, value in state.items():
        key = key.replace("output.", "linear.")
        if name == "preact-resnet18":
            key = key.replace("shortcut.weight", "shortcut.0.weight")
        renamed[key] = torch.rand_like(value) if value.is_floating_point() else value
    return renamed


@pytest.fixture
def saved(tmp_path):
    def save(content):
        path = tmp_path / "their.pt"
        torch.save(content, path)
        return path

    return save


@pytest.mark.parametrize("name", ["preact-resnet18", "resnet18"])
def test_public_names_become_ours(name):
    model, state = network(name, mean=0.5), theirs(name)
    fill(model, state, name)
    ours = model.state_dict()
    assert torch.equal(ours["output.weight"], state["linear.weight"])
    assert torch.equal(ours["layer3.0.conv1.weight"], state["layer3.0.conv1.weight"])
    own, their = (
        ("shortcut.weight",) * 2 if name == "preact-resnet18" else ("shortcut.1.running_var",) * 2
    )
    their = their.replace("shortcut.weight", "shortcut.0.weight")
    assert torch.equal(ours[f"layer2.0.{own}"], state[f"layer2.0.{their}"])
    assert ours["normalise.mean"] == 0.5  # not theirs to say


def test_a_file_without_batch_counters_is_enough():
    state = {
        key: value
        for key, value in theirs("resnet18").items()
        if not key.endswith("num_batches_tracked")
    }
    fill(network("resnet18"), state, "resnet18")


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 7},
        lambda state: {"net": state, "acc": 93.1},
        lambda state: {"model": {"module." + key: value for key, value in state.items()}},
    ],
)
def test_wrappers_and_prefixes_are_taken_off(saved, wrap):
    state = theirs("resnet18")
    found = read_state_dict(saved(wrap(state)))
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) for key in state)


def test_what_does_not_fit_is_named_and_changes_nothing():
    model, state = network("preact-resnet18"), theirs("preact-resnet18")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    del state["bn.weight"]
    state["downsample.weight"] = torch.zeros(1)
    state["conv1.weight"] = torch.zeros(4, 3, 7, 7)
    with pytest.raises(UserError) as error:
        fill(model, state, "preact-resnet18")
    for part in (
        "lacks bn.weight",
        "in addition downsample.weight",
        "conv1.weight is 4×3×7×7 there and 4×3×3×3 here",
    ):
        assert part in str(error.value)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_two_tensors_for_one_place_are_refused():
    state = theirs("resnet18")
    state["output.weight"] = state["linear.weight"]
    with pytest.raises(UserError, match=r"two tensors that could be output\.weight"):
        fill(network("resnet18"), state, "resnet18")


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("form", ["torch", "pickle"])
def test_code_in_a_file_is_refused_and_never_run(tmp_path, form):
    trap, path = tmp_path / "trap", tmp_path / "bomb.pt"
    content = {"state_dict": {"w": torch.zeros(1)}, "extra": Bomb(str(trap))}
    if form == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match="refused"):
        read_state_dict(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [({"epoch": 3}, "'epoch' is of type int"), ([1, 2], "no state dict"), ({}, "no state dict")],
)
def test_files_that_hold_something_else_are_explained(saved, content, said):
    with pytest.raises(UserError, match=said):
        read_state_dict(saved(content))


def test_missing_and_damaged_files_are_user_errors(tmp_path, saved):
    with pytest.raises(UserError, match="there is no file"):
        read_state_dict(tmp_path / "none.pt")
    path = saved(theirs("resnet18"))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UserError, match=r"cannot be read|refused"):
        read_state_dict(path)

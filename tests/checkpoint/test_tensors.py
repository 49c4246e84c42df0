"""Network and optimiser come back bit for bit, in the form of whoever loads them, or not at all."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from made_up.store import Store
from torch import Tensor, nn

from selffit.checkpoint.errors import NoSpace
from selffit.checkpoint.manifest import MODEL, OPTIMIZER, STATE
from selffit.checkpoint.state import CheckpointState
from selffit.checkpoint.tensors import load_model, restore, state_to_files
from selffit.errors import UserError

Make = Callable[[nn.Module], torch.optim.Optimizer]

OPTIMIZERS: dict[str, Make] = {
    "sgd": lambda net: torch.optim.SGD(net.parameters(), lr=0.1, weight_decay=5e-4),
    "sgd momentum": lambda net: torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9),
    "sgd fused, lr a tensor": lambda net: torch.optim.SGD(
        net.parameters(), lr=torch.tensor(0.1), momentum=0.9, fused=True
    ),
    "sgd two groups": lambda net: torch.optim.SGD(
        [
            {"params": [p for p in net.parameters() if p.ndim > 1], "weight_decay": 1e-3},
            {"params": [p for p in net.parameters() if p.ndim == 1], "lr": 1 / 3},
        ],
        lr=0.1,
        momentum=0.9,
        nesterov=True,
    ),
    "adam": lambda net: torch.optim.Adam(
        net.parameters(), lr=1e-3, betas=(0.9, 0.99), amsgrad=True
    ),
    "adam fused, lr a tensor": lambda net: torch.optim.Adam(
        net.parameters(), lr=torch.tensor(1e-3), fused=True
    ),
    "adamw": lambda net: torch.optim.AdamW(net.parameters(), lr=1e-3),
}


def network(seed: int = 0, width: int = 4) -> nn.Sequential:
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 1),
        nn.Flatten(),
        nn.Linear(width * 36, 2),
    )
    return net.to(memory_format=torch.channels_last)


def train(net: nn.Module, optimizer: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(8, 3, 6, 6, generator=generator).contiguous(
            memory_format=torch.channels_last
        )
        y = torch.randint(2, (8,), generator=generator)
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()


def save(
    folder: Path, net: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Through the disk and back: files and structure."""
    files, structure = state_to_files(net.state_dict(), optimizer)
    state = CheckpointState(
        step=1, branch="main", attempt=1, settings={}, version=0, optimizer=structure
    ).encode()
    store = Store(folder, reserve=0)
    store.write("main-1", {**files, STATE: state})
    manifest, loaded = store.read("main-1")
    return loaded, CheckpointState.decode(loaded[STATE], manifest.id).optimizer


def bits(tensor: Tensor) -> tuple[Any, ...]:
    plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return tensor.dtype, tensor.shape, bytes(plain.numpy())


def everything(net: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """All tensors as bits, all numbers as they are, by place."""

    def walk(value: Any) -> Any:
        if isinstance(value, Tensor):
            return bits(value)
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        return [walk(item) for item in value] if isinstance(value, list) else value

    return {"net": walk(dict(net.state_dict())), "optimizer": walk(optimizer.state_dict())}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_fresh_process_goes_on_as_the_first_would_have(name: str, steps: int, run: Path) -> None:
    net = network()
    optimizer = OPTIMIZERS[name](net)
    train(net, optimizer, range(steps))
    saved = save(run, net, optimizer)

    other = network(seed=1)
    resumed = OPTIMIZERS[name](other)
    restore(*saved, other.state_dict(), resumed)
    assert everything(other, resumed) == everything(net, optimizer)
    train(net, optimizer, range(steps, steps + 3))
    train(other, resumed, range(steps, steps + 3))
    assert everything(other, resumed) == everything(net, optimizer)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("steps", [0, 2])
def test_a_roll_back_in_the_same_process_repeats_the_same_steps(
    name: str, steps: int, run: Path
) -> None:
    net = network()
    optimizer = OPTIMIZERS[name](net)
    train(net, optimizer, range(steps))
    saved, then = save(run, net, optimizer), everything(net, optimizer)
    train(net, optimizer, range(steps, steps + 2))
    first = everything(net, optimizer)
    restore(*saved, net.state_dict(), optimizer)
    assert everything(net, optimizer) == then
    train(net, optimizer, range(steps, steps + 2))
    assert everything(net, optimizer) == first


def test_training_on_does_not_change_what_is_still_to_be_written(run: Path) -> None:
    net = network()
    optimizer = OPTIMIZERS["sgd fused, lr a tensor"](net)
    train(net, optimizer, range(2))
    then = everything(net, optimizer)
    files, structure = state_to_files(net.state_dict(), optimizer)
    train(net, optimizer, range(2, 4))
    optimizer.param_groups[0]["lr"].fill_(7.0)
    Store(run, reserve=0).write("main-1", files)
    restore(Store(run).read("main-1")[1], structure, net.state_dict(), optimizer)
    assert everything(net, optimizer) == then


def test_live_tensors_are_filled_in_place(run: Path) -> None:
    net = network()
    optimizer = OPTIMIZERS["adam fused, lr a tensor"](net)
    train(net, optimizer, range(1))
    saved = save(run, net, optimizer)

    def places() -> list[int]:
        states = [value for state in optimizer.state.values() for value in state.values()]
        return [
            tensor.data_ptr()
            for tensor in (*net.state_dict().values(), *states, optimizer.param_groups[0]["lr"])
        ]

    before = places()
    train(net, optimizer, range(1, 2))
    restore(*saved, net.state_dict(), optimizer)
    assert places() == before


def test_everything_takes_the_memory_format_of_whoever_loads(run: Path) -> None:
    net = network()
    optimizer = OPTIMIZERS["sgd momentum"](net)
    train(net, optimizer, range(1))
    saved = save(run, net, optimizer)
    for format in (torch.contiguous_format, torch.channels_last):
        other = network(seed=1).to(memory_format=format)
        resumed = OPTIMIZERS["sgd momentum"](other)
        restore(*saved, other.state_dict(), resumed)
        assert everything(other, resumed) == everything(net, optimizer)
        weight = other.get_parameter("0.weight")
        assert weight.is_contiguous(memory_format=format)
        assert resumed.state[weight]["momentum_buffer"].stride() == weight.stride()


@pytest.mark.parametrize(
    "kinds", [("sgd momentum", "sgd fused, lr a tensor"), ("adam", "adam fused, lr a tensor")]
)
@pytest.mark.parametrize("swap", [False, True])
def test_how_the_running_process_computes_is_left_to_it(
    kinds: tuple[str, str], swap: bool, run: Path
) -> None:
    there, here = reversed(kinds) if swap else kinds
    net, other = network(), network(seed=1)
    optimizer, resumed = OPTIMIZERS[there](net), OPTIMIZERS[here](other)
    train(net, optimizer, range(1))
    mine = resumed.param_groups[0]
    fused, kind = mine["fused"], type(mine["lr"])
    restore(*save(run, net, optimizer), other.state_dict(), resumed)
    assert (mine["fused"], type(mine["lr"])) == (fused, kind)
    assert float(mine["lr"]) == pytest.approx(float(optimizer.param_groups[0]["lr"]), rel=1e-7)
    train(other, resumed, range(1, 2))


def test_momentum_follows_its_parameter_to_another_device(run: Path) -> None:
    net = network()
    optimizer = OPTIMIZERS["sgd momentum"](net)
    train(net, optimizer, range(1))
    saved = save(run, net, optimizer)
    meta = network().to("meta")  # stands in for another device
    resumed = OPTIMIZERS["sgd momentum"](meta)
    restore(*saved, meta.state_dict(), resumed)
    assert {state["momentum_buffer"].device.type for state in resumed.state.values()} == {"meta"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_dtypes_and_every_kind_of_number_come_back(dtype: torch.dtype, run: Path) -> None:
    odd = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-40, 3.0]).to(dtype)
    state = {
        "odd": odd,
        "view": torch.arange(12).reshape(3, 4).t(),
        "scalar": torch.tensor(7, dtype=torch.int64),
        "flag": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
    }
    nothing = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    files, _ = state_to_files(state, nothing)
    Store(run, reserve=0).write("main-1", files)
    target = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
    load_model(Store(run).read("main-1")[1][MODEL], target)
    assert {name: bits(t) for name, t in target.items()} == {
        name: bits(t) for name, t in state.items()
    }


def test_tied_weights_are_saved_and_loaded(run: Path) -> None:
    def tied(seed: int) -> nn.Sequential:
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
        net[1].weight = net[0].weight
        return net

    net, other = tied(0), tied(1)
    restore(*save(run, net, OPTIMIZERS["sgd"](net)), other.state_dict(), OPTIMIZERS["sgd"](other))
    assert other[1].weight is other[0].weight
    assert torch.equal(other.get_parameter("0.weight"), net.get_parameter("0.weight"))


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        (
            network(width=4),
            network(width=6),
            "'0.weight' is float32 [4, 3, 3, 3] there and float32 [6, 3, 3, 3] here",
        ),
        (network(), network()[:5], "the network has no '5.bias', and 1 more names differ"),
        (network()[:5], network(), "the checkpoint has no '5.bias'"),
        (network(), network().double(), "is float32 .* there and float64"),
    ],
)
def test_another_network_is_refused_and_nothing_is_changed(
    there: nn.Module, here: nn.Module, said: str, run: Path
) -> None:
    files, structure = save(run, there, OPTIMIZERS["sgd"](there))
    optimizer = OPTIMIZERS["sgd"](here)
    before = everything(here, optimizer)
    said = said if ".*" in said else said.replace("[", r"\[")
    with pytest.raises(
        UserError, match=f"not of this network: .*{said}.*; use the model and width"
    ):
        restore(files, structure, here.state_dict(), optimizer)
    assert everything(here, optimizer) == before


def test_two_tensors_do_not_become_one(run: Path) -> None:
    files, _ = save(
        run, net := nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3)), OPTIMIZERS["sgd"](net)
    )
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    with pytest.raises(UserError, match="one tensor here and two there"):
        load_model(files[MODEL], tied.state_dict())


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda structure: structure.update(kind="Lion"), "it is Lion there and SGD here"),
        (
            lambda structure: structure.update(sizes=[5]),
            r"groups of \[5\] parameters there and \[7\] here",
        ),
        (lambda structure: structure.update(groups=[]), "groups of"),
        (
            lambda structure: structure["groups"][0].update(tensors=["lr"]),
            "do not name the same tensors",
        ),
        (
            lambda structure: structure["state"].update({"-1": structure["state"].pop("0")}),
            "the same tensors",
        ),
        (
            lambda structure: structure["state"].update({"99": {"values": {}, "tensors": []}}),
            "a parameter 99",
        ),
        (
            lambda structure: structure["state"].update({"x": {"values": {}, "tensors": ["y"]}}),
            "does not describe",
        ),
        (lambda structure: structure.clear(), "does not describe one"),
        (lambda structure: structure.update(state=7), "does not describe one"),
    ],
)
def test_another_optimiser_is_refused_and_nothing_is_changed(
    harm: Callable[[dict[str, Any]], object], said: str, run: Path
) -> None:
    net = network()
    optimizer = OPTIMIZERS["sgd momentum"](net)
    train(net, optimizer, range(1))
    files, structure = save(run, net, optimizer)
    train(net, optimizer, range(1, 2))
    before = everything(net, optimizer)
    harm(structure)
    with pytest.raises(UserError, match=f"not of this optimiser: .*{said}"):
        restore(files, structure, net.state_dict(), optimizer)
    assert everything(net, optimizer) == before


def test_momentum_of_another_shape_is_refused(run: Path) -> None:
    net, other = network(), network()
    order = list(net.parameters())
    optimizer = torch.optim.SGD(order, lr=0.1, momentum=0.9)
    train(net, optimizer, range(1))
    reordered = torch.optim.SGD(list(other.parameters())[::-1], lr=0.1, momentum=0.9)
    with pytest.raises(UserError, match=r"state\.0\.momentum_buffer has the shape"):
        restore(*save(run, net, optimizer), other.state_dict(), reordered)


@pytest.mark.parametrize("name", [MODEL, OPTIMIZER])
@pytest.mark.parametrize(
    "data", [None, b"", b"\x08\0\0\0\0\0\0\0{}      ", b"\xff" * 100, b"garbage"]
)
def test_files_that_are_no_safetensors_are_refused(
    name: str, data: bytes | None, run: Path
) -> None:
    net = network()
    optimizer = OPTIMIZERS["sgd momentum"](net)
    train(net, optimizer, range(1))
    files, structure = save(run, net, optimizer)
    files.pop(name) if data is None else files.update({name: data})
    with pytest.raises(UserError):
        restore(files, structure, net.state_dict(), optimizer)


def test_a_full_disk_under_the_tensors_is_no_space(run: Path) -> None:
    net = network()
    files, _ = state_to_files(net.state_dict(), OPTIMIZERS["sgd"](net))
    store = Store(run, reserve=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(NoSpace):
            store.write("main-1", files)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(store.path.iterdir()) == []


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("name", ["sgd fused, lr a tensor", "adam fused, lr a tensor", "adam"])
@pytest.mark.parametrize(("there", "here"), [("cpu", "cuda"), ("cuda", "cpu"), ("cuda", "cuda")])
def test_a_checkpoint_moves_between_devices(name: str, there: str, here: str, run: Path) -> None:
    net, other = network().to(there), network(seed=1).to(here)
    optimizer, resumed = OPTIMIZERS[name](net), OPTIMIZERS[name](other)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    restore(*save(run, net, optimizer), other.state_dict(), resumed)
    assert everything(other, resumed) == everything(net, optimizer)
    for parameter in other.parameters():
        parameter.grad = torch.ones_like(parameter)
    resumed.step()

"""How work is captured, with stand-ins for what torch asks the driver for: streams and graphs."""

import gc
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from selffit.data.batches import Batches
from selffit.data.imageset import as_float
from selffit.train.capture import CudaCapture, static_images


class Driver:
    """What happens on it, in order; `current` is the stream that work goes to."""

    def __init__(self):
        self.told, self.current, self.count = [], "the training's", 0

    def new(self, kind):
        self.count += 1
        return f"{kind} {self.count}"


class Stream(SimpleNamespace):
    def wait_stream(self, other):
        self.driver.told.append(("waits", self.name, other.name))


@pytest.fixture
def driver(monkeypatch):
    made = Driver()

    def stream(name):
        return Stream(name=name, driver=made, device_index=0)

    @contextmanager
    def on(given):
        before, made.current = made.current, given.name
        try:
            yield
        finally:
            made.current = before

    @contextmanager
    def graph(captured, *, pool, stream, capture_error_mode):
        made.told.append(("captures", pool, stream.name, capture_error_mode, gc.isenabled()))
        made.current = stream.name  # as torch 2.11 does: not undone where the capture breaks off
        yield
        made.current = "the training's"

    default = SimpleNamespace(
        clone_state=lambda: "a state that captures nothing",
        graphsafe_set_state=lambda state: made.told.append(("draws from", state)),
    )
    for name, value in {
        "Stream": lambda device: stream(made.new("stream")),
        "graph_pool_handle": lambda: made.new("pool"),
        "CUDAGraph": lambda: SimpleNamespace(
            register_generator_state=lambda given: made.told.append(("is told of", given)),
            replay=lambda: made.told.append(("replays", made.current)),
        ),
        "current_stream": lambda device: stream(made.current),
        "set_stream": lambda given: setattr(made, "current", given.name),
        "stream": on,
        "graph": graph,
        "default_generators": [default],
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    for name, told in {"endAllocateToPool": "ends", "releasePool": "releases"}.items():
        monkeypatch.setattr(
            torch._C, f"_cuda_{name}", lambda *at, told=told: made.told.append((told, *at)), False
        )
    return made


def test_the_work_is_done_on_a_stream_of_its_own_between_what_came_and_what_comes(driver):
    where = []
    capture = CudaCapture(torch.Generator())
    capture.warm_up(lambda: where.append(driver.current))
    assert where == ["stream 1"] and driver.current == "the training's"
    assert driver.told == [
        ("waits", "stream 1", "the training's"),
        ("waits", "the training's", "stream 1"),
    ]
    capture.capture(lambda: where.append(driver.current))
    capture.replay()
    assert where == ["stream 1", "stream 1"]
    assert driver.told[-1] == ("replays", "the training's")


def test_captures_beside_each_other_have_one_stream_since_memory_belongs_to_it(driver):
    one = CudaCapture(torch.Generator())
    for capture in (one, CudaCapture(torch.Generator(), one), CudaCapture(torch.Generator())):
        capture.capture(lambda: None)
    places = [told[1:3] for told in driver.told if told[0] == "captures"]
    assert places == [("pool 2", "stream 1")] * 2 + [("pool 4", "stream 3")]


@pytest.mark.parametrize(
    ("version", "named"),
    [("2.11.0+cu130", True), ("2.13.1", True), ("2.14.0", False), ("2.15.0a0+git1", False)],
)
def test_a_generator_is_named_to_the_graph_where_torch_does_not_find_it(
    driver, monkeypatch, version, named
):
    monkeypatch.setattr(torch, "__version__", version)
    generator = torch.Generator()
    CudaCapture(generator).capture(lambda: None)
    assert (("is told of", generator) in driver.told) == named


def break_off() -> None:
    raise ZeroDivisionError


def test_nothing_is_collected_while_capturing(driver):
    capture = CudaCapture(torch.Generator())
    seen = []
    assert gc.isenabled()
    capture.capture(lambda: seen.append(gc.isenabled()))
    assert seen == [False] and gc.isenabled()
    with pytest.raises(ZeroDivisionError):
        capture.capture(break_off)
    assert gc.isenabled()


def test_after_a_capture_that_breaks_off_ordinary_work_goes_on(driver):
    with pytest.raises(ZeroDivisionError):
        CudaCapture(torch.Generator()).capture(break_off)
    assert driver.current == "the training's"
    assert ("draws from", "a state that captures nothing") in driver.told


@pytest.mark.parametrize("told", [False, True])
def test_the_memory_of_a_capture_that_breaks_off_is_claimed_no_longer(driver, monkeypatch, told):
    def ended(device, pool):
        raise RuntimeError("endAllocatePool: not currently recording to mempool_id")

    if told:
        monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", ended)
    with pytest.raises(ZeroDivisionError):
        CudaCapture(torch.Generator()).capture(break_off)
    after = [("ends", 0, "pool 2"), ("releases", 0, "pool 2")]
    assert [one for one in driver.told if one[0] in ("ends", "releases")] == after * (not told)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("augment", ["none", "crop-flip"])
def test_the_place_of_a_batch_is_laid_out_as_the_batch_is(channels, augment):
    images = torch.zeros(8, channels, 28, 28, dtype=torch.uint8)
    x, _ = Batches(images, torch.zeros(8).long(), 4, augment, 0).batch(0)
    place = static_images(4, (channels, 28, 28), torch.device("cpu"))
    assert place.stride() == x.stride() == as_float(images[:4]).stride()
    assert place.shape == x.shape and place.dtype == x.dtype

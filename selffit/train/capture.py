"""Fixed operations as one CUDA graph: captured once, launched at once from then on."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol

import torch
from torch import Tensor

# From here on a graph finds the generators by itself, and to name them to it draws a warning.
_FINDS_GENERATORS = (2, 14)

_BROKEN: list[Any] = []  # graphs of captures that broke off


class Capture(Protocol):
    """Work on tensors that stay where they are, recorded once and done again without Python."""

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do the work once as it is, where it will be captured."""

    def capture(self, work: Callable[[], None]) -> None:
        """Record the work without doing it. Raises RuntimeError where that is impossible."""

    def replay(self) -> None:
        """Do what was recorded, with the values that its tensors have now."""


MakeCapture = Callable[[torch.Generator, "Capture | None"], Capture]


def captures_on(device: torch.device) -> MakeCapture | None:
    """How work is captured on a device; None where it cannot be."""
    return CudaCapture if device.type == "cuda" else None


class CudaCapture:
    """With torch.cuda.CUDAGraph; the generator draws anew at every replay, from its seed then.

    beside: another one, whose memory is used too. Neither may leave tensors behind that are read
    after the other has run: what is to be kept is copied out of the work. Memory belongs to a
    stream, so both are captured on the same.
    """

    def __init__(self, generator: torch.Generator, beside: Capture | None = None) -> None:
        self._generator = generator
        self._device = generator.device
        self._graph = torch.cuda.CUDAGraph()
        self._stream: torch.cuda.Stream
        self._pool: Any
        if isinstance(beside, CudaCapture):
            self._stream, self._pool = beside._stream, beside._pool
        else:
            self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call,unused-ignore]
            self._pool = torch.cuda.graph_pool_handle()  # type: ignore[no-untyped-call,unused-ignore]

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do the work once on the side stream, where kernels and workspaces are then ready."""
        here = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            work()
        here.wait_stream(self._stream)

    def capture(self, work: Callable[[], None]) -> None:
        """Record the work. Raises RuntimeError; torch is then ready for ordinary work again."""
        here = torch.cuda.current_stream(self._device)
        if _version() < _FINDS_GENERATORS:
            self._graph.register_generator_state(self._generator)
        try:
            # only this thread must do nothing that cannot be captured: others read the machine's
            # state, and the backward pass has a thread of its own
            with (
                _uncollected(),
                torch.cuda.graph(
                    self._graph,
                    pool=self._pool,
                    stream=self._stream,
                    capture_error_mode="thread_local",
                ),
            ):
                work()
        except BaseException:
            self._leave(here)
            raise

    def _leave(self, stream: torch.cuda.Stream) -> None:
        """After a capture that broke off: `torch.cuda.graph` leaves its stream and a flag behind.

        Its end raises before the stream before it is the current one again, and before torch's
        default generator, which every capture takes part of, is told that nothing is captured any
        more; it then refuses to draw. A state that is copied is one that captures nothing.
        """
        torch.cuda.set_stream(stream)
        default = torch.cuda.default_generators[stream.device_index]
        default.graphsafe_set_state(default.clone_state())
        # Nor is the allocator told: it would go on asking the graph which memory is its own, so the
        # graph must stay, and would keep what is freed on other streams.
        _BROKEN.append(self._graph)
        _claim_no_longer(stream.device_index, self._pool)

    def replay(self) -> None:
        """Launch it on the current stream."""
        self._graph.replay()


def static_images(count: int, shape: tuple[int, int, int], device: torch.device) -> Tensor:
    """A place [count,C,H,W] for images, float32, laid out in memory as batches are.

    For images of one channel too, where `contiguous` would leave strides that are another layout's
    to kernels that choose by them.
    """
    plain = torch.zeros((count, *shape), device=device)
    return plain.to(memory_format=torch.channels_last)


def _claim_no_longer(device: int, pool: Any) -> None:
    """Memory that is asked for goes to a pool no longer, where a capture has begun that."""
    with suppress(AttributeError, RuntimeError):  # ended already, or known by another name
        torch._C._cuda_endAllocateToPool(device, pool)
        torch._C._cuda_releasePool(device, pool)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is collected inside: a graph that is thrown away then breaks off the capture."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _version() -> tuple[int, ...]:
    """Torch's, major and minor."""
    return tuple(int(part) for part in torch.__version__.split(".")[:2])

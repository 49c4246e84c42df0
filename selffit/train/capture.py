"""A step of fixed operations as one CUDA graph: captured once, launched at once from then on."""

from collections.abc import Callable
from typing import Protocol

import torch


class Capture(Protocol):
    """Work on tensors that stay where they are, recorded once and done again without Python."""

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do the work once as it is, where it will be captured."""

    def capture(self, work: Callable[[], None]) -> None:
        """Record the work without doing it. Raises RuntimeError where that is impossible."""

    def replay(self) -> None:
        """Do what was recorded, with the values that its tensors have now."""


class CudaCapture:
    """With torch.cuda.CUDAGraph; the generator draws anew at every replay, from its seed then."""

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator
        self._stream = torch.cuda.Stream(generator.device)  # type: ignore[no-untyped-call,unused-ignore]
        self._graph = torch.cuda.CUDAGraph()

    def warm_up(self, work: Callable[[], None]) -> None:
        """Do the work once on the side stream, where kernels and workspaces are then ready."""
        here = torch.cuda.current_stream(self._generator.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            work()
        here.wait_stream(self._stream)

    def capture(self, work: Callable[[], None]) -> None:
        """Record the work. Raises RuntimeError."""
        self._graph.register_generator_state(self._generator)
        # only this thread must do nothing that cannot be captured: others read the machine's state
        with torch.cuda.graph(self._graph, stream=self._stream, capture_error_mode="thread_local"):
            work()

    def replay(self) -> None:
        """Launch it on the current stream."""
        self._graph.replay()

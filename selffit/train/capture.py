"""Fixed operations as one CUDA graph: captured once, launched at once from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch


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
    after the other has run: what is to be kept is copied out of the work.
    """

    def __init__(self, generator: torch.Generator, beside: Capture | None = None) -> None:
        self._generator = generator
        self._device = generator.device
        self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call,unused-ignore]
        self._graph = torch.cuda.CUDAGraph()
        own = torch.cuda.graph_pool_handle()  # type: ignore[no-untyped-call,unused-ignore]
        self._pool: Any = beside._pool if isinstance(beside, CudaCapture) else own

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
        self._graph.register_generator_state(self._generator)
        try:
            # only this thread must do nothing that cannot be captured: others read the machine's
            # state, and the backward pass has a thread of its own
            with torch.cuda.graph(
                self._graph,
                pool=self._pool,
                stream=self._stream,
                capture_error_mode="thread_local",
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

    def replay(self) -> None:
        """Launch it on the current stream."""
        self._graph.replay()

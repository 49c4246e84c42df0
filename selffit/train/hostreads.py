"""Finds what in a step reads from the host or waits for it: that cannot be captured in a graph."""

import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# Methods and functions through which Python looks at the values of a tensor.
_READS = {
    "item",
    "tolist",
    "numpy",
    "cpu",
    "__array__",
    "__bool__",
    "__float__",
    "__int__",
    "__index__",
    "__complex__",
    "is_nonzero",
}
# Operations whose result has a size that depends on values, or that take values from the host.
_DEPENDS = {
    "_local_scalar_dense",
    "nonzero",
    "nonzero_static",
    "masked_select",
    "_unique",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
    "bincount",
    "equal",
    "is_nonzero",
    "lift_fresh",
}
_CALLED = {"_local_scalar_dense": "Tensor.item", "lift_fresh": "torch.tensor"}
_INDEXING = {"index", "index_put", "index_put_", "_unsafe_index"}
_TORCH = str(Path(torch.__file__).parent)
_HERE = str(Path(__file__))


class HostReads(TorchDispatchMode):
    """Notes every such operation inside; `found` has them in words, with the line they come from.

    The work goes on all the same, so that a step is whole when it is left.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self.found: list[str] = []
        self._calls = ExitStack()

    def __enter__(self) -> "HostReads":
        self._calls.enter_context(_Calls(self._note))
        super().__enter__()  # type: ignore[no-untyped-call,unused-ignore]
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)  # type: ignore[no-untyped-call,unused-ignore]
        self._calls.close()

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """One operation, on its way to its kernel."""
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        given = list(tensors_in((args, kwargs)))
        if name in _DEPENDS or (name == "repeat_interleave" and "output_size" not in kwargs):
            self._note(_CALLED.get(name, f"torch.{name.strip('_')}"))
        elif name in _INDEXING and any(t.dtype in (torch.bool, torch.uint8) for t in given[1:]):
            self._note("indexing with a mask")
        result = func(*args, **kwargs)
        if len({t.device.type for t in (*given, *tensors_in(result))}) > 1:
            self._note(f"torch.{name.strip('_')} between devices")
        return result

    def _note(self, what: str) -> None:
        line = _line()
        if not line or not any(words.endswith(line) for words in self.found):
            self.found.append(f"{what} {line}".strip())


class _Calls(TorchFunctionMode):
    """The same of Python's own looks at a tensor, which need not become an operation on a CPU."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def __torch_function__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        name = getattr(func, "__name__", "")
        # by name: a device that happens to be the CPU is code that follows its tensors
        to_host = name == "to" and any(isinstance(a, str) and a == "cpu" for a in args[1:])
        if name in _READS or to_host:
            self._note(f"Tensor.{name}")
        return func(*args, **(kwargs or {}))


def tensors_in(value: Any) -> Iterable[Tensor]:
    """All tensors in nested sequences and mappings, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from tensors_in(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)


def _line() -> str:
    """The innermost line outside torch and this file, as "in FILE:LINE"."""
    for frame, number in traceback.walk_stack(sys._getframe(1)):
        file = frame.f_code.co_filename
        if file != _HERE and not file.startswith((_TORCH, "<")):
            parts = Path(file).parts
            return f"in {'/'.join(parts[-3:])}:{number}"
    return ""

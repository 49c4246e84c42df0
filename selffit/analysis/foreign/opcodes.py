"""A pickle taken apart without loading anything of it."""

import _compat_pickle
import pickletools
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from selffit.errors import UserError

DAMAGE = (
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    NotImplementedError,
)  # of a pickle that is cut

_MOST = 1_000_000  # parts of a tuple, each counted as often as it is reached
_DEEPEST = 100  # tuples in tuples; torch's own have four


class _Thing(NamedTuple):
    """What would lie on the unpickler's stack: only tuples are of interest."""

    size: int = 1
    depth: int = 0


_MARK = _Thing(0, -1)


def operations(pickled: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """Name and argument of every operation up to the end of the pickle.

    A tuple as a key is hashed part by part, by what can be neither interrupted nor bounded: sixty
    tuples, each with the one before in it twice, take for ever, and a hundred thousand in each
    other the stack. Raises UserError for such, and any of DAMAGE.
    """
    stack: list[_Thing] = []
    memo: dict[Any, _Thing] = {}
    for op, argument, _ in pickletools.genops(pickled):
        yield op.name, argument
        if op.name == "STOP":
            return
        if op.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif op.name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif op.name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif op.name == "DUP":
            stack.append(stack[-1])
        else:
            taken = _take(stack, op)
            made = _tuple(taken) if "TUPLE" in op.name else _Thing()
            mark = op.stack_after == [pickletools.markobject]
            stack += [_MARK if mark else made] * len(op.stack_after)


def today(module: str, name: str) -> tuple[str, str]:
    """What the names of Python 2 are called now; torch.save writes those for the sake of the old.

    So `__builtin__.eval` is builtins.eval and `commands.Popen` subprocess.Popen.
    """
    known = _compat_pickle.NAME_MAPPING.get((module, name))
    return known or (_compat_pickle.IMPORT_MAPPING.get(module, module), name)


def spellings(name: str) -> set[str]:
    """All ways in which a file may write the name of today's "package.module.name"."""
    module, _, last = name.rpartition(".")
    old = _compat_pickle.REVERSE_NAME_MAPPING.get((module, last))
    old_module = _compat_pickle.REVERSE_IMPORT_MAPPING.get(module, module)
    return {name, f"{old_module}.{last}", *([".".join(old)] if old else [])}


def _take(stack: list[_Thing], op: pickletools.OpcodeInfo) -> list[_Thing]:
    """What an operation takes off the stack."""
    before, taken = op.stack_before, []
    number = len(before)
    if pickletools.markobject in before:
        number = before.index(pickletools.markobject)
        while (thing := stack.pop()) is not _MARK:
            taken.append(thing)
    for _ in range(number):
        taken.append(stack.pop())
    return taken


def _tuple(parts: list[_Thing]) -> _Thing:
    size = 1 + sum(part.size for part in parts)
    depth = 1 + max((part.depth for part in parts), default=0)
    if size > _MOST or depth > _DEEPEST:
        raise UserError(
            "the file's pickle has tuples in tuples without end; torch.save does not write such "
            "files, so it is refused"
        )
    return _Thing(size, depth)

"""The state dict of a file: its names without wrappers, and what was done to them."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from selffit.analysis.foreign.entries import choose, unprefixed
from selffit.analysis.foreign.file import load
from selffit.analysis.foreign.folding import fold
from selffit.analysis.foreign.inputs import Inputs
from selffit.analysis.foreign.words import listed
from selffit.errors import UserError
from selffit.eventlog.clean import clean


class StateDict(dict[str, Tensor]):
    """Tensors by name, as a file has them, on the CPU.

    inputs: the input normalisation that was among them, or None. said: what was done, in words.
    others: names of the other entries that could have been taken.
    """

    def __init__(
        self,
        tensors: dict[str, Tensor],
        inputs: Inputs | None = None,
        said: Sequence[str] = (),
        others: Sequence[str] = (),
    ) -> None:
        super().__init__(tensors)
        self.inputs = inputs
        self.said = tuple(said)
        self.others = tuple(others)


def read_state_dict(path: Path, entry: str = "") -> StateDict:
    """The network's tensors of a PyTorch or safetensors file by name, on the CPU.

    entry: which of several networks in it, "" for the rule of `entries`. Prefixes that all names
    share are stripped. Raises UserError for anything but tensors and names.
    """
    shown = clean(str(path))
    taken = choose(load(path), entry, shown)
    said = []
    if taken.name:
        of = f" of {listed([taken.name, *taken.others], 6)}" if taken.others else ""
        said.append(f"took entry {clean(taken.name)}{of}")
    if taken.copies:
        said.append(f"left out {listed(taken.copies)}: the same numbers")
    if taken.counters:
        said.append(f"left out {listed(taken.counters)}: a counter")
    if taken.beside:
        said.append(f"left out {listed(taken.beside)}: no tensors")
    if taken.prefix:
        said.append(f"stripped `{clean(taken.prefix)}.`")
    tensors, folded = fold(taken.tensors)
    tensors, wrappers = _without_wrappers(tensors)
    said += folded
    if wrappers:
        said.append(f"stripped {listed([f'`{name}.`' for name in wrappers])} inside names")
    return StateDict(tensors, taken.inputs, said, taken.others)


def _without_wrappers(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """Without the parts of names that begin with "_", as wrappers of modules call theirs.

    So `layer1._orig_mod.0.conv1.weight` is `layer1.0.conv1.weight`. Raises UserError where two
    tensors would have one name.
    """
    plain: dict[str, Tensor] = {}
    gone: dict[str, None] = {}
    for name, value in tensors.items():
        *path, last = name.split(".")
        new = ".".join([part for part in path if not part.startswith("_")] + [last])
        if new in plain:
            raise UserError(
                f"the file has two tensors that could be {clean(new)}; rename or remove one"
            )
        gone.update(dict.fromkeys(part for part in path if part.startswith("_")))
        plain[new] = value
    return unprefixed(plain)[1], list(gone)

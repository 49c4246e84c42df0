"""Anybody's network as probes want it: pixels in, its normalisation inside, sites to watch."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from selffit.data.imageset import as_float
from selffit.errors import UserError
from selffit.models.base import Network, Normalise
from selffit.probes.base import probing

_AFTER = (  # what belongs to the map of the convolution before it
    _NormBase,
    nn.GroupNorm,
    nn.ReLU,
    nn.ReLU6,
    nn.LeakyReLU,
    nn.PReLU,
    nn.ELU,
    nn.CELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Mish,
    nn.Softplus,
    nn.Hardswish,
)
Normalisation = tuple[float | Sequence[float], float | Sequence[float]] | Callable[[Tensor], Tensor]


class Adapted(Network):
    """Somebody's network: `inner` is theirs, as it trains, and is never changed.

    What wraps it for compilation or for several processes is taken off, for probes need neither.
    """

    def __init__(self, inner: nn.Module, normalise: nn.Module | Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner = unwrapped(inner)
        self._normalise = normalise
        self.classes = 0
        self._sites: dict[str, str] = {}  # modules of `inner` by the name of their convolution

    def forward(self, x: Tensor) -> Tensor:
        """Images [B,C,H,W] in [0,1] → logits [B,K]."""
        found = self.inner(self._normalise(x))
        logits: Tensor = getattr(found, "logits", found)  # as Hugging Face's networks give them
        return logits

    def sites(self) -> dict[str, nn.Module]:
        """The map of every convolution that runs once a pass; see `find_sites`."""
        return {name: self.inner.get_submodule(path) for name, path in self._sites.items()}

    def find_sites(self, x: Tensor) -> None:
        """Look in one forward pass at x what runs after each convolution.

        Its site is the last norm or activation right behind it that is a module and runs once; a
        functional activation is not seen.
        """
        leaves = {path: m for path, m in self.inner.named_modules() if not list(m.children())}
        ran: list[tuple[str, nn.Module, int]] = []

        def hook(path: str) -> Callable[[nn.Module, object, object], None]:
            def see(module: nn.Module, inputs: object, output: object) -> None:
                channels = 0
                if isinstance(output, Tensor) and output.ndim == 4:
                    channels = output.shape[1]
                ran.append((path, module, channels))

            return see

        handles = [m.register_forward_hook(hook(path)) for path, m in leaves.items()]
        try:
            with probing(self), torch.no_grad():
                self(x)
        finally:
            for handle in handles:
                handle.remove()
        times = Counter(path for path, _, _ in ran)
        for at, (name, module, channels) in enumerate(ran):
            if not isinstance(module, nn.Conv2d) or times[name] > 1 or not channels:
                continue
            site = name
            for path, after, of in ran[at + 1 :]:
                if not isinstance(after, _AFTER) or of != channels or times[path] > 1:
                    break
                site = path
            self._sites[name] = site


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside torch.compile, DataParallel and DistributedDataParallel."""
    for name in ("_orig_mod", "module"):
        inner = getattr(model, name, None)
        wraps = name == "_orig_mod" or type(model).__name__.endswith("DataParallel")
        if isinstance(inner, nn.Module) and wraps:
            return unwrapped(inner)
    return model


def adapted(model: nn.Module, images: Tensor, normalise: Normalisation | None) -> Adapted:
    """Return a network ready for probes; images: float32 [1,C,H,W] in [0,1], where it lies.

    normalise: (mean, std), each a number or one a channel, or a function of images, where that is
    not part of the network. Raises UserError where it does not give logits for these images.
    """
    channels = images.shape[1]
    before: nn.Module | Callable[[Tensor], Tensor]
    if normalise is None:
        before = nn.Identity()
    elif callable(normalise):
        before = normalise
    else:
        mean, std = normalise
        scale = (1 / torch.as_tensor(std, dtype=torch.float32).reshape(-1)).tolist()
        before = Normalise(channels, _numbers(mean), scale).to(images.device)
    network = Adapted(model, before)
    try:
        with probing(network), torch.no_grad():
            logits = network(images)
    except Exception as error:  # whatever their network says of images that do not fit
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"the network does not take a held-out image {list(images.shape)} float32 on "
            f"{images.device}: {line}; held-out images have the shape [N,C,H,W] that it trains on"
        ) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2:
        shape = list(logits.shape) if isinstance(logits, Tensor) else _kind(logits)
        raise UserError(f"the network gives {shape} for one image; probes need logits [1,classes]")
    network.classes = logits.shape[1]
    network.find_sites(images)
    return network


def can_be_copied(network: Adapted) -> bool:
    """Whether a copy can be kept to compare with."""
    try:
        copy.deepcopy(network)
    except Exception:  # of whatever their modules hold
        return False
    return True


def first_of(images: Tensor) -> Tensor:
    """The first of uint8 [N,C,H,W], as float32 [1,C,H,W] in [0,1]."""
    return as_float(images[:1])


def device_of(model: object) -> torch.device:
    """Where its tensors are. Raises UserError where that is more than one place, or no network."""
    if not isinstance(model, nn.Module):
        raise UserError(f"model is {_kind(model)}; give a torch.nn.Module")
    places = {tensor.device for tensor in (*model.parameters(), *model.buffers())}
    if len(places) > 1:
        names = ", ".join(sorted(map(str, places)))
        raise UserError(
            f"the network lies on several devices ({names}); probes need it on one: move it before "
            "the Monitor is made"
        )
    return places.pop() if places else torch.device("cpu")


def _numbers(value: float | Sequence[float]) -> list[float]:
    found: list[float] = torch.as_tensor(value, dtype=torch.float32).reshape(-1).tolist()
    return found


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"

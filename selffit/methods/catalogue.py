"""Every training method by name, found by looking: each file of this folder with a METHOD is one.

Loads no torch.
"""

import pkgutil
from importlib import import_module
from pathlib import Path

from selffit.methods.base import Method

SHARED = ("base", "catalogue", "gradient", "mixing")  # files that are no methods


def _found() -> dict[str, Method]:
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    modules = [import_module(f"selffit.methods.{name}") for name in names if name not in SHARED]
    methods: list[Method] = [module.METHOD for module in modules]
    methods.sort(key=lambda method: (method.cost, method.year, method.name))
    return {method.name: method for method in methods}


METHODS = _found()
# settings that mean something to some methods only: another method brings its own
OF_THE_METHOD = tuple(dict.fromkeys(name for method in METHODS.values() for name in method.uses))


def users(setting: str) -> list[str]:
    """The methods to which a setting of `OF_THE_METHOD` means something."""
    return [method.name for method in METHODS.values() if setting in method.uses]

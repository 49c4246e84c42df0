"""selffit, headless: fast adversarial training, its probes, the detector and the event log."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selffit.hosted.monitor import Monitor

__all__ = ["Monitor", "__version__"]
__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """`selffit.Monitor`, which needs torch: loaded when it is asked for."""
    if name == "Monitor":
        return import_module("selffit.hosted.monitor").Monitor
    raise AttributeError(f"module 'selffit' has no attribute '{name}'")

"""Libraries that only some things need: loaded when one is met, and named when missing."""

from __future__ import annotations

from importlib.util import find_spec

from selffit.errors import UserError


def needed(module: str, extra: str, why: str) -> None:
    """Raises UserError that names the extra, where a library is not installed."""
    try:
        missing = find_spec(module) is None
    except (ImportError, ValueError):
        missing = True
    if missing:
        raise UserError(lacking(module, extra, why))


def lacking(module: str, extra: str, why: str) -> str:
    """Return that a library is not installed, and how it can be."""
    return (
        f"{why}: that needs {module}, which is not installed here; install selffit[{extra}], "
        f"or in a checkout run: uv run --extra {extra} …"
    )

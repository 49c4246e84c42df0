"""The rule files that come with the package: what the public codes of fast training print."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from selffit.lines.rules import RuleFile, parse_rules

GENERAL = "general"  # for what no public code prints: tried where no other fits


@lru_cache(maxsize=1)
def formats() -> dict[str, RuleFile]:
    """The rule files by name; the general one is the last."""
    folder = files("selffit.lines") / "formats"
    names = sorted(
        (one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")),
        key=lambda name: (name == GENERAL, name),
    )
    return {name: parse_rules((folder / f"{name}.toml").read_text("utf-8"), name) for name in names}

"""Commands whose help is drawn in colours: they pass the outlets, for every word of it is ours."""

import inspect
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from selffit.errors import UserError
from selffit.outlets import styled
from selffit_tui.talk import typed


def unfolded(text: str | None) -> str | None:
    """A docstring whose paragraphs are a line each: where they break is up to the terminal."""
    if not text:
        return text
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n"))


# what the help of typer loads, and ours never draws
_SPARED = (("rich.markdown", "Markdown"), ("rich.traceback", "Traceback"))


class _Late(type):
    """A class that stands for one of the same name, whose module is loaded once it is used."""

    def __call__(cls, *args: Any, **named: Any) -> Any:
        return getattr(import_module(cls.__module__), cls.__name__)(*args, **named)

    def __getattr__(cls, name: str) -> Any:
        return getattr(getattr(import_module(cls.__module__), cls.__name__), name)


def _load_drawing() -> None:
    """Load what draws the help, with stand-ins for what would take longer than all of it."""
    late = [(module, name) for module, name in _SPARED if module not in sys.modules]
    for module, name in late:
        sys.modules[module] = ModuleType(module)
        setattr(sys.modules[module], name, _Late(name, (), {"__module__": module}))
    try:
        import typer.rich_utils  # noqa: F401
    finally:
        for module, _ in late:
            del sys.modules[module]


class Helped(TyperCommand):
    """A command."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Read the options. Raises UserError for one without its value, and says what it takes."""
        try:
            return super().parse_args(ctx, args)
        except typer.TyperException as error:
            name = getattr(error, "option_name", "")
            option = next((param for param in self.params if name in param.opts), None)
            if not name or option is None or not error.format_message().endswith("argument."):
                raise
            metavar = (option.metavar or "value").strip("[]")
            told = unfolded(getattr(option, "help", "")) or "see the help"
            where = ctx.command_path.partition(" ")[2]
            raise UserError(
                f"{name} needs {metavar}: {told} (see {typed(f'{where} --help')})"
            ) from None

    def format_help(self, ctx: typer.Context, formatter: object) -> None:  # type: ignore[override]
        """Prints the help."""
        self.help = unfolded(self.help)
        _load_drawing()
        with styled():
            super().format_help(ctx, formatter)  # type: ignore[arg-type]


class HelpedGroup(TyperGroup):
    """A command with sub-commands."""

    def format_help(self, ctx: typer.Context, formatter: object) -> None:  # type: ignore[override]
        """Prints the help."""
        self.help = unfolded(self.help)
        _load_drawing()
        with styled():
            super().format_help(ctx, formatter)  # type: ignore[arg-type]

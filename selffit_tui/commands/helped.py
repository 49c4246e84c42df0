"""Commands whose help is drawn in colours: they pass the outlets, for every word of it is ours."""

import typer
from typer.core import TyperCommand, TyperGroup

from selffit.outlets import styled


class Helped(TyperCommand):
    """A command."""

    def format_help(self, ctx: typer.Context, formatter: object) -> None:  # type: ignore[override]
        """Prints the help."""
        with styled():
            super().format_help(ctx, formatter)  # type: ignore[arg-type]


class HelpedGroup(TyperGroup):
    """A command with sub-commands."""

    def format_help(self, ctx: typer.Context, formatter: object) -> None:  # type: ignore[override]
        """Prints the help."""
        with styled():
            super().format_help(ctx, formatter)  # type: ignore[arg-type]

"""Commands whose help is drawn in colours: they pass the outlets, for every word of it is ours."""

import sys

import typer
from typer.core import TyperCommand, TyperGroup

from selffit.outlets import styled


class Helped(TyperCommand):
    """A command."""

    def format_help(self, ctx: typer.Context, formatter: object) -> None:  # type: ignore[override]
        """Prints the help."""
        with styled():
            super().format_help(ctx, formatter)  # type: ignore[arg-type]


class Announced(Helped):
    """A command that does much before it has something to show: a person is told at once."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Reads the options, which alone takes half a second where they are many."""
        helps = bool({*args} & {*ctx.help_option_names})
        if sys.stderr.isatty() and not helps:
            print("reading the settings …", file=sys.stderr, flush=True)
        return super().parse_args(ctx, args)


class HelpedGroup(TyperGroup):
    """A command with sub-commands."""

    def format_help(self, ctx: typer.Context, formatter: object) -> None:  # type: ignore[override]
        """Prints the help."""
        with styled():
            super().format_help(ctx, formatter)  # type: ignore[arg-type]

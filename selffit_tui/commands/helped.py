"""Commands whose help is drawn in colours: they pass the outlets, for every word of it is ours."""

import inspect
import sys

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
        self.help = unfolded(self.help)
        with styled():
            super().format_help(ctx, formatter)  # type: ignore[arg-type]

"""The command line: all commands in one place. A command's code loads when it is used, since most of it is slow to."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from meterline.cli import front
from meterline.cli.exits import guard
from meterline.cli.options import CALL_REASON, ContextOption, plain_app
from meterline.cli.parameters import read_plainly

if TYPE_CHECKING:
    # Typer carries its own copy of Click and names its classes nowhere else.
    from typer._click import Command, Context, HelpFormatter


class _Commands(MutableMapping[str, "Command"]):
    """The commands by name, each loaded when it is looked up."""

    def __init__(self) -> None:
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            module, _, attribute = front.COMMANDS[name][0].partition(":")
            found = getattr(import_module(f"meterline.cli.{module}"), attribute)
            self._loaded[name] = _as_command(name, found)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(front.COMMANDS)

    def __len__(self) -> int:
        return len(front.COMMANDS)


def _as_command(name: str, found: Any) -> Command:
    command_app = found
    if not isinstance(found, typer.Typer):
        command_app = plain_app()
        command_app.command(name)(found)
    return read_plainly(typer.main.get_command(command_app))


class _Group(TyperGroup):
    """Lists the commands without loading them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        read_plainly(self)
        self.commands = _Commands()

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Find a command by its name, which may be two words: what else begins with the first one stays as it is."""
        name = " ".join(args[:2])
        if len(args) > 1 and name in front.COMMANDS:
            return name, self.commands[name], args[2:]
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names in the order of `front.COMMANDS`."""
        del ctx
        return list(front.COMMANDS)

    def format_help(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write the same help that the command gives before any of this is loaded."""
        del ctx
        formatter.write(front.help_text() + "\n")


app = typer.Typer(
    cls=_Group,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def before_the_command(
    context: ContextOption = None,  # noqa: ARG001 - commands look for it here
    reason: Annotated[str, typer.Option(envvar="METERLINE_REASON", help=front.REASON_HELP, show_default=False)] = "",
) -> None:
    """Take the options that stand before the command."""
    CALL_REASON.set(reason)


def main() -> None:
    """Run the command line; every failure ends as one clear line and an exit code."""
    guard(lambda: app(standalone_mode=False))

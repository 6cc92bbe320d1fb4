"""The command line: all commands in one place. A command's code loads when it is used, since most of it is slow to."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup

from meterline.cli.exits import EXIT_CODES_HELP, guard
from meterline.cli.options import ContextOption, plain_app
from meterline.cli.parameters import read_plainly

if TYPE_CHECKING:
    # Typer carries its own copy of Click and names its classes nowhere else.
    from typer._click import Command, Context, HelpFormatter

COMMANDS: Final = {
    "apply": ("apply:apply", "Make the catalog what the files say. Applying them again changes nothing."),
    "get": ("get:get", "Show what the services hold: catalog objects, backfills, parked events, progress."),
    "report": (
        "report:report",
        "Report usage events, one JSON object per line. Repeating it is safe: what was accepted counts as a duplicate.",
    ),
    "import": (
        "csv_import:import_csv",
        "Import usage events from a CSV file. Importing it again accepts nothing twice.",
    ),
    "usage": ("usage:usage", "Show the usage of a meter. Windows in which nothing happened have no row."),
    "charges": ("usage:charges", "Show what usage costs so far, exactly and not yet rounded."),
    "explain": (
        "explain:explain",
        "Explain an invoice line: line, charge, price, snapshot, windows and, if asked for, events and traces.",
    ),
    "up": ("up:up", "Run the whole suite on this machine until Ctrl-C; its state stays in the data folder."),
    "schema": ("schema:schema", "Print the JSON Schema of catalog files."),
    "version": ("version:version", "Print the version."),
    "token": ("token:app", "Tokens by which callers prove who they are."),
    "invoice": ("invoices:app", "Drafts and final invoices."),
}
"""Name -> where it is written, and its line in `--help`: the first paragraph of its own help, which a test compares."""


class _Commands(MutableMapping[str, "Command"]):
    """The commands by name, each loaded when it is looked up."""

    def __init__(self) -> None:
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        if name not in self._loaded:
            module, _, attribute = COMMANDS[name][0].partition(":")
            found = getattr(import_module(f"meterline.cli.{module}"), attribute)
            self._loaded[name] = _as_command(name, found)
        return self._loaded[name]

    def __setitem__(self, name: str, command: Command) -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


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

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the names in the order of `COMMANDS`."""
        del ctx
        return list(COMMANDS)

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write name and help of every command."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    epilog=EXIT_CODES_HELP,
    context_settings={"max_content_width": 120},
)


@app.callback()
def before_the_command(context: ContextOption = None) -> None:
    """Turn usage events into invoices, and walk from any invoice line back to its events."""


def main() -> None:
    """Run the command line; every failure ends as one clear line and an exit code."""
    guard(lambda: app(standalone_mode=False))

"""The options that most commands share."""

from __future__ import annotations

from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from typer.core import TyperGroup

from meterline.cli.front import CONTEXT_HELP

if TYPE_CHECKING:
    # Typer carries its own copy of Click and names its classes nowhere else.
    from typer._click import Context, HelpFormatter

_LINE_MAX: Final = 1000
CALL_REASON: Final[ContextVar[str]] = ContextVar("meterline_call_reason", default="")
"""What the user says of why, before the command; calls that change something carry it to the audit trail."""


class _Group(TyperGroup):
    """Shows the whole first paragraph of every command, however narrow the terminal is."""

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """Write name and help of every command."""
        del ctx
        lines = {name: command.get_short_help_str(_LINE_MAX) for name, command in self.commands.items()}
        with formatter.section("Commands"):
            formatter.write_dl(list(lines.items()))


def plain_app(help_text: str | None = None) -> typer.Typer:
    """Make an app whose help is plain: the richer form takes longer to load than all else together."""
    return typer.Typer(cls=_Group, help=help_text, add_completion=False, rich_markup_mode=None)


class Output(StrEnum):
    """Form in which results are printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


class RowsOutput(StrEnum):
    """Form in which rows are printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def is_export(self) -> bool:
        """Whether it is for other programs to read as rows."""
        return self in (RowsOutput.CSV, RowsOutput.PARQUET)

    @property
    def document(self) -> Output:
        """The same form where all is printed as one document."""
        return Output(self.value)


def _given_before_the_command(context: typer.Context, value: Path | None) -> Path | None:
    given: Path | None = value or context.find_root().params.get("context")
    return given


ContextOption = Annotated[
    Path | None,
    typer.Option(
        "--context",
        callback=_given_before_the_command,
        help=CONTEXT_HELP,
        show_default=False,
    ),
]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="Form of the result.")]
RowsOutputOption = Annotated[
    RowsOutput, typer.Option("-o", "--output", help="Form of the result; Parquet is for a file: > usage.parquet.")
]
ContractOption = Annotated[
    str, typer.Option("--contract", help="Contract, where the customer has several in the period.")
]
CheckOption = Annotated[
    bool,
    typer.Option(
        "--check",
        help="Only say what would be refused or not counted, or is given twice; nothing is kept.",
    ),
]
BackfillOption = Annotated[bool, typer.Option("--backfill", help="Also report events older than the late limit.")]
BackfillIdOption = Annotated[
    str,
    typer.Option(
        "--backfill-id",
        metavar="ID",
        help="Report through this backfill, which `backfill open` has opened and which stays open.",
        show_default=False,
    ),
]

"""The options that most commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from meterline.suite import context as contexts


def plain_app(help_text: str | None = None) -> typer.Typer:
    """Make an app whose help is plain: the richer form takes longer to load than all else together."""
    return typer.Typer(help=help_text, no_args_is_help=bool(help_text), add_completion=False, rich_markup_mode=None)


class Output(StrEnum):
    """Form in which results are printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def _given_before_the_command(context: typer.Context, value: Path | None) -> Path | None:
    given: Path | None = value or context.find_root().params.get("context")
    return given


ContextOption = Annotated[
    Path | None,
    typer.Option(
        "--context",
        callback=_given_before_the_command,
        help=f"Ready file of `meterline up`. Default: the file that {contexts.ENVIRONMENT_KEY} names, otherwise the "
        "one in ./.meterline. May also be given before the command.",
        show_default=False,
    ),
]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="Form of the result.")]
BackfillOption = Annotated[bool, typer.Option("--backfill", help="Also report events older than the late limit.")]

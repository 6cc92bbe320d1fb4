"""`meterline template …`: catalogs of the usual shapes, which apply as they are."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Annotated

import typer

from meterline.cli.options import Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, write
from meterline.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

app = plain_app("Catalogs of the usual shapes: pay as you go, base and overage, tiers, voice, SMS, data, LLM tokens.")


@app.command("list")
def list_templates(output: OutputOption = Output.TABLE) -> None:
    """List the templates."""
    rows = [(name, about(text)) for name, text in templates().items()]
    if output is Output.TABLE:
        print_table(("name", "what it is"), rows)
    else:
        print_document([{"name": name, "description": description} for name, description in rows], output)


@app.command("show")
def show_template(name: Annotated[str, typer.Argument(help="Template.", show_default=False)]) -> None:
    """Print a template: change what you like, and apply it."""
    known = templates()
    if name not in known:
        raise InputError(f"there is no template {name!r}; write one of {', '.join(known)}")
    write(known[name].rstrip("\n"))


def templates() -> Mapping[str, str]:
    """Return the text of each template by its name."""
    files = resources.files("meterline").joinpath("templates").iterdir()
    found = {file.name.removesuffix(".yaml"): file.read_text(encoding="utf-8") for file in files}
    return dict(sorted(found.items()))


def about(text: str) -> str:
    """Return what a template is: its first line."""
    return text.partition("\n")[0].removeprefix("# ")

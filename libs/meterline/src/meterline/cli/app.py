"""The command line: all commands in one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer

from meterline import suite, tokens
from meterline.cli import catalog, csv_import, get, invoices, report, usage
from meterline.cli.output import print_document
from meterline.cli.running import EXIT_CODES_HELP, ContextOption, Output, OutputOption, console, guard
from meterline.suite import context as contexts
from meterline.suite.directory import default_data_dir

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    epilog=EXIT_CODES_HELP,
)
token_app = typer.Typer(no_args_is_help=True, help="Tokens by which callers prove who they are.")
app.add_typer(token_app, name="token")
app.add_typer(invoices.app, name="invoice")

app.command("apply")(catalog.apply)
app.command("get")(get.get)
app.command("report")(report.report)
app.command("import")(csv_import.import_csv)
app.command("usage")(usage.usage)
app.command("charges")(usage.charges)
app.command("explain")(invoices.explain)


@app.callback()
def before_the_command(context: ContextOption = None) -> None:
    """Turn usage events into invoices, and walk from any invoice line back to its events."""


@app.command("up")
def up(
    data: Annotated[
        Path | None, typer.Option("--data", help="Where state is kept. Default: .meterline in this folder.")
    ] = None,
    ready_file: Annotated[Path | None, typer.Option("--ready-file", help="Written when all services serve.")] = None,
    otlp_endpoint: Annotated[
        str | None, typer.Option(help="host:port of an OTLP/gRPC receiver for traces and metrics.")
    ] = None,
    trace_ratio: Annotated[str | None, typer.Option(help='Share of traces to sample, "0" to "1".')] = None,
) -> None:
    """Run the whole suite on this machine until Ctrl-C; its state stays in the data folder."""
    suite.up(data or default_data_dir(), ready_file, otlp_endpoint=otlp_endpoint, trace_ratio=trace_ratio)


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of catalogue files."""
    console.out(catalog.schema_text(), end="", highlight=False)


@app.command("version")
def version() -> None:
    """Print the version."""
    console.out(metadata.version("meterline"), highlight=False)


@token_app.command("create")
def token_create(  # noqa: PLR0913, PLR0917 - options of a command
    tenant: Annotated[str, typer.Option(help="Tenant for which the token acts.")] = "default",
    scope: Annotated[
        list[str] | None, typer.Option(help="report, read or admin; repeat for several. Default: report, read.")
    ] = None,
    subject: Annotated[str, typer.Option(help="Who uses it, for the records.")] = "command-line",
    hours: Annotated[int, typer.Option(min=1, max=24 * 366 * 10, help="How long it is valid.")] = 24,
    audience: Annotated[str, typer.Option(help="Suite for which it is made.")] = tokens.AUDIENCE,
    signing_key: Annotated[
        Path | None, typer.Option(help="PEM file of the private key. Default: that of the running suite.")
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print a new token: alone, or with what it says (-o json)."""
    key_file = signing_key or contexts.load(context).keys_directory() / tokens.KEY_FILE_NAME
    grant = tokens.Grant(tenant=tenant, scopes=tuple(scope or ("report", "read")), subject=subject)
    issued_at = datetime.now(UTC).replace(microsecond=0)
    valid_for = timedelta(hours=hours)
    key = tokens.SigningKey.load(key_file)
    token = tokens.mint(key, grant, valid_for=valid_for, audience=audience, issued_at=issued_at)
    if output is Output.TABLE:
        console.out(token, highlight=False)
        return
    document = {
        "token": token,
        "tenant": grant.tenant,
        "subject": grant.subject,
        "scopes": list(grant.scopes),
        "audience": audience,
        "expiresAt": (issued_at + valid_for).isoformat().replace("+00:00", "Z"),
    }
    print_document(document, output)


def main() -> None:
    """Run the command line; every failure ends as one clear line and an exit code."""
    guard(lambda: app(standalone_mode=False))

"""`meterline token …`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from meterline import tokens
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, write
from meterline.suite import context as contexts

app = plain_app("Tokens by which callers prove who they are.")


@app.callback()
def token() -> None:
    """Hold the commands of `meterline token`; with one of them alone, typer would leave its name out."""


@app.command("create")
def create(  # noqa: PLR0913, PLR0917 - options of a command
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
    made = tokens.mint(key, grant, valid_for=valid_for, audience=audience, issued_at=issued_at)
    if output is Output.TABLE:
        write(made)
        return
    document = {
        "token": made,
        "tenant": grant.tenant,
        "subject": grant.subject,
        "scopes": list(grant.scopes),
        "audience": audience,
        "expiresAt": (issued_at + valid_for).isoformat().replace("+00:00", "Z"),
    }
    print_document(document, output)

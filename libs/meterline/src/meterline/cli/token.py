"""`meterline token …`."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from meterline import tokens
from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, write
from meterline.suite import context as contexts
from meterline.suite.directory import REVOKED_FILE_NAME

app = plain_app("Tokens by which callers prove who they are.")


@app.callback()
def token() -> None:
    """Hold the commands of `meterline token`; with one of them alone, typer would leave its name out."""


@app.command("create")
def create(  # noqa: PLR0913, PLR0917 - options of a command
    tenant: Annotated[str, typer.Option(help="Tenant for which the token acts.")] = "default",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="report, read, admin or portal; repeat for several. Default: report, read; of customers: read."
        ),
    ] = None,
    subject: Annotated[str, typer.Option(help="Who uses it, for the records.")] = "command-line",
    hours: Annotated[
        int,
        typer.Option(
            min=1, max=24 * 366 * 10, help="How long it is valid; more than 24 only if the services allow it."
        ),
    ] = 24,
    customer: Annotated[str, typer.Option(help="The one customer it acts for. Default: the whole tenant.")] = "",
    acts_for_customers: Annotated[  # noqa: FBT002 - an option of a command
        bool, typer.Option("--acts-for-customers", help="Each call must name the customer it acts for.")
    ] = False,
    token_id: Annotated[str, typer.Option("--id", help="Id by which it can be revoked. Default: a new one.")] = "",
    audience: Annotated[str, typer.Option(help="Suite for which it is made.")] = tokens.AUDIENCE,
    signing_key: Annotated[
        Path | None, typer.Option(help="PEM file of the private key. Default: that of the running suite.")
    ] = None,
    context: ContextOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print a new token: alone, or with what it says (-o json)."""
    key_file = signing_key or contexts.load(context).keys_directory() / tokens.KEY_FILE_NAME
    grant = tokens.Grant(
        tenant=tenant,
        scopes=tuple(scope or (("read",) if customer or acts_for_customers else ("report", "read"))),
        subject=subject,
        customer=customer,
        acts_for_customers=acts_for_customers,
        token_id=token_id or str(uuid.uuid4()),
    )
    issued_at = datetime.now(UTC).replace(microsecond=0)
    valid_for = timedelta(hours=hours)
    key = tokens.SigningKey.load(key_file)
    made = tokens.mint(key, grant, valid_for=valid_for, audience=audience, issued_at=issued_at)
    if output is Output.TABLE:
        write(made)
        return
    document = {
        "token": made,
        "id": grant.token_id,
        "tenant": grant.tenant,
        "subject": grant.subject,
        "customer": grant.customer,
        "actsForCustomers": grant.acts_for_customers,
        "scopes": list(grant.scopes),
        "audience": audience,
        "expiresAt": (issued_at + valid_for).isoformat().replace("+00:00", "Z"),
    }
    print_document(document, output)


@app.command("revoke")
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id (`jti`); `create -o json` prints it.")],
    revoked_file: Annotated[
        Path | None, typer.Option("--file", help="File of revoked tokens. Default: that of the running suite.")
    ] = None,
    context: ContextOption = None,
) -> None:
    """Have services refuse a token from now on; they look at the file every ten seconds."""
    file = revoked_file or contexts.load(context).keys_directory() / REVOKED_FILE_NAME
    is_new = tokens.revoke(file, token_id)
    write(f"{token_id} {'is revoked' if is_new else 'was revoked before'}: {file}")

"""`meterline keys …`: the keys that sign tokens, made and replaced without a refused call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from meterline.cli.options import ContextOption, Output, OutputOption, plain_app
from meterline.cli.output import print_document, print_table, say, write
from meterline.key_ring import KeyRing, ListedKey
from meterline.suite import context as contexts

app = plain_app("The keys that sign tokens: the private one stays where tokens are made, services get the public ones.")
DirectoryOption = Annotated[
    Path | None, typer.Option("--directory", help="Folder of the keys. Default: that of the running suite.")
]


@app.command("create")
def create(directory: DirectoryOption = None, context: ContextOption = None) -> None:
    """Make the first key: signing.pem signs tokens, jwks.json is what services read (their *_JWKS_FILE)."""
    ring = _ring(directory, context)
    made = ring.create()
    write(made.kid)
    say(f"give {ring.jwks_file} to the services, and keep the rest of {ring.directory} to yourself")


@app.command("list")
def list_keys(
    directory: DirectoryOption = None, context: ContextOption = None, output: OutputOption = Output.TABLE
) -> None:
    """List the keys that services accept."""
    keys = _ring(directory, context).listed()
    if output is Output.TABLE:
        print_table(("kid", "state"), [(key.kid, key.state) for key in keys])
    else:
        print_document({"keys": [{"kid": key.kid, "state": key.state} for key in keys]}, output)


@app.command("rotate")
def rotate(
    activate: Annotated[bool, typer.Option("--activate", help="Let the next key sign.")] = False,  # noqa: FBT002
    directory: DirectoryOption = None,
    context: ContextOption = None,
) -> None:
    """Prepare the next key; once all services have read the new jwks.json, run it again with --activate."""
    ring = _ring(directory, context)
    changed = ring.activate() if activate else ring.prepare()
    write(changed.kid)
    say(_after_activating(ring.listed()) if activate else _after_preparing(ring))


@app.command("retire")
def retire(
    kid: Annotated[str, typer.Argument(help="Which key; `meterline keys list` shows them.")],
    directory: DirectoryOption = None,
    context: ContextOption = None,
) -> None:
    """Take a key off the list that signs no more; services refuse its tokens within 10 seconds of reading that."""
    ring = _ring(directory, context)
    ring.retire(kid)
    say(f"give {ring.jwks_file} to the services again")


def _ring(directory: Path | None, context: Path | None) -> KeyRing:
    return KeyRing(directory or contexts.load(context).keys_directory())


def _after_preparing(ring: KeyRing) -> str:
    return (
        f"give {ring.jwks_file} to the services; 10 seconds after the last one has the file, "
        "run `meterline keys rotate --activate`"
    )


def _after_activating(keys: list[ListedKey]) -> str:
    retiring = ", ".join(key.kid for key in keys if key.state == "retiring")
    return (
        f"make the tokens of services and callers anew; when the last token of {retiring} has ended, "
        "run `meterline keys retire` with it"
    )

"""`meterline database init`: the databases and roles of the services on a Postgres of one's own."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote, urlsplit

import typer

from meterline.cli.options import plain_app
from meterline.cli.output import say, write
from meterline.errors import InputError
from meterline.suite import files
from meterline.suite.databases import Credentials, ensure_database_of
from meterline.suite.services import SERVICES

if TYPE_CHECKING:
    from urllib.parse import SplitResult

app = plain_app("Databases of the services.")
_NAMES: Final = tuple(service.name for service in SERVICES)
_PASSWORD_BYTES: Final = 24


@app.callback()
def database() -> None:
    """Hold the commands of `meterline database`; with one of them alone, typer would leave its name out."""


@app.command("init")
def init(
    dsn_file: Annotated[
        Path, typer.Option("--dsn-file", help="File with the postgresql:// address of a role that may make roles.")
    ],
    directory: Annotated[Path, typer.Option(help="Where the addresses of the new roles are written, mode 0600.")],
    service: Annotated[
        list[str] | None, typer.Option(help="Only this service; repeat for several. Default: all.")
    ] = None,
) -> None:
    """Make for each service its database, the role that owns its schema, and the role it runs as.

    Repeating it is safe: passwords that are in the folder stay. For each service two files are written: NAME.dsn (give
    it to the service as *_DSN_FILE) and NAME.migrate.dsn (to its migrations, as *_MIGRATE_DSN_FILE).
    """
    superuser = _address_in(dsn_file)
    for name in service or _NAMES:
        if name not in _NAMES:
            raise InputError(f"there is no service {name!r}; they are {', '.join(_NAMES)}")
    files.make_private_directory(directory)
    for name in service or _NAMES:
        asyncio.run(_make(superuser, directory, name))
        write(f"{name}: database {name}, roles {name}_owner and {name}_app")
    say(f"the addresses are in {directory}; next, run the migrations with *_APP_ROLE=NAME_app")


async def _make(superuser: SplitResult, directory: Path, name: str) -> None:
    owner = _credentials(directory / f"{name}.migrate.dsn", f"{name}_owner")
    app_role = _credentials(directory / f"{name}.dsn", f"{name}_app")
    # Written before they hold in Postgres: a password that nobody knows could not be used again.
    for credentials, file in ((owner, f"{name}.migrate.dsn"), (app_role, f"{name}.dsn")):
        files.write_atomically(directory / file, _address_of(superuser, credentials, name), mode=files.SECRET_MODE)
    await ensure_database_of(superuser.geturl(), name, owner, app_role)


def _credentials(file: Path, role: str) -> Credentials:
    if file.exists():
        known = urlsplit(file.read_text("utf-8").strip())
        if known.username != role or not known.password:
            raise InputError(f"{file} is not the address of role {role}; take it away to have it made anew")
        return Credentials(role, known.password)
    return Credentials(role, secrets.token_urlsafe(_PASSWORD_BYTES))


def _address_of(superuser: SplitResult, who: Credentials, name: str) -> str:
    place = superuser.netloc.rpartition("@")[2]
    return superuser._replace(netloc=f"{who.role}:{quote(who.password)}@{place}", path=f"/{name}").geturl() + "\n"


def _address_in(file: Path) -> SplitResult:
    try:
        address = urlsplit(file.read_text("utf-8").strip())
    except (OSError, ValueError) as error:
        raise InputError(f"can't read the address in {file}: {error}") from error
    if address.scheme not in {"postgresql", "postgres"} or not address.hostname:
        raise InputError(f"{file} must hold one line such as postgresql://postgres:PASSWORD@host:5432/postgres")
    return address

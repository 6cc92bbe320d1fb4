"""`meterline database …`: the databases, roles and passwords of the services on a Postgres of one's own."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote, unquote, urlsplit

import asyncpg
import typer

from meterline.cli.exits import ExitCode, fail
from meterline.cli.options import plain_app
from meterline.cli.output import say, write
from meterline.errors import InputError
from meterline.suite import files
from meterline.suite.databases import (
    Credentials,
    end_sign_in,
    ensure_database_of,
    let_sign_in,
    sessions_of,
    set_password,
)
from meterline.suite.services import SERVICES

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from urllib.parse import SplitResult

app = plain_app("Databases of the services.")
_NAMES: Final = tuple(service.name for service in SERVICES)
_PASSWORD_BYTES: Final = 24
_RETIRE_WAIT_S: Final = 30.0


DsnFileOption = Annotated[
    Path, typer.Option("--dsn-file", help="File with the postgresql:// address of a role that may make roles.")
]
ServiceOption = Annotated[list[str] | None, typer.Option(help="Only this service; repeat for several. Default: all.")]


@app.command("init")
def init(
    dsn_file: DsnFileOption,
    directory: Annotated[Path, typer.Option(help="Where the addresses of the new roles are written, mode 0600.")],
    service: ServiceOption = None,
) -> None:
    """Make for each service its database, the role that owns its schema, and the role it runs as.

    Repeating it is safe: passwords that are in the folder stay. For each service two files are written: NAME.dsn (give
    it to the service as *_DSN_FILE) and NAME.migrate.dsn (to its migrations, as *_MIGRATE_DSN_FILE).
    """
    superuser, names = _address_in(dsn_file), _checked(service)
    files.make_private_directory(directory)
    for name in names:
        _run(_make(superuser, directory, name))
        write(f"{name}: database {name}, roles {name}_owner and {name}_app")
    say(f"the addresses are in {directory}; next, run the migrations with *_APP_ROLE=NAME_app")


@app.command("password")
def password(
    dsn_file: DsnFileOption,
    directory: Annotated[Path, typer.Option(help="Where `init` wrote the addresses; the new ones are written there.")],
    service: ServiceOption = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the new password, for one service. Default: one is made up.")
    ] = None,
    owner: Annotated[  # noqa: FBT002 - an option of a command
        bool, typer.Option("--owner", help="That of the role that owns the schema, which only migrations use.")
    ] = False,
    retire: Annotated[  # noqa: FBT002 - an option of a command
        bool, typer.Option("--retire", help="End the former role of the services, once they all use the new address.")
    ] = False,
) -> None:
    """Change the passwords of the services' roles without a failed call, in two steps.

    Two roles take turns, NAME_app and NAME_app_2: the first step lets the other one sign in with a new password and
    writes the new address. When every process uses it, `--retire` takes the former one's password away.
    """
    superuser, names = _address_in(dsn_file), _checked(service)
    if password_file is not None and (len(names) != 1 or retire):
        raise InputError("a password is for one service and for the first step: name it with --service")
    if owner and retire:
        raise InputError("the owner's password has one step: leave --retire out")
    new = None if password_file is None else _password_in(password_file)
    for name in names:
        if retire:
            _run(_retire(superuser, directory, name))
        elif owner:
            _run(_change_owner(superuser, directory, name, new or secrets.token_urlsafe(_PASSWORD_BYTES)))
        else:
            _run(_take_turn(superuser, directory, name, new or secrets.token_urlsafe(_PASSWORD_BYTES)))
    if not (owner or retire):
        say("next, when every process uses its new address: the same command with --retire")


async def _make(superuser: SplitResult, directory: Path, name: str) -> None:
    owner = _credentials(directory / f"{name}.migrate.dsn", f"{name}_owner")
    app_role = _credentials(directory / f"{name}.dsn", *_turns(name))
    # Written before they hold in Postgres: a password that nobody knows could not be used again.
    for credentials, file in ((owner, f"{name}.migrate.dsn"), (app_role, f"{name}.dsn")):
        _write_address(directory / file, _address_of(superuser, credentials, name))
    await ensure_database_of(superuser.geturl(), name, owner, app_role, group=_turns(name)[0])


async def _take_turn(superuser: SplitResult, directory: Path, name: str, new: str) -> None:
    file = directory / f"{name}.dsn"
    address, former = _known(file, *_turns(name))
    next_role = _other(name, former.role)
    # In Postgres first: services read the file at each connect, and use what they find at once.
    if not await let_sign_in(superuser.geturl(), Credentials(next_role, new), group=_turns(name)[0]):
        text = f"{name}: {next_role} may still sign in from the last change; end that with --retire first"
        fail(text, ExitCode.NOT_READY)
    _write_address(file, _address_of(address, Credentials(next_role, new), name))
    write(f"{name}: {file} now names {next_role}; {former.role} may still sign in")


async def _retire(superuser: SplitResult, directory: Path, name: str) -> None:
    _, current = _known(directory / f"{name}.dsn", *_turns(name))
    former = _other(name, current.role)
    uses_former = await sessions_of(superuser.geturl(), former)
    if uses_former and not await sessions_of(superuser.geturl(), current.role):
        text = f"{name}: {former} has {uses_former} sessions and {current.role} none"
        fail(f"{text}; ask again when every process has read its new address", ExitCode.NOT_READY)
    try:
        ended = await end_sign_in(superuser.geturl(), former, wait_s=_RETIRE_WAIT_S)
    except TimeoutError:
        # Nothing is left to do for us: it has no password any more, and can't come back.
        say(f"{name}: a session of {former} is still at work; it ends with its connection")
        ended = True
    write(f"{name}: {former} {'may sign in no more' if ended else 'could not sign in before'}")


async def _change_owner(superuser: SplitResult, directory: Path, name: str, new: str) -> None:
    file = directory / f"{name}.migrate.dsn"
    address, owner = _known(file, f"{name}_owner")
    # Written first, as by `init`, which sets what the file says should this be interrupted.
    _write_address(file, _address_of(address, Credentials(owner.role, new), name))
    await set_password(superuser.geturl(), Credentials(owner.role, new))
    write(f"{name}: {owner.role} has a new password, in {file}")


def _turns(name: str) -> tuple[str, str]:
    """Return the roles as which a service signs in by turns; the first one has the rights, the second is its member."""
    return f"{name}_app", f"{name}_app_2"


def _other(name: str, role: str) -> str:
    first, second = _turns(name)
    return second if role == first else first


def _credentials(file: Path, *roles: str) -> Credentials:
    if file.exists():
        return _known(file, *roles)[1]
    return Credentials(roles[0], secrets.token_urlsafe(_PASSWORD_BYTES))


def _known(file: Path, *roles: str) -> tuple[SplitResult, Credentials]:
    """Return the address in a file and who it is of, one of `roles`."""
    address = _address_in(file)
    if address.username not in roles or not address.password:
        raise InputError(f"{file} is not the address of role {' or '.join(roles)}; take it away to have it made anew")
    return address, Credentials(address.username, unquote(address.password))


def _password_in(file: Path) -> str:
    try:
        text = file.read_text("utf-8").strip()
        Credentials("any", text)
    except OSError as error:
        raise InputError(f"can't read the password in {file}: {error}") from error
    except ValueError:
        raise InputError(f"the password in {file} must have 16 to 128 of A to Z, a to z, 0 to 9, - and _") from None
    return text


def _checked(service: list[str] | None) -> tuple[str, ...]:
    for name in service or ():
        if name not in _NAMES:
            raise InputError(f"there is no service {name!r}; they are {', '.join(_NAMES)}")
    return tuple(service or _NAMES)


def _run(work: Coroutine[None, None, None]) -> None:
    try:
        asyncio.run(work)
    except asyncpg.PostgresError as error:
        fail(f"Postgres refuses it: {error}; see the role in --dsn-file, and run this again", ExitCode.REFUSED)
    except OSError as error:
        fail(f"can't reach Postgres: {error}", ExitCode.UNREACHABLE)


def _write_address(file: Path, address: str) -> None:
    files.write_atomically(file, address, mode=files.SECRET_MODE)


def _address_of(known: SplitResult, who: Credentials, name: str) -> str:
    place = known.netloc.rpartition("@")[2]
    return known._replace(netloc=f"{who.role}:{quote(who.password)}@{place}", path=f"/{name}").geturl() + "\n"


def _address_in(file: Path) -> SplitResult:
    try:
        address = urlsplit(file.read_text("utf-8").strip())
    except (OSError, ValueError) as error:
        raise InputError(f"can't read the address in {file}: {error}") from error
    if address.scheme not in {"postgresql", "postgres"} or not address.hostname:
        raise InputError(f"{file} must hold one line such as postgresql://postgres:PASSWORD@host:5432/postgres")
    return address

"""Postgres for a service: one engine, short transactions that honour the caller's deadline, errors in our vocabulary.

SQL is written out as text (SQLAlchemy Core over asyncpg). Numbers are read as Decimal, even inside JSON, never as
floats.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chassis.database_address import DatabaseAddress
from chassis.deadline import current_deadline_s
from chassis.errors import Conflict, DeadlineExceeded, MeterlineError, Overloaded, Reason, Unavailable
from chassis.shares import PoolShares

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping


Result = TypeVar("Result")

CONNECT_TIMEOUT_S: Final = 5.0
POOL_TIMEOUT_S: Final = 5.0
"""Longest wait for a free connection before the caller is told that the service is overloaded."""
OWN_CONNECTIONS_MAX: Final = 6
"""Connections beyond the pool, opened when background work or readiness needs them while calls hold all of it."""
IDLE_IN_TRANSACTION_S: Final = 30.0
"""Our transactions wait for nothing but Postgres, so a transaction that idles this long has lost its process."""
_COMMAND_GRACE_S: Final = 5.0

# 25006: a server that was the primary and follows another one now; 28: it refuses our role or password.
_SQLSTATES_UNAVAILABLE: Final = ("08", "57P01", "57P02", "57P03", "57P05", "53300", "25P03", "25006", "28")
_SQLSTATES_CONFLICT: Final = ("40001", "40P01", "55P03")
_SQLSTATE_CANCELED: Final = "57014"
# Out of disk, memory or other resources, and failures of the system below Postgres.
_SQLSTATES_EXHAUSTED: Final = ("53", "58")
# Values out of range, broken constraints, and limits of Postgres such as the size of an index entry.
_SQLSTATES_DATA: Final = ("21", "22", "23", "54")
_FULL: Final[Mapping[str, str]] = MappingProxyType({"53100": "disk space", "53200": "memory"})
# Each connection starts with its engine's time-out; setting it again would cost one round trip per transaction.
_ENGINE_TIMEOUTS_S: Final[WeakKeyDictionary[AsyncEngine, float]] = WeakKeyDictionary()
_SHARES: Final[WeakKeyDictionary[AsyncEngine, PoolShares]] = WeakKeyDictionary()
_NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})
_DURABLE: Final = {
    "fsync": frozenset({"on"}),
    "full_page_writes": frozenset({"on"}),
    "synchronous_commit": frozenset({"on", "remote_apply"}),
}


class EngineSettings(Protocol):
    """What the engine needs to know; `ServiceSettings` is one."""

    @property
    def pool_size(self) -> int:
        """Database connections of this process."""
        ...

    @property
    def statement_timeout_s(self) -> float:
        """Seconds one SQL statement may take."""
        ...


class DurabilityError(Exception):
    """Postgres is configured so that an acknowledged event could be lost; the service must not start."""


def open_engine(
    address: DatabaseAddress | str,
    settings: EngineSettings,
    *,
    application_name: str = "meterline",
    pool_timeout_s: float = POOL_TIMEOUT_S,
    tenant_connections_max: int | None = None,
) -> AsyncEngine:
    """Return an engine for `address` (postgresql://…). Nothing is connected yet; `dispose` it after use.

    The calls of one tenant hold at most `tenant_connections_max` connections at once (default: all of the pool).

    Every commit waits for the disk, whatever the role's default is. The server ends statements and transactions that
    take too long and notices clients that died, so that a lost process can't hold a lane's lock indefinitely.
    """
    server_settings = {
        "application_name": application_name,
        "idle_in_transaction_session_timeout": _milliseconds(IDLE_IN_TRANSACTION_S),
        "statement_timeout": _milliseconds(settings.statement_timeout_s),
        "synchronous_commit": "on",
        "tcp_keepalives_count": "3",
        "tcp_keepalives_idle": "10",
        "tcp_keepalives_interval": "5",
        "timezone": "UTC",
    }

    # The server's own time-out fires first; this one is for a network that failed silently.
    command_timeout_s = settings.statement_timeout_s + _COMMAND_GRACE_S
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect_with(address, server_settings=server_settings, command_timeout_s=command_timeout_s),
        pool_size=settings.pool_size,
        # Calls hold at most the pool (see `shares`): the rest is for background work and for readiness.
        max_overflow=OWN_CONNECTIONS_MAX,
        pool_timeout=pool_timeout_s,
        pool_use_lifo=True,
        json_deserializer=_exact_json,
        # An error's text reaches the log, and parameters are payload.
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    _ENGINE_TIMEOUTS_S[engine] = settings.statement_timeout_s
    _SHARES[engine] = PoolShares(settings.pool_size, tenant_connections_max or settings.pool_size, pool_timeout_s)
    return engine


def pool_shares(engine: AsyncEngine) -> PoolShares:
    """Return who holds and who waits for the connections of `engine`, made by `open_engine`."""
    return _SHARES[engine]


def connect_with(
    address: DatabaseAddress | str,
    *,
    server_settings: Mapping[str, str] = _NO_SETTINGS,
    command_timeout_s: float | None = None,
) -> Callable[[], Awaitable[Any]]:
    """Return the function that opens one asyncpg connection to `address`, for an engine's `async_creator`."""
    database = DatabaseAddress(address) if isinstance(address, str) else address

    async def connect() -> Any:
        return await database.connect(
            timeout=CONNECT_TIMEOUT_S,
            command_timeout=command_timeout_s,
            server_settings=dict(server_settings),
        )

    return connect


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


def _exact_json(document: str) -> Any:
    return json.loads(document, parse_float=Decimal)


def _refuse_closed(dbapi_connection: Any, _record: object, _proxy: object) -> None:
    # A restart of Postgres closes every pooled connection, and the event loop notices, so no ping is needed.
    if dbapi_connection.driver_connection.is_closed():
        raise DisconnectionError


async def assert_durable(engine: AsyncEngine) -> None:
    """Raise DurabilityError unless a commit survives a power cut (fsync, full_page_writes, synchronous_commit)."""
    async with transaction(engine) as conn:
        for setting, accepted in _DURABLE.items():
            value = (await conn.execute(text(f"SHOW {setting}"))).scalar_one()
            if value not in accepted:
                raise DurabilityError(f"Postgres runs with {setting}={value}; set it to on and restart the service")


@asynccontextmanager
async def transaction(engine: AsyncEngine, *, timeout_s: float | None = None) -> AsyncIterator[AsyncConnection]:
    """Run the block in one transaction (READ COMMITTED): commit at its end, roll back on any error or cancellation.

    Each statement may take `timeout_s`, by default the time left before the current RPC's deadline. Raises Unavailable
    DATABASE_UNAVAILABLE if the connection is lost (also at COMMIT: then only reading can tell whether the commit
    happened), Conflict TRANSACTION_CONFLICT on a deadlock, serialization failure or lock time-out, DeadlineExceeded if
    a statement ran out of time, and Overloaded if no connection was free. Other errors (such as a unique violation)
    pass unchanged, because only the caller knows what they mean.
    """
    shares = _SHARES[engine]
    async with _translated(), shares.share(), engine.connect() as conn, conn.begin(), _discarding_broken(conn):
        limit_s = _statement_limit_s(engine, timeout_s)
        if limit_s is not None:
            await conn.execute(text(_limit_statement(limit_s)))
        yield conn


@asynccontextmanager
async def driver_transaction(engine: AsyncEngine, *, timeout_s: float | None = None) -> AsyncIterator[Any]:
    """Run the block in one transaction as `transaction` does, but on asyncpg's connection, without SQLAlchemy.

    For transactions that run many times per second: with SQLAlchemy around it, one costs three times as much.
    """
    async with _translated(), _SHARES[engine].share(), engine.connect() as conn:
        driver: Any = (await conn.get_raw_connection()).driver_connection
        limit_s = _statement_limit_s(engine, timeout_s)
        has_ended = False
        try:
            own = driver.transaction()
            await own.start()
            try:
                if limit_s is not None:
                    await driver.execute(_limit_statement(limit_s))
                yield driver
            except BaseException as error:
                # On a lost connection a rollback would only fail, and would hide the error.
                if not _is_connection_loss(error, _driver_error(error)):
                    await own.rollback()
                    has_ended = True
                raise
            await own.commit()
            has_ended = True
        finally:
            # If BEGIN, COMMIT or ROLLBACK was cut off, nobody knows what the server did. The next caller to borrow the
            # connection would write into this transaction, and its writes would be lost.
            if not has_ended:
                driver.terminate()


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """Raise an error of Postgres, its driver or the pool as the matching one of ours; let other errors pass."""
    try:
        yield
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        raise known from error


@asynccontextmanager
async def _discarding_broken(conn: AsyncConnection) -> AsyncIterator[None]:
    """Discard the connection if it was lost below SQLAlchemy, which then doesn't know about it.

    Otherwise its rollback would fail and hide the error, and the pool would hand the broken connection to the next
    caller.
    """
    try:
        yield
    except Exception as error:
        if _is_connection_loss(error, _driver_error(error)):
            await conn.invalidate(error)
        raise


def _statement_limit_s(engine: AsyncEngine, timeout_s: float | None) -> float | None:
    """Return the limit to set, or None if the connection's own limit is tighter, so that no statement is needed."""
    limits = [limit for limit in (timeout_s, current_deadline_s()) if limit is not None]
    if not limits or min(limits) >= _ENGINE_TIMEOUTS_S.get(engine, 0.0):
        return None
    return min(limits)


def _limit_statement(timeout_s: float) -> str:
    if timeout_s <= 0:
        raise DeadlineExceeded(Reason.DEADLINE_EXCEEDED, "no time is left; call again with a longer deadline")
    return f"SET LOCAL statement_timeout = {_two_digits(max(1, int(timeout_s * 1000)))}"


def _two_digits(milliseconds: int) -> int:
    """Return the number rounded down to two digits: a statement that repeats is prepared once, one of its own never."""
    step: int = 10 ** max(0, len(str(milliseconds)) - 2)
    return milliseconds // step * step


def translate(error: BaseException) -> MeterlineError | None:
    """Return our error for one of Postgres, its driver or the pool; None if only the caller knows what it means."""
    if isinstance(error, PoolTimeoutError):
        return Overloaded(Reason.OVERLOADED, "every database connection is in use; call again later")
    cause = _driver_error(error)
    sqlstate = sqlstate_of(error)
    if sqlstate.startswith(_SQLSTATES_CONFLICT):
        return Conflict(Reason.TRANSACTION_CONFLICT, "another transaction was in the way; call again")
    if sqlstate == _SQLSTATE_CANCELED:
        return DeadlineExceeded(Reason.DEADLINE_EXCEEDED, "the database took too long; call again, with the same ids")
    if sqlstate.startswith(_SQLSTATES_UNAVAILABLE) or _is_connection_loss(error, cause):
        return Unavailable(Reason.DATABASE_UNAVAILABLE, "the database can't be reached; call again, with the same ids")
    if sqlstate.startswith(_SQLSTATES_EXHAUSTED):
        what = f"has no {_FULL[sqlstate]} left" if sqlstate in _FULL else f"lacks something it needs (error {sqlstate})"
        message = f"the database {what} and wrote nothing; free some, then call with the same ids"
        return Unavailable(Reason.DATABASE_UNAVAILABLE, message)
    return None


def sqlstate_of(error: BaseException) -> str:
    """Return the code of an error of Postgres or its driver, such as "54000"; empty for any other error."""
    return getattr(_driver_error(error), "sqlstate", None) or ""


def is_caused_by_data(error: BaseException) -> bool:
    """Return whether a statement failed because of what it was to write: the same again will always fail."""
    return sqlstate_of(error).startswith(_SQLSTATES_DATA)


def _driver_error(error: BaseException) -> BaseException:
    """Return asyncpg's own error, unwrapped from SQLAlchemy's two layers."""
    wrapped = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return wrapped.__cause__ if isinstance(error, DBAPIError) and wrapped.__cause__ is not None else wrapped


def _is_connection_loss(error: BaseException, cause: BaseException) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    # To stay connected to a server that only reads now would make every write fail.
    if isinstance(cause, asyncpg.ReadOnlySQLTransactionError):
        return True
    # asyncpg raises InterfaceError both for a closed connection and for misuse; the text tells them apart.
    if isinstance(cause, asyncpg.InterfaceError):
        return "clos" in str(cause)
    # COPY raises InternalClientError when the server closes the connection in the middle of it.
    return isinstance(cause, OSError | asyncpg.PostgresConnectionError | asyncpg.InternalClientError)


async def driver_connection(conn: AsyncConnection) -> Any:
    """Return the asyncpg connection below `conn`, in its open transaction, for COPY and other frequent statements.

    Its errors are asyncpg's; `transaction` translates them. It must not be used after the transaction.
    """
    driver = (await conn.get_raw_connection()).driver_connection
    if driver is None:
        raise RuntimeError("the connection has no driver connection: was it invalidated?")
    if not driver.is_in_transaction():
        # SQLAlchemy only begins with the first statement it runs itself; before that, COPY would commit on its own.
        await conn.execute(text("SELECT 1"))
    return driver

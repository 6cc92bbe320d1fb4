"""Makes a mutating call safe to repeat: a `request_id` runs once, and a repetition gets the stored answer.

The answer is stored in the transaction that does the work, so either both exist or neither does.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import text

from chassis.audit.trail import record
from chassis.errors import Conflict, Reason
from chassis.identity import current_tenant
from chassis.postgres import transaction

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from alembic.operations import Operations
    from google.protobuf.descriptor import Descriptor
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

Result = TypeVar("Result")
ResponseType = TypeVar("ResponseType", bound=Message)


class RepeatableRequest(Protocol):
    """A request message with a `request_id`; any generated message that has the field is one."""

    @property
    def request_id(self) -> str:
        """Chosen by the caller, unique per intended effect; empty = the call is not made safe to repeat."""
        ...

    @property
    def DESCRIPTOR(self) -> Descriptor:
        """The message's type."""
        ...

    def SerializeToString(self, *, deterministic: bool = ...) -> bytes:
        """Return the message's bytes."""
        ...


def create_request_log_table(op: Operations) -> None:
    """Create the table behind `once`, for a service's first migration."""
    op.execute(
        """
        CREATE TABLE request_log (
            tenant text NOT NULL,
            method text NOT NULL,
            request_id text NOT NULL,
            body_sha256 bytea NOT NULL CHECK (octet_length(body_sha256) = 32),
            response bytea,
            created_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (tenant, method, request_id)
        )
        """
    )


async def once(
    engine: AsyncEngine,
    request: RepeatableRequest,
    work: Callable[[AsyncConnection], Awaitable[Result]],
    render: Callable[[Result], ResponseType],
) -> ResponseType:
    """Answer `request` by running `work` in one transaction, once per request_id; a repetition gets the same answer.

    The audit trail has the call once, too.

    `render` turns the result of `work` into the response. This is for unary calls; the answer is stored under the
    caller's tenant and the name of the method, which is taken from the request's type. A concurrent call with the same
    id waits until the transaction of the first one ends. Raises Conflict REQUEST_ID_REUSED if the id was used with a
    different body.
    """
    method = request.DESCRIPTOR.name.removesuffix("Request")
    key = {"tenant": current_tenant(), "method": method, "request_id": request.request_id}
    async with transaction(engine) as conn:
        if not request.request_id:
            response = render(await work(conn))
            await record(conn)
            return response
        body_sha256 = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
        stored = await _reserve(conn, key, body_sha256)
        if stored is not None:
            return cast("ResponseType", _response_type(request).FromString(stored))
        response = render(await work(conn))
        await _store(conn, key, response.SerializeToString(deterministic=True))
        await record(conn)
        return response


def _response_type(request: RepeatableRequest) -> type[Message]:
    kind = request.DESCRIPTOR
    name = kind.full_name.removesuffix("Request") + "Response"
    return GetMessageClass(kind.file.pool.FindMessageTypeByName(name))


async def _reserve(conn: AsyncConnection, key: dict[str, str], body_sha256: bytes) -> bytes | None:
    inserted = await conn.execute(
        text(
            """
            INSERT INTO request_log (tenant, method, request_id, body_sha256)
            VALUES (:tenant, :method, :request_id, :body_sha256)
            ON CONFLICT DO NOTHING
            """
        ),
        {**key, "body_sha256": body_sha256},
    )
    if inserted.rowcount == 1:
        return None
    # A statement of its own: its snapshot must be newer than the commit that the INSERT waited for.
    stored = await conn.execute(
        text(
            """
            SELECT body_sha256, response FROM request_log
            WHERE tenant = :tenant AND method = :method AND request_id = :request_id
            """
        ),
        key,
    )
    row = stored.one()
    if row.body_sha256 != body_sha256:
        raise Conflict(
            Reason.REQUEST_ID_REUSED,
            f"request_id {key['request_id']} was used before with another body; use a new id for a new request",
        )
    return bytes(row.response)


async def _store(conn: AsyncConnection, key: dict[str, str], answer: bytes) -> None:
    await conn.execute(
        text(
            """
            UPDATE request_log SET response = :response
            WHERE tenant = :tenant AND method = :method AND request_id = :request_id
            """
        ),
        {**key, "response": answer},
    )

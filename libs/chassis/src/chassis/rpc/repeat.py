"""Makes a mutating call safe to repeat: one `request_id` runs once, and a repetition gets the stored answer.

The answer is kept in the transaction that does the work, so both exist or neither does.
"""

from __future__ import annotations

import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import text

from chassis.errors import Conflict, Reason
from chassis.identity import current_tenant
from chassis.postgres import transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

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


class RequestSlot:
    """The place of one request. `response` holds the answer of an earlier run; None means: do the work, then `keep`."""

    def __init__(self, response: bytes | None) -> None:
        """Begin with the stored answer, if there is one."""
        self.response = response
        self.answer: bytes | None = None

    def keep(self, answer: bytes) -> None:
        """Set the bytes that a repetition of this request will be answered with."""
        self.answer = answer


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
    """Answer `request` by `work` in one transaction, once for its request_id; a repetition gets the same answer.

    `render` turns what `work` returns into the response. For calls that answer one message with another; the name of
    the method, under which the answer is kept, is that of the request's type.
    """
    method = request.DESCRIPTOR.name.removesuffix("Request")
    async with transaction(engine) as conn, request_slot(conn, method, request) as slot:
        if slot.response is not None:
            return cast("ResponseType", _response_type(request).FromString(slot.response))
        response = render(await work(conn))
        slot.keep(response.SerializeToString(deterministic=True))
        return response


def _response_type(request: RepeatableRequest) -> type[Message]:
    kind = request.DESCRIPTOR
    name = kind.full_name.removesuffix("Request") + "Response"
    return GetMessageClass(kind.file.pool.FindMessageTypeByName(name))


@asynccontextmanager
async def request_slot(conn: AsyncConnection, method: str, request: RepeatableRequest) -> AsyncIterator[RequestSlot]:
    """Run the block's work once for the caller's tenant, `method` and `request.request_id`.

    A concurrent twin waits until the first one's transaction ends. Raises Conflict REQUEST_ID_REUSED when the id was
    used with another body; RuntimeError when the block ends without an answer, because its repetition could get none.
    """
    if not request.request_id:
        yield RequestSlot(None)
        return
    key = {"tenant": current_tenant(), "method": method, "request_id": request.request_id}
    body_sha256 = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    slot = RequestSlot(await _reserve(conn, key, body_sha256))
    yield slot
    if slot.response is None:
        if slot.answer is None:
            raise RuntimeError(f"{method} ended without keeping an answer for its request_id")
        await _store(conn, key, slot.answer)


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
    # Its own statement: the snapshot must be newer than the commit that the INSERT waited for.
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

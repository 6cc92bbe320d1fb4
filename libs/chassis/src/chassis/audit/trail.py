"""The audit trail: who made which call that changes something. Records are facts, in one chain for each tenant.

A call is recorded in the transaction of its change, so there is no change without its record and no record without its
change. What an administrator asked for and was refused is recorded too, in a transaction of its own. Calls that only
read leave nothing, and a repeated call nothing more.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from opentelemetry import trace

from chassis.audit import store
from chassis.audit.records import GENESIS_CHAIN, OUTCOME_OK, AuditedCall, AuditQuery, AuditRecord, chain_after
from chassis.identity import current_identity, current_tenant
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_PAGE_RECORDS: Final = 1000
_current: ContextVar[AuditedCall | None] = ContextVar("meterline_audited_call", default=None)


def set_audited_call(call: AuditedCall) -> None:
    """Say which call is in work, for the rest of this task. For the server, where each call is one task."""
    _current.set(call)


def audited_call() -> AuditedCall | None:
    """Return the call in work, if it changes something."""
    return _current.get()


async def record(conn: AsyncConnection, outcome: str = OUTCOME_OK) -> None:
    """Add the record of the call in work, as the last thing its transaction does: the tenant's head stays locked.

    Background work, which no call asked for, is not recorded.
    """
    call = _current.get()
    if call is None:
        return
    tenant = current_tenant()
    sequence, previous, now = await store.take_place(conn, tenant)
    identity = current_identity()
    span = trace.get_current_span().get_span_context()
    entry = AuditRecord(
        tenant=tenant,
        sequence=sequence,
        at=now,
        method=call.method,
        subject=identity.subject,
        token_id=identity.token_id,
        customer=identity.customer,
        request_id=call.request_id,
        reason=call.reason,
        request_sha256=call.request_sha256,
        outcome=outcome,
        trace_id=trace.format_trace_id(span.trace_id) if span.is_valid else "",
    )
    await store.add_record(conn, entry, chain_after(previous, entry))


async def record_refusal(engine: AsyncEngine, outcome: str) -> None:
    """Add the record of the call in work, which was refused."""
    async with transaction(engine) as conn:
        await record(conn, outcome)


async def list_records(
    engine: AsyncEngine, tenant: str, query: AuditQuery, after: int, limit: int
) -> Page[AuditRecord]:
    """Return a page of records by their sequence, after one."""
    async with transaction(engine) as conn:
        found = await store.list_records(conn, tenant, query, after, limit + 1)
    return page_of(found, limit, lambda entry: (entry.sequence,))


@dataclass(frozen=True, slots=True)
class Checked:
    """How far the trail of a tenant is sound: to its head, unless `broken_at` is the first sequence that is not."""

    record_count: int
    head_chain: bytes
    broken_at: int = 0


async def check_records(engine: AsyncEngine, tenant: str) -> Checked:
    """Follow the chain of a tenant from its first record to its head."""
    # The head first: records that come in the meantime lie beyond it.
    async with transaction(engine) as conn:
        last, head_chain = await store.read_head(conn, tenant)
    sequence, chain = 0, GENESIS_CHAIN
    while sequence < last:
        async with transaction(engine) as conn:
            page = await store.chained_records(conn, tenant, sequence, min(_PAGE_RECORDS, last - sequence))
        for entry, stored in page:
            following = chain_after(chain, entry)
            if (entry.sequence, stored) != (sequence + 1, following):
                return Checked(sequence, chain, broken_at=sequence + 1)
            sequence, chain = entry.sequence, following
        if not page:
            return Checked(sequence, chain, broken_at=sequence + 1)
    return Checked(sequence, chain, broken_at=0 if chain == head_chain else sequence)

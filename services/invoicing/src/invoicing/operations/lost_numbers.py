"""After a restore: which numbers were given out and lost, and the hold on all series until somebody has said so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chassis.audit.trail import audited_call, record
from chassis.errors import Conflict, NotReady, Reason, invalid_field
from chassis.identity import current_identity
from chassis.postgres import transaction
from invoicing.domain.lost_numbers import LostNumbers, lost_after
from invoicing.domain.numbering import invoice_number
from invoicing.store import lost_numbers as store
from invoicing.store.invoices import lock_series

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from invoicing.domain.invoices import SeriesState
    from invoicing.domain.lost_numbers import LastNumber
    from invoicing.operations.deps import Deps


_SERIES_NAMED_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Stated:
    """What is noted of a series, the number of its next invoice, and whether this call noted it."""

    lost: LostNumbers | None
    next_number: str
    created: bool


async def state_last_number(deps: Deps, tenant: str, wanted: LastNumber) -> Stated:
    """Note the numbers of a series after its end up to the last one as lost, and move it on after them.

    Raises InvalidRequest if the series has given later numbers, and Diverged DATA_CORRUPTED if it was put back.
    """
    async with transaction(deps.engine) as conn:
        series = await lock_series(conn, tenant, wanted.prefix)
        hold = await store.hold_in_force(conn)
        last = series.sequence if wanted.sequence is None else wanted.sequence
        noted = await store.find_statement(conn, tenant, wanted.prefix, last, hold)
        next_number = invoice_number(wanted.prefix, max(series.sequence, last) + 1)
        if noted is not None:
            return Stated(noted, next_number, created=False)
        if last < series.sequence:
            raise _too_low(wanted.prefix, last, series)
        must_be_stated = hold and not await store.is_stated(conn, tenant, wanted.prefix, hold)
        if last == series.sequence and not must_be_stated:
            return Stated(None, next_number, created=False)
        call = audited_call()
        lost = lost_after(
            series,
            wanted.prefix,
            last,
            reason="" if call is None else call.reason,
            stated_by=current_identity().subject,
            stated_at=deps.clock.now(),
            hold=hold,
        )
        await store.add_statement(conn, tenant, lost)
        await record(conn)
    return Stated(lost, next_number, created=True)


async def check_not_held(conn: AsyncConnection, tenant: str, prefix: str) -> None:
    """Raise NotReady NUMBERS_HELD if, since a restore, nobody has stated the last number of a series."""
    hold = await store.hold_in_force(conn)
    if not hold or await store.is_stated(conn, tenant, prefix, hold):
        return
    message = (
        f"the database was restored, and invoices of the series {prefix} that it does not know may have been given out;"
        f" state the last one with `meterline invoice state-last NUMBER`, or that there is none with"
        f" `meterline invoice state-last --none-lost {prefix}`; see the runbook restore"
    )
    raise NotReady(Reason.NUMBERS_HELD, message)


async def hold_numbers(engine: AsyncEngine, reason: str) -> str:
    """Hold back the numbers of all series until the last one of each is stated; return what to tell."""
    async with transaction(engine) as conn:
        number = await store.decide_hold(conn, holds=True, reason=reason)
    return (
        f"Hold {number}: no invoice is made final until the last number that its series gave out is stated. Start"
        " invoicing now and run `meterline invoice state-last` for each series (runbook restore)."
    )


async def release_numbers(engine: AsyncEngine, reason: str) -> str:
    """End the hold, for series that the database does not know; return what to tell. Raises Conflict NUMBERS_HELD."""
    async with transaction(engine) as conn:
        hold = await store.hold_in_force(conn)
        if not hold:
            return "No numbers are held back; there is nothing to do."
        left = await store.series_not_stated(conn, hold)
        if left:
            named = ", ".join(f"{prefix} of tenant {tenant}" for tenant, prefix in left[:_SERIES_NAMED_MAX])
            message = (
                f"the last number of {len(left)} series is not stated ({named}); run `meterline invoice state-last` for"
                " each, then this again"
            )
            raise Conflict(Reason.NUMBERS_HELD, message)
        await store.decide_hold(conn, holds=False, reason=reason)
    return f"Hold {hold} has ended: a series that the database does not know begins at 1."


def _too_low(prefix: str, last: int, series: SeriesState) -> Exception:
    message = (
        f"{invoice_number(prefix, last)} is not the last: the series {prefix} has reached"
        f" {invoice_number(prefix, series.sequence)}; state that number or a later one, or that none was lost"
    )
    return invalid_field("number", Reason.FIELD_INVALID, message)

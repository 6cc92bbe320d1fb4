"""What every invoice needs: the changes of what was billed, a number, and lines with spans of their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from chassis.audit.trail import record
from chassis.side_by_side import each
from chassis.telemetry import link_from, start_span, traceparent_of
from invoicing.domain.composition import Amendment
from invoicing.domain.invoices import freeze
from invoicing.domain.numbering import line_id
from invoicing.operations.lost_numbers import check_not_held
from invoicing.store import invoices as store
from invoicing.store import lines as line_store
from invoicing.telemetry import CHARGE_ATTRIBUTE, LINE_ATTRIBUTE, LINE_SPAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from invoicing.domain.charges import Rated
    from invoicing.domain.composition import ComposedLine, Composition
    from invoicing.domain.document import InvoiceLine
    from invoicing.domain.invoices import FrozenInvoice
    from invoicing.domain.lines import BilledPeriod
    from invoicing.domain.profiles import BillingProfile
    from invoicing.operations.deps import Deps

FINALIZE_ATTEMPTS_MAX: Final = 5
"""How often an invoice is decided anew when others got in between."""
# More than one only where usage was rated and then not billed, or keeps coming; what is beyond waits for the next one.
_RATINGS_MAX: Final = 8
# A period that was billed has had its grace, whatever the profile says now.
_NO_GRACE: Final = timedelta(0)


async def amendments(deps: Deps, billed: Sequence[BilledPeriod]) -> list[Amendment]:
    """Rate again each billed period whose usage has changed since."""
    found = await each(lambda period: _amendment(deps, period), billed)
    return [amendment for amendment in found if amendment.ratings]


async def _amendment(deps: Deps, billed: BilledPeriod) -> Amendment:
    """Follow the snapshots of a period from the billed one on: an attempt that failed may have left some behind."""
    ratings: list[Rated] = []
    snapshot_id = billed.snapshot_id
    while len(ratings) < _RATINGS_MAX:
        now = await deps.rating.rate(
            billed.contract,
            billed.billing_period,
            _NO_GRACE,
            amends_snapshot_id=snapshot_id,
            billed=None if ratings else billed,
        )
        if now.snapshot_id == snapshot_id:
            break
        ratings.append(now)
        snapshot_id = now.snapshot_id
    return Amendment(billed, tuple(ratings))


async def issue(
    deps: Deps,
    conn: AsyncConnection,
    tenant: str,
    composition: Composition,
    snapshots: Sequence[BilledPeriod],
    profile: BillingProfile,
) -> FrozenInvoice:
    """Freeze an invoice at the next place of its series, and record what it bills.

    Raises `AlreadyBilledError` if another invoice has billed any of it in the meantime, and NotReady NUMBERS_HELD.
    """
    await check_not_held(conn, tenant, profile.number_prefix)
    await line_store.claim_snapshots(conn, tenant, snapshots, composition.rated)
    place = await store.take_next_place(conn, tenant, profile.number_prefix)
    finalized_at = deps.clock.now()
    lines = [
        _issue_line(line_id(place.number, ordinal), part) for ordinal, part in enumerate(composition.lines, start=1)
    ]
    content = replace(
        composition.content(lines, finalized_at),
        profile_version=profile.version,
        grace_s=int(profile.grace.total_seconds()),
    )
    invoice = freeze(content, place)
    await store.add_invoice(conn, tenant, invoice, finalized_at)
    await line_store.add_lines(conn, tenant, invoice.number, lines, composition)
    await record(conn)
    return invoice


def _issue_line(identity: str, part: ComposedLine) -> InvoiceLine:
    link = link_from(part.charge_traceparent)
    attributes = {LINE_ATTRIBUTE: identity, CHARGE_ATTRIBUTE: part.line.charge_id}
    with start_span(LINE_SPAN, money=True, links=[link] if link else [], attributes=attributes) as span:
        return replace(part.line, id=identity, traceparent=traceparent_of(span), revision=part.revision)

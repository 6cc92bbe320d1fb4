"""Drafts, final invoices, and lists of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

from chassis.errors import Conflict, NotFound, Reason
from chassis.postgres import transaction
from chassis.rpc.pages import Page, fitting, page_token
from chassis.telemetry import link_from, start_span, traceparent_of
from invoicing.domain.composition import adjust, compose, same_prices
from invoicing.domain.invoices import freeze, proven
from invoicing.domain.lines import BilledPeriod
from invoicing.domain.numbering import line_id
from invoicing.operations.profiles import profile_in_force
from invoicing.store import invoices as store
from invoicing.store import lines as line_store
from invoicing.telemetry import (
    BILLING_PERIOD_ATTRIBUTE,
    CHARGE_ATTRIBUTE,
    CONTRACT_ATTRIBUTE,
    FINALIZE_SPAN,
    INVOICE_ATTRIBUTE,
    LINE_ATTRIBUTE,
    LINE_COUNT_ATTRIBUTE,
    LINE_SPAN,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from invoicing.domain.charges import Rated
    from invoicing.domain.composition import ComposedLine, Composition
    from invoicing.domain.document import Invoice, InvoiceLine
    from invoicing.domain.invoices import FrozenInvoice
    from invoicing.domain.profiles import BillingProfile
    from invoicing.operations.deps import Deps

Given = TypeVar("Given")
Result = TypeVar("Result")

_FINALIZE_ATTEMPTS_MAX: Final = 5
# Rating answers each from its own store; more at once would only queue there.
_AMENDMENTS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class ContractPeriod:
    """A billing period of a contract, by its label (such as "2013-01")."""

    contract: str
    billing_period: str


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """Which invoices are listed; empty texts narrow nothing."""

    customer: str = ""
    billing_period: str = ""


# --- drafts ----------------------------------------------------------------------------------------------------------


async def preview(deps: Deps, tenant: str, *, contract: str, customer: str, billing_period: str) -> Invoice:
    """Return the draft of a period as usage is now, with the adjustments that finalizing it now would add."""
    rated = await deps.rating.live_charges(contract=contract, customer=customer, billing_period=billing_period)
    async with transaction(deps.engine) as conn:
        profile = await profile_in_force(conn, tenant)
        billed = await line_store.billed_periods(conn, tenant, rated.contract)

    async def adjusted(earlier: BilledPeriod) -> tuple[ComposedLine, ...]:
        now = await deps.rating.live_charges(contract=rated.contract, billing_period=earlier.billing_period)
        # Finalizing rates an earlier period by the prices it was billed by; live charges follow the contract as it is
        # now. Where the two differ, an adjustment can't be foreseen, and none is shown.
        return adjust(earlier, now, rated.currency) if same_prices(earlier, now) else ()

    adjustments = await _each(adjusted, _earlier(billed, rated))
    return compose(rated, [line for lines in adjustments for line in lines], profile.seller).draft()


# --- finalizing ------------------------------------------------------------------------------------------------------


async def finalize(deps: Deps, tenant: str, wanted: ContractPeriod) -> tuple[FrozenInvoice, bool]:
    """Make the invoice of a period final; return it, and whether this call made it.

    Raises what rating raises while usage is not sealed, and Conflict if other invoices of the same contract kept
    getting in between.
    """
    for _attempt in range(_FINALIZE_ATTEMPTS_MAX):
        async with transaction(deps.engine) as conn:
            existing = await store.invoice_of_period(conn, tenant, wanted.contract, wanted.billing_period)
            if existing is not None:
                return proven(existing), False
            profile = await profile_in_force(conn, tenant)
            billed = await line_store.billed_periods(conn, tenant, wanted.contract)
        try:
            return await _finalize_once(deps, tenant, wanted, profile, billed), True
        except line_store.AlreadyBilledError:
            deps.instruments.repeated()
    raise Conflict(
        Reason.TRANSACTION_CONFLICT, f"other invoices of contract {wanted.contract} are being finalized; call again"
    )


async def _finalize_once(
    deps: Deps, tenant: str, wanted: ContractPeriod, profile: BillingProfile, billed: Sequence[BilledPeriod]
) -> FrozenInvoice:
    """Ask rating, decide, and write once. What was read may be stale by then: the keys of what is written tell."""
    started_s = deps.clock.monotonic_s()
    attributes = {CONTRACT_ATTRIBUTE: wanted.contract, BILLING_PERIOD_ATTRIBUTE: wanted.billing_period}
    with start_span(FINALIZE_SPAN, money=True, attributes=attributes) as span:
        rated = await deps.rating.rate(wanted.contract, wanted.billing_period, profile.grace)
        amended = await _amendments(deps, billed, rated, profile)
        adjustments = [line for earlier, now in amended for line in adjust(earlier, now, rated.currency)]
        composition = compose(rated, adjustments, profile.seller)
        snapshots = [_own(rated), *(_amended(earlier, now) for earlier, now in amended)]
        async with transaction(deps.engine) as conn:
            await line_store.claim_snapshots(conn, tenant, wanted.contract, snapshots, wanted.billing_period)
            invoice = await _issue(deps, conn, tenant, composition, profile.number_prefix)
        span.set_attribute(INVOICE_ATTRIBUTE, invoice.number)
        span.set_attribute(LINE_COUNT_ATTRIBUTE, len(composition.lines))
    deps.instruments.finalized(lines=len(composition.lines), duration_s=deps.clock.monotonic_s() - started_s)
    return invoice


async def _amendments(
    deps: Deps, billed: Sequence[BilledPeriod], rated: Rated, profile: BillingProfile
) -> list[tuple[BilledPeriod, Rated]]:
    """Rate again each earlier period whose usage has changed since it was billed."""

    async def amendment(earlier: BilledPeriod) -> tuple[BilledPeriod, Rated]:
        now = await deps.rating.rate(
            rated.contract, earlier.billing_period, profile.grace, amends_snapshot_id=earlier.snapshot_id
        )
        return earlier, now

    pairs = await _each(amendment, _earlier(billed, rated))
    return [(earlier, now) for earlier, now in pairs if now.snapshot_id != earlier.snapshot_id]


async def _issue(
    deps: Deps, conn: AsyncConnection, tenant: str, composition: Composition, prefix: str
) -> FrozenInvoice:
    place = await store.take_next_place(conn, tenant, prefix)
    finalized_at = deps.clock.now()
    lines = [
        _issue_line(line_id(place.number, ordinal), part) for ordinal, part in enumerate(composition.lines, start=1)
    ]
    invoice = freeze(composition.content(lines, finalized_at), place)
    await store.add_invoice(conn, tenant, invoice, finalized_at)
    await line_store.add_lines(conn, tenant, invoice.number, lines, composition)
    return invoice


def _issue_line(identity: str, part: ComposedLine) -> InvoiceLine:
    link = link_from(part.charge_traceparent)
    attributes = {LINE_ATTRIBUTE: identity, CHARGE_ATTRIBUTE: part.line.charge_id}
    with start_span(LINE_SPAN, money=True, links=[link] if link else [], attributes=attributes) as span:
        return replace(part.line, id=identity, traceparent=traceparent_of(span))


def _earlier(billed: Sequence[BilledPeriod], rated: Rated) -> list[BilledPeriod]:
    return [period for period in billed if period.billing_period != rated.billing_period]


def _own(rated: Rated) -> BilledPeriod:
    return BilledPeriod(rated.billing_period, rated.period, rated.snapshot_id, revision=1)


def _amended(earlier: BilledPeriod, now: Rated) -> BilledPeriod:
    return replace(earlier, snapshot_id=now.snapshot_id, revision=earlier.revision + 1)


async def _each(ask: Callable[[Given], Awaitable[Result]], questions: Sequence[Given]) -> list[Result]:
    """Ask side by side, a few at a time, and return the answers in order; the first failure ends all."""
    free = asyncio.Semaphore(_AMENDMENTS_AT_ONCE)

    async def bounded(question: Given) -> Result:
        async with free:
            return await ask(question)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(bounded(question)) for question in questions]
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


# --- reading ---------------------------------------------------------------------------------------------------------


async def get_invoice(deps: Deps, tenant: str, number: str) -> FrozenInvoice:
    """Return an invoice. Raises NotFound, Diverged DATA_CORRUPTED."""
    async with transaction(deps.engine) as conn:
        invoice = await store.invoice_by_number(conn, tenant, number)
    if invoice is None:
        raise NotFound(
            Reason.INVOICE_NOT_FOUND, f"there is no invoice {number!a}; list the invoices to see which there are"
        )
    return proven(invoice)


async def list_invoices(
    deps: Deps, tenant: str, wanted: InvoiceFilter, after: tuple[str, int], limit: int
) -> Page[FrozenInvoice]:
    """Return a page of invoices by series and number, after a (prefix, sequence)."""
    async with transaction(deps.engine) as conn:
        found = await store.list_invoices(
            conn,
            tenant,
            customer=wanted.customer,
            billing_period=wanted.billing_period,
            after=after,
            limit=limit + 1,
        )
    listed = [proven(invoice) for invoice in fitting_into_a_message(found[:limit])]
    more = len(listed) < len(found)
    return Page(listed, page_token(listed[-1].prefix, listed[-1].sequence) if more else "")


def fitting_into_a_message(invoices: Sequence[FrozenInvoice]) -> Sequence[FrozenInvoice]:
    """Return as many invoices from the start as fit into one message, at least one."""
    # The frozen text is longer than its message.
    return fitting(invoices, lambda invoice: len(invoice.canonical_json))

"""Drafts, final invoices, and lists of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.errors import Conflict, NotFound, Reason
from chassis.postgres import transaction
from chassis.rpc.pages import Page, fitting, page_token
from chassis.telemetry import start_span
from eventlog.instants import microseconds_of
from invoicing.domain.accounts import Account
from invoicing.domain.composition import bill, compose, pending
from invoicing.domain.invoices import proven
from invoicing.domain.lines import BilledPeriod
from invoicing.operations.accounts import next_invoice
from invoicing.operations.drafts import compose_draft
from invoicing.operations.issuing import FINALIZE_ATTEMPTS_MAX, amendments, issue
from invoicing.operations.lost_numbers import check_not_held
from invoicing.operations.profiles import profile_in_force
from invoicing.store import invoices as store
from invoicing.store import lines as line_store
from invoicing.telemetry import (
    BILLING_PERIOD_ATTRIBUTE,
    CONTRACT_ATTRIBUTE,
    FINALIZE_SPAN,
    INVOICE_ATTRIBUTE,
    LINE_COUNT_ATTRIBUTE,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoicing.domain.accounts import DuePeriod
    from invoicing.domain.charges import Rated
    from invoicing.domain.composition import Pending
    from invoicing.domain.document import Invoice
    from invoicing.domain.invoices import FrozenInvoice, InvoiceFilter, ListPlace
    from invoicing.domain.profiles import BillingProfile
    from invoicing.operations.deps import Deps


@dataclass(frozen=True, slots=True)
class ContractPeriod:
    """A billing period of a contract, by its label (such as "2013-01")."""

    contract: str
    billing_period: str


@dataclass(frozen=True, slots=True)
class Preview:
    """A draft; or, of a final period, its invoice, what changed since, and the period whose invoice will adjust it."""

    invoice: Invoice
    final: FrozenInvoice | None = None
    pending: Pending | None = None
    next_due: DuePeriod | None = None


# --- drafts ----------------------------------------------------------------------------------------------------------


async def preview(
    deps: Deps, tenant: str, *, contract: str, customer: str, billing_period: str, with_adjustments: bool = True
) -> Preview:
    """Return the draft of a period as usage is now, with the adjustments that finalizing it now would add.

    Once the period is final, return its invoice and what has changed since. Without adjustments, nothing but the period
    itself is looked at.
    """
    rated = await deps.rating.live_charges(contract=contract, customer=customer, billing_period=billing_period)
    async with transaction(deps.engine) as conn:
        profile = await profile_in_force(conn, tenant)
        final = await store.invoice_of_period(conn, tenant, rated.contract, rated.billing_period)
        final = None if final is None else proven(final)
        currency = rated.currency if final is None else final.content().currency
        account = Account(rated.customer, currency)
        billed = await line_store.billed_periods(conn, tenant, account) if with_adjustments else ()
    if final is not None and not with_adjustments:
        return Preview(final.content(), final)
    if final is not None:
        own = next(period for period in billed if _is_of(period, rated))
        change = pending(own, rated)
        due = None if change is None else await next_invoice(deps, tenant, account, billed)
        return Preview(final.content(), final, change, due)
    if not with_adjustments:
        return Preview(compose(rated, (), profile.seller).draft())
    return Preview((await compose_draft(deps, rated, billed, profile.seller)).draft())


# --- finalizing ------------------------------------------------------------------------------------------------------


async def finalize(deps: Deps, tenant: str, wanted: ContractPeriod) -> tuple[FrozenInvoice, bool]:
    """Make the invoice of a period final; return it, and whether this call made it.

    Raises NotReady NUMBERS_HELD, what rating raises while usage is not sealed, and Conflict if other invoices of the
    same customer kept getting in between.
    """
    for _attempt in range(FINALIZE_ATTEMPTS_MAX):
        async with transaction(deps.engine) as conn:
            existing = await store.invoice_of_period(conn, tenant, wanted.contract, wanted.billing_period)
            if existing is not None:
                return proven(existing), False
            profile = await profile_in_force(conn, tenant)
            await check_not_held(conn, tenant, profile.number_prefix)
        try:
            return await _finalize_once(deps, tenant, wanted, profile), True
        except line_store.AlreadyBilledError:
            deps.instruments.repeated()
    raise Conflict(
        Reason.TRANSACTION_CONFLICT,
        f"other invoices of the customer of contract {wanted.contract} are being finalized; call again",
    )


async def _finalize_once(deps: Deps, tenant: str, wanted: ContractPeriod, profile: BillingProfile) -> FrozenInvoice:
    """Ask rating, decide, and write once. What was read may be stale by then: the keys of what is written tell."""
    started_s = deps.clock.monotonic_s()
    attributes = {CONTRACT_ATTRIBUTE: wanted.contract, BILLING_PERIOD_ATTRIBUTE: wanted.billing_period}
    with start_span(FINALIZE_SPAN, money=True, attributes=attributes) as span:
        rated = await deps.rating.rate(wanted.contract, wanted.billing_period, profile.grace)
        async with transaction(deps.engine) as conn:
            billed = await line_store.billed_periods(conn, tenant, Account(rated.customer, rated.currency))
        # The period itself is among them if another call was faster, which the key of its invoice tells below.
        earlier = [period for period in billed if not _is_of(period, rated)]
        adjustments, snapshots = bill(await amendments(deps, earlier), rated)
        composition = compose(rated, adjustments, profile.seller)
        async with transaction(deps.engine) as conn:
            invoice = await issue(deps, conn, tenant, composition, [_own(rated), *snapshots], profile)
        span.set_attribute(INVOICE_ATTRIBUTE, invoice.number)
        span.set_attribute(LINE_COUNT_ATTRIBUTE, len(composition.lines))
    deps.instruments.finalized(lines=len(composition.lines), duration_s=deps.clock.monotonic_s() - started_s)
    return invoice


def _is_of(billed: BilledPeriod, rated: Rated) -> bool:
    return (billed.contract, billed.billing_period) == (rated.contract, rated.billing_period)


def _own(rated: Rated) -> BilledPeriod:
    return BilledPeriod(rated.contract, rated.billing_period, rated.period, rated.snapshot_id, revision=1)


# --- reading ---------------------------------------------------------------------------------------------------------


async def get_invoice(deps: Deps, tenant: str, number: str) -> FrozenInvoice:
    """Return an invoice. Raises NotFound, Diverged DATA_CORRUPTED."""
    async with transaction(deps.engine) as conn:
        invoice = await store.invoice_by_number(conn, tenant, number)
    if invoice is None:
        raise invoice_not_found(number)
    return proven(invoice)


def invoice_not_found(number: str) -> NotFound:
    """Return the error for an invoice that does not exist."""
    message = f"there is no invoice {number!r}; list the invoices to see which there are"
    return NotFound(Reason.INVOICE_NOT_FOUND, message)


async def list_invoices(
    deps: Deps, tenant: str, wanted: InvoiceFilter, after: ListPlace, limit: int, *, without_lines: bool = False
) -> Page[FrozenInvoice]:
    """Return a page of invoices in the order that is wanted, after a place in it.

    As many as fit into one message, or all of the page if their lines are left out.
    """
    async with transaction(deps.engine) as conn:
        found = await store.list_invoices(conn, tenant, wanted, after, limit + 1)
    page = found[:limit]
    listed = [proven(invoice) for invoice in (page if without_lines else fitting_into_a_message(page))]
    more = len(listed) < len(found)
    return Page(listed, page_token(*_place(listed[-1], wanted)) if more else "")


def _place(invoice: FrozenInvoice, wanted: InvoiceFilter) -> tuple[str | int, ...]:
    by_number = (invoice.prefix, invoice.sequence)
    if not wanted.newest_first or invoice.finalized_at is None:
        return by_number
    return microseconds_of(invoice.finalized_at), *by_number


def fitting_into_a_message(invoices: Sequence[FrozenInvoice]) -> Sequence[FrozenInvoice]:
    """Return as many invoices from the start as fit into one message, at least one."""
    # The frozen text is longer than its message.
    return fitting(invoices, lambda invoice: len(invoice.canonical_json))

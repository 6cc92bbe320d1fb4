"""Accounts: what waits to be adjusted, where it will be, and closing invoices where nothing else comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chassis.errors import Conflict, NotReady, Reason
from chassis.postgres import transaction
from chassis.rpc.pages import Page, page_of
from chassis.telemetry import start_span
from invoicing.domain.accounts import ADJUST_WITHIN_DAYS, filed_under, has_begun, newest_label, next_closing, next_due
from invoicing.domain.composition import compose_closing, pending
from invoicing.domain.invoices import proven
from invoicing.operations.drafts import billed_and_now
from invoicing.operations.issuing import FINALIZE_ATTEMPTS_MAX, amendments, issue
from invoicing.operations.lost_numbers import check_not_held
from invoicing.operations.profiles import profile_in_force
from invoicing.store import accounts as store
from invoicing.store import invoices as invoice_store
from invoicing.store.lines import AlreadyBilledError, billed_periods
from invoicing.telemetry import (
    BILLING_PERIOD_ATTRIBUTE,
    FINALIZE_SPAN,
    INVOICE_ATTRIBUTE,
    LINE_COUNT_ATTRIBUTE,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from invoicing.domain.accounts import Account, DuePeriod
    from invoicing.domain.composition import Pending
    from invoicing.domain.invoices import FrozenInvoice
    from invoicing.domain.lines import BilledPeriod
    from invoicing.domain.profiles import BillingProfile
    from invoicing.operations.deps import Deps


@dataclass(frozen=True, slots=True)
class Closing:
    """A closing invoice and whether this call made it, or the period whose invoice will adjust whatever is pending.

    Neither: nothing is pending.
    """

    invoice: FrozenInvoice | None = None
    created: bool = False
    next_due: DuePeriod | None = None


async def list_accounts(deps: Deps, tenant: str, customer: str, after: tuple[str, str], limit: int) -> Page[Account]:
    """Return a page of accounts by customer and currency, after one."""
    async with transaction(deps.engine) as conn:
        found = await store.list_accounts(conn, tenant, customer=customer, after=after, limit=limit + 1)
    return page_of(found, limit, lambda account: (account.customer, account.currency))


async def list_pending(deps: Deps, tenant: str, account: Account) -> tuple[list[Pending], DuePeriod | None]:
    """Return what would be adjusted of every invoiced period, as usage is now, and the invoice that will; or None."""
    async with transaction(deps.engine) as conn:
        billed = await billed_periods(conn, tenant, account)

    changes = [pending(one, now) for one, now in await billed_and_now(deps, account.customer, billed)]
    found = [change for change in changes if change is not None]
    return found, await next_invoice(deps, tenant, account, billed) if found else None


async def next_invoice(deps: Deps, tenant: str, account: Account, billed: Sequence[BilledPeriod]) -> DuePeriod:
    """Return the period whose invoice will adjust what was billed; one without contract if a closing invoice has to.

    Periods before the newest billed one are left out: who has not billed them by then may never do it.
    """
    newest = newest_label(period.billing_period for period in billed)
    due = await deps.rating.due_periods(account.customer, newest, ADJUST_WITHIN_DAYS)
    async with transaction(deps.engine) as conn:
        invoiced = await store.invoiced_periods(conn, tenant, account.customer)
    return next_due(due, account.currency, invoiced) or next_closing(account, newest, invoiced)


async def finalize_closing(deps: Deps, tenant: str, account: Account, billing_period: str) -> Closing:
    """Make the closing invoice of an account and a run, unless an invoice of the account is due soon.

    Raises NotReady PERIOD_OPEN for a period that has not begun, since an invoice once made stays in it, or
    NUMBERS_HELD, what rating raises while usage is not sealed, and Conflict if other invoices of the same customer kept
    getting in between.
    """
    for _attempt in range(FINALIZE_ATTEMPTS_MAX):
        async with transaction(deps.engine) as conn:
            existing = await invoice_store.invoice_of_period(conn, tenant, filed_under("", account), billing_period)
            if existing is not None:
                return Closing(proven(existing))
            profile = await profile_in_force(conn, tenant)
            await check_not_held(conn, tenant, profile.number_prefix)
            billed = await billed_periods(conn, tenant, account)
        if not billed:
            return Closing()
        due = await next_invoice(deps, tenant, account, billed)
        if due.contract:
            return Closing(next_due=due)
        try:
            return await _close_once(deps, tenant, billing_period, profile, billed)
        except AlreadyBilledError:
            deps.instruments.repeated()
    raise Conflict(
        Reason.TRANSACTION_CONFLICT, f"other invoices of customer {account.customer} are being finalized; call again"
    )


async def _close_once(
    deps: Deps,
    tenant: str,
    billing_period: str,
    profile: BillingProfile,
    billed: Sequence[BilledPeriod],
) -> Closing:
    """Ask rating, decide, and write once, as for the invoice of a period."""
    started_s = deps.clock.monotonic_s()
    with start_span(FINALIZE_SPAN, money=True, attributes={BILLING_PERIOD_ATTRIBUTE: billing_period}) as span:
        changed = await amendments(deps, billed)
        if not changed:
            return Closing()
        composition, snapshots = compose_closing(changed, billing_period, profile.seller)
        if not composition.lines:
            # Only meters that no price looks at have changed.
            return Closing()
        if not has_begun(billing_period, deps.clock.now()):
            # Nobody whose account has nothing that waits is told so.
            message = f"the period {billing_period} has not begun; finalize a period that has ended"
            raise NotReady(Reason.PERIOD_OPEN, message)
        async with transaction(deps.engine) as conn:
            invoice = await issue(deps, conn, tenant, composition, snapshots, profile)
        span.set_attribute(INVOICE_ATTRIBUTE, invoice.number)
        span.set_attribute(LINE_COUNT_ATTRIBUTE, len(composition.lines))
    deps.instruments.finalized(lines=len(composition.lines), duration_s=deps.clock.monotonic_s() - started_s)
    return Closing(invoice, created=True)

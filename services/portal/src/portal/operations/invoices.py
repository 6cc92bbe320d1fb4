"""Invoices and drafts of a customer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from chassis.errors import NotFound, Reason
from chassis.errors.refused import refusals
from money import exact_arithmetic
from portal.domain.comparison import InvoiceComparison, compared
from portal.domain.invoices import (
    DraftSummary,
    Invoice,
    InvoiceList,
    PendingAdjustment,
    Verified,
    labelled,
)
from portal.domain.views import Freshness
from portal.operations.periods import period_of

if TYPE_CHECKING:
    from portal.domain.periods import ContractPeriod
    from portal.domain.viewers import Viewer
    from portal.operations.deps import Deps

DRAFT: Final = "draft"
"""Stands for the draft of a period in the place of an invoice's number."""
_PAGE: Final = 24


async def list_invoices(deps: Deps, viewer: Viewer, after: str) -> InvoiceList:
    """Return the live draft, on the first page, and a page of invoices, the newest first."""
    page, draft = await asyncio.gather(
        deps.invoicing.invoices(viewer.customer, after, _PAGE), _no_draft() if after else _live_draft(deps, viewer)
    )
    fresh = Freshness() if draft is None else Freshness(as_of=draft.as_of, complete_until=draft.complete_until)
    return InvoiceList(
        as_of=fresh.as_of,
        complete_until=fresh.complete_until,
        draft=None if draft is None else summary_of_draft(draft),
        invoices=tuple(listed.summary for listed in page.invoices),
        next=page.next or None,
    )


async def get_invoice(deps: Deps, viewer: Viewer, number: str, billing_period: str) -> Invoice:
    """Return an invoice, or the draft of a period, with what changed since if it is final. Raises NotFound."""
    if number == DRAFT:
        period = await period_of(deps, viewer, billing_period)
        return _as_read(viewer, await deps.invoicing.preview(period.contract, period.billing_period))
    invoice = await deps.invoicing.invoice(number)
    if invoice.kind == "closing":
        return _as_read(viewer, invoice)
    pending = await _pending(deps, invoice)
    return _as_read(viewer, invoice.model_copy(update={"pending": pending}))


async def invoice_document(deps: Deps, number: str) -> bytes:
    """Return the text of an invoice as it is stored. Raises NotFound: a draft is stored nowhere."""
    if number == DRAFT:
        raise NotFound(Reason.INVOICE_NOT_FOUND, "a draft has no stored document; ask for /invoices/draft")
    return await deps.invoicing.document(number)


async def compare_invoices(
    deps: Deps, viewer: Viewer, number: str, other: str, billing_period: str
) -> InvoiceComparison:
    """Return two invoices, of which one may be the draft of a period, side by side. Raises NotFound, InvalidRequest."""
    left, right = await asyncio.gather(
        get_invoice(deps, viewer, number, billing_period), get_invoice(deps, viewer, other, billing_period)
    )
    with refusals(), exact_arithmetic():
        return compared(left, right)


async def verify_invoice(deps: Deps, number: str) -> Verified:
    """Compute again what proves an invoice. Raises NotFound."""
    return await deps.invoicing.verify_invoice(number)


def _as_read(viewer: Viewer, invoice: Invoice) -> Invoice:
    """Return an invoice with the names that its reader has for the seller and the items."""
    named = labelled(invoice, viewer.item_label)
    return named.model_copy(update={"seller": viewer.seller_label(invoice.seller)})


async def _pending(deps: Deps, invoice: Invoice) -> PendingAdjustment | None:
    """Return what came late of the period of an invoice."""
    now = await deps.invoicing.preview(invoice.contract, invoice.billing_period)
    return now.pending


async def _live_draft(deps: Deps, viewer: Viewer) -> Invoice | None:
    """Return the draft of the newest period that has begun, unless it is final, or there is no period yet."""
    try:
        period = await period_of(deps, viewer, "")
    except NotFound:
        return None
    draft = await deps.invoicing.preview(period.contract, period.billing_period)
    return draft if draft.status == "draft" else None


async def _no_draft() -> None:
    """Stand in for the draft on later pages."""


def path_of(invoices: Sequence[Invoice], periods: Sequence[ContractPeriod]) -> str:
    """Return the path of the page that shows the invoice or draft of a period; of several, that of the list."""
    if len(invoices) != 1:
        return "/invoices"
    (invoice,) = invoices
    if invoice.number:
        return f"/invoices/{invoice.number}"
    return f"/invoices/{DRAFT}?billingPeriod={quote(periods[0].name, safe='~')}"


def summary_of_draft(draft: Invoice) -> DraftSummary:
    """Return what a list shows of a draft."""
    return DraftSummary(
        billing_period=draft.billing_period,
        period=draft.period,
        total=draft.total,
        currency=draft.currency,
        line_count=len(draft.lines),
    )

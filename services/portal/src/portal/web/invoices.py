"""Invoices, drafts, and what is behind their lines. `draft` stands for the draft of a period in place of a number."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from portal.domain.comparison import InvoiceComparison
from portal.domain.invoices import Invoice, InvoiceList, Verified
from portal.domain.lines import ExplainedLine, LineEvents
from portal.operations.invoices import compare_invoices, get_invoice, invoice_document, list_invoices, verify_invoice
from portal.operations.lines import EVENTS_MAX, LineName, explain_line, list_line_events, verify_line
from portal.web.answers import csv_of, file_of, sent
from portal.web.parameters import After, BillingPeriodName
from portal.web.parts import parts_of
from portal.web.sessions import InvoicesViewer
from portal.web.tables import INVOICE_HEADER, invoice_rows

router = APIRouter()

Number = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9-]+$", description="Number of the invoice, or `draft`.")
]
LineId = Annotated[
    str, Path(max_length=64, pattern=r"^[A-Za-z0-9.-]+$", description="Id of the line.", examples=["INV-000017.3"])
]


@router.get("/invoices", response_model=InvoiceList)
async def invoices(request: Request, viewer: InvoicesViewer, after: After = "") -> Response:
    """The live draft, and invoices, the newest first."""
    return sent(request, await list_invoices(parts_of(request).deps, viewer, after))


# Before the invoice itself, whose path would take the ending for a part of the number.
@router.get("/invoices/{number}.csv", response_class=Response)
async def invoice_csv(
    request: Request, viewer: InvoicesViewer, number: Number, billing_period: BillingPeriodName = ""
) -> Response:
    """The lines of an invoice or draft as a table."""
    found = await get_invoice(parts_of(request).deps, viewer, number, billing_period)
    return csv_of(number, INVOICE_HEADER, invoice_rows(found))


@router.get("/invoices/{number}.json", response_class=Response)
async def invoice_json(request: Request, _: InvoicesViewer, number: Number) -> Response:
    """The document of an invoice as it is stored, byte by byte: its SHA-256 is the digest on the page."""
    return file_of(f"{number}.json", await invoice_document(parts_of(request).deps, number), "application/json")


@router.get("/invoices/{number}", response_model=Invoice)
async def invoice(
    request: Request, viewer: InvoicesViewer, number: Number, billing_period: BillingPeriodName = ""
) -> Response:
    """An invoice, or the draft of a period."""
    return sent(request, await get_invoice(parts_of(request).deps, viewer, number, billing_period))


@router.get("/invoices/{number}/compare", response_model=InvoiceComparison)
async def invoices_compared(
    request: Request,
    viewer: InvoicesViewer,
    number: Number,
    other: Annotated[
        str, Query(alias="with", max_length=64, pattern=r"^[A-Za-z0-9-]+$", description="The other; also `draft`.")
    ],
    billing_period: BillingPeriodName = "",
) -> Response:
    """Two invoices side by side, with the exact differences item by item; `billingPeriod` is that of a draft."""
    found = await compare_invoices(parts_of(request).deps, viewer, number, other, billing_period)
    return sent(request, found)


@router.get("/invoices/{number}/verify", response_model=Verified)
async def invoice_verified(request: Request, _: InvoicesViewer, number: Number) -> Response:
    """Whether an invoice is as it was finalized: its digest and its links to the invoices beside it, computed now."""
    return sent(request, await verify_invoice(parts_of(request).deps, number))


@router.get("/invoices/{number}/lines/{lineId}/explain", response_model=ExplainedLine)
async def line_explained(
    request: Request,
    viewer: InvoicesViewer,
    number: Number,
    line_id: Annotated[LineId, Path(alias="lineId")],
    billing_period: BillingPeriodName = "",
) -> Response:
    """How a line came about: the price in words, each step, the tiers, and what proves it."""
    name = LineName(number, line_id, billing_period)
    return sent(request, await explain_line(parts_of(request).deps, viewer, name))


@router.get("/invoices/{number}/lines/{lineId}/events", response_model=LineEvents)
async def line_events(
    request: Request,
    viewer: InvoicesViewer,
    number: Number,
    line_id: Annotated[LineId, Path(alias="lineId")],
    billing_period: BillingPeriodName = "",
    after: After = "",
    limit: Annotated[int, Query(ge=1, le=EVENTS_MAX, description="At most this many.")] = 100,
) -> Response:
    """A page of the events behind a line, in the order of the log."""
    name = LineName(number, line_id, billing_period)
    return sent(request, await list_line_events(parts_of(request).deps, viewer, name, after, limit))


@router.get("/invoices/{number}/lines/{lineId}/verify", response_model=Verified)
async def line_verified(
    request: Request, _: InvoicesViewer, number: Number, line_id: Annotated[LineId, Path(alias="lineId")]
) -> Response:
    """Whether the events behind a line of an invoice still add up to it, counted now."""
    return sent(request, await verify_line(parts_of(request).deps, LineName(number, line_id)))

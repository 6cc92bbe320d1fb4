"""Revenue, as messages."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from metering.invoicing.v1 import invoicing_service_pb2 as pb
from portal.domain.percents import share_of
from portal.domain.revenue import Cut, Revenue, RevenueRow, RevenueTotal

if TYPE_CHECKING:
    from collections.abc import Mapping


def revenue_to_ask(first: str, last: str, cut: Cut, after: str, limit: int) -> pb.QueryRevenueRequest:
    """Return the question for the sums of some months."""
    return pb.QueryRevenueRequest(
        from_billing_period=first,
        until_billing_period=last,
        by=pb.RevenueCut.Value(f"REVENUE_CUT_{cut.upper()}"),
        page_token=after,
        page_size=limit,
    )


def revenue_from_proto(message: pb.QueryRevenueResponse, request: pb.QueryRevenueRequest, cut: Cut) -> Revenue:
    """Return a page of rows, and the totals over all rows."""
    totals = tuple(map(_total, message.totals))
    whole = {total.currency: total.amount for total in totals}
    return Revenue(
        first_period=request.from_billing_period,
        billing_period=request.until_billing_period,
        by=cut,
        rows=tuple(_row(row, whole) for row in message.rows),
        totals=totals,
        is_whole=not message.is_cut_off,
        next=message.next_page_token or None,
    )


def _row(row: pb.RevenueRow, whole: Mapping[str, Decimal]) -> RevenueRow:
    amount = Decimal(row.amount)
    return RevenueRow(
        key=row.key,
        label=row.display_name or row.key,
        currency=row.currency,
        amount=amount,
        share=share_of(amount, whole[row.currency]),
        final=Decimal(row.final_amount),
        bills=row.bill_count,
    )


def _total(total: pb.RevenueTotal) -> RevenueTotal:
    return RevenueTotal(
        currency=total.currency,
        amount=Decimal(total.amount),
        final=Decimal(total.final_amount),
        invoices=total.invoice_count,
        drafts=total.draft_count,
    )

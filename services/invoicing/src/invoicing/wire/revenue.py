"""Revenue as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chassis.rpc.pages import page_token_invalid, place_in
from invoicing.domain.revenue import Cut, Months
from invoicing.wire.fields import message_of
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from money import DERIVED, InvalidDecimalError, currency, parse_decimal

if TYPE_CHECKING:
    from decimal import Decimal

    from invoicing.domain.revenue import Row
    from invoicing.operations.revenue import RevenuePage

_CUTS: Final = {
    pb.REVENUE_CUT_UNSPECIFIED: Cut.CUSTOMER,
    **{pb.RevenueCut.Value(f"REVENUE_CUT_{cut.name}"): cut for cut in Cut},
}


def cut_from_proto(number: pb.RevenueCut.ValueType) -> Cut:
    """Return what the rows are."""
    return _CUTS[number]


def months_from_proto(request: pb.QueryRevenueRequest) -> Months:
    """Return which months are asked for."""
    return Months(request.from_billing_period, request.until_billing_period)


def place_after(token: str) -> tuple[str, Decimal, str] | None:
    """Return after which row a page begins. Raises InvalidRequest."""
    place = place_in(token, [str, str, str])
    if place is None:
        return None
    code, amount, key = place
    try:
        return code, parse_decimal(amount, DERIVED).copy_negate(), key
    except InvalidDecimalError as error:
        raise page_token_invalid() from error


def revenue_to_proto(page: RevenuePage) -> pb.QueryRevenueResponse:
    """Return a page of revenue."""
    return pb.QueryRevenueResponse(
        rows=[_row_to_proto(row, page.names.get(row.key, "")) for row in page.rows.entries],
        totals=[message_of(one, pb.RevenueTotal, currency(one.currency).minor_units) for one in page.totals],
        is_cut_off=page.is_cut_off,
        next_page_token=page.rows.next_page_token,
    )


def _row_to_proto(row: Row, name: str) -> pb.RevenueRow:
    message: pb.RevenueRow = message_of(row, pb.RevenueRow, currency(row.currency).minor_units)
    message.display_name = name
    return message

"""`meterline revenue`: what the bills of some months come to, by customer, item or plan."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from metering.invoicing.v1 import invoicing_service_pb2 as pb
from meterline.cli.calls import PAGE_ROWS, call_services, pages
from meterline.cli.documents import message_document
from meterline.cli.exports import Column, Kind, check_export, export_rows
from meterline.cli.options import ContextOption, RowsOutput, RowsOutputOption
from meterline.cli.output import print_document, print_table, say, write
from meterline.errors import InputError
from money import ZERO, exact_arithmetic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from meterline.client import AsyncClient

_TABLE_ROWS: Final = 100
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_MONTHS_MAX: Final = 12
_COLUMNS: Final = (
    Column("key"),
    Column("display_name"),
    Column("currency"),
    Column("amount", Kind.DECIMAL),
    Column("final_amount", Kind.DECIMAL),
    Column("bills", Kind.WHOLE),
)


class Cut(StrEnum):
    """What the rows are."""

    CUSTOMER = "customer"
    ITEM = "item"
    PLAN = "plan"


def revenue(
    period: Annotated[
        str, typer.Option(help='Last month, such as "2013-12". Default: the month that runs, in UTC.')
    ] = "",
    months: Annotated[int, typer.Option(min=1, max=_MONTHS_MAX, help="So many months, up to the last one.")] = 1,
    by: Annotated[Cut, typer.Option(help="What the rows are.")] = Cut.CUSTOMER,
    limit: Annotated[
        int | None, typer.Option(min=0, help="Most rows; 0 = all. Default: 100 in a table, all in every other form.")
    ] = None,
    context: ContextOption = None,
    output: RowsOutputOption = RowsOutput.TABLE,
) -> None:
    """Show what the invoices of some months come to, and the drafts of what is not final in them."""
    last = _month(period) if period else datetime.now(UTC).strftime("%Y-%m")
    request = pb.QueryRevenueRequest(
        from_billing_period=months_before(last, months - 1),
        until_billing_period=last,
        by=pb.RevenueCut.Value(f"REVENUE_CUT_{by.name}"),
    )
    rows = (_TABLE_ROWS if output is RowsOutput.TABLE else 0) if limit is None else limit
    check_export(output)

    async def ask(client: AsyncClient) -> tuple[Sequence[pb.RevenueRow], pb.QueryRevenueResponse, bool]:
        request.page_size = min(rows, PAGE_ROWS)
        found: list[pb.RevenueRow] = []
        page = pb.QueryRevenueResponse()
        async for page in pages(client.invoicing.QueryRevenue, request):
            found.extend(page.rows)
            if rows and len(found) >= rows:
                break
        return found[: rows or None], page, bool(page.next_page_token) or 0 < rows < len(found)

    found, told, is_limited = call_services(ask, context)
    rest = others(found, told.totals) if is_limited else []
    if output.is_export:
        export_rows(_COLUMNS, map(_row, found), output)
    elif output is RowsOutput.TABLE:
        _print(request, found, rest, told, by)
    else:
        print_document(revenue_document(request, by, found, rest, told), output.document)
    if is_limited:
        say(f"these are the first {len(found):,} rows, the largest of each currency; --limit 0 shows all")
    if told.is_cut_off:
        say("more than 1,000 drafts are due in these months, and those beyond are missing; make invoices final")


def _month(text: str) -> str:
    """Check the label of a month. Raises InputError."""
    if not _MONTH.fullmatch(text):
        raise InputError(f'--period {text!r} isn\'t a month; write one such as "2013-01"')
    return text


def months_before(label: str, count: int) -> str:
    """Return the label of the month that lies so many months before one. Example: ("2014-01", 2) -> "2013-11"."""
    place = int(label[:4]) * _MONTHS_MAX + int(label[5:]) - 1 - count
    return f"{place // _MONTHS_MAX:04}-{place % _MONTHS_MAX + 1:02}"


def others(rows: Sequence[pb.RevenueRow], totals: Sequence[pb.RevenueTotal]) -> list[pb.RevenueTotal]:
    """Return what the rows that are not shown come to, exactly, in each currency in which that is not zero."""
    found = []
    for total in totals:
        shown = [row for row in rows if row.currency == total.currency]
        with exact_arithmetic():
            amount = Decimal(total.amount) - sum((Decimal(row.amount) for row in shown), ZERO)
            final = Decimal(total.final_amount) - sum((Decimal(row.final_amount) for row in shown), ZERO)
        if amount or final:
            found.append(
                pb.RevenueTotal(currency=total.currency, amount=format(amount, "f"), final_amount=format(final, "f"))
            )
    return found


def revenue_document(
    request: pb.QueryRevenueRequest,
    by: Cut,
    rows: Sequence[pb.RevenueRow],
    rest: Sequence[pb.RevenueTotal],
    told: pb.QueryRevenueResponse,
) -> dict[str, Any]:
    """Write what the months come to; totals are over all rows, also those that are not shown."""
    return {
        "fromBillingPeriod": request.from_billing_period,
        "untilBillingPeriod": request.until_billing_period,
        "by": by.value,
        "rows": [message_document(row) for row in rows],
        "others": [{"currency": one.currency, "amount": one.amount, "finalAmount": one.final_amount} for one in rest],
        "totals": [message_document(total) for total in told.totals],
        "isCutOff": told.is_cut_off,
    }


def _print(
    request: pb.QueryRevenueRequest,
    rows: Sequence[pb.RevenueRow],
    rest: Sequence[pb.RevenueTotal],
    told: pb.QueryRevenueResponse,
    by: Cut,
) -> None:
    write(f"billing periods {request.from_billing_period} to {request.until_billing_period}")
    columns = (by.value, *(["name"] if by is Cut.CUSTOMER else []), "currency", ">amount", ">of it final", ">bills")
    shown = [
        (
            row.key,
            *([row.display_name or "-"] if by is Cut.CUSTOMER else []),
            row.currency,
            row.amount,
            row.final_amount,
            f"{row.bill_count:,}",
        )
        for row in rows
    ]
    print_table(columns, shown)
    for one in rest:
        write(f"all others {one.amount} {one.currency}, of it final {one.final_amount}")
    for total in told.totals:
        bills = f"{total.invoice_count:,} final invoices and {total.draft_count:,} drafts, which may still move"
        write(f"total {total.amount} {total.currency}, of it final {total.final_amount}: {bills}")


def _row(row: pb.RevenueRow) -> tuple[str, ...]:
    return row.key, row.display_name, row.currency, row.amount, row.final_amount, str(row.bill_count)

"""Revenue: whatever was billed or will be, each line once, however it is cut and paged."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import grpc
import pytest

from chassis.errors import Reason
from chassis.errors.status import from_rpc_error
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb

Invoicing = Any
FakeRating = Any
CUSTOMER, ITEM, PLAN = pb.REVENUE_CUT_CUSTOMER, pb.REVENUE_CUT_ITEM, pb.REVENUE_CUT_PLAN
MONTHS = ("2025-01", "2025-02", "2025-03")


async def finalize(stub: Any, contract: str, month: str) -> invoice_pb2.Invoice:
    request = pb.FinalizeInvoiceRequest(contract=contract, billing_period=month)
    invoice: invoice_pb2.Invoice = (await stub.FinalizeInvoice(request)).invoice
    return invoice


async def draft(stub: Any, contract: str, month: str) -> invoice_pb2.Invoice:
    request = pb.PreviewInvoiceRequest(contract=contract, billing_period=month)
    invoice: invoice_pb2.Invoice = (await stub.PreviewInvoice(request)).invoice
    return invoice


async def ask(stub: Any, first: str, last: str, **asked: Any) -> tuple[list[pb.RevenueRow], pb.QueryRevenueResponse]:
    """Ask for all pages; return all rows, and the first page."""
    request = pb.QueryRevenueRequest(from_billing_period=first, until_billing_period=last, **asked)
    first_page = page = await stub.QueryRevenue(request)
    rows = list(page.rows)
    while page.next_page_token:
        request.page_token = page.next_page_token
        page = await stub.QueryRevenue(request)
        rows += page.rows
    return rows, first_page


def summed(
    bills: list[invoice_pb2.Invoice], cut: pb.RevenueCut.ValueType
) -> dict[tuple[str, str], tuple[Decimal, Decimal, int]]:
    """The oracle: every line of every bill, one by one."""
    amounts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    finals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    seen: dict[tuple[str, str], set[int]] = defaultdict(set)
    for place, bill in enumerate(bills):
        for line in bill.lines:
            key = (bill.currency, {CUSTOMER: bill.customer, ITEM: line.item, PLAN: line.plan}[cut])
            amounts[key] += Decimal(line.amount)
            finals[key] += Decimal(line.amount) if bill.number else Decimal(0)
            seen[key].add(place)
    return {key: (amounts[key], finals[key], len(seen[key])) for key in amounts}


async def world(stub: Any, rating: FakeRating) -> list[invoice_pb2.Invoice]:
    """Five contracts in two currencies; January is final and came late in part, February is partly final."""
    for n, currency in enumerate(("USD", "USD", "EUR", "USD", "EUR")):
        contract = rating.contract(f"C-{n}", customer=f"customer-{n % 4}", currency=currency)
        for place, month in enumerate(MONTHS):
            contract.use(month, str(n + 1), str(place + 2))
    bills = [await finalize(stub, f"C-{n}", "2025-01") for n in range(5)]
    bills += [await finalize(stub, f"C-{n}", "2025-02") for n in (0, 2)]
    rating.contracts["acme", "C-1"].use("2025-01", "7")
    return bills


@pytest.mark.parametrize("cut", [CUSTOMER, ITEM, PLAN])
async def test_each_line_of_each_bill_counts_once(
    invoicing: Invoicing, rating: FakeRating, cut: pb.RevenueCut.ValueType
) -> None:
    stub = invoicing.stub()
    bills = await world(stub, rating)
    bills += [await draft(stub, f"C-{n}", "2025-02") for n in (1, 3, 4)]
    final = [bill for bill in bills if bill.number]

    rows, page = await ask(stub, "2025-01", "2025-02", by=cut, page_size=2)

    shown = {(row.currency, row.key): (Decimal(row.amount), Decimal(row.final_amount), row.bill_count) for row in rows}
    assert shown == summed(bills, cut)
    assert [(row.currency, -Decimal(row.amount), row.key) for row in rows] == sorted(
        (row.currency, -Decimal(row.amount), row.key) for row in rows
    )
    for total in page.totals:
        of_currency = [bill for bill in bills if bill.currency == total.currency]
        assert Decimal(total.amount) == sum(Decimal(bill.total) for bill in of_currency)
        assert Decimal(total.final_amount) == sum(Decimal(bill.total) for bill in of_currency if bill.number)
        assert total.invoice_count == sum(bill in final for bill in of_currency)
        assert total.draft_count == sum(bill not in final for bill in of_currency)
    assert [total.currency for total in page.totals] == ["EUR", "USD"]
    assert not page.is_cut_off


async def test_what_came_late_counts_in_the_earliest_draft_alone(invoicing: Invoicing, rating: FakeRating) -> None:
    stub = invoicing.stub()
    bills = await world(stub, rating)
    adjusted = await draft(stub, "C-1", "2025-02")
    both = [await draft(stub, "C-1", "2025-03"), adjusted]
    late = [line for line in adjusted.lines if line.adjusts_line_id]
    assert late
    assert [len(one.lines) for one in both] == [3, 3]

    rows, page = await ask(stub, "2025-02", "2025-03", by=CUSTOMER)

    of_customer = next(row for row in rows if row.key == "customer-1")
    twice = sum(Decimal(one.total) for one in both)
    assert Decimal(of_customer.amount) == twice - sum(Decimal(line.amount) for line in late)
    assert of_customer.final_amount == "0.00"
    assert len(bills) + sum(total.draft_count for total in page.totals) == 5 + 2 + 3 + 5


async def test_customers_are_named_as_printed_and_other_tenants_have_nothing(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    stub = invoicing.stub()
    bills = await world(stub, rating)
    names = {bill.customer: bill.customer_name for bill in bills}
    request = pb.QueryRevenueRequest(from_billing_period="2025-01", until_billing_period="2025-01")

    mine, others = await stub.QueryRevenue(request), await invoicing.stub("other").QueryRevenue(request)

    assert {row.key: row.display_name for row in mine.rows} == names
    assert (len(others.rows), len(others.totals)) == (0, 0)


@pytest.mark.parametrize(
    ("first", "last"), [("2025-02", "2025-01"), ("2025-01", "2026-01"), ("2025-00", "2025-01"), ("2025-12", "2025-13")]
)
async def test_no_months_or_too_many_are_refused(invoicing: Invoicing, first: str, last: str) -> None:
    request = pb.QueryRevenueRequest(from_billing_period=first, until_billing_period=last)

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await invoicing.stub().QueryRevenue(request)

    assert from_rpc_error(caught.value).reason is Reason.PERIOD_INVALID

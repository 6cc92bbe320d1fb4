"""Lists of invoices in the order and the extent that are asked for, and lines of drafts that explain themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from chassis.errors import MeterlineError, Reason
from chassis.errors.status import from_rpc_error
from metering.aggregator.v1 import usage_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb

Invoicing = Any
FakeRating = Any
NEWEST, BY_NUMBER = pb.INVOICE_ORDER_NEWEST_FIRST, pb.INVOICE_ORDER_UNSPECIFIED


async def finalize(stub: Any, month: str, contract: str = "C-1") -> invoice_pb2.Invoice:
    request = pb.FinalizeInvoiceRequest(contract=contract, billing_period=month)
    invoice: invoice_pb2.Invoice = (await stub.FinalizeInvoice(request)).invoice
    return invoice


async def refusal(call: Any) -> MeterlineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def pages(stub: Any, **asked: Any) -> AsyncIterator[invoice_pb2.Invoice]:
    token = ""
    while True:
        page = await stub.ListInvoices(pb.ListInvoicesRequest(page_token=token, **asked))
        for invoice in page.invoices:
            yield invoice
        token = page.next_page_token
        if not token:
            return


async def numbers(stub: Any, **asked: Any) -> list[str]:
    return [invoice.number async for invoice in pages(stub, **asked)]


async def test_the_newest_come_first_page_by_page_whatever_their_series(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    stub = invoicing.stub()
    for n, month in enumerate(("2025-03", "2025-01", "2025-02")):
        rating.contract(f"C-{n}", customer=f"customer-{n % 2}")
        if n == 2:
            spec = invoice_pb2.BillingProfileSpec(number_prefix="AA")
            await stub.ApplyBillingProfile(pb.ApplyBillingProfileRequest(spec=spec))
        await finalize(stub, month, f"C-{n}")
        await finalize(stub, "2025-04", f"C-{n}")
        invoicing.clock.advance(1)

    newest = ["AA-000002", "AA-000001", "INV-000004", "INV-000003", "INV-000002", "INV-000001"]
    assert await numbers(stub, order=NEWEST, page_size=1) == newest
    assert await numbers(stub, order=NEWEST, page_size=4) == newest
    assert await numbers(stub, order=NEWEST, customer="customer-0", page_size=2) == [*newest[:2], *newest[4:]]
    assert await numbers(stub, from_billing_period="2025-02", until_billing_period="2025-03") == [
        "AA-000001",
        "INV-000001",
    ]
    assert await numbers(stub, kind=invoice_pb2.INVOICE_KIND_CLOSING) == []
    assert len(await numbers(stub, kind=invoice_pb2.INVOICE_KIND_PERIOD)) == 6


async def test_a_closing_invoice_is_listed_by_its_kind(invoicing: Invoicing, rating: FakeRating) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub, "2025-01")
    contract.use("2025-01", "2")
    request = pb.FinalizeClosingInvoiceRequest(customer="UA", currency="USD", billing_period="2025-02")
    closing = (await stub.FinalizeClosingInvoice(request)).invoice

    assert await numbers(stub, kind=invoice_pb2.INVOICE_KIND_CLOSING) == [closing.number]
    assert await numbers(stub, kind=invoice_pb2.INVOICE_KIND_PERIOD) == ["INV-000001"]


async def test_without_lines_an_invoice_still_says_how_many_it_has(invoicing: Invoicing, rating: FakeRating) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub, "2025-01")
    contract.use("2025-01", "2")
    whole = await finalize(stub, "2025-02")

    (first, second) = [invoice async for invoice in pages(stub, without_lines=True)]

    assert (first.line_count, first.adjustment_count, len(first.lines)) == (2, 0, 0)
    assert (second.line_count, second.adjustment_count, second.total) == (3, 1, whole.total)
    assert (len(whole.lines), whole.line_count, whole.adjustment_count) == (3, 3, 1)
    page = await stub.GetInvoice(pb.GetInvoiceRequest(number=whole.number, page_size=1))
    assert (len(page.invoice.lines), page.invoice.line_count) == (1, 3)


async def test_a_page_token_of_the_other_order_is_refused(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract()
    stub = invoicing.stub()
    for month in ("2025-01", "2025-02"):
        await finalize(stub, month)

    for order, other in ((NEWEST, BY_NUMBER), (BY_NUMBER, NEWEST)):
        page = await stub.ListInvoices(pb.ListInvoicesRequest(order=order, page_size=1))
        request = pb.ListInvoicesRequest(order=other, page_token=page.next_page_token)
        assert (await refusal(stub.ListInvoices(request))).reason is Reason.PAGE_TOKEN_INVALID


async def explain(stub: Any, line_id: str, **asked: str) -> pb.ExplainDraftLineResponse:
    wanted = asked or {"contract": "C-1", "billing_period": "2025-02"}
    answer: pb.ExplainDraftLineResponse = await stub.ExplainDraftLine(
        pb.ExplainDraftLineRequest(line_id=line_id, **wanted)
    )
    return answer


async def test_each_line_of_a_draft_is_explained_by_its_price_and_its_charge(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub, "2025-01")
    contract.use("2025-01", "2")
    contract.use("2025-02", "10")
    draft = (await stub.PreviewInvoice(pb.PreviewInvoiceRequest(contract="C-1", billing_period="2025-02"))).invoice

    fee, usage, adjustment = [await explain(stub, line.id) for line in draft.lines]

    assert [fee.line, usage.line, adjustment.line] == list(draft.lines)
    assert (fee.item.fixed.amount, usage.item.usage.per_unit.unit_price) == ("9.90", "0.335")
    assert (usage.charge.exact_amount, usage.charge.id, usage.charge.billing_period) == ("3.350", "", "2025-02")
    assert usage.steps[-1] == "rounded once, half away from zero, to 2 decimal places: 3.35 USD"
    assert [lane.position for lane in usage.as_of.lanes] == [1]
    assert (adjustment.charge.billing_period, adjustment.charge.quantity) == ("2025-01", "5")
    assert list(adjustment.steps[-2:]) == ["less billed on line INV-000001.2: 1.01 USD", "difference: 0.67 USD"]
    assert [lane.position for lane in adjustment.as_of.lanes] == [2]
    by_customer = await explain(stub, "draft.1", customer="UA", billing_period="2025-02")
    assert by_customer == fee


async def test_a_line_that_no_draft_has_is_said_so_and_where_it_is(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract()
    stub = invoicing.stub()
    await finalize(stub, "2025-01")

    for line_id in ("draft.3", "draft.0", "INV-000001.1", "' OR 1=1"):
        missing = await refusal(explain(stub, line_id))
        assert missing.reason is Reason.LINE_NOT_FOUND
        assert "its lines are draft.1 to draft.2" in missing.message
    final = await refusal(explain(stub, "draft.1", contract="C-1", billing_period="2025-01"))
    assert final.reason is Reason.LINE_NOT_FOUND
    assert "explain a line of its invoice, such as INV-000001.1" in final.message
    both = await refusal(explain(stub, "draft.1", contract="C-1", customer="UA"))
    assert [violation.field for violation in both.violations] == ["contract"]


async def test_events_of_a_line_go_on_after_a_place(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract().use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub, "2025-01")
    place = usage_pb2.EventPlace(lane=3, position=4711)

    request = pb.ListLineEventsRequest(line_id="INV-000001.2", after=place, limit=7)
    assert [page async for page in stub.ListLineEvents(request)]
    assert [page async for page in stub.ListLineEvents(pb.ListLineEventsRequest(line_id="INV-000001.2"))]

    after, first = rating.questions("ListChargeEvents")
    assert (after.after, after.limit) == (place, 7)
    assert not first.HasField("after")

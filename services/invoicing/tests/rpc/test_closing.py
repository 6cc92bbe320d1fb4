"""Late usage follows the customer: onto the next invoice of any contract, or onto a closing invoice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from chassis.errors import MeterlineError, NotReady, Reason
from chassis.errors.status import from_rpc_error
from chassis.postgres import open_engine, transaction
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from testkit.clock import FakeClock
from testkit.postgres import Cluster
from testkit.wait import eventually

Invoicing = Any
FakeRating = Any


async def finalize(stub: Any, contract: str, month: str) -> invoice_pb2.Invoice:
    request = pb.FinalizeInvoiceRequest(contract=contract, billing_period=month)
    invoice: invoice_pb2.Invoice = (await stub.FinalizeInvoice(request)).invoice
    return invoice


async def close(stub: Any, run: str, customer: str = "UA", currency: str = "USD") -> pb.FinalizeClosingInvoiceResponse:
    request = pb.FinalizeClosingInvoiceRequest(customer=customer, currency=currency, billing_period=run)
    response: pb.FinalizeClosingInvoiceResponse = await stub.FinalizeClosingInvoice(request)
    return response


async def pending(stub: Any, currency: str = "USD") -> pb.ListPendingAdjustmentsResponse:
    request = pb.ListPendingAdjustmentsRequest(customer="UA", currency=currency)
    response: pb.ListPendingAdjustmentsResponse = await stub.ListPendingAdjustments(request)
    return response


def adjustments(*invoices: invoice_pb2.Invoice) -> list[tuple[str, str, str, str]]:
    """Number of the invoice, contract, quantity and amount of each adjustment."""
    return [
        (invoice.number, line.contract or invoice.contract, line.quantity, line.amount)
        for invoice in invoices
        for line in invoice.lines
        if line.kind == invoice_pb2.LINE_KIND_ADJUSTMENT
    ]


async def as_superuser(invoicing: Invoicing, cluster: Cluster, change: str) -> None:
    """Change rows with the triggers switched off, as no role of ours may."""
    dsn = cluster.superuser_dsn.rpartition("/")[0] + f"/{invoicing.database.name}"
    engine = open_engine(dsn, invoicing.settings)
    async with transaction(engine) as conn:
        await conn.execute(text("SET LOCAL session_replication_role = replica"))
        assert (await conn.execute(text(change))).rowcount > 0
    await engine.dispose()


async def refusal(call: Any) -> MeterlineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def verified(stub: Any) -> None:
    assert not (await stub.VerifyInvoices(pb.VerifyInvoicesRequest())).problems


async def test_late_usage_of_a_contract_that_ended_is_on_the_next_invoice_of_the_one_that_follows(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    old, new = rating.contract("C-1"), rating.contract("C-2")
    old.use("2025-01", "3")
    stub = invoicing.stub()
    january = await finalize(stub, "C-1", "2025-01")
    old.use("2025-01", "2")
    new.use("2025-02", "10")

    february = await finalize(stub, "C-2", "2025-02")
    march = await finalize(stub, "C-2", "2025-03")

    # January is 5 x 0.335 = 1.675, printed 1.68, and 1.01 of it was billed.
    assert adjustments(february, march) == [(february.number, "C-1", "2", "0.67")]
    line = february.lines[2]
    assert (line.contract, line.adjusts_line_id, line.period) == ("C-1", january.lines[1].id, january.period)
    assert (line.plan, line.plan_version, line.billed_before) == ("standard", 1, "1.01")
    assert february.total == "13.92"
    explained = await stub.ExplainLine(pb.ExplainLineRequest(line_id=line.id))
    assert f"less billed on line {january.lines[1].id}: 1.01 USD" in explained.steps
    events = [page async for page in stub.ListLineEvents(pb.ListLineEventsRequest(line_id=line.id))]
    assert [event.event.event.id for page in events for event in page.events] == ["2025-01-1"]
    await verified(stub)


async def test_of_two_contracts_billed_for_one_month_the_first_one_carries_the_adjustment(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    rating.contract("C-0").use("2025-01", "3")
    for name in ("C-1", "C-2"):
        rating.contract(name).use("2025-02", "1")
    stub = invoicing.stub()
    await finalize(stub, "C-0", "2025-01")
    rating.contracts["acme", "C-0"].use("2025-01", "2")

    both = [await finalize(stub, name, "2025-02") for name in ("C-1", "C-2")]

    assert adjustments(*both) == [("INV-000002", "C-0", "2", "0.67")]


async def test_another_customers_late_usage_stays_where_it_is(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract("C-1", customer="DL").use("2025-01", "3")
    rating.contract("C-2", customer="UA")
    stub = invoicing.stub()
    await finalize(stub, "C-1", "2025-01")
    rating.contracts["acme", "C-1"].use("2025-01", "2")

    assert adjustments(await finalize(stub, "C-2", "2025-02")) == []


async def test_invoices_of_all_contracts_at_once_bill_late_usage_once(invoicing: Invoicing, rating: FakeRating) -> None:
    names = [f"C-{n}" for n in range(6)]
    for name in names:
        rating.contract(name).use("2025-01", "3")
    stub = invoicing.stub()
    for name in names:
        await finalize(stub, name, "2025-01")
    for name in names[:2]:
        rating.contracts["acme", name].use("2025-01", "2")
    rating.open.clear()
    calls = [asyncio.ensure_future(finalize(stub, name, "2025-02")) for name in names]
    calls_closing = [asyncio.ensure_future(close(stub, "2025-02")) for _ in range(3)]
    await eventually(lambda: rating.waiting >= len(names))
    rating.open.set()

    invoices = list(await asyncio.gather(*calls))
    closing = {response.invoice.number: response.invoice for response in await asyncio.gather(*calls_closing)}

    billed = adjustments(*invoices, *(invoice for number, invoice in closing.items() if number))
    assert sorted(entry[1:] for entry in billed) == [("C-0", "2", "0.67"), ("C-1", "2", "0.67")]
    await verified(stub)


# --- closing invoices ------------------------------------------------------------------------------------------------


async def test_where_nothing_follows_a_closing_invoice_bills_what_came_late_and_its_run_makes_one(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    january = await finalize(stub, "C-1", "2025-01")
    assert not (await close(stub, "2025-01")).HasField("invoice")
    contract.use("2025-01", "2")
    waiting = await pending(stub)

    made = await close(stub, "2025-04")
    again = await close(stub, "2025-04")

    assert [(entry.contract, entry.billing_period, entry.amount) for entry in waiting.adjustments] == [
        ("C-1", "2025-01", "0.67")
    ]
    assert waiting.next_invoice == invoice_pb2.NextInvoice(billing_period="2025-01")
    assert (made.created, again.created, again.invoice) == (True, False, made.invoice)
    invoice = made.invoice
    assert (invoice.number, invoice.kind, invoice.contract) == ("INV-000002", invoice_pb2.INVOICE_KIND_CLOSING, "")
    assert (invoice.customer, invoice.billing_period, invoice.period) == ("UA", "2025-04", january.period)
    assert adjustments(invoice) == [("INV-000002", "C-1", "2", "0.67")]
    assert (invoice.total, invoice.is_credit) == ("0.67", False)
    assert not (await pending(stub)).adjustments
    listed = (await stub.ListInvoices(pb.ListInvoicesRequest(billing_period="2025-04"))).invoices
    assert list(listed) == [invoice]
    explained = await stub.ExplainLine(pb.ExplainLineRequest(line_id=invoice.lines[0].id))
    assert explained.steps[-1] == "difference: 0.67 USD"
    await verified(stub)


async def test_what_comes_late_after_a_closing_invoice_is_on_that_of_the_next_run(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    invoices = [await finalize(stub, "C-1", "2025-01")]
    for run, late in (("2025-02", "1"), ("2025-03", "-4"), ("2025-04", "0.5")):
        contract.use("2025-01", late)
        invoices.append((await close(stub, run)).invoice)

    assert [invoice.total for invoice in invoices[1:]] == ["0.33", "-1.34", "0.17"]
    # 0.5 x 0.335 is 0.1675.
    lines = [line for one in invoices for line in one.lines if line.item == "Calls"]
    assert sum(Decimal(line.amount) for line in lines) == Decimal("0.17")
    assert [invoice.is_credit for invoice in invoices] == [False, False, True, False]


async def test_what_waits_names_a_run_that_makes_a_new_closing_invoice(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2024-12", "3")
    stub = invoicing.stub()
    await finalize(stub, "C-1", "2024-12")
    contract.use("2024-12", "1")
    await close(stub, "2024-12")
    contract.use("2024-12", "1")
    assert not (await close(stub, "2024-12")).created

    waiting = (await pending(stub)).next_invoice

    assert (waiting.contract, waiting.billing_period) == ("", "2025-01")
    assert (await close(stub, waiting.billing_period)).created


async def test_no_closing_invoice_is_made_while_an_invoice_of_the_customer_is_due(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    old, new = rating.contract("C-1"), rating.contract("C-2")
    old.use("2025-01", "3")
    new.due = ("2025-01", "2025-02", "2025-03")
    stub = invoicing.stub()
    await finalize(stub, "C-1", "2025-01")
    await finalize(stub, "C-2", "2025-01")
    old.use("2025-01", "2")

    waits = await close(stub, "2025-01")

    assert not waits.HasField("invoice")
    assert (waits.next_invoice.contract, waits.next_invoice.billing_period) == ("C-2", "2025-02")
    assert (await pending(stub)).next_invoice == waits.next_invoice
    (question, *_) = rating.questions("ListBillingPeriods")
    assert (question.from_billing_period, question.ends_within_days) == ("2025-01", 31)
    assert adjustments(await finalize(stub, "C-2", "2025-02")) == [("INV-000003", "C-1", "2", "0.67")]
    assert not (await close(stub, "2025-02")).HasField("invoice")


async def test_a_skipped_month_and_a_follower_in_another_currency_are_not_waited_for(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    old = rating.contract("C-1")
    rating.contract("C-2", currency="EUR").due = ("2025-04",)
    old.due = ("2025-01", "2025-02", "2025-03")
    stub = invoicing.stub()
    for month in ("2025-01", "2025-03"):
        await finalize(stub, "C-1", month)
    old.use("2025-01", "2")

    assert (await close(stub, "2025-03")).invoice.currency == "USD"


async def test_an_attempt_that_failed_between_rating_and_writing_loses_nothing(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    january = await finalize(stub, "C-1", "2025-01")
    contract.use("2025-01", "2")
    # As far as an attempt gets that is killed before it writes.
    rating._snapshot("acme", contract, "2025-01", january.lines[1].snapshot_id)
    contract.use("2025-01", "1", "1")

    invoice = (await close(stub, "2025-02")).invoice

    assert adjustments(invoice) == [("INV-000002", "C-1", "2", "0.67"), ("INV-000002", "C-1", "2", "0.67")]
    assert [line.billed_before for line in invoice.lines] == ["1.01", "1.68"]
    listed = [
        [
            event.event.event.id
            async for page in stub.ListLineEvents(pb.ListLineEventsRequest(line_id=line.id))
            for event in page.events
        ]
        for line in invoice.lines
    ]
    assert listed == [["2025-01-1"], ["2025-01-2", "2025-01-3"]]
    await verified(stub)


async def test_a_customer_without_invoices_has_nothing_to_close(invoicing: Invoicing) -> None:
    stub = invoicing.stub()

    assert await close(stub, "2025-01", customer="nobody") == pb.FinalizeClosingInvoiceResponse()
    assert await pending(stub) == pb.ListPendingAdjustmentsResponse()


async def test_a_month_that_has_not_begun_anywhere_gets_no_closing_invoice(
    invoicing: Invoicing, rating: FakeRating, clock: FakeClock
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub, "C-1", "2025-01")
    assert await close(stub, "9999-12") == pb.FinalizeClosingInvoiceResponse()
    contract.use("2025-01", "2")
    # Where clocks are ahead the most, by 14 hours, it is nearly February.
    clock.move_to(datetime(2026, 1, 31, 9, 59, 59, tzinfo=UTC))

    for month in ("2026-02", "2027-01", "9999-12"):
        refused = await refusal(close(stub, month))
        assert (type(refused), refused.reason) == (NotReady, Reason.PERIOD_OPEN)
        assert refused.message == f"the period {month} has not begun; finalize a period that has ended"
    assert len((await stub.ListInvoices(pb.ListInvoicesRequest())).invoices) == 1
    clock.advance(1)

    assert (await close(stub, "2026-02")).invoice.total == "0.67"


# --- previews, lists and checks --------------------------------------------------------------------------------------


async def test_the_preview_of_a_final_period_is_its_invoice_and_what_changed_since(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    january = await finalize(stub, "C-1", "2025-01")
    asked = pb.PreviewInvoiceRequest(contract="C-1", billing_period="2025-01")
    assert await stub.PreviewInvoice(asked) == pb.PreviewInvoiceResponse(invoice=january)
    contract.use("2025-01", "-2")

    closing = await stub.PreviewInvoice(asked)
    alone = await stub.PreviewInvoice(
        pb.PreviewInvoiceRequest(contract="C-1", billing_period="2025-01", without_adjustments=True)
    )
    contract.due = ("2025-01", "2025-02")
    on_next = await stub.PreviewInvoice(asked)

    assert alone == pb.PreviewInvoiceResponse(invoice=january)
    assert closing.invoice == january
    assert closing.next_invoice == invoice_pb2.NextInvoice(billing_period="2025-01")
    # 1 x 0.335 is 0.34, and 1.01 was billed.
    assert (closing.pending.amount, closing.pending.currency) == ("-0.67", "USD")
    assert [(line.id, line.item, line.quantity, line.amount) for line in closing.pending.lines] == [
        ("", "Calls", "-2", "-0.67")
    ]
    assert on_next.next_invoice == invoice_pb2.NextInvoice(contract="C-1", billing_period="2025-02")


async def test_the_draft_of_a_follower_shows_what_it_would_adjust(invoicing: Invoicing, rating: FakeRating) -> None:
    old = rating.contract("C-1")
    rating.contract("C-2")
    stub = invoicing.stub()
    await finalize(stub, "C-1", "2025-01")
    old.use("2025-01", "2")

    asked = pb.PreviewInvoiceRequest(contract="C-2", billing_period="2025-02")
    draft = (await stub.PreviewInvoice(asked)).invoice
    asked.without_adjustments = True
    alone = (await stub.PreviewInvoice(asked)).invoice

    assert adjustments(draft) == [("", "C-1", "2", "0.67")]
    assert list(alone.lines) == [line for line in draft.lines if line.kind != invoice_pb2.LINE_KIND_ADJUSTMENT]
    assert Decimal(alone.total) == Decimal(draft.total) - Decimal("0.67")


async def test_accounts_are_customers_and_currencies_page_by_page(invoicing: Invoicing, rating: FakeRating) -> None:
    stub = invoicing.stub()
    for name, customer, currency in (("A", "UA", "USD"), ("B", "UA", "EUR"), ("C", "DL", "USD"), ("D", "DL", "USD")):
        rating.contract(name, customer=customer, currency=currency)
        await finalize(stub, name, "2025-01")
    found, token = [], ""
    while True:
        page = await stub.ListAccounts(pb.ListAccountsRequest(page_size=1, page_token=token))
        found += [(account.customer, account.currency) for account in page.accounts]
        token = page.next_page_token
        if not token:
            break

    assert found == [("DL", "USD"), ("UA", "EUR"), ("UA", "USD")]
    of_one = await stub.ListAccounts(pb.ListAccountsRequest(customer="DL"))
    assert [(account.customer, account.currency) for account in of_one.accounts] == [("DL", "USD")]


async def test_invoices_of_before_say_their_currency_in_their_text(
    invoicing: Invoicing, rating: FakeRating, postgres_cluster: Cluster
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub, "C-1", "2025-01")
    await as_superuser(invoicing, postgres_cluster, "UPDATE invoice SET currency = NULL")
    contract.use("2025-01", "2")

    assert adjustments((await close(stub, "2025-02")).invoice) == [("INV-000002", "C-1", "2", "0.67")]
    await verified(stub)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE invoice SET currency = 'EUR' WHERE number = 'INV-000002'",
        "UPDATE invoice SET contract = 'closing:USD:DL' WHERE number = 'INV-000002'",
        "UPDATE invoice_line SET contract = 'C-2' WHERE number = 'INV-000002'",
    ],
)
async def test_a_row_of_a_closing_invoice_that_differs_from_its_text_is_found(
    invoicing: Invoicing, rating: FakeRating, postgres_cluster: Cluster, change: str
) -> None:
    contract = rating.contract()
    stub = invoicing.stub()
    await finalize(stub, "C-1", "2025-01")
    contract.use("2025-01", "2")
    await close(stub, "2025-02")
    await verified(stub)

    await as_superuser(invoicing, postgres_cluster, change)

    problems = (await stub.VerifyInvoices(pb.VerifyInvoicesRequest())).problems
    assert problems
    assert all(problem.startswith("INV-000002: ") for problem in problems)

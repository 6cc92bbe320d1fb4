"""Making invoices final: once, numbered without gaps, and what comes late is billed on the next one, once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import grpc
import pytest
from opentelemetry.trace import format_span_id, format_trace_id

from chassis.errors import MeterlineError, NotReady, Reason
from chassis.errors.status import from_rpc_error
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from testkit.wait import eventually

Invoicing = Any
FakeRating = Any
Refused = Callable[..., Any]


async def finalize(stub: Any, month: str = "2025-01", contract: str = "C-1") -> pb.FinalizeInvoiceResponse:
    response: pb.FinalizeInvoiceResponse = await stub.FinalizeInvoice(
        pb.FinalizeInvoiceRequest(contract=contract, billing_period=month)
    )
    return response


async def refusal(call: Any) -> MeterlineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


def printed(invoice: invoice_pb2.Invoice) -> list[tuple[str, str, str, str]]:
    kinds = {1: "usage", 2: "fixed", 3: "adjustment"}
    return [(kinds[line.kind], line.item, line.quantity, line.amount) for line in invoice.lines]


async def test_a_period_becomes_a_numbered_frozen_invoice(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract().use("2025-01", "1", "2")
    stub = invoicing.stub()

    response = await finalize(stub)

    invoice = response.invoice
    assert response.created
    assert (invoice.number, invoice.status) == ("INV-000001", invoice_pb2.INVOICE_STATUS_FINALIZED)
    assert (invoice.customer, invoice.customer_name, invoice.seller) == ("UA", "UA Inc.", "acme")
    assert printed(invoice) == [("fixed", "Base fee", "1", "9.90"), ("usage", "Calls", "3", "1.01")]
    assert invoice.total == "10.91"
    assert [line.id for line in invoice.lines] == ["INV-000001.1", "INV-000001.2"]
    assert invoice.lines[1].exact_amount == "1.005"
    assert invoice.finalized_at.ToDatetime(tzinfo=invoicing.clock.now().tzinfo) == invoicing.clock.now()
    assert [lane.position for lane in invoice.as_of.lanes] == [2]


async def test_the_frozen_text_proves_itself_and_says_what_the_message_says(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    rating.contract().use("2025-01", "1", "2")
    stub = invoicing.stub()
    invoice = (await finalize(stub)).invoice

    got = await stub.GetInvoice(pb.GetInvoiceRequest(number="INV-000001"))

    document = json.loads(got.canonical_json)
    assert got.invoice == invoice
    assert invoice.digest == hashlib.sha256(got.canonical_json).digest()
    assert invoice.chain == hashlib.sha256(bytes(32) + invoice.digest).digest()
    assert (document["number"], document["total"]) == ("INV-000001", "10.91")
    assert [line["amount"] for line in document["lines"]] == ["9.90", "1.01"]


async def test_asked_again_it_is_the_same_invoice(invoicing: Invoicing, rating: FakeRating) -> None:
    contract = rating.contract()
    contract.use("2025-01", "1")
    stub = invoicing.stub()
    first = await finalize(stub)
    contract.use("2025-01", "99")

    again = await finalize(stub)

    assert (first.created, again.created) == (True, False)
    assert again.invoice == first.invoice
    assert len(rating.questions("RateUsage")) == 1


async def test_fifty_at_once_for_one_period_make_one_invoice(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract().use("2025-01", "1")
    stub = invoicing.stub()
    rating.open.clear()
    calls = [asyncio.ensure_future(finalize(stub)) for _ in range(50)]
    await eventually(lambda: rating.waiting == 50)
    rating.open.set()

    responses = await asyncio.gather(*calls)

    assert sum(response.created for response in responses) == 1
    assert {response.invoice.number for response in responses} == {"INV-000001"}
    # The 49 that came too late gave their numbers back.
    assert (await finalize(stub, "2025-02")).invoice.number == "INV-000002"


async def test_fifty_contracts_at_once_have_the_numbers_one_to_fifty(invoicing: Invoicing, rating: FakeRating) -> None:
    for n in range(50):
        rating.contract(f"C-{n}").use("2025-01", str(n))
    stub = invoicing.stub()

    responses = await asyncio.gather(*(finalize(stub, contract=f"C-{n}") for n in range(50)))

    invoices = sorted((response.invoice for response in responses), key=lambda invoice: invoice.number)
    assert [invoice.number for invoice in invoices] == [f"INV-{n:06d}" for n in range(1, 51)]
    assert [invoice.previous_chain for invoice in invoices] == [bytes(32), *(one.chain for one in invoices[:-1])]
    assert not (await stub.VerifyInvoices(pb.VerifyInvoicesRequest())).problems


@pytest.mark.parametrize("reason", [Reason.PERIOD_OPEN, Reason.GRACE_OPEN, Reason.USAGE_NOT_READY])
async def test_not_ready_passes_through_with_its_reason_and_leaves_nothing_behind(
    invoicing: Invoicing, rating: FakeRating, reason: Reason
) -> None:
    rating.contract().use("2025-01", "1")
    rating.refusals["2025-01"] = NotReady(reason, "ask again later", retry_after_s=2.0)
    stub = invoicing.stub()

    refused = await refusal(finalize(stub))

    assert (type(refused), refused.reason, refused.message) == (NotReady, reason, "ask again later")
    assert refused.retry_after_s == 2.0
    rating.refusals.clear()
    assert (await finalize(stub)).invoice.number == "INV-000001"


async def test_an_unknown_contract_passes_through(invoicing: Invoicing) -> None:
    refused = await refusal(finalize(invoicing.stub(), contract="nobody"))

    assert refused.reason is Reason.CONTRACT_NOT_FOUND


async def test_late_usage_is_billed_on_the_next_invoice_and_then_never_again(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    january = (await finalize(stub)).invoice
    contract.use("2025-01", "2")
    contract.use("2025-02", "10")

    february = (await finalize(stub, "2025-02")).invoice
    march = (await finalize(stub, "2025-03")).invoice

    # January is 5 x 0.335 = 1.675, printed 1.68, and 1.01 of it was billed.
    assert printed(february) == [
        ("fixed", "Base fee", "1", "9.90"),
        ("usage", "Calls", "10", "3.35"),
        ("adjustment", "Calls", "2", "0.67"),
    ]
    adjustment = february.lines[2]
    assert february.total == "13.92"
    assert adjustment.adjusts_line_id == january.lines[1].id
    assert (adjustment.billed_before, january.lines[1].billed_before) == (january.lines[1].amount, "")
    assert adjustment.period == january.period
    assert (adjustment.plan, adjustment.plan_version, adjustment.event_count) == ("standard", 1, 1)
    assert adjustment.snapshot_id != january.lines[1].snapshot_id
    assert printed(march) == [("fixed", "Base fee", "1", "9.90"), ("usage", "Calls", "0", "0.00")]
    assert (await stub.GetInvoice(pb.GetInvoiceRequest(number=january.number))).invoice == january


async def test_usage_that_comes_late_again_and_again_always_sums_to_the_rounded_charge(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    invoices = [(await finalize(stub)).invoice]
    for month, late in (("2025-02", "1"), ("2025-03", "0.5"), ("2025-04", "-2")):
        contract.use("2025-01", late)
        invoices.append((await finalize(stub, month)).invoice)

    january = [
        line for one in invoices for line in one.lines if line.item == "Calls" and line.period == invoices[0].period
    ]
    assert [line.quantity for line in january] == ["3", "1", "0.5", "-2"]
    # 2.5 x 0.335 = 0.8375
    assert sum(Decimal(line.amount) for line in january) == Decimal("0.84")
    assert {line.adjusts_line_id for line in january[1:]} == {january[0].id}


async def test_months_may_be_made_final_in_any_order(invoicing: Invoicing, rating: FakeRating) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    contract.use("2025-02", "4")
    stub = invoicing.stub()
    february = (await finalize(stub, "2025-02")).invoice
    contract.use("2025-02", "1")

    january = (await finalize(stub, "2025-01")).invoice

    # January was not billed before, so it has no adjustment of its own; February, billed already, has one.
    assert [kind for kind, *_ in printed(february)] == ["fixed", "usage"]
    assert printed(january) == [
        ("fixed", "Base fee", "1", "9.90"),
        ("usage", "Calls", "3", "1.01"),
        ("adjustment", "Calls", "1", "0.34"),
    ]
    assert january.lines[2].period == february.period


async def test_two_invoices_at_once_never_bill_the_same_late_usage_twice(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub)
    contract.use("2025-01", "2")
    rating.open.clear()
    months = [f"2025-{month:02d}" for month in range(2, 8)]
    calls = [asyncio.ensure_future(finalize(stub, month)) for month in months]
    await eventually(lambda: rating.waiting == len(months))
    rating.open.set()

    invoices = [response.invoice for response in await asyncio.gather(*calls)]

    adjustments = [line for one in invoices for line in one.lines if line.kind == invoice_pb2.LINE_KIND_ADJUSTMENT]
    assert [(line.quantity, line.amount) for line in adjustments] == [("2", "0.67")]
    assert sorted(one.number for one in invoices) == [f"INV-{n:06d}" for n in range(2, 8)]
    assert not (await stub.VerifyInvoices(pb.VerifyInvoicesRequest())).problems


async def test_a_plan_without_items_still_makes_a_numbered_invoice_of_zero(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.items = ()

    invoice = (await finalize(invoicing.stub())).invoice

    assert (invoice.number, invoice.total, list(invoice.lines)) == ("INV-000001", "0.00", [])


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "335"), ("KWD", "335.000"), ("USD", "335.00")])
async def test_amounts_are_printed_in_the_minor_unit_of_the_currency(
    invoicing: Invoicing, rating: FakeRating, currency: str, amount: str
) -> None:
    contract = rating.contract(currency=currency)
    contract.items = contract.items[1:]
    contract.use("2025-01", "1000")

    invoice = (await finalize(invoicing.stub())).invoice

    assert (invoice.currency, invoice.lines[0].amount, invoice.total) == (currency, amount, amount)


async def test_a_contract_that_moved_to_another_currency_is_not_mixed_up(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub)
    contract.use("2025-01", "1")
    rating.contract(currency="EUR").use("2025-02", "1")

    february = (await finalize(stub, "2025-02")).invoice
    closing = await stub.FinalizeClosingInvoice(
        pb.FinalizeClosingInvoiceRequest(customer="UA", currency="USD", billing_period="2025-02")
    )

    assert (february.currency, [kind for kind, *_ in printed(february)]) == ("EUR", ["fixed", "usage"])
    assert (closing.invoice.currency, printed(closing.invoice)) == ("USD", [("adjustment", "Calls", "1", "0.33")])


async def test_prices_that_changed_under_a_billed_period_are_refused(invoicing: Invoicing, rating: FakeRating) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub)
    contract.use("2025-01", "1")
    contract.plan_version = 2

    refused = await refusal(finalize(stub, "2025-02"))

    assert refused.reason is Reason.LINEAGE_MISMATCH
    assert not (await stub.ListInvoices(pb.ListInvoicesRequest(billing_period="2025-02"))).invoices


async def test_tenants_have_their_own_invoices_numbers_and_chains(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract(tenant="acme").use("2025-01", "1")
    rating.contract(tenant="globex").use("2025-01", "1000")
    acme, globex = invoicing.stub("acme"), invoicing.stub("globex")

    mine, theirs = (await finalize(acme)).invoice, (await finalize(globex)).invoice

    assert (mine.number, theirs.number) == ("INV-000001", "INV-000001")
    assert (mine.lines[1].quantity, theirs.lines[1].quantity) == ("1", "1000")
    assert mine.previous_chain == theirs.previous_chain == bytes(32)
    for stub, own in ((acme, mine), (globex, theirs)):
        assert (await stub.GetInvoice(pb.GetInvoiceRequest(number="INV-000001"))).invoice == own
        assert list((await stub.ListInvoices(pb.ListInvoicesRequest())).invoices) == [own]
        assert (await stub.VerifyInvoices(pb.VerifyInvoicesRequest())).head_chain == own.chain
    stranger = invoicing.stub("stranger")
    assert (await refusal(stub_get(stranger))).reason is Reason.INVOICE_NOT_FOUND
    assert (await refusal(stub_explain(stranger))).reason is Reason.LINE_NOT_FOUND


async def stub_get(stub: Any) -> Any:
    return await stub.GetInvoice(pb.GetInvoiceRequest(number="INV-000001"))


async def stub_explain(stub: Any) -> Any:
    return await stub.ExplainLine(pb.ExplainLineRequest(line_id="INV-000001.1"))


async def test_rating_is_asked_with_our_own_token_for_the_callers_tenant(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    rating.contract()

    await finalize(invoicing.stub())

    assert {tenant for _, tenant, _ in rating.asked} == {"acme"}
    assert rating.tokens == {f"Bearer {invoicing.settings.service_token_file.read_text()}"}


async def test_each_line_has_a_span_linked_to_the_one_that_rated_its_charge(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    rating.contract().use("2025-01", "1")

    invoice = (await finalize(invoicing.stub())).invoice

    (parent,) = invoicing.recorded.spans("finalize invoice")
    lines = invoicing.recorded.spans("invoice line")
    assert parent.attributes["metering.invoice"] == "INV-000001"
    for line, span in zip(invoice.lines, lines, strict=True):
        context = span.context
        assert line.traceparent[:52] == f"00-{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}"
        assert span.parent.span_id == parent.context.span_id
        assert span.attributes["metering.money"] is True
        (link,) = span.links
        charge = rating_traceparent(rating, line.charge_id)
        assert f"{format_trace_id(link.context.trace_id)}-{format_span_id(link.context.span_id)}" in charge


def rating_traceparent(rating: FakeRating, charge_id: str) -> str:
    _, charge = rating._charge(charge_id)
    return str(charge.traceparent)


async def test_rating_is_told_how_a_period_was_billed_in_case_it_has_lost_it(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "1", "2")
    stub = invoicing.stub()
    await finalize(stub)
    contract.use("2025-01", "5")
    await finalize(stub, "2025-02")
    contract.use("2025-01", "1")
    rating.asked.clear()

    await finalize(stub, "2025-03")

    asked = [one for one in rating.questions("RateUsage") if one.billing_period == "2025-01"]
    told = [
        [(one.snapshot_id, one.plan, one.plan_version, amounts_of(one.items)) for one in request.billed]
        for request in asked
    ]
    first = ("snap-1", "standard", 1, {"Base fee": ("1", "9.9"), "Calls": ("3", "1.005")})
    second = ("snap-3", "standard", 1, {"Base fee": ("1", "9.9"), "Calls": ("8", "2.68")})
    assert told[0] == [first, second]
    assert asked[0].amends_snapshot_id == "snap-3"
    assert all(not one for one in told[1:]), "what has just been rated can't be lost"


def amounts_of(items: Any) -> dict[str, tuple[str, str]]:
    return {item.item: (item.quantity, item.exact_amount) for item in items}

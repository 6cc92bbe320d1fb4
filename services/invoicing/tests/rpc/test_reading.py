"""Reading: drafts that write nothing, pages, explanations down to events, and the check of everything frozen."""

from __future__ import annotations

import hashlib
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from chassis.errors import Internal, MeterlineError, Reason, Unauthenticated, Unavailable
from chassis.errors.status import from_rpc_error
from metering.common.v1 import values_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from testkit.wait import eventually

Invoicing = Any
FakeRating = Any


async def finalize(stub: Any, month: str = "2025-01", contract: str = "C-1") -> invoice_pb2.Invoice:
    request = pb.FinalizeInvoiceRequest(contract=contract, billing_period=month)
    invoice: invoice_pb2.Invoice = (await stub.FinalizeInvoice(request)).invoice
    return invoice


async def refusal(call: Any) -> MeterlineError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def row_counts(invoicing: Invoicing) -> list[int]:
    tables = ("invoice", "invoice_line", "billed_snapshot", "invoice_series", "billing_profile", "request_log")
    async with invoicing.engine.connect() as conn:
        return [(await conn.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() for table in tables]  # noqa: S608


# --- previews -------------------------------------------------------------------------------------------------------


async def test_a_preview_shows_fees_usage_and_pending_adjustments_and_writes_nothing(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub)
    contract.use("2025-01", "2")
    contract.use("2025-02", "10")
    before = await row_counts(invoicing)
    rated_before = len(rating.questions("RateUsage"))

    draft = (await stub.PreviewInvoice(pb.PreviewInvoiceRequest(contract="C-1", billing_period="2025-02"))).invoice

    assert (draft.number, draft.status, draft.seller) == ("", invoice_pb2.INVOICE_STATUS_DRAFT, "acme")
    assert [(line.id, line.item, line.amount) for line in draft.lines] == [
        ("draft.1", "Base fee", "9.90"),
        ("draft.2", "Calls", "3.35"),
        ("draft.3", "Calls", "0.67"),
    ]
    assert draft.total == "13.92"
    assert draft.lines[2].adjusts_line_id == "INV-000001.2"
    assert [lane.position for lane in draft.as_of.lanes] == [1]
    assert await row_counts(invoicing) == before
    assert len(rating.questions("RateUsage")) == rated_before
    final = await finalize(stub, "2025-02")
    assert [(line.item, line.amount) for line in final.lines] == [(line.item, line.amount) for line in draft.lines]


async def test_a_preview_by_customer_is_that_of_the_contract_in_force(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract(customer="DL").use("2025-03", "1")

    draft = (await invoicing.stub().PreviewInvoice(pb.PreviewInvoiceRequest(customer="DL"))).invoice

    assert (draft.customer, draft.contract, draft.billing_period, draft.total) == ("DL", "C-1", "2025-03", "10.24")


async def test_a_preview_does_not_guess_adjustments_by_other_prices(invoicing: Invoicing, rating: FakeRating) -> None:
    contract = rating.contract()
    contract.use("2025-01", "3")
    stub = invoicing.stub()
    await finalize(stub)
    contract.use("2025-01", "2")
    contract.plan_version = 2

    draft = (await stub.PreviewInvoice(pb.PreviewInvoiceRequest(contract="C-1", billing_period="2025-02"))).invoice

    assert [line.kind for line in draft.lines] == [invoice_pb2.LINE_KIND_FIXED, invoice_pb2.LINE_KIND_USAGE]


async def test_a_preview_is_of_either_a_contract_or_a_customer(invoicing: Invoicing) -> None:
    stub = invoicing.stub()

    for request in (pb.PreviewInvoiceRequest(), pb.PreviewInvoiceRequest(contract="C-1", customer="UA")):
        refused = await refusal(stub.PreviewInvoice(request))
        assert [violation.field for violation in refused.violations] == ["contract"]


# --- billing profile ------------------------------------------------------------------------------------------------


async def test_a_profile_is_versioned_and_applied_once(invoicing: Invoicing, rating: FakeRating) -> None:
    stub = invoicing.stub()
    default = (await stub.GetBillingProfile(pb.GetBillingProfileRequest())).profile
    spec = invoice_pb2.BillingProfileSpec(seller="Acme Inc.", number_prefix="AC")
    spec.grace.seconds = 7200

    outcomes = [
        (await stub.ApplyBillingProfile(pb.ApplyBillingProfileRequest(spec=spec, request_id=request_id))).outcome
        for request_id in ("", "a", "a", "b")
    ]
    spec.seller = "Acme Ltd."
    changed = await stub.ApplyBillingProfile(pb.ApplyBillingProfileRequest(spec=spec))

    assert (default.version, default.spec.seller, default.spec.number_prefix) == (0, "acme", "INV")
    assert default.spec.grace.seconds == 3600
    assert outcomes == [values_pb2.APPLY_OUTCOME_CREATED, *[values_pb2.APPLY_OUTCOME_UNCHANGED] * 3]
    assert (changed.outcome, changed.profile.version) == (values_pb2.APPLY_OUTCOME_NEW_VERSION, 2)
    assert (await stub.GetBillingProfile(pb.GetBillingProfileRequest())).profile == changed.profile
    rating.contract()
    invoice = await finalize(stub)
    assert (invoice.number, invoice.seller) == ("AC-000001", "Acme Ltd.")
    assert rating.questions("RateUsage")[0].grace.seconds == 7200


async def test_a_request_id_is_not_for_two_requests(invoicing: Invoicing) -> None:
    stub = invoicing.stub()
    first = pb.ApplyBillingProfileRequest(request_id="a", spec=invoice_pb2.BillingProfileSpec(number_prefix="AC"))
    other = pb.ApplyBillingProfileRequest(request_id="a", spec=invoice_pb2.BillingProfileSpec(number_prefix="B"))
    await stub.ApplyBillingProfile(first)

    assert (await refusal(stub.ApplyBillingProfile(other))).reason is Reason.REQUEST_ID_REUSED


async def test_a_grace_that_can_not_be_kept_is_refused(invoicing: Invoicing) -> None:
    stub = invoicing.stub()
    spec = invoice_pb2.BillingProfileSpec(number_prefix="AC")

    for grace in ((-1, 0), (90 * 86400 + 1, 0), (1, 5), (10**11, 0)):
        spec.grace.seconds, spec.grace.nanos = grace
        refused = await refusal(stub.ApplyBillingProfile(pb.ApplyBillingProfileRequest(spec=spec)))
        assert [violation.field for violation in refused.violations] == ["spec.grace"], grace


async def test_a_prefix_that_numbers_can_not_bear_is_refused(invoicing: Invoicing) -> None:
    stub = invoicing.stub()

    for prefix in ("", "inv", "-A", "A" * 17, "A.B", "Ä"):
        spec = invoice_pb2.BillingProfileSpec(number_prefix=prefix)
        refused = await refusal(stub.ApplyBillingProfile(pb.ApplyBillingProfileRequest(spec=spec)))
        assert [violation.field for violation in refused.violations] == ["spec.number_prefix"], prefix


async def test_a_new_prefix_begins_a_new_series(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract()
    stub = invoicing.stub()
    await finalize(stub)
    spec = invoice_pb2.BillingProfileSpec(number_prefix="R")
    await stub.ApplyBillingProfile(pb.ApplyBillingProfileRequest(spec=spec))

    second = await finalize(stub, "2025-02")

    assert (second.number, second.previous_chain) == ("R-000001", bytes(32))
    verified = await stub.VerifyInvoices(pb.VerifyInvoicesRequest())
    assert (verified.invoice_count, list(verified.problems)) == (2, [])


# --- lists ----------------------------------------------------------------------------------------------------------


async def test_a_list_goes_page_by_page_and_can_be_narrowed(invoicing: Invoicing, rating: FakeRating) -> None:
    stub = invoicing.stub()
    for n in range(5):
        rating.contract(f"C-{n}", customer=f"customer-{n % 2}")
        await finalize(stub, contract=f"C-{n}")
        await finalize(stub, "2025-02", contract=f"C-{n}")

    numbers: list[str] = []
    token = ""
    while True:
        page = await stub.ListInvoices(pb.ListInvoicesRequest(page_size=3, page_token=token))
        assert 0 < len(page.invoices) <= 3
        numbers += [invoice.number for invoice in page.invoices]
        token = page.next_page_token
        if not token:
            break
    assert numbers == [f"INV-{n:06d}" for n in range(1, 11)]
    narrow = pb.ListInvoicesRequest(customer="customer-1", billing_period="2025-02")
    assert [one.number for one in (await stub.ListInvoices(narrow)).invoices] == ["INV-000004", "INV-000008"]


async def test_a_made_up_page_token_is_refused(invoicing: Invoicing) -> None:
    stub = invoicing.stub()

    for token in ("x", "INV", "INV:", "INV:-1", "inv:1", "INV:1;", "INV:" + "9" * 19):
        refused = await refusal(stub.ListInvoices(pb.ListInvoicesRequest(page_token=token)))
        assert refused.reason is Reason.PAGE_TOKEN_INVALID, token


async def test_an_unknown_number_is_said_so(invoicing: Invoicing) -> None:
    refused = await refusal(invoicing.stub().GetInvoice(pb.GetInvoiceRequest(number="INV-999999")))

    assert refused.reason is Reason.INVOICE_NOT_FOUND


async def test_a_long_invoice_can_be_asked_for_in_pages(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract().use("2025-01", "3")
    stub = invoicing.stub()
    invoice = await finalize(stub)
    request = pb.GetInvoiceRequest(number=invoice.number, page_size=1)

    first = await stub.GetInvoice(request)
    second = await stub.GetInvoice(
        pb.GetInvoiceRequest(number=invoice.number, page_size=1, page_token=first.next_page_token)
    )

    assert (first.line_count, second.next_page_token) == (2, "")
    assert [*first.invoice.lines, *second.invoice.lines] == list(invoice.lines)
    assert (first.invoice.total, second.invoice.digest) == (invoice.total, invoice.digest)
    assert hashlib.sha256(first.canonical_json + second.canonical_json).digest() == invoice.digest
    refused = await refusal(stub.GetInvoice(pb.GetInvoiceRequest(number=invoice.number, page_size=1, page_token="x")))
    assert refused.reason is Reason.PAGE_TOKEN_INVALID


# --- lines ----------------------------------------------------------------------------------------------------------


async def events_of(stub: Any, line: str, limit: int = 0) -> list[tuple[str, str]]:
    call = stub.ListLineEvents(pb.ListLineEventsRequest(line_id=line, limit=limit))
    return [(metered.event.event.id, metered.value) async for page in call for metered in page.events]


async def test_a_line_explains_itself_and_lists_its_events(invoicing: Invoicing, rating: FakeRating) -> None:
    contract = rating.contract()
    contract.use("2025-01", "1", "2")
    stub = invoicing.stub()
    await finalize(stub)
    contract.use("2025-01", "2")
    february = await finalize(stub, "2025-02")

    explained = await stub.ExplainLine(pb.ExplainLineRequest(line_id="INV-000001.2"))
    adjusted = await stub.ExplainLine(pb.ExplainLineRequest(line_id="INV-000002.3"))

    assert (explained.invoice_number, explained.line.id) == ("INV-000001", "INV-000001.2")
    assert explained.charge.charge.id == explained.line.charge_id
    assert explained.charge.snapshot.id == explained.line.snapshot_id
    assert explained.steps[-1] == "rounded once, half away from zero, to 2 decimal places: 1.01 USD"
    assert list(adjusted.steps) == [
        "exact charge 1.675 USD",
        "rounded once, half away from zero, to 2 decimal places: 1.68 USD",
        "less billed on line INV-000001.2: 1.01 USD",
        "difference: 0.67 USD",
    ]
    assert adjusted.line == february.lines[2]
    assert await events_of(stub, "INV-000001.2") == [("2025-01-0", "1"), ("2025-01-1", "2")]
    assert await events_of(stub, "INV-000001.2", limit=1) == [("2025-01-0", "1")]
    assert await events_of(stub, "INV-000002.3") == [("2025-01-2", "2")]
    assert await events_of(stub, "INV-000001.1") == []


async def test_an_unknown_line_is_said_so_and_what_to_do(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract()
    stub = invoicing.stub()
    await finalize(stub)
    hints = dict.fromkeys(("INV-000001.9", "INV-000002.1", "INV-000001", "' OR 1=1"), "look at its invoice")

    for line, hint in {**hints, "draft.2": "finalize the period"}.items():
        for refused in (
            await refusal(stub.ExplainLine(pb.ExplainLineRequest(line_id=line))),
            await refusal(stub.ListLineEvents(pb.ListLineEventsRequest(line_id=line)).read()),
        ):
            assert refused.reason is Reason.LINE_NOT_FOUND
            assert hint in refused.message


async def test_a_client_that_does_not_read_holds_rating_back_and_one_that_leaves_ends_it(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    rating.contract().use("2025-01", "1")
    stub = invoicing.stub()
    await finalize(stub)
    rating.endless = True
    seen: list[int] = []

    def stands_still() -> bool:
        seen.append(rating.pages)
        return seen[-1] > 0 and len(seen) > 5 and len(set(seen[-5:])) == 1

    call = stub.ListLineEvents(pb.ListLineEventsRequest(line_id="INV-000001.2"))
    await call.read()
    await eventually(stands_still, limit_s=30, what="rating to be held back: nothing may pile up in between")

    call.cancel()

    await eventually(rating.ended.is_set, what="the call to rating to be cancelled")


async def test_what_rating_refuses_our_token_for_is_our_defect_not_the_callers(
    invoicing: Invoicing, rating: FakeRating
) -> None:
    rating.refusals["2025-01"] = Unauthenticated(Reason.TOKEN_EXPIRED, "the token is over")

    refused = await refusal(finalize(invoicing.stub()))

    assert type(refused) is Internal
    assert "service_token_file" in refused.message


async def test_while_rating_is_away_what_is_frozen_can_still_be_read(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract()
    stub = invoicing.stub()
    invoice = await finalize(stub)
    rating.refusals["2025-02"] = Unavailable(Reason.UNAVAILABLE, "gone for a moment")

    refused = await refusal(finalize(stub, "2025-02"))

    assert type(refused) is Unavailable
    assert (await stub.GetInvoice(pb.GetInvoiceRequest(number=invoice.number))).invoice == invoice


# --- who may --------------------------------------------------------------------------------------------------------

READING = {
    "GetBillingProfile": pb.GetBillingProfileRequest(),
    "PreviewInvoice": pb.PreviewInvoiceRequest(contract="C-1", billing_period="2025-01"),
    "GetInvoice": pb.GetInvoiceRequest(number="INV-000001"),
    "ListInvoices": pb.ListInvoicesRequest(),
    "ExplainLine": pb.ExplainLineRequest(line_id="INV-000001.1"),
    "ExplainDraftLine": pb.ExplainDraftLineRequest(contract="C-1", billing_period="2025-02", line_id="draft.1"),
    "ListLineEvents": pb.ListLineEventsRequest(line_id="INV-000001.1"),
    "VerifyInvoices": pb.VerifyInvoicesRequest(),
    "VerifyInvoice": pb.VerifyInvoiceRequest(number="INV-000001"),
    "VerifyLine": pb.VerifyLineRequest(line_id="INV-000001.1"),
    "ListPendingAdjustments": pb.ListPendingAdjustmentsRequest(customer="UA", currency="USD"),
    "ListAccounts": pb.ListAccountsRequest(),
    "QueryRevenue": pb.QueryRevenueRequest(from_billing_period="2025-01", until_billing_period="2025-01"),
}
CHANGING = {
    "ApplyBillingProfile": pb.ApplyBillingProfileRequest(spec=invoice_pb2.BillingProfileSpec(number_prefix="A")),
    "FinalizeInvoice": pb.FinalizeInvoiceRequest(contract="C-1", billing_period="2025-01"),
    "FinalizeClosingInvoice": pb.FinalizeClosingInvoiceRequest(customer="UA", currency="USD", billing_period="2025-01"),
    "StateLastNumber": pb.StateLastNumberRequest(series_without_loss="A"),
}


async def outcome(stub: Any, method: str, request: Any) -> Reason | None:
    call = getattr(stub, method)(request)
    try:
        await (call.read() if method == "ListLineEvents" else call)
    except grpc.aio.AioRpcError as error:
        return from_rpc_error(error).reason
    return None


async def test_every_method_asks_for_its_scope(invoicing: Invoicing, rating: FakeRating) -> None:
    rating.contract()
    await finalize(invoicing.stub())
    by_scope = {scope: invoicing.stub(scopes=(scope,)) for scope in ("report", "read", "admin")}
    refused = {
        Reason.SCOPE_MISSING: invoicing.stub_with(invoicing.key.mint_internal()),
        Reason.TOKEN_MISSING: invoicing.stub_with(None),
        Reason.TOKEN_EXPIRED: invoicing.stub_with(invoicing.key.mint("acme", ["read", "admin"], now_s=1_700_000_000)),
    }

    for method, request in (READING | CHANGING).items():
        needed = "read" if method in READING else "admin"
        for scope, stub in by_scope.items():
            expected = None if scope == needed else Reason.SCOPE_MISSING
            assert await outcome(stub, method, request) is expected, (method, scope)
        for reason, stub in refused.items():
            assert await outcome(stub, method, request) is reason, method


async def test_every_method_of_the_contract_is_in_the_table() -> None:
    methods = pb.DESCRIPTOR.services_by_name["InvoicingService"].methods

    assert {method.name for method in methods} == READING.keys() | CHANGING.keys()

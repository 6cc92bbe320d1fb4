"""Invoicing as the portal sees it, over a small world of flights."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

from chassis.errors import NotFound, Reason
from metering.aggregator.v1 import usage_pb2
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.invoicing.v1 import invoicing_service_pb2_grpc as invoicing_grpc
from metering.rating.v1 import charge_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from testkit.portal.fake_aggregator import metered
from testkit.portal.fake_rating import fee_item, flights_item
from testkit.portal.world import (
    DIGEST,
    FEE,
    MONTHS,
    NEW_YORK,
    NOW,
    PRICE,
    Context,
    World,
    bounds,
    period_message,
    refuse,
)


class FakeInvoicing(invoicing_grpc.InvoicingServiceServicer):
    """Bills October, and has a draft of November."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def PreviewInvoice(
        self, request: invoicing_pb.PreviewInvoiceRequest, context: Context
    ) -> invoicing_pb.PreviewInvoiceResponse:
        """Answer PreviewInvoice."""
        if request.customer:
            self.world.note_operator("PreviewInvoice", context)
            return invoicing_pb.PreviewInvoiceResponse(invoice=invoice_of(self.world, request.customer, MONTHS[-1], ""))
        if self.world.is_operator(context):
            self.world.note_operator("PreviewInvoice", context)
            named = request.contract.removeprefix("C-")
            return invoicing_pb.PreviewInvoiceResponse(
                invoice=invoice_of(self.world, named, request.billing_period, "")
            )
        customer = await self.world.caller("PreviewInvoice", context, named=request.contract)
        numbers = {month: number for number, month in self.world.invoices(customer).items()}
        month = request.billing_period
        return invoicing_pb.PreviewInvoiceResponse(
            invoice=invoice_of(self.world, customer, month, numbers.get(month, ""))
        )

    async def QueryRevenue(
        self, request: invoicing_pb.QueryRevenueRequest, context: Context
    ) -> invoicing_pb.QueryRevenueResponse:
        """Answer QueryRevenue, a row a page: October is final, November a draft."""
        self.world.note_operator("QueryRevenue", context)
        months = [m for m in MONTHS if request.from_billing_period <= m <= request.until_billing_period]
        bills = [
            invoice_of(self.world, customer, month, "INV-1" if month == MONTHS[0] else "")
            for customer in self.world.flights
            for month in months
        ]
        lines = [(revenue_key(request.by, bill, line), bill, line) for bill in bills for line in bill.lines]
        rows = []
        for key in sorted({key for key, _, _ in lines}):
            of_key = [(bill, Decimal(line.amount)) for own, bill, line in lines if own == key]
            rows.append(
                invoicing_pb.RevenueRow(
                    key=key,
                    currency="USD",
                    amount=str(sum(amount for _, amount in of_key)),
                    final_amount=str(sum((amount for bill, amount in of_key if bill.number), Decimal("0.00"))),
                    bill_count=len({(bill.customer, bill.billing_period) for bill, _ in of_key}),
                )
            )
        final = [bill for bill in bills if bill.number]
        total = invoicing_pb.RevenueTotal(
            currency="USD",
            amount=str(sum(Decimal(bill.total) for bill in bills)),
            final_amount=str(sum((Decimal(bill.total) for bill in final), Decimal("0.00"))),
            invoice_count=len(final),
            draft_count=len(bills) - len(final),
        )
        place = int(request.page_token or "0")
        following = str(place + 1) if place + 1 < len(rows) else ""
        return invoicing_pb.QueryRevenueResponse(
            rows=rows[place : place + 1], totals=[total], next_page_token=following
        )

    async def GetInvoice(
        self, request: invoicing_pb.GetInvoiceRequest, context: Context
    ) -> invoicing_pb.GetInvoiceResponse:
        """Answer GetInvoice."""
        customer, month = await self._owned("GetInvoice", request.number, context)
        document = b'{"number":"%s"}' % request.number.encode()
        return invoicing_pb.GetInvoiceResponse(
            invoice=invoice_of(self.world, customer, month, request.number), canonical_json=document
        )

    async def ListInvoices(
        self, request: invoicing_pb.ListInvoicesRequest, context: Context
    ) -> invoicing_pb.ListInvoicesResponse:
        """Answer ListInvoices."""
        customer = request.customer
        if "x-meterline-customer" in dict(context.invocation_metadata() or ()):
            await self.world.caller("ListInvoices", context, named=f"C-{customer}")
        else:
            self.world.note_operator("ListInvoices", context)
        if not customer:
            return invoicing_pb.ListInvoicesResponse(
                invoices=[
                    invoice_of(self.world, one, month, number)
                    for one in self.world.flights
                    for number, month in self.world.invoices(one).items()
                    if request.from_billing_period <= month <= request.until_billing_period
                ]
            )
        found = self.world.invoices(customer).items()
        return invoicing_pb.ListInvoicesResponse(
            invoices=[invoice_of(self.world, customer, month, number) for number, month in found]
        )

    async def ExplainLine(
        self, request: invoicing_pb.ExplainLineRequest, context: Context
    ) -> invoicing_pb.ExplainLineResponse:
        """Answer ExplainLine."""
        number = request.line_id.rpartition(".")[0]
        customer, month = await self._owned("ExplainLine", number, context)
        invoice = invoice_of(self.world, customer, month, number)
        line = next((line for line in invoice.lines if line.id == request.line_id), None)
        if line is None:
            await refuse(context, NotFound(Reason.LINE_NOT_FOUND, f"there is no line {request.line_id}; look again"))
            raise AssertionError
        snapshot = usage_pb2.UsageSnapshot(id="snap-1", digest=DIGEST, as_of=self.world.as_of())
        snapshot.sealed_at.FromDatetime(bounds(month)[1])
        return invoicing_pb.ExplainLineResponse(
            line=line,
            invoice_number=number,
            steps=["497.50 is rounded to USD 497.50"],
            charge=rating_pb.ExplainChargeResponse(
                charge=charge_of(line), item=flights_item() if line.meter else fee_item(), snapshot=snapshot
            ),
        )

    async def ExplainDraftLine(
        self, request: invoicing_pb.ExplainDraftLineRequest, context: Context
    ) -> invoicing_pb.ExplainDraftLineResponse:
        """Answer ExplainDraftLine."""
        customer = await self.world.caller("ExplainDraftLine", context, named=request.contract)
        draft = invoice_of(self.world, customer, request.billing_period, "")
        line = next((line for line in draft.lines if line.id == request.line_id), None)
        if line is None:
            await refuse(context, NotFound(Reason.LINE_NOT_FOUND, f"there is no line {request.line_id}; look again"))
            raise AssertionError
        return invoicing_pb.ExplainDraftLineResponse(
            line=line,
            charge=charge_of(line),
            item=flights_item() if line.meter else fee_item(),
            as_of=self.world.as_of(),
        )

    async def ListLineEvents(
        self, request: invoicing_pb.ListLineEventsRequest, context: Context
    ) -> AsyncIterator[invoicing_pb.ListLineEventsResponse]:
        """Answer ListLineEvents."""
        number = request.line_id.rpartition(".")[0]
        customer, month = await self._owned("ListLineEvents", number, context)
        start, end = bounds(month)
        yield invoicing_pb.ListLineEventsResponse(
            events=metered(self.world, customer, start, end, request.after.position, request.limit)
        )

    async def VerifyInvoice(
        self, request: invoicing_pb.VerifyInvoiceRequest, context: Context
    ) -> invoicing_pb.VerifyInvoiceResponse:
        """Answer VerifyInvoice."""
        await self._owned("VerifyInvoice", request.number, context)
        response = invoicing_pb.VerifyInvoiceResponse(digest=DIGEST, chain=DIGEST, line_count=2)
        response.checked_at.FromDatetime(NOW)
        return response

    async def VerifyLine(
        self, request: invoicing_pb.VerifyLineRequest, context: Context
    ) -> invoicing_pb.VerifyLineResponse:
        """Answer VerifyLine."""
        await self._owned("VerifyLine", request.line_id.rpartition(".")[0], context)
        response = invoicing_pb.VerifyLineResponse(
            event_count=3, problems=["an event is missing"], snapshot_digest=DIGEST
        )
        response.checked_at.FromDatetime(NOW)
        return response

    async def _owned(self, method: str, number: str, context: Context) -> tuple[str, str]:
        customer = await self.world.caller(method, context)
        month = self.world.invoices(customer).get(number)
        if month is None:
            await refuse(context, NotFound(Reason.INVOICE_NOT_FOUND, f"there is no invoice {number}; list them"))
            raise AssertionError
        return customer, month


def revenue_key(
    cut: invoicing_pb.RevenueCut.ValueType, bill: invoice_pb2.Invoice, line: invoice_pb2.InvoiceLine
) -> str:
    """The row of revenue that a line counts for."""
    by = {invoicing_pb.REVENUE_CUT_ITEM: line.item, invoicing_pb.REVENUE_CUT_PLAN: line.plan}
    return by.get(cut, bill.customer)


def invoice_of(world: World, customer: str, month: str, number: str) -> invoice_pb2.Invoice:
    """An invoice or, without a number, a draft."""
    start, end = bounds(month)
    count = len(world.used(customer, start, end))
    amount, prefix = PRICE * count, number or "draft"
    flights = invoice_pb2.InvoiceLine(
        id=f"{prefix}.2",
        kind=invoice_pb2.LINE_KIND_USAGE,
        item="Flights",
        meter="flights",
        unit="flight",
        quantity=str(count),
        priced_quantity=str(2 * count),
        amount=str(amount),
        exact_amount=str(amount),
        event_count=count,
        period=period_message(start, end),
        plan="standard",
        plan_version=3,
    )
    flights.tiers.add(quantity=str(count), unit_price=str(PRICE), amount=str(amount))
    fee = invoice_pb2.InvoiceLine(
        id=f"{prefix}.1",
        kind=invoice_pb2.LINE_KIND_FIXED,
        item="Fee",
        quantity="1",
        amount=str(FEE),
        exact_amount=str(FEE),
        period=period_message(start, end),
    )
    made = invoice_pb2.Invoice(
        number=number,
        status=invoice_pb2.INVOICE_STATUS_FINALIZED if number else invoice_pb2.INVOICE_STATUS_DRAFT,
        kind=invoice_pb2.INVOICE_KIND_PERIOD,
        customer=customer,
        customer_name=f"{customer} Inc.",
        seller="Metered Skies",
        contract=f"C-{customer}",
        currency="USD",
        period=period_message(start, end),
        billing_period=month,
        time_zone=NEW_YORK.key,
        lines=[fee, flights],
        total=str(amount + FEE),
        as_of=world.as_of(),
        digest=DIGEST if number else b"",
        chain=DIGEST if number else b"",
        line_count=2,
    )
    if number:
        made.finalized_at.FromDatetime(end)
    return made


def charge_of(line: invoice_pb2.InvoiceLine) -> charge_pb2.Charge:
    """Return the message of charge of."""
    step = charge_pb2.DerivationStep(name="total", text="all of it", value=line.exact_amount)
    return charge_pb2.Charge(meter=line.meter, currency="USD", steps=[step], exact_amount=line.exact_amount)

"""The clients of the aggregator, of rating and of invoicing, speaking domain values.

Every call acts for one customer: the portal's own token allows no other, and names the customer in metadata. Those of
the seller's pages are made with the token of whoever looks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import grpc

from chassis.errors import NotFound, Reason
from chassis.errors.status import from_rpc_error
from chassis.rpc.client import neighbor_errors, reading
from eventlog.period import Period
from eventlog.wire import period_to_proto
from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.aggregator.v1 import aggregator_service_pb2_grpc as aggregator_grpc
from metering.aggregator.v1 import usage_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.invoicing.v1 import invoicing_service_pb2_grpc as invoicing_grpc
from metering.rating.v1 import entitlement_pb2
from metering.rating.v1 import rating_service_pb2 as rating_pb
from metering.rating.v1 import rating_service_pb2_grpc as rating_grpc
from portal.domain.catalog import ContractPage, PlanVersion, PlanVersions
from portal.domain.figures import HeatMap, UsageFigures
from portal.domain.invoices import Invoice, InvoicePage, Verified
from portal.domain.lines import Derivation, EventPage, MeteredSpan
from portal.domain.operators import CustomerPage, KnownCustomer
from portal.domain.periods import named
from portal.domain.unbilled import UnbilledPage
from portal.domain.usage import MeterCounts, UsageAnswer, UsageQuestion
from portal.domain.variance import Variance
from portal.wire import cost as wire_cost
from portal.wire import figures as wire_figures
from portal.wire import invoices as wire_invoices
from portal.wire import lines as wire_lines
from portal.wire import plans as wire_plans
from portal.wire import revenue as wire_revenue
from portal.wire import usage as wire_usage
from portal.wire.catalog import contract_from_proto, plan_from_proto
from portal.wire.entitlements import entitled_from_proto
from portal.wire.meters import meter_from_proto
from portal.wire.periods import period_from_proto
from portal.wire.price_lint import finding_from_proto
from portal.wire.unbilled import unbilled_from_proto
from portal.wire.values import freshness_from_proto
from portal.wire.variance import variance_from_proto

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

    from portal.domain.cost import CostAnswer, CostQuestion
    from portal.domain.entitlements import Entitled
    from portal.domain.meters import Meter
    from portal.domain.periods import ContractPeriod
    from portal.domain.plans import PlanPage, PriceQuestion, PriceQuote
    from portal.domain.price_lint import PriceFinding
    from portal.domain.revenue import Cut, Revenue

CALLED_AGGREGATOR: Final = (aggregator_pb.DESCRIPTOR.services_by_name["AggregatorService"],)
CALLED_RATING: Final = (rating_pb.DESCRIPTOR.services_by_name["RatingService"],)
CALLED_INVOICING: Final = (invoicing_pb.DESCRIPTOR.services_by_name["InvoicingService"],)
"""The services that are called through each channel."""

_FIRST_LABEL: Final = "0001-01"
_ENDS_WITHIN_DAYS: Final = 62
"""The longest month, and the one before it: the period that runs is in the list wherever it began."""
_ENDS_WITHIN_DAYS_MAX: Final = 366
"""A year: as far as rating tells."""
_QUESTIONS_MAX: Final = 1000
"""Most quantities that rating is asked for at once."""
_CONTRACTS_PER_PAGE: Final = 1000
_EVENTS_S: Final = 30.0
"""How long a page of events may take."""


class AggregatorClient:
    """The aggregator over gRPC. Raises MeterlineError, as the aggregator did."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = aggregator_grpc.AggregatorServiceStub(channel)

    async def meters(self) -> Sequence[Meter]:
        """Return all meters by name."""
        with neighbor_errors("the aggregator"):
            response: aggregator_pb.DescribeMetersResponse = await self._stub.DescribeMeters(
                aggregator_pb.DescribeMetersRequest()
            )
        return [meter_from_proto(meter) for meter in response.meters]

    async def usage(self, customer: str, question: UsageQuestion) -> UsageAnswer:
        """Return usage of one meter, page after page."""
        request = wire_usage.question_to_proto(customer, question)
        pages: list[aggregator_pb.QueryUsageResponse] = []
        with neighbor_errors("the aggregator"):
            while not pages or request.page_token:
                pages.append(await self._stub.QueryUsage(request))
                request.page_token = pages[-1].next_page_token
        # Pages that follow may count more: the first one tells how fresh all of them are at least.
        return UsageAnswer(
            rows=[wire_usage.row_from_proto(row) for page in pages for row in page.rows],
            unit=pages[0].unit,
            freshness=freshness_from_proto(pages[0].as_of),
            filled=all(page.filled for page in pages),
            events_read=sum(page.source.events_read for page in pages),
        )

    async def figures(self, customer: str, question: UsageQuestion) -> UsageFigures:
        """Return figures of one meter."""
        with neighbor_errors("the aggregator"):
            response: aggregator_pb.SummarizeUsageResponse = await self._stub.SummarizeUsage(
                wire_figures.figures_to_proto(customer, question)
            )
        return wire_figures.figures_from_proto(question, response)

    async def heat(self, customer: str, question: UsageQuestion) -> HeatMap:
        """Return the hours of the week of one meter."""
        with neighbor_errors("the aggregator"):
            response: aggregator_pb.QueryHeatMapResponse = await self._stub.QueryHeatMap(
                wire_figures.heat_to_proto(customer, question)
            )
        return wire_figures.heat_from_proto(question, response)

    async def counts(self, customer: str, start: datetime, end: datetime) -> MeterCounts:
        """Return how many events each meter has counted in a period."""
        request = aggregator_pb.QueryTotalsRequest(customer=customer, period=period_to_proto(Period(start, end)))
        with neighbor_errors("the aggregator"):
            response: aggregator_pb.QueryTotalsResponse = await self._stub.QueryTotals(request)
        return wire_usage.counts_from_proto(response)

    async def metered_events(self, customer: str, span: MeteredSpan, after: str, limit: int) -> EventPage:
        """Return a page of the events that a meter counts now."""
        request = aggregator_pb.ListMeteredEventsRequest(
            customer=customer,
            meter=span.meter,
            period=period_to_proto(Period(span.start, span.end)),
            filters=wire_usage.filters_to_proto(span.filters),
            after=wire_lines.place_from_token(after),
            limit=limit + 1,
            hour_of_week=wire_lines.hour_to_proto(span.hour),
            time_zone=span.time_zone,
            any_property=span.reads_log,
        )
        with neighbor_errors("the aggregator"):
            async with reading(self._stub.ListMeteredEvents(request, timeout=_EVENTS_S)) as pages:
                return await _page_of(pages, limit)


class RatingClient:
    """Rating over gRPC. Raises MeterlineError, as rating did."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = rating_grpc.RatingServiceStub(channel)

    async def customer_name(self, customer: str) -> str:
        """Return the name of a customer for people. Raises NotFound."""
        with neighbor_errors("rating"):
            response: rating_pb.GetCustomerResponse = await self._stub.GetCustomer(
                rating_pb.GetCustomerRequest(name=customer)
            )
        return response.customer.spec.display_name

    async def periods(self, customer: str) -> Sequence[ContractPeriod]:
        """Return the billing periods of all contracts of a customer that have ended or end within two months."""
        request = rating_pb.ListBillingPeriodsRequest(
            customer=customer, from_billing_period=_FIRST_LABEL, ends_within_days=_ENDS_WITHIN_DAYS
        )
        with neighbor_errors("rating"):
            zones, response = await asyncio.gather(self._zones(customer), self._stub.ListBillingPeriods(request))
        return named([period_from_proto(period, zones) for period in response.periods])

    async def _zones(self, customer: str) -> dict[str, str]:
        """Return the time zone of each contract of a customer."""
        request = rating_pb.ListContractsRequest(customer=customer, page_size=_CONTRACTS_PER_PAGE)
        zones: dict[str, str] = {}
        while True:
            response: rating_pb.ListContractsResponse = await self._stub.ListContracts(request)
            zones |= {contract.name: contract.spec.time_zone for contract in response.contracts}
            if not response.next_page_token:
                return zones
            request.page_token = response.next_page_token

    async def cost(self, question: CostQuestion) -> CostAnswer:
        """Return the cost of one billing period."""
        with neighbor_errors("rating"):
            response: rating_pb.QueryCostResponse = await self._stub.QueryCost(wire_cost.question_to_proto(question))
        return wire_cost.answer_from_proto(response)

    async def price_list(self, contract: str, billing_period: str) -> PlanPage:
        """Return the plan that prices a billing period, with the units of its meters."""
        prices = rating_pb.GetPriceListRequest(contract=contract, billing_period=billing_period)
        charges = rating_pb.ListChargesRequest(contract=contract, billing_period=billing_period)
        with neighbor_errors("rating"):
            response, charged = await asyncio.gather(self._stub.GetPriceList(prices), self._stub.ListCharges(charges))
        return wire_plans.price_list_from_proto(response, {charge.meter: charge.unit for charge in charged.charges})

    async def prices(self, contract: str, billing_period: str, units: Mapping[str, str]) -> PlanPage:
        """Return the plan that prices a period, which may be one to come; `units` has the unit of each meter."""
        request = rating_pb.GetPriceListRequest(contract=contract, billing_period=billing_period)
        with neighbor_errors("rating"):
            response: rating_pb.GetPriceListResponse = await self._stub.GetPriceList(request)
        return wire_plans.price_list_from_proto(response, units)

    async def quotes(
        self, contract: str, billing_period: str, questions: Sequence[PriceQuestion]
    ) -> Sequence[PriceQuote]:
        """Return what quantities would cost at the prices of a period, which may be one to come."""
        found: list[PriceQuote] = []
        with neighbor_errors("rating"):
            for first in range(0, len(questions), _QUESTIONS_MAX):
                request = wire_plans.questions_to_proto(
                    contract, billing_period, questions[first : first + _QUESTIONS_MAX]
                )
                response: rating_pb.QuotePriceResponse = await self._stub.QuotePrice(request)
                found += map(wire_plans.quote_from_proto, response.quotes)
        return found

    async def periods_to_come(self, customer: str, contract: str, after: datetime) -> Sequence[ContractPeriod]:
        """Return the periods of a contract that begin after a time and within a year, the next first."""
        request = rating_pb.ListBillingPeriodsRequest(
            customer=customer, from_billing_period=_FIRST_LABEL, ends_within_days=_ENDS_WITHIN_DAYS_MAX
        )
        with neighbor_errors("rating"):
            zones, response = await asyncio.gather(self._zones(customer), self._stub.ListBillingPeriods(request))
        found = [period_from_proto(period, zones) for period in response.periods]
        return [period for period in found if period.contract == contract and period.start > after]

    async def entitlements(self, customer: str) -> Sequence[Entitled]:
        """Return how the features of a customer's plans stand; of one without a contract in force there are none."""
        request = entitlement_pb2.ListEntitlementsRequest(customer=customer)
        try:
            with neighbor_errors("rating"):
                response: entitlement_pb2.ListEntitlementsResponse = await self._stub.ListEntitlements(request)
        except NotFound as error:
            if error.reason is Reason.CONTRACT_NOT_FOUND:
                return ()
            raise
        # What the seller has to mend in the catalog is not the customer's to see.
        return [entitled_from_proto(one) for one in response.entitlements if not one.problem]

    async def variance(self, customer: str, billing_period: str, against: str) -> Variance:
        """Return why one period of a customer costs more or less than another."""
        request = rating_pb.ExplainVarianceRequest(
            customer=customer, billing_period=billing_period, against_billing_period=against
        )
        with neighbor_errors("rating"):
            return variance_from_proto(await self._stub.ExplainVariance(request))

    async def used(self, contract: str, billing_period: str) -> Mapping[str, Decimal]:
        """Return what each meter of a plan has counted in a period."""
        request = rating_pb.ListChargesRequest(contract=contract, billing_period=billing_period)
        with neighbor_errors("rating"):
            response: rating_pb.ListChargesResponse = await self._stub.ListCharges(request)
        return wire_plans.used_from_proto(response)


class InvoicingClient:
    """Invoicing over gRPC. Raises MeterlineError, as invoicing did."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = invoicing_grpc.InvoicingServiceStub(channel)

    async def preview(self, contract: str, billing_period: str, *, alone: bool = False) -> Invoice:
        """Return the draft of a period; of a final one its invoice, with what changed since, unless it is `alone`."""
        request = invoicing_pb.PreviewInvoiceRequest(
            contract=contract, billing_period=billing_period, without_adjustments=alone
        )
        with neighbor_errors("invoicing"):
            response: invoicing_pb.PreviewInvoiceResponse = await self._stub.PreviewInvoice(request)
        return wire_invoices.preview_from_proto(response)

    async def invoice(self, number: str) -> Invoice:
        """Return an invoice as it was finalized. Raises NotFound."""
        with neighbor_errors("invoicing"):
            response: invoicing_pb.GetInvoiceResponse = await self._stub.GetInvoice(
                invoicing_pb.GetInvoiceRequest(number=number)
            )
        return wire_invoices.invoice_from_proto(response.invoice)

    async def document(self, number: str) -> bytes:
        """Return the text of an invoice as it is stored, whose SHA-256 is its digest. Raises NotFound."""
        with neighbor_errors("invoicing"):
            response: invoicing_pb.GetInvoiceResponse = await self._stub.GetInvoice(
                invoicing_pb.GetInvoiceRequest(number=number)
            )
        return response.canonical_json

    async def explain(self, line_id: str) -> Derivation:
        """Return how a line of an invoice came about, with all its windows. Raises NotFound."""
        request = invoicing_pb.ExplainLineRequest(line_id=line_id)
        with neighbor_errors("invoicing"):
            found: invoicing_pb.ExplainLineResponse = await self._stub.ExplainLine(request)
            request.page_token = found.next_page_token
            while request.page_token:
                page: invoicing_pb.ExplainLineResponse = await self._stub.ExplainLine(request)
                found.charge.windows.extend(page.charge.windows)
                request.page_token = page.next_page_token
        return wire_lines.derivation_from_proto(found)

    async def invoices(self, customer: str, after: str, limit: int) -> InvoicePage:
        """Return a page of a customer's invoices, the newest first, without their lines."""
        with neighbor_errors("invoicing"):
            response: invoicing_pb.ListInvoicesResponse = await self._stub.ListInvoices(
                wire_invoices.newest_first(customer, after, limit)
            )
        return wire_invoices.page_from_proto(response)

    async def explain_draft(self, contract: str, billing_period: str, line_id: str) -> Derivation:
        """Return how a line of a draft comes about. Raises NotFound."""
        request = invoicing_pb.ExplainDraftLineRequest(
            contract=contract, billing_period=billing_period, line_id=line_id
        )
        with neighbor_errors("invoicing"):
            response: invoicing_pb.ExplainDraftLineResponse = await self._stub.ExplainDraftLine(request)
        return wire_lines.draft_derivation_from_proto(response)

    async def line_events(self, line_id: str, after: str, limit: int) -> EventPage:
        """Return a page of the events behind a line of an invoice. Raises NotFound."""
        request = invoicing_pb.ListLineEventsRequest(
            line_id=line_id, after=wire_lines.place_from_token(after), limit=limit + 1
        )
        with neighbor_errors("invoicing"):
            async with reading(self._stub.ListLineEvents(request, timeout=_EVENTS_S)) as pages:
                return await _page_of(pages, limit)

    async def verify_invoice(self, number: str) -> Verified:
        """Compute again what proves an invoice. Raises NotFound."""
        with neighbor_errors("invoicing"):
            response: invoicing_pb.VerifyInvoiceResponse = await self._stub.VerifyInvoice(
                invoicing_pb.VerifyInvoiceRequest(number=number)
            )
        return wire_invoices.verified_from_proto(response)

    async def verify_line(self, line_id: str) -> Verified:
        """Count the events behind a line again. Raises NotFound."""
        with neighbor_errors("invoicing"):
            response: invoicing_pb.VerifyLineResponse = await self._stub.VerifyLine(
                invoicing_pb.VerifyLineRequest(line_id=line_id)
            )
        return wire_lines.verified_from_proto(response)


class SellerClient:
    """The other services for the seller, by channels that send the token of whoever looks."""

    def __init__(self, aggregator: grpc.aio.Channel, rating: grpc.aio.Channel, invoicing: grpc.aio.Channel) -> None:
        self._aggregator = aggregator_grpc.AggregatorServiceStub(aggregator)
        self._rating = rating_grpc.RatingServiceStub(rating)
        self._invoicing = invoicing_grpc.InvoicingServiceStub(invoicing)

    async def customers(self, words: str, after: str, limit: int) -> CustomerPage:
        """Return a page of customers by key; only those that `words` find, if there are any. Raises InvalidRequest."""
        request = rating_pb.ListCustomersRequest(search=words, page_size=limit, page_token=after)
        with _callers_errors():
            response: rating_pb.ListCustomersResponse = await self._rating.ListCustomers(request)
        return CustomerPage(
            [
                KnownCustomer(customer.name, customer.spec.display_name or customer.name, customer.spec.currency)
                for customer in response.customers
            ],
            response.next_page_token,
        )

    async def plans(self, after: str, limit: int) -> PlanVersions:
        """Return a page of plans by name, each with its newest version."""
        with _callers_errors():
            response: rating_pb.ListPlansResponse = await self._rating.ListPlans(
                rating_pb.ListPlansRequest(page_size=limit, page_token=after)
            )
        return PlanVersions(tuple(map(plan_from_proto, response.plans)), response.next_page_token)

    async def plan(self, name: str, version: int) -> PlanVersion:
        """Return a version of a plan. Raises NotFound."""
        with _callers_errors():
            response: rating_pb.GetPlanResponse = await self._rating.GetPlan(
                rating_pb.GetPlanRequest(name=name, version=version)
            )
        return plan_from_proto(response.plan)

    async def price_findings(self) -> Sequence[PriceFinding]:
        """Return what is odd about the prices of the whole catalog, by plan and item."""
        with _callers_errors():
            response: rating_pb.LintPlansResponse = await self._rating.LintPlans(rating_pb.LintPlansRequest())
        return [finding_from_proto(finding) for finding in response.findings]

    async def contracts(self, billing_period: str, after: str, limit: int) -> ContractPage:
        """Return a page of contracts by name; only those with a period of that label, if there is one."""
        request = rating_pb.ListContractsRequest(billing_period=billing_period, page_size=limit, page_token=after)
        with _callers_errors():
            response: rating_pb.ListContractsResponse = await self._rating.ListContracts(request)
        return ContractPage(tuple(map(contract_from_proto, response.contracts)), response.next_page_token)

    async def unbilled(self, after: str, limit: int) -> UnbilledPage:
        """Return a page of usage that no invoice will have; it may be short and not be the last."""
        with _callers_errors():
            response: rating_pb.ListUnbilledUsageResponse = await self._rating.ListUnbilledUsage(
                rating_pb.ListUnbilledUsageRequest(page_size=limit, page_token=after)
            )
        return unbilled_from_proto(response)

    async def units(self) -> Mapping[str, str]:
        """Return the unit of each meter."""
        with _callers_errors():
            response: aggregator_pb.DescribeMetersResponse = await self._aggregator.DescribeMeters(
                aggregator_pb.DescribeMetersRequest()
            )
        return {meter.name: meter.unit for meter in response.meters}

    async def bill(self, contract: str, billing_period: str) -> Invoice:
        """Return the invoice of a period, or its draft. Raises NotFound."""
        request = invoicing_pb.PreviewInvoiceRequest(contract=contract, billing_period=billing_period)
        with _callers_errors():
            response: invoicing_pb.PreviewInvoiceResponse = await self._invoicing.PreviewInvoice(request)
        return wire_invoices.preview_from_proto(response)

    async def revenue(self, first: str, last: str, cut: Cut, after: str, limit: int) -> Revenue:
        """Return a page of the sums of the bills of some months."""
        request = wire_revenue.revenue_to_ask(first, last, cut, after, limit)
        with _callers_errors():
            response: invoicing_pb.QueryRevenueResponse = await self._invoicing.QueryRevenue(request)
        return wire_revenue.revenue_from_proto(response, request, cut)

    async def ended_periods(self, customer: str) -> Sequence[ContractPeriod]:
        """Return the billing periods of a customer that have ended; their time zones are not known."""
        request = rating_pb.ListBillingPeriodsRequest(customer=customer, from_billing_period=_FIRST_LABEL)
        with _callers_errors():
            response: rating_pb.ListBillingPeriodsResponse = await self._rating.ListBillingPeriods(request)
        return [period_from_proto(period, {}) for period in response.periods]

    async def periods_to_end(self, customer: str) -> Sequence[ContractPeriod]:
        """Return the billing periods of a customer that have ended or end within a year; time zones are not known."""
        request = rating_pb.ListBillingPeriodsRequest(
            customer=customer, from_billing_period=_FIRST_LABEL, ends_within_days=_ENDS_WITHIN_DAYS_MAX
        )
        with _callers_errors():
            response: rating_pb.ListBillingPeriodsResponse = await self._rating.ListBillingPeriods(request)
        return [period_from_proto(period, {}) for period in response.periods]

    async def live_bill(self, customer: str) -> Invoice:
        """Return the draft of the period that runs. Raises NotFound without a contract in force.

        Raises InvalidRequest PERIOD_INVALID where several contracts have one.
        """
        with _callers_errors():
            response: invoicing_pb.PreviewInvoiceResponse = await self._invoicing.PreviewInvoice(
                invoicing_pb.PreviewInvoiceRequest(customer=customer)
            )
        return wire_invoices.preview_from_proto(response)

    async def invoices(self, customer: str, after: str, limit: int) -> InvoicePage:
        """Return a page of a customer's invoices, the newest first, without their lines."""
        with _callers_errors():
            response: invoicing_pb.ListInvoicesResponse = await self._invoicing.ListInvoices(
                wire_invoices.newest_first(customer, after, limit)
            )
        return wire_invoices.page_from_proto(response)


@contextmanager
def _callers_errors() -> Iterator[None]:
    """Raise what a neighbor refused as it is: the token is that of our caller, who can do something about it."""
    try:
        yield
    except grpc.RpcError as failure:
        raise from_rpc_error(failure) from failure


async def _page_of(pages: AsyncIterable[Any], limit: int) -> EventPage:
    """Return the first events of a stream, of which one more than `limit` was asked for."""
    found: list[usage_pb2.MeteredEvent] = []
    async for page in pages:
        found.extend(page.events)
    following = wire_lines.place_to_token(found[limit - 1]) if len(found) > limit else ""
    return EventPage(tuple(wire_lines.event_from_proto(event) for event in found[:limit]), following)

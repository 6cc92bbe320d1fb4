"""The service as gRPC sees it: each method checks, calls one use case and renders its result."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chassis.identity import current_tenant
from chassis.rpc.method import declared_methods
from chassis.rpc.pages import page_limit
from chassis.rpc.repeat import once
from chassis.rpc.server import Served
from invoicing.domain.accounts import Account
from invoicing.domain.profiles import default_profile
from invoicing.operations import accounts, audits, drafts, invoices, lines, lost_numbers, profiles, revenue
from invoicing.operations.owners import owners
from invoicing.wire import accounts as wire_accounts
from invoicing.wire import invoices as wire
from invoicing.wire import lost_numbers as wire_lost_numbers
from invoicing.wire import profiles as wire_profiles
from invoicing.wire import revenue as wire_revenue
from invoicing.wire.audits import audit_to_proto, invoice_check_to_proto, line_check_to_proto
from invoicing.wire.lines import draft_line_to_proto, explained_to_proto
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import grpc
    from sqlalchemy.ext.asyncio import AsyncConnection

    from invoicing.operations.deps import Deps
    from invoicing.operations.profiles import AppliedProfile

    Context = grpc.aio.ServicerContext[Any, Any]


class InvoicingServicer(pb_grpc.InvoicingServiceServicer):
    """InvoicingService. Errors are raised as they are; the server's interceptor renders them."""

    def __init__(self, deps: Deps) -> None:
        """Serve the use cases with `deps`."""
        self._deps = deps

    async def ApplyBillingProfile(
        self, request: pb.ApplyBillingProfileRequest, context: Context
    ) -> pb.ApplyBillingProfileResponse:
        """Set the billing profile."""
        tenant = current_tenant()
        wanted = wire_profiles.profile_from_proto(request.spec, default_profile(tenant))

        async def apply(conn: AsyncConnection) -> AppliedProfile:
            return await profiles.apply_profile(self._deps, conn, tenant, wanted)

        return await once(self._deps.engine, request, apply, wire_profiles.applied_to_proto)

    async def GetBillingProfile(
        self, request: pb.GetBillingProfileRequest, context: Context
    ) -> pb.GetBillingProfileResponse:
        """Return the billing profile."""
        profile = await profiles.get_profile(self._deps, current_tenant())
        return pb.GetBillingProfileResponse(profile=wire_profiles.profile_to_proto(profile))

    async def PreviewInvoice(self, request: pb.PreviewInvoiceRequest, context: Context) -> pb.PreviewInvoiceResponse:
        """Return the draft of a period."""
        wire.check_one_is_named(request)
        preview = await invoices.preview(
            self._deps,
            current_tenant(),
            contract=request.contract,
            customer=request.customer,
            billing_period=request.billing_period,
            with_adjustments=not request.without_adjustments,
        )
        return wire_accounts.preview_to_proto(preview)

    async def FinalizeInvoice(self, request: pb.FinalizeInvoiceRequest, context: Context) -> pb.FinalizeInvoiceResponse:
        """Make the invoice of a period final."""
        wanted = invoices.ContractPeriod(request.contract, request.billing_period)
        invoice, created = await invoices.finalize(self._deps, current_tenant(), wanted)
        return pb.FinalizeInvoiceResponse(invoice=wire.invoice_to_proto(invoice), created=created)

    async def FinalizeClosingInvoice(
        self, request: pb.FinalizeClosingInvoiceRequest, context: Context
    ) -> pb.FinalizeClosingInvoiceResponse:
        """Make the closing invoice of a customer and currency."""
        account = Account(request.customer, request.currency)
        closing = await accounts.finalize_closing(self._deps, current_tenant(), account, request.billing_period)
        return wire_accounts.closing_to_proto(closing)

    async def ListPendingAdjustments(
        self, request: pb.ListPendingAdjustmentsRequest, context: Context
    ) -> pb.ListPendingAdjustmentsResponse:
        """Return what waits for an invoice."""
        account = Account(request.customer, request.currency)
        return wire_accounts.listed_to_proto(*await accounts.list_pending(self._deps, current_tenant(), account))

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Context) -> pb.ListAccountsResponse:
        """Return a page of accounts."""
        after, limit = wire_accounts.account_after(request.page_token), page_limit(request.page_size)
        page = await accounts.list_accounts(self._deps, current_tenant(), request.customer, after, limit)
        return wire_accounts.accounts_to_proto(page)

    async def GetInvoice(self, request: pb.GetInvoiceRequest, context: Context) -> pb.GetInvoiceResponse:
        """Return an invoice, whole or a page of it."""
        invoice = await invoices.get_invoice(self._deps, current_tenant(), request.number)
        return wire.page_to_proto(invoice, request.page_size, request.page_token)

    async def ListInvoices(self, request: pb.ListInvoicesRequest, context: Context) -> pb.ListInvoicesResponse:
        """Return a page of invoices."""
        wanted, limit = wire.filter_from_proto(request), page_limit(request.page_size)
        after = wire.place_after(request.page_token, newest_first=wanted.newest_first)
        page = await invoices.list_invoices(
            self._deps, current_tenant(), wanted, after, limit, without_lines=request.without_lines
        )
        return wire.listed_to_proto(page, without_lines=request.without_lines)

    async def QueryRevenue(self, request: pb.QueryRevenueRequest, context: Context) -> pb.QueryRevenueResponse:
        """Add up the bills of some months."""
        months, cut = wire_revenue.months_from_proto(request), wire_revenue.cut_from_proto(request.by)
        after, limit = wire_revenue.place_after(request.page_token), page_limit(request.page_size)
        found = await revenue.query_revenue(self._deps, current_tenant(), months, cut, after, limit)
        return wire_revenue.revenue_to_proto(found)

    async def ExplainLine(self, request: pb.ExplainLineRequest, context: Context) -> pb.ExplainLineResponse:
        """Walk from a line to its windows."""
        explained = await lines.explain_line(
            self._deps, current_tenant(), request.line_id, request.page_size, request.page_token
        )
        return explained_to_proto(explained)

    async def ExplainDraftLine(
        self, request: pb.ExplainDraftLineRequest, context: Context
    ) -> pb.ExplainDraftLineResponse:
        """Walk from a line of a draft to its price."""
        wire.check_one_is_named(request)
        explained = await drafts.explain_draft_line(
            self._deps,
            current_tenant(),
            request.line_id,
            contract=request.contract,
            customer=request.customer,
            billing_period=request.billing_period,
        )
        return draft_line_to_proto(explained)

    async def ListLineEvents(
        self, request: pb.ListLineEventsRequest, context: Context
    ) -> AsyncGenerator[pb.ListLineEventsResponse, None]:
        """Stream the events behind a line."""
        after = request.after if request.HasField("after") else None
        place = (request.line_id, after, request.limit, request.meter)
        pages = lines.list_line_events(self._deps, current_tenant(), *place)
        async with aclosing(pages):
            async for page in pages:
                yield pb.ListLineEventsResponse(events=page)

    async def StateLastNumber(self, request: pb.StateLastNumberRequest, context: Context) -> pb.StateLastNumberResponse:
        """Note which numbers a restore has lost."""
        wanted = wire_lost_numbers.last_number_from_proto(request)
        stated = await lost_numbers.state_last_number(self._deps, current_tenant(), wanted)
        return wire_lost_numbers.stated_to_proto(stated)

    async def VerifyInvoices(self, request: pb.VerifyInvoicesRequest, context: Context) -> pb.VerifyInvoicesResponse:
        """Check every frozen invoice."""
        return audit_to_proto(await audits.verify_invoices(self._deps, current_tenant()))

    async def VerifyInvoice(self, request: pb.VerifyInvoiceRequest, context: Context) -> pb.VerifyInvoiceResponse:
        """Check one frozen invoice."""
        return invoice_check_to_proto(await audits.verify_invoice(self._deps, current_tenant(), request.number))

    async def VerifyLine(self, request: pb.VerifyLineRequest, context: Context) -> pb.VerifyLineResponse:
        """Check one line, down to its events."""
        return line_check_to_proto(await audits.verify_line(self._deps, current_tenant(), request.line_id))


def served(deps: Deps) -> Served:
    """Describe the service to the server."""
    servicer = InvoicingServicer(deps)
    return Served(
        add=lambda server: pb_grpc.add_InvoicingServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["InvoicingService"]),
        owners=owners(deps),
    )

"""The service as gRPC sees it: each method checks, calls one use case and renders its result."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from chassis.errors import Reason, invalid_field
from chassis.identity import current_tenant
from chassis.rpc.method import declared_methods
from chassis.rpc.server import Served
from invoicing import operations, wire
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import grpc

    from invoicing.operations import Deps

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
        return await operations.apply_profile(self._deps, current_tenant(), request)

    async def GetBillingProfile(
        self, request: pb.GetBillingProfileRequest, context: Context
    ) -> pb.GetBillingProfileResponse:
        """Return the billing profile."""
        profile = await operations.profile_of(self._deps, current_tenant())
        return pb.GetBillingProfileResponse(profile=wire.profile_to_proto(profile))

    async def PreviewInvoice(self, request: pb.PreviewInvoiceRequest, context: Context) -> pb.PreviewInvoiceResponse:
        """Return the draft of a period."""
        if bool(request.contract) == bool(request.customer):
            reason = Reason.FIELD_INVALID if request.contract else Reason.FIELD_REQUIRED
            raise invalid_field("contract", reason, "name either the contract or the customer, not both")
        draft = await operations.preview(self._deps, current_tenant(), request)
        return pb.PreviewInvoiceResponse(invoice=wire.draft_to_proto(draft))

    async def FinalizeInvoice(self, request: pb.FinalizeInvoiceRequest, context: Context) -> pb.FinalizeInvoiceResponse:
        """Make the invoice of a period final."""
        invoice, created = await operations.finalize(
            self._deps, current_tenant(), request.contract, request.billing_period
        )
        return pb.FinalizeInvoiceResponse(invoice=wire.invoice_to_proto(invoice), created=created)

    async def GetInvoice(self, request: pb.GetInvoiceRequest, context: Context) -> pb.GetInvoiceResponse:
        """Return an invoice."""
        invoice = await operations.invoice_by_number(self._deps, current_tenant(), request.number)
        return pb.GetInvoiceResponse(invoice=wire.invoice_to_proto(invoice), canonical_json=invoice.canonical_json)

    async def ListInvoices(self, request: pb.ListInvoicesRequest, context: Context) -> pb.ListInvoicesResponse:
        """Return a page of invoices."""
        after = wire.page_token_from_text(request.page_token)
        page, next_page_token = await operations.list_invoices(self._deps, current_tenant(), request, after)
        invoices = [wire.invoice_to_proto(invoice) for invoice in page]
        return pb.ListInvoicesResponse(invoices=invoices, next_page_token=next_page_token)

    async def ExplainLine(self, request: pb.ExplainLineRequest, context: Context) -> pb.ExplainLineResponse:
        """Walk from a line to its windows."""
        return await operations.explain(self._deps, current_tenant(), request.line_id)

    async def ListLineEvents(
        self, request: pb.ListLineEventsRequest, context: Context
    ) -> AsyncGenerator[pb.ListLineEventsResponse, None]:
        """Stream the events behind a line."""
        pages = operations.line_events(self._deps, current_tenant(), request.line_id, request.limit)
        async with aclosing(pages):
            async for page in pages:
                yield pb.ListLineEventsResponse(events=page)

    async def VerifyInvoices(self, request: pb.VerifyInvoicesRequest, context: Context) -> pb.VerifyInvoicesResponse:
        """Check every frozen invoice."""
        audit = await operations.verify(self._deps, current_tenant())
        return pb.VerifyInvoicesResponse(
            invoice_count=audit.invoice_count, head_chain=audit.head_chain, problems=audit.problems
        )


def served(deps: Deps) -> Served:
    """Describe the service to the server."""
    servicer = InvoicingServicer(deps)
    return Served(
        add=lambda server: pb_grpc.add_InvoicingServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["InvoicingService"]),
    )

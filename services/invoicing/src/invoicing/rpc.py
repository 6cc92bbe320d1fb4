"""The servicer: check, ask the operation, render. Errors are raised; the chassis turns them into statuses."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

from chassis.errors import Reason, invalid_field
from chassis.identity import Scope, current_tenant
from chassis.server import Served
from invoicing import operations, wire
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    import grpc.aio

    from invoicing.operations import Dependencies

    Context = grpc.aio.ServicerContext[Any, Any]

SERVICE: Final = "metering.invoicing.v1.InvoicingService"

_READ: Final = frozenset({Scope.READ})
_ADMIN: Final = frozenset({Scope.ADMIN})

POLICY: Final[Mapping[str, frozenset[Scope]]] = {
    f"/{SERVICE}/ApplyBillingProfile": _ADMIN,
    f"/{SERVICE}/GetBillingProfile": _READ,
    f"/{SERVICE}/PreviewInvoice": _READ,
    f"/{SERVICE}/FinalizeInvoice": _ADMIN,
    f"/{SERVICE}/GetInvoice": _READ,
    f"/{SERVICE}/ListInvoices": _READ,
    f"/{SERVICE}/ExplainLine": _READ,
    f"/{SERVICE}/ListLineEvents": _READ,
    f"/{SERVICE}/VerifyInvoices": _READ,
}


class InvoicingServicer(pb_grpc.InvoicingServiceServicer):
    """`metering.invoicing.v1.InvoicingService`; the contract says what each call means."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies

    async def ApplyBillingProfile(  # noqa: D102 - the contract documents and names it
        self, request: pb.ApplyBillingProfileRequest, context: Context
    ) -> pb.ApplyBillingProfileResponse:
        return await operations.apply_profile(request, current_tenant(), self._dependencies)

    async def GetBillingProfile(  # noqa: D102
        self, request: pb.GetBillingProfileRequest, context: Context
    ) -> pb.GetBillingProfileResponse:
        profile = await operations.profile_of(current_tenant(), self._dependencies)
        return pb.GetBillingProfileResponse(profile=wire.profile_to_proto(profile))

    async def PreviewInvoice(  # noqa: D102
        self, request: pb.PreviewInvoiceRequest, context: Context
    ) -> pb.PreviewInvoiceResponse:
        if bool(request.contract) == bool(request.customer):
            reason = Reason.FIELD_INVALID if request.contract else Reason.FIELD_REQUIRED
            raise invalid_field("contract", reason, "name either the contract or the customer, not both")
        draft = await operations.preview(request, current_tenant(), self._dependencies)
        return pb.PreviewInvoiceResponse(invoice=wire.draft_to_proto(draft))

    async def FinalizeInvoice(  # noqa: D102
        self, request: pb.FinalizeInvoiceRequest, context: Context
    ) -> pb.FinalizeInvoiceResponse:
        invoice, created = await operations.finalize(
            request.contract, request.billing_period, current_tenant(), self._dependencies
        )
        return pb.FinalizeInvoiceResponse(invoice=wire.invoice_to_proto(invoice), created=created)

    async def GetInvoice(  # noqa: D102
        self, request: pb.GetInvoiceRequest, context: Context
    ) -> pb.GetInvoiceResponse:
        invoice = await operations.invoice_by_number(request.number, current_tenant(), self._dependencies)
        return pb.GetInvoiceResponse(invoice=wire.invoice_to_proto(invoice), canonical_json=invoice.canonical_json)

    async def ListInvoices(  # noqa: D102
        self, request: pb.ListInvoicesRequest, context: Context
    ) -> pb.ListInvoicesResponse:
        after = wire.page_token_from_text(request.page_token)
        page, next_page_token = await operations.list_invoices(request, after, current_tenant(), self._dependencies)
        invoices = [wire.invoice_to_proto(invoice) for invoice in page]
        return pb.ListInvoicesResponse(invoices=invoices, next_page_token=next_page_token)

    async def ExplainLine(  # noqa: D102
        self, request: pb.ExplainLineRequest, context: Context
    ) -> pb.ExplainLineResponse:
        return await operations.explain(request.line_id, current_tenant(), self._dependencies)

    async def ListLineEvents(  # noqa: D102
        self, request: pb.ListLineEventsRequest, context: Context
    ) -> AsyncGenerator[pb.ListLineEventsResponse, None]:
        pages = operations.line_events(request.line_id, request.limit, current_tenant(), self._dependencies)
        async with aclosing(pages):
            async for page in pages:
                yield pb.ListLineEventsResponse(events=page)

    async def VerifyInvoices(  # noqa: D102
        self, request: pb.VerifyInvoicesRequest, context: Context
    ) -> pb.VerifyInvoicesResponse:
        audit = await operations.verify(current_tenant(), self._dependencies)
        return pb.VerifyInvoicesResponse(
            invoice_count=audit.invoice_count, head_chain=audit.head_chain, problems=audit.problems
        )


def served(dependencies: Dependencies) -> Served:
    """Give what the server offers: the servicer and who may call what."""
    servicer = InvoicingServicer(dependencies)
    return Served(
        add=lambda server: pb_grpc.add_InvoicingServiceServicer_to_server(servicer, server),
        service_names=[SERVICE],
        policy=POLICY,
    )

"""Lines and their explanations as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventlog.wire import as_of_to_proto
from invoicing.domain.line_checks import Evidence
from invoicing.wire.fields import message_of
from invoicing.wire.invoices import charge_from_proto
from metering.invoicing.v1 import invoice_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2 as service_pb
from money import currency

if TYPE_CHECKING:
    from invoicing.operations.drafts import ExplainedDraftLine
    from invoicing.operations.lines import ExplainedLine
    from metering.rating.v1 import rating_service_pb2 as rating_pb


def explained_to_proto(explained: ExplainedLine) -> service_pb.ExplainLineResponse:
    """Return the derivation of a line."""
    invoice = explained.invoice
    return service_pb.ExplainLineResponse(
        line=message_of(explained.line, pb.InvoiceLine, currency(invoice.currency).minor_units),
        invoice_number=invoice.number,
        steps=explained.steps,
        charge=explained.charge,
        next_page_token=explained.charge.next_page_token,
    )


def draft_line_to_proto(explained: ExplainedDraftLine) -> service_pb.ExplainDraftLineResponse:
    """Return the derivation of a line of a draft."""
    return service_pb.ExplainDraftLineResponse(
        line=message_of(explained.line, pb.InvoiceLine, currency(explained.currency).minor_units),
        steps=explained.steps,
        charge=explained.charge,
        item=explained.item,
        as_of=as_of_to_proto(explained.as_of),
    )


def evidence_from_proto(message: rating_pb.ExplainChargeResponse) -> Evidence:
    """Return what rating proves of a charge."""
    return Evidence(charge_from_proto(message.charge), message.snapshot.digest)

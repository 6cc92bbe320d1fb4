"""Lines and their explanations as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoicing.wire.fields import message_of
from metering.invoicing.v1 import invoice_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2 as service_pb
from money import currency

if TYPE_CHECKING:
    from invoicing.operations.lines import ExplainedLine


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

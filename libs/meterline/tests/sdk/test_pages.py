"""What a service answers in pages, the client puts together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2_grpc as pb_grpc
from meterline import AsyncClient
from meterline.suite.context import Context

LINES = [invoice_pb2.InvoiceLine(id=f"INV-000001.{n}") for n in range(1, 6)]
TEXT = b'{"a":"text"}'


class Invoicing(pb_grpc.InvoicingServiceServicer):
    """Answers two lines and five bytes in a page, fewer than were asked for."""

    async def GetInvoice(
        self,
        request: pb.GetInvoiceRequest,
        context: grpc.aio.ServicerContext[pb.GetInvoiceRequest, pb.GetInvoiceResponse],
    ) -> pb.GetInvoiceResponse:
        page = int(request.page_token or "0")
        invoice = invoice_pb2.Invoice(number=request.number, total="5.00", lines=LINES[2 * page : 2 * page + 2])
        return pb.GetInvoiceResponse(
            invoice=invoice,
            canonical_json=TEXT[5 * page : 5 * page + 5],
            next_page_token=str(page + 1) if page < 3 else "",
            line_count=len(LINES),
        )


@pytest.fixture
async def address() -> AsyncIterator[str]:
    server: Any = grpc.aio.server()
    pb_grpc.add_InvoicingServiceServicer_to_server(Invoicing(), server)  # type: ignore[abstract]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


async def test_an_invoice_of_many_pages_is_put_together(address: str) -> None:
    async with AsyncClient(Context(services={"invoicing": address}, token="any")) as client:
        found = await client.get_invoice("INV-000001")

    assert list(found.invoice.lines) == LINES
    assert (found.invoice.number, found.invoice.total, found.canonical_json) == ("INV-000001", "5.00", TEXT)
    assert (found.next_page_token, found.line_count) == ("", 5)

"""A call that got no answer in time tells of whom it was asked, how long it waited and what to do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from chassis.errors import DeadlineExceeded
from metering.invoicing.v1 import invoicing_service_pb2 as pb
from metering.invoicing.v1 import invoicing_service_pb2_grpc as pb_grpc
from meterline import AsyncClient
from meterline.suite.context import Context


class Silent(pb_grpc.InvoicingServiceServicer):
    """Ends a call as gRPC does when its time is over, or with words of its own."""

    def __init__(self) -> None:
        self.words = "Deadline Exceeded"

    async def GetInvoice(
        self,
        request: pb.GetInvoiceRequest,
        context: grpc.aio.ServicerContext[pb.GetInvoiceRequest, pb.GetInvoiceResponse],
    ) -> pb.GetInvoiceResponse:
        await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, self.words)


@pytest.fixture
async def silent() -> AsyncIterator[tuple[Silent, str]]:
    server: Any = grpc.aio.server()
    servicer = Silent()  # type: ignore[abstract]
    pb_grpc.add_InvoicingServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer, f"127.0.0.1:{port}"
    await server.stop(0)


async def message_of(address: str) -> str:
    async with AsyncClient(Context(services={"invoicing": address}, token="any")) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            await client.invoicing.GetInvoice(pb.GetInvoiceRequest(number="INV-000001"))
    return caught.value.message


async def test_a_bare_deadline_becomes_the_server_the_seconds_and_the_next_step(silent: tuple[Silent, str]) -> None:
    _, address = silent

    told = await message_of(address)

    assert re.match(rf"waited \d+\.\d s for an answer of invoicing at {re.escape(address)} and got none; ", told)
    assert "`meterline status`" in told
    assert "deadline exceeded" not in told.lower()


async def test_what_a_service_says_of_a_deadline_itself_is_kept(silent: tuple[Silent, str]) -> None:
    servicer, address = silent
    servicer.words = "5 events are not counted yet"

    assert (await message_of(address)).endswith("5 events are not counted yet")

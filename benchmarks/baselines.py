"""What the machine can do without Meterline: raw COPY into a bare table, and a gRPC handler that does nothing."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import asyncpg
import grpc
import uvloop

from benchmarks import shape
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import Sequence

_TABLE: Final = (
    "CREATE TABLE bare (id uuid, source text, type text, customer text, occurred_at timestamptz,"
    " region text, model text, value numeric, traceparent text)"
)
_COLUMNS: Final = ("id", "source", "type", "customer", "occurred_at", "region", "model", "value", "traceparent")


async def raw_copy_rate(dsn: str, seconds: float) -> float:
    """Copy the benchmark's rows into a bare logged table, a durable commit a batch; give rows a second.

    The rows are encoded once, to PostgreSQL's text form, and copied again and again: the rate is that of the database
    alone, with no id made and nothing checked.
    """
    conn = await asyncpg.connect(dsn)
    try:
        await conn.execute("DROP TABLE IF EXISTS bare")
        await conn.execute(_TABLE)
        encoded = _encoded(shape.rows(shape.BATCH_EVENTS))
        copied, begin_s = 0, time.monotonic()
        while time.monotonic() - begin_s < seconds:
            await conn.copy_to_table("bare", source=_Source(encoded), columns=_COLUMNS, format="text")
            copied += shape.BATCH_EVENTS
        rate = copied / (time.monotonic() - begin_s)
        await conn.execute("DROP TABLE bare")
        return rate
    finally:
        await conn.close()


def _encoded(rows: Sequence[shape.Row]) -> bytes:
    ids = shape.random_ids(len(rows))
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    return "".join(
        f"{event_id}\t{shape.SOURCE}\t{row.type}\t{row.customer}\t2026-01-01T00:00:00Z\t{row.region}\t{row.model}\t{row.value}"
        f"\t{traceparent}\n"
        for event_id, row in zip(ids, rows, strict=True)
    ).encode()


class _Source:
    """Gives asyncpg the bytes once."""

    def __init__(self, encoded: bytes) -> None:
        self._left = [encoded]

    def __aiter__(self) -> _Source:
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop()


class EmptyIngest(pb_grpc.IngestServiceServicer):
    """Answers without looking."""

    async def Report(  # noqa: N802 - the contract names it
        self, _request: pb.ReportRequest, _context: Any
    ) -> pb.ReportResponse:
        """Say that one event was accepted."""
        return pb.ReportResponse(accepted=1)


async def serve_empty() -> None:
    """Serve the empty handler on a free port, written to standard output, until standard input closes."""
    server = grpc.aio.server()
    pb_grpc.add_IngestServiceServicer_to_server(EmptyIngest(), server)  # type: ignore[abstract]  # only Report is called
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"127.0.0.1:{port}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0)


def main() -> None:
    """Run the empty handler as a process of its own."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    uvloop.run(serve_empty())


if __name__ == "__main__":
    main()

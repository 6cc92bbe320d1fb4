"""The load generator, a process of its own: closed loop, bounded by time, one result as JSON on standard output.

    python -m benchmarks.load columns|rows|unary --target HOST:PORT --token-file F --seconds 60

It counts what the replies say (accepted, duplicates), so that the caller can compare with what was aggregated.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc
import uvloop

from benchmarks import shape
from metering.ingest.v1 import ingest_service_pb2 as pb
from metering.ingest.v1 import ingest_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import Callable

_REPLAY_MEMORY: Final = 16
_MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class Tally:
    """What was sent and what came back."""

    sent: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    calls: int = 0
    retries: int = 0
    latencies_s: list[float] = field(default_factory=list)
    accepted_by_second: dict[int, int] = field(default_factory=dict)

    def add(self, response: pb.ReportResponse, events: int, started_s: float, now_s: float, begin_s: float) -> None:
        """Add one reply."""
        self.calls += 1
        self.sent += events
        self.accepted += response.accepted
        self.duplicates += response.duplicates
        self.refused += len(response.refusals) + len(response.conflicts)
        self.latencies_s.append(now_s - started_s)
        second = int(now_s - begin_s)
        self.accepted_by_second[second] = self.accepted_by_second.get(second, 0) + response.accepted


class Replayed:
    """Gives requests; a share of them is one of the last ones again, as a client repeats that lost an answer."""

    def __init__(self, make: Callable[[], pb.ReportRequest], share: float) -> None:
        self._make = make
        self._share = share
        self._recent: deque[pb.ReportRequest] = deque(maxlen=_REPLAY_MEMORY)

    def next(self) -> pb.ReportRequest:
        """Give the next request."""
        if self._recent and random.random() < self._share:
            return random.choice(self._recent)
        request = self._make()
        if self._share:
            self._recent.append(request)
        return request


def scattered(template: Any, make_ids: Callable[[int], list[str]], share: float) -> Callable[[], pb.ReportRequest]:
    """Make requests in which a share of the events, spread over the batch, was sent before."""
    earlier: deque[tuple[str, int]] = deque(maxlen=shape.BATCH_EVENTS * 4)

    def make() -> pb.ReportRequest:
        request = shape.column_request(template, make_ids)
        columns = request.columns
        if earlier:
            pool = list(earlier)
            for place in random.sample(range(len(columns.ids)), int(len(columns.ids) * share)):
                # The very event: same place in the template, same id, same time.
                event_id, time_us = pool[
                    (place + shape.BATCH_EVENTS * random.randrange(len(pool) // shape.BATCH_EVENTS))
                ]
                columns.ids[place], columns.times_us[place] = event_id, time_us
        earlier.extend(zip(columns.ids, columns.times_us, strict=True))
        return request

    return make


async def drive(arguments: argparse.Namespace, make: Callable[[], pb.ReportRequest]) -> Tally:
    """Keep `in_flight` calls under way for `seconds`."""
    tally = Tally()
    metadata = (("authorization", f"Bearer {arguments.token}"),) if arguments.token else ()
    options = [("grpc.max_send_message_length", _MESSAGE_BYTES_MAX)]
    requests = Replayed(make, arguments.replayed_share)
    async with grpc.aio.insecure_channel(arguments.target, options=options) as channel:
        stub = pb_grpc.IngestServiceStub(channel)
        begin_s = time.monotonic()

        async def one_at_a_time() -> None:
            while time.monotonic() - begin_s < arguments.seconds:
                request = requests.next()
                events = len(request.events) or len(request.columns.ids)
                started_s = time.monotonic()
                while True:
                    try:
                        response = await stub.Report(request, metadata=metadata, timeout=30)
                        break
                    except grpc.aio.AioRpcError as error:
                        if error.code() not in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE):
                            raise
                        tally.retries += 1
                        await asyncio.sleep(0.02)
                tally.add(response, events, started_s, time.monotonic(), begin_s)

        await asyncio.gather(*(one_at_a_time() for _ in range(arguments.in_flight)))
    return tally


def maker(arguments: argparse.Namespace) -> Callable[[], pb.ReportRequest]:
    """Give the function that makes a request of the kind asked for."""
    make_ids = shape.random_ids if arguments.ids == "random" else shape.uuid7_ids
    if arguments.kind == "rows":
        # Row messages take a client 4 us an event to build; prepared ones get new ids only.
        prepared = shape.row_requests(shape.ROW_BATCH_EVENTS, make_ids)

        def make_rows() -> pb.ReportRequest:
            request = pb.ReportRequest()
            request.CopyFrom(prepared)
            now_us = time.time_ns() // 1_000
            for event, event_id in zip(request.events, make_ids(shape.ROW_BATCH_EVENTS), strict=True):
                event.id = event_id
                event.time.FromMicroseconds(now_us)
            return request

        return make_rows
    if arguments.kind == "unary":
        return _single(shape.row_requests(shape.ROW_BATCH_EVENTS, make_ids), make_ids)
    template = shape.column_template(shape.BATCH_EVENTS)
    if arguments.scattered_share:
        return scattered(template, make_ids, arguments.scattered_share)
    return lambda: shape.column_request(template, make_ids)


def _single(prepared: pb.ReportRequest, make_ids: Callable[[int], list[str]]) -> Callable[[], pb.ReportRequest]:
    """Make requests of one prepared event each, with a new id: the client's own work must not hide the server's."""
    singles = [pb.ReportRequest(events=[event]) for event in prepared.events]

    def make() -> pb.ReportRequest:
        request = random.choice(singles)
        event = request.events[0]
        event.id = make_ids(1)[0]
        event.time.FromMicroseconds(time.time_ns() // 1_000)
        return request

    return make


def percentile(values: list[float], share: float) -> float:
    """Give the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def main() -> None:
    """Run one load and print its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("columns", "rows", "unary"))
    parser.add_argument("--target", required=True)
    parser.add_argument("--token-file", default="")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--ids", choices=("uuid7", "random"), default="uuid7")
    parser.add_argument("--replayed-share", type=float, default=0.0, help="share of calls that repeat a recent call")
    parser.add_argument("--scattered-share", type=float, default=0.0, help="share of events that were sent before")
    arguments = parser.parse_args()
    arguments.token = Path(arguments.token_file).read_text().strip() if arguments.token_file else ""
    tally = uvloop.run(drive(arguments, maker(arguments)))
    seconds = sorted(tally.accepted_by_second.values())
    json.dump(
        {
            "sent": tally.sent,
            "accepted": tally.accepted,
            "duplicates": tally.duplicates,
            "refused": tally.refused,
            "calls": tally.calls,
            "retries": tally.retries,
            "ack_p50_ms": 1000 * percentile(tally.latencies_s, 0.5),
            "ack_p99_ms": 1000 * percentile(tally.latencies_s, 0.99),
            "second_min": seconds[0] if seconds else 0,
            "second_median": seconds[len(seconds) // 2] if seconds else 0,
            "second_max": seconds[-1] if seconds else 0,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()

"""Calls to every service at a steady rate until told to stop; each call's outcome is one line of JSON.

    python -m testkit.k8s.load {sdk,plain} CONTEXT OUTCOMES SERVICE=CALLS_PER_S...

`sdk` calls as a program that uses the SDK; `plain` as one that has nothing but grpcio, stubs and the channel options of
docs/sdk.md. Ends at SIGTERM, after the calls in flight. Both read the context file again before a call when it has
changed, as a program does whose token is renewed. `plain` makes new channels when its certificates have changed; the
SDK sees that by itself.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TextIO

import grpc
import grpc.aio

from metering.aggregator.v1 import aggregator_service_pb2 as aggregator_pb
from metering.common.v1 import values_pb2
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
from metering.rating.v1 import rating_service_pb2 as rating_pb
from meterline import AsyncClient, MeterlineError, UsageEvent
from meterline.client import contract_of
from meterline.event import to_columns
from meterline.suite import context as contexts
from testkit.client_options import options_of_a_reader

DEADLINE_S: Final = 20.0
CUSTOMER: Final = "load"


def requests() -> dict[str, tuple[str, Callable[[], Any]]]:
    """Return for each service a method that its users call all day, and how to make a request for it."""
    return {
        "ingest": ("Report", lambda: ingest_pb.ReportRequest(columns=to_columns([event()]))),
        "aggregator": ("QueryTotals", lambda: aggregator_pb.QueryTotalsRequest(customer=CUSTOMER, period=this_month())),
        "rating": ("ListCustomers", rating_pb.ListCustomersRequest),
        "invoicing": ("ListInvoices", invoicing_pb.ListInvoicesRequest),
    }


def event() -> UsageEvent:
    """Return an event that nobody has reported."""
    properties: dict[str, str | int | Decimal] = {"country": "FR", "parts": Decimal(1)}
    return UsageEvent(
        type="sms.sent",
        customer=CUSTOMER,
        source="load",
        id=str(uuid.uuid4()),
        time=datetime.now(UTC),
        properties=properties,
    )


def this_month() -> values_pb2.Period:
    """Return the current month in UTC."""
    start = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    period = values_pb2.Period()
    period.start.FromDatetime(start)
    period.end.FromDatetime(start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1))
    return period


class SdkCalls:
    """Calls as the SDK makes them."""

    def __init__(self, context: contexts.Context) -> None:
        self._client = AsyncClient(context)

    @staticmethod
    def files(context: contexts.Context) -> list[Path]:
        """Return the files whose change asks for a new client: none, as the SDK looks at its certificates itself."""
        del context
        return []

    def call(self, service: str) -> Awaitable[Any]:
        """Make one call to a service."""
        if service == "ingest":
            return asyncio.wait_for(self._client.report([event()]), DEADLINE_S)
        method, request = requests()[service]
        return getattr(self._client.stub(service), method)(request(), timeout=DEADLINE_S)  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Close the channels."""
        await self._client.close()


class PlainCalls:
    """Calls by grpcio alone, with the documented options."""

    def __init__(self, context: contexts.Context) -> None:
        self._metadata = (("authorization", f"Bearer {context.token}"),)
        methods = [(contract_of(name)[0].full_name, method) for name, (method, _) in requests().items()]
        options = options_of_a_reader(methods)
        self._channels = {
            name: open_channel(f"dns:///{address}", context.tls, options) for name, address in context.services.items()
        }
        self._stubs = {name: contract_of(name)[1](channel) for name, channel in self._channels.items()}

    @staticmethod
    def files(context: contexts.Context) -> list[Path]:
        """Return the files whose change asks for new channels: certificates are read once for each."""
        tls = context.tls or contexts.Tls()
        return [file for file in (tls.ca_file, tls.cert_file, tls.key_file) if file]

    def call(self, service: str) -> Awaitable[Any]:
        """Make one call to a service."""
        method, request = requests()[service]
        return getattr(self._stubs[service], method)(request(), timeout=DEADLINE_S, metadata=self._metadata)  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close(None)


def open_channel(target: str, tls: contexts.Tls | None, options: list[tuple[str, str | int]]) -> grpc.aio.Channel:
    """Open a channel by grpcio's own means: over TLS if there are certificates."""
    if tls is None:
        return grpc.aio.insecure_channel(target, options=options)
    authorities, key, certificate = (
        file.read_bytes() if file else None for file in (tls.ca_file, tls.key_file, tls.cert_file)
    )
    credentials = grpc.ssl_channel_credentials(authorities, key, certificate)
    return grpc.aio.secure_channel(target, credentials, options=options)


KINDS: Final[Mapping[str, type[SdkCalls | PlainCalls]]] = {"sdk": SdkCalls, "plain": PlainCalls}


async def load(kind: str, context_file: Path, outcomes: TextIO, calls_per_s: Mapping[str, float]) -> None:
    """Call each service so many times a second until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    context = contexts.load(context_file)
    files = [context_file, *KINDS[kind].files(context)]
    read_at, calls = changed_at(files), KINDS[kind](context)
    former: list[SdkCalls | PlainCalls] = []
    running: set[asyncio.Task[None]] = set()
    due_at = dict.fromkeys(calls_per_s, time.monotonic())
    while not stopped.is_set():
        if changed_at(files) != read_at:
            former.append(calls)
            read_at, calls = changed_at(files), KINDS[kind](contexts.load(context_file))
        for service in [service for service, at in due_at.items() if at <= time.monotonic()]:
            due_at[service] += 1 / calls_per_s[service]
            task = asyncio.create_task(observed(calls, service, outcomes))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.sleep(max(0.0, min(due_at.values()) - time.monotonic()))
    await asyncio.gather(*running)
    for each in (*former, calls):
        await each.close()


def changed_at(files: Sequence[Path]) -> list[int]:
    """Return when each file was written last, in nanoseconds."""
    return [file.stat().st_mtime_ns for file in files]


async def observed(calls: SdkCalls | PlainCalls, service: str, outcomes: TextIO) -> None:
    """Make a call and write down what became of it."""
    began_at = time.time()
    error = ""
    try:
        await calls.call(service)
    except MeterlineError as refusal:
        error = f"{refusal.reason}: {refusal.message}"
    except grpc.RpcError as failure:
        error = f"{failure.code().name}: {failure.details()}"
    except TimeoutError:
        error = "no answer in time"
    line = {"service": service, "at": began_at, "took_s": round(time.time() - began_at, 4), "error": error}
    outcomes.write(json.dumps(line) + "\n")
    outcomes.flush()


def main() -> None:
    """Run the load that the command line asks for."""
    kind, context, outcomes, *rates = sys.argv[1:]
    calls_per_s = {service: float(rate) for service, _, rate in (text.partition("=") for text in rates)}
    with Path(outcomes).open("a") as file:
        asyncio.run(load(kind, Path(context), file, calls_per_s))


if __name__ == "__main__":
    main()

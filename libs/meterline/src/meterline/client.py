"""Clients of the suite: `AsyncClient` for asyncio programs, `Client` for all others.

Both offer the generated stubs of the services, with token, deadline, trace context and the suite's errors taken
care of, and the few calls that need more than one message: reporting many events, explaining a long line, and waiting.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from chassis.errors import Reason, TooBig, Unauthenticated
from chassis.identity import CUSTOMER_METADATA, REASON_METADATA, TENANT_METADATA, customer_to_metadata
from chassis.rpc.client import open_channel
from chassis.startup import SettingsError
from chassis.tls.plaintext import is_loopback
from metering.common.v1 import audit_service_pb2_grpc, status_service_pb2_grpc
from metering.common.v1 import status_service_pb2 as status_pb2
from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline.event import UsageEvent, to_columns
from meterline.failures import error_interceptors
from meterline.results import ReportResult
from meterline.suite import context as contexts

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
    from pathlib import Path

    import grpc.aio
    from google.protobuf.descriptor import ServiceDescriptor

    from chassis.tls.files import TlsSource
    from metering.aggregator.v1 import aggregator_service_pb2_grpc as aggregator_grpc
    from metering.common.v1 import audit_service_pb2_grpc as audit_grpc
    from metering.common.v1 import status_service_pb2_grpc as status_grpc
    from metering.ingest.v1 import ingest_service_pb2_grpc as ingest_grpc
    from metering.invoicing.v1 import invoicing_service_pb2 as invoicing_pb
    from metering.invoicing.v1 import invoicing_service_pb2_grpc as invoicing_grpc
    from metering.rating.v1 import rating_service_pb2_grpc as rating_grpc
    from meterline.suite.context import Context

T = TypeVar("T")

_REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024
_INVOICE_PAGE_LINES: Final = 1000
BATCH_EVENTS_MAX: Final = 10_000
"""Most events of one Report call; the contract's limit."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How calls are made."""

    message_bytes_max: int = 8 * 1024 * 1024
    """Largest message sent or received; the services' own default."""
    reason: str = ""
    """Why calls change something, for the audit trail."""


class AsyncClient:
    """The services for an asyncio program. Use it as `async with AsyncClient.from_context() as client:`.

    `ingest`, `aggregator`, `rating` and `invoicing` are the generated stubs, loaded at first use; errors are
    `meterline.MeterlineError`.
    """

    def __init__(self, context: Context, settings: ClientSettings | None = None) -> None:
        """Remember where the services are; channels open at first use."""
        self._context = context
        self._settings = settings or ClientSettings()
        self._acting: dict[str, str | bytes] = {}
        if self._settings.reason:
            self._acting[REASON_METADATA] = self._settings.reason.encode()
        if context.tenant:
            self._acting[TENANT_METADATA] = context.tenant
        if context.customer:
            self._acting[CUSTOMER_METADATA] = customer_to_metadata(context.customer)
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._stubs: dict[str, Any] = {}
        self._tls_source: TlsSource | None = None

    @classmethod
    def from_context(cls, path: Path | None = None, *, tenant: str = "", customer: str = "") -> Self:
        """Find the services by the context file, as the command line does. Raises `suite.context.ContextError`.

        With `customer`, each call acts for that customer alone; a token that reaches every tenant needs `tenant`, too.
        """
        return cls(contexts.acting_for(contexts.load(path), tenant=tenant, customer=customer))

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the channels."""
        await self.close()

    async def close(self) -> None:
        """Close all channels; running calls are cancelled."""
        channels, self._channels, self._stubs = self._channels, {}, {}
        for channel in channels.values():
            await channel.close(None)

    @property
    def ingest(self) -> ingest_grpc.IngestServiceAsyncStub:
        """Stub of the ingest service."""
        stub: ingest_grpc.IngestServiceAsyncStub = self.stub("ingest")
        return stub

    @property
    def aggregator(self) -> aggregator_grpc.AggregatorServiceAsyncStub:
        """Stub of the aggregator service."""
        stub: aggregator_grpc.AggregatorServiceAsyncStub = self.stub("aggregator")
        return stub

    @property
    def rating(self) -> rating_grpc.RatingServiceAsyncStub:
        """Stub of the rating service."""
        stub: rating_grpc.RatingServiceAsyncStub = self.stub("rating")
        return stub

    @property
    def invoicing(self) -> invoicing_grpc.InvoicingServiceAsyncStub:
        """Stub of the invoicing service."""
        stub: invoicing_grpc.InvoicingServiceAsyncStub = self.stub("invoicing")
        return stub

    async def status(self, service: str, timeout_s: float) -> status_pb2.GetStatusResponse:
        """Return how a service is; it answers from memory, also while its database does not."""
        status: status_grpc.StatusServiceAsyncStub = status_service_pb2_grpc.StatusServiceStub(self.channel(service))
        return await status.GetStatus(status_pb2.GetStatusRequest(), timeout=timeout_s)

    def audit(self, service: str) -> audit_grpc.AuditServiceAsyncStub:
        """Return the stub of a service's audit trail."""
        trail: audit_grpc.AuditServiceAsyncStub = audit_service_pb2_grpc.AuditServiceStub(self.channel(service))
        return trail

    def channel(self, service: str) -> grpc.aio.Channel:
        """Return the channel to a service, for stubs of contracts that several services have."""
        self.stub(service)
        return self._channels[service]

    async def report(self, events: Sequence[UsageEvent], *, backfill_id: str = "") -> ReportResult:
        """Report events, in as many calls as their number needs; what is returned is durable.

        If it raises, some of the events may have been accepted: report all of them again, their ids make that safe.
        """
        result, first = ReportResult(), 0
        async for count, response in report_in_parts(self.ingest.Report, events, backfill_id):
            result.add(response, first)
            first += count
        return result

    async def explain_line(self, line_id: str) -> invoicing_pb.ExplainLineResponse:
        """Explain an invoice line with all windows behind it, however many: all pages of ExplainLine put together."""
        from metering.invoicing.v1 import invoicing_service_pb2 as pb  # noqa: PLC0415 - loaded at first use, as the stubs

        request = pb.ExplainLineRequest(line_id=line_id)
        explained = page = await self.invoicing.ExplainLine(request)
        while page.next_page_token:
            request.page_token = page.next_page_token
            page = await self.invoicing.ExplainLine(request)
            explained.charge.windows.extend(page.charge.windows)
        explained.next_page_token = explained.charge.next_page_token = ""
        return explained

    async def get_invoice(self, number: str) -> invoicing_pb.GetInvoiceResponse:
        """Return a final invoice with its text, however long: all pages of GetInvoice put together."""
        from metering.invoicing.v1 import invoicing_service_pb2 as pb  # noqa: PLC0415 - loaded at first use, as the stubs

        request = pb.GetInvoiceRequest(number=number, page_size=_INVOICE_PAGE_LINES)
        found = page = await self.invoicing.GetInvoice(request)
        pieces = [page.canonical_json]
        while page.next_page_token:
            request.page_token = page.next_page_token
            page = await self.invoicing.GetInvoice(request)
            found.invoice.lines.extend(page.invoice.lines)
            pieces.append(page.canonical_json)
        found.canonical_json = b"".join(pieces)
        found.next_page_token = ""
        return found

    def stub(self, service: str) -> Any:
        """Return the stub of a service by its name."""
        if service not in self._stubs:
            address, token = self._context.address(service), self._context.token
            if not (token.isascii() and token.isprintable()):
                # gRPC would not even end such a call.
                raise Unauthenticated(Reason.TOKEN_INVALID, "the token holds characters that no token has")
            contract, stub_type = contract_of(service)
            source = self._tls_to(service, address)
            self._channels[service] = open_channel(
                address,
                self._settings,
                contexts.ContextToken(self._context),
                services=[contract],
                metadata=self._acting,
                outer_interceptors=error_interceptors(f"{service} at {address}"),
                tls=source,
            )
            self._stubs[service] = stub_type(self._channels[service])
        return self._stubs[service]

    def _tls_to(self, service: str, address: str) -> TlsSource | None:
        """Return the certificates for a call to `address`, None for plain text. Raises `ContextError`."""
        tls = self._context.tls
        if tls is None:
            if self._context.plaintext_allowed or is_loopback(address):
                return None
            raise contexts.ContextError(
                f"{service} at {address} would get the token in plain text beyond this machine: give the context `tls` "
                "or set METERLINE_CA_FILE; METERLINE_PLAINTEXT=allowed if something else encrypts it"
            )
        if self._tls_source is None:
            # The module reads `ssl`, which programs on one machine do without.
            from chassis.tls.files import TlsFiles, TlsSource  # noqa: PLC0415

            try:
                self._tls_source = TlsSource(TlsFiles(tls.ca_file, tls.cert_file, tls.key_file))
            except SettingsError as error:
                raise contexts.ContextError(str(error)) from error
        return self._tls_source


def contract_of(service: str) -> tuple[ServiceDescriptor, type[Any]]:
    """Load the contract of a service, and the stub that was generated from it."""
    home, name = f"metering.{service}.v1.{service}_service_pb2", f"{service.capitalize()}Service"
    contract: ServiceDescriptor = import_module(home).DESCRIPTOR.services_by_name[name]
    return contract, getattr(import_module(f"{home}_grpc"), f"{name}Stub")


async def report_in_parts(
    report: Callable[[ingest_pb.ReportRequest], Awaitable[ingest_pb.ReportResponse]],
    events: Sequence[UsageEvent],
    backfill_id: str = "",
) -> AsyncIterator[tuple[int, ingest_pb.ReportResponse]]:
    """Report events in as few calls as the limits of number and bytes allow, in order.

    Yields the number of events of each call with its reply.
    """
    parts = deque(events[at : at + BATCH_EVENTS_MAX] for at in range(0, len(events), BATCH_EVENTS_MAX))
    while parts:
        part = parts.popleft()
        request = ingest_pb.ReportRequest(columns=to_columns(part), backfill_id=backfill_id)
        halves = (part[: len(part) // 2], part[len(part) // 2 :])
        if len(part) > 1 and request.ByteSize() > _REQUEST_BYTES_MAX:
            parts.extendleft(reversed(halves))
            continue
        try:
            response = await report(request)
        except TooBig:
            # The service also limits what columns come to when they are written out.
            if len(part) == 1:
                raise
            parts.extendleft(reversed(halves))
            continue
        yield len(part), response


async def _result_of(call: Awaitable[T]) -> T:
    return await call


class _NotedCall:
    """A call that begins where it is awaited or iterated over."""

    def __init__(self, begin: Callable[[], Any]) -> None:
        self._begin = begin
        self._begun: Any = None

    def __await__(self) -> Generator[Any, None, Any]:
        self._begun = self._begin()
        result: Generator[Any, None, Any] = self._begun.__await__()
        return result

    def __aiter__(self) -> AsyncIterator[Any]:
        self._begun = self._begin()
        return aiter(self._begun)

    def cancel(self) -> None:
        """Cancel the call if it has begun."""
        if self._begun is not None:
            self._begun.cancel()


class _NotedStub:
    """A stub whose methods only note what is to be called."""

    def __init__(self, stub: Callable[[], Any]) -> None:
        self._stub = stub

    def __getattr__(self, method: str) -> Callable[..., _NotedCall]:
        def note(*arguments: Any, **options: Any) -> _NotedCall:
            return _NotedCall(lambda: getattr(self._stub(), method)(*arguments, **options))

        return note


class _BackgroundClient(AsyncClient):
    """The client of a background loop. In other threads its stubs only note a call, and the loop makes it.

    grpc.aio ties channels and calls to the loop of the thread that makes them; made elsewhere, they would never end.
    """

    def __init__(self, context: Context, settings: ClientSettings | None, thread: threading.Thread) -> None:
        super().__init__(context, settings)
        self._thread = thread
        self._noted: dict[str, _NotedStub] = {}

    def stub(self, service: str) -> Any:
        real = partial(super().stub, service)
        if threading.current_thread() is self._thread:
            return real()
        return self._noted.setdefault(service, _NotedStub(real))


class Client:
    """The services for a program without asyncio. Calls run on one background event loop.

    Example::

        from meterline import Client
        from metering.rating.v1 import rating_service_pb2 as pb

        with Client.from_context() as client:
            plans = client.call(client.aio.rating.ListPlans(pb.ListPlansRequest())).plans

    An asyncio program uses `AsyncClient` instead; grpc.aio wants one event loop per process.
    """

    def __init__(self, context: Context, settings: ClientSettings | None = None) -> None:
        """Start the background loop."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="meterline", daemon=True)
        self._thread.start()
        self._process_id = os.getpid()
        self._closers: list[Callable[[], object]] = []
        self.aio: AsyncClient = _BackgroundClient(context, settings, self._thread)

    @classmethod
    def from_context(cls, path: Path | None = None, *, tenant: str = "", customer: str = "") -> Self:
        """Find the services by the context file, as the command line does. Raises `suite.context.ContextError`.

        With `customer`, each call acts for that customer alone; a token that reaches every tenant needs `tenant`, too.
        """
        return cls(contexts.acting_for(contexts.load(path), tenant=tenant, customer=customer))

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def on_close(self, closer: Callable[[], object]) -> None:
        """Have `closer` called by `close()`, before the channels close."""
        self._closers.append(closer)

    def close(self) -> None:
        """Close what is built on the client, all channels and the background loop. Closing twice does nothing."""
        if self._loop.is_closed() or not self.is_own_process:
            return
        closers, self._closers = self._closers, []
        # The stack runs all of them, the last first, also when one raises.
        with ExitStack() as stack:
            stack.callback(self._end_loop)
            for closer in closers:
                stack.callback(closer)

    def _end_loop(self) -> None:
        self.call(self.aio.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def is_own_process(self) -> bool:
        """Whether this is the process that made the client, and not a forked child, in which its loop does not run."""
        return os.getpid() == self._process_id

    def check_process(self) -> None:
        """Raise RuntimeError in a forked child, and after `close()`: nothing would ever answer."""
        if os.getpid() != self._process_id:
            message = "the client was made before a fork; make a new one in the child"
            raise RuntimeError(message)
        if self._loop.is_closed():
            message = "the client is closed; make a new one"
            raise RuntimeError(message)

    def call(self, call: Awaitable[T]) -> T:
        """Await a call or a coroutine of `aio` on the loop and return its result; KeyboardInterrupt cancels it."""
        waiting = _result_of(call)
        try:
            self.check_process()
            future = asyncio.run_coroutine_threadsafe(waiting, self._loop)
        except RuntimeError:
            # Nothing awaits them any more, and Python would complain of that.
            for unused in (waiting, call):
                if isinstance(unused, CoroutineType):
                    unused.close()
            raise
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stream(self, pages: AsyncIterable[T]) -> Iterator[T]:
        """Iterate over a stream of `aio`; ending early cancels the call."""
        opened: AsyncIterator[T] | None = None

        async def next_page() -> tuple[bool, T | None]:
            nonlocal opened
            opened = opened or aiter(pages)
            try:
                return True, await anext(opened)
            except StopAsyncIteration:
                return False, None

        try:
            while True:
                more, page = self.call(next_page())
                if not more:
                    return
                yield page  # type: ignore[misc]  # a page whenever there is more
        finally:
            cancel = getattr(pages, "cancel", None)
            if cancel is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(cancel)

    def report(self, events: Sequence[UsageEvent], *, backfill_id: str = "") -> ReportResult:
        """Report events and wait until they are durable; see `AsyncClient.report`."""
        return self.call(self.aio.report(events, backfill_id=backfill_id))

    def explain_line(self, line_id: str) -> invoicing_pb.ExplainLineResponse:
        """Explain an invoice line with all windows behind it; see `AsyncClient.explain_line`."""
        return self.call(self.aio.explain_line(line_id))

    def get_invoice(self, number: str) -> invoicing_pb.GetInvoiceResponse:
        """Return a final invoice, however long; see `AsyncClient.get_invoice`."""
        return self.call(self.aio.get_invoice(number))

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The background loop, for what is built on the client."""
        return self._loop

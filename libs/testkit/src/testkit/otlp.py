"""A real OTLP/gRPC receiver for tests: takes what exporters send and answers questions about the spans.

It is a thread-pool server on purpose, because it must go on receiving while a test blocks on a subprocess, and grpc.aio
expects one event loop per process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Self

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from testkit.wait import wait_until

_WORKERS: Final = 4
# Generated without types.
_ADD_TRACES: Final[Any] = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
_ADD_METRICS: Final[Any] = metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server


@dataclass(frozen=True)
class SpanId:
    """Names a span: its trace and itself, as lower-case hex."""

    trace_id: str
    span_id: str

    @classmethod
    def of_traceparent(cls, traceparent: str) -> Self:
        """Read a W3C traceparent."""
        _, trace_id, span_id, _ = traceparent.split("-")
        return cls(trace_id, span_id)


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as it arrived. `kind` is the OTLP name without its prefix, such as SERVER; `failed` means status ERROR."""

    id: SpanId
    parent: SpanId | None
    service: str
    name: str
    kind: str
    links: tuple[SpanId, ...]
    failed: bool
    attributes: dict[str, Any] = field(hash=False)


class OtlpReceiver:
    """Listens on a free loopback port and keeps every span. Use it as a context manager."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None) -> None:
        """Prepare; with `credentials` it speaks TLS."""
        self._spans: dict[SpanId, ReceivedSpan] = {}
        self._metric_names: set[str] = set()
        self._lock = threading.Lock()
        self._server = grpc.server(futures.ThreadPoolExecutor(_WORKERS))
        _ADD_TRACES(_Traces(self._take), self._server)
        _ADD_METRICS(_Metrics(self._take_metrics), self._server)
        listen = "127.0.0.1:0"
        self._port = (
            self._server.add_secure_port(listen, credentials) if credentials else self._server.add_insecure_port(listen)
        )

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop(grace=None).wait()

    @property
    def endpoint(self) -> str:
        """Where to export to, as host:port."""
        return f"127.0.0.1:{self._port}"

    def spans(self, name: str | None = None) -> list[ReceivedSpan]:
        """Return all spans so far, or those with one name."""
        with self._lock:
            return [span for span in self._spans.values() if name is None or span.name == name]

    def metric_names(self) -> set[str]:
        """Names of all metrics so far."""
        with self._lock:
            return set(self._metric_names)

    def wait_for(self, span: SpanId, limit_s: float = 30.0) -> ReceivedSpan:
        """Return the span once it has arrived; exporters send in batches. Raises AssertionError."""
        wait_until(lambda: span in self._spans, limit_s, what=f"span {span.span_id} of trace {span.trace_id}")
        return self._spans[span]

    def _take(self, spans: Sequence[ReceivedSpan]) -> None:
        with self._lock:
            self._spans.update((span.id, span) for span in spans)

    def _take_metrics(self, names: set[str]) -> None:
        with self._lock:
            self._metric_names |= names


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, take: Callable[[Sequence[ReceivedSpan]], None]) -> None:
        self._take = take

    def Export(  # noqa: N802 - the contract's name
        self,
        request: trace_service_pb2.ExportTraceServiceRequest,
        context: grpc.ServicerContext,
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        del context
        for resource in request.resource_spans:
            service = str(_attributes(resource.resource.attributes).get("service.name", ""))
            for scope in resource.scope_spans:
                self._take([_received(span, service) for span in scope.spans])
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, take: Callable[[set[str]], None]) -> None:
        self._take = take

    def Export(  # noqa: N802 - the contract's name
        self,
        request: metrics_service_pb2.ExportMetricsServiceRequest,
        context: grpc.ServicerContext,
    ) -> metrics_service_pb2.ExportMetricsServiceResponse:
        del context
        scopes = (scope for resource in request.resource_metrics for scope in resource.scope_metrics)
        self._take({metric.name for scope in scopes for metric in scope.metrics})
        return metrics_service_pb2.ExportMetricsServiceResponse()


def _received(span: trace_pb2.Span, service: str) -> ReceivedSpan:
    return ReceivedSpan(
        id=SpanId(span.trace_id.hex(), span.span_id.hex()),
        parent=SpanId(span.trace_id.hex(), span.parent_span_id.hex()) if span.parent_span_id else None,
        service=service,
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        links=tuple(SpanId(link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        attributes=_attributes(span.attributes),
    )


def _attributes(pairs: Sequence[common_pb2.KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}

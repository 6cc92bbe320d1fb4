"""Traces and metrics: the instruments of this process, and the few helpers that make and link spans.

Stands on OpenTelemetry's API alone, so that clients need no more; `chassis.exporting` records and exports for servers.
Ids live in the data, so lineage does not depend on sampling.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry import metrics, trace
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.util.types import AttributeValue

    from chassis.settings import ServiceSettings

INSTRUMENTATION: Final = "meterline"
MONEY_ATTRIBUTE: Final = "metering.money"
LINKS_MAX: Final = 100
"""Most links of one span; the SDK's own limit is 128, and what is past ours is counted, not lost in silence."""
_FLUSH_MS: Final = 3_000
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.ASCII)
_TRACEPARENT_CHARS_MAX: Final = 512


class Telemetry:
    """The tracer and meter of this process. `start` replaces the do-nothing default; `shutdown` flushes."""

    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        """Wrap the providers; none of them = nothing is recorded."""
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self.tracer = (tracer_provider or trace.NoOpTracerProvider()).get_tracer(INSTRUMENTATION)
        self.meter = (meter_provider or metrics.NoOpMeterProvider()).get_meter(INSTRUMENTATION)

    @classmethod
    def start(
        cls,
        service: str,
        settings: ServiceSettings,
        *,
        span_processors: Sequence[SpanProcessor] = (),
        metric_readers: Sequence[MetricReader] = (),
    ) -> Telemetry:
        """Start telemetry for `service` and make it this process's own; tests add processors and readers."""
        # Here, not above: the SDK is for servers, and a client stands on the API alone.
        from chassis.exporting import meter_provider, tracer_provider  # noqa: PLC0415

        telemetry = cls(
            tracer_provider(service, settings, span_processors), meter_provider(service, settings, metric_readers)
        )
        _Active.telemetry = telemetry
        return telemetry

    def shutdown(self) -> None:
        """Export what is queued (at most some seconds) and stop. Blocks: call it from a thread or at the very end."""
        if self._tracer_provider is not None:
            self._tracer_provider.force_flush(_FLUSH_MS)
            self._tracer_provider.shutdown()
        if self._meter_provider is not None:
            self._meter_provider.shutdown(timeout_millis=_FLUSH_MS)
        if _Active.telemetry is self:
            _Active.telemetry = Telemetry(None, None)


class _Active:
    """Holder of the process's telemetry: the API's own global can be set only once, which tests can't live with."""

    telemetry: Telemetry = Telemetry(None, None)


def active_telemetry() -> Telemetry:
    """Return the telemetry that `Telemetry.start` made this process's own."""
    return _Active.telemetry


@contextmanager
def start_span(
    name: str,
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    links: Sequence[Link] = (),
    attributes: Mapping[str, AttributeValue] | None = None,
    money: bool = False,
    root: bool = False,
    parent: SpanContext | None = None,
) -> Iterator[Span]:
    """Open a span for the block and make it the current one.

    `money` spans are always sampled. `root` starts a new trace; `parent` stands in for the current span. An exception
    ends the span as an error with its type only: texts may hold payload.
    """
    all_attributes: dict[str, AttributeValue] = dict(attributes or {})
    if money:
        all_attributes[MONEY_ATTRIBUTE] = True
    context = otel_context.Context() if root else None
    if parent is not None:
        context = trace.set_span_in_context(NonRecordingSpan(parent), otel_context.Context())
    tracer = _Active.telemetry.tracer
    span = tracer.start_span(name, context=context, kind=kind, attributes=all_attributes, links=links)
    token = otel_context.attach(trace.set_span_in_context(span))
    try:
        yield span
    except BaseException as error:
        span.set_attribute("error.type", type(error).__qualname__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        otel_context.detach(token)
        span.end()


def traceparent_of(span: Span) -> str:
    """Return the W3C traceparent of `span`, to be stored on a row or sent along."""
    context = span.get_span_context()
    trace_id, span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
    return f"00-{trace_id}-{span_id}-{int(context.trace_flags):02x}"


def current_span_context() -> SpanContext | None:
    """Return the ids of the current span, or None outside any; `start_span` takes them as parent, `Link` as target."""
    context = trace.get_current_span().get_span_context()
    return context if context.is_valid else None


def current_traceparent() -> str | None:
    """Return the traceparent of the current span, or None outside any."""
    span = trace.get_current_span()
    return traceparent_of(span) if span.get_span_context().is_valid else None


def parse_traceparent(traceparent: str) -> SpanContext | None:
    """Return the remote span context a W3C traceparent names, or None if it is not in W3C form."""
    if len(traceparent) > _TRACEPARENT_CHARS_MAX:
        return None
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    version, trace_id, span_id, flags = match.groups()
    # Version 00 has exactly four parts; ff is forbidden; later versions may have more.
    if version == "ff" or (version == "00" and len(traceparent) != 55):  # noqa: PLR2004 - the length the W3C gives
        return None
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return context if context.is_valid else None


def context_from(traceparent: str | None) -> Context:
    """Return a context whose parent is `traceparent`; one without a parent if there is none or it is malformed.

    Only ids are taken over: baggage and tracestate of a caller are not trusted.
    """
    parent = parse_traceparent(traceparent) if traceparent else None
    empty = otel_context.Context()
    return empty if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), empty)


def link_from(traceparent: str) -> Link | None:
    """Return a link to the span a stored traceparent names, or None if it names none."""
    context = parse_traceparent(traceparent)
    return None if context is None else Link(context)


def links_from(traceparents: Iterable[str]) -> tuple[list[Link], int]:
    """Return links to the distinct spans named (at most LINKS_MAX, in order) and how many more there were."""
    distinct: dict[tuple[int, int], SpanContext] = {}
    for traceparent in dict.fromkeys(traceparents):
        context = parse_traceparent(traceparent)
        if context is not None:
            distinct.setdefault((context.trace_id, context.span_id), context)
    contexts = list(distinct.values())
    return [Link(context) for context in contexts[:LINKS_MAX]], max(0, len(contexts) - LINKS_MAX)

"""Traces and metrics: the instruments of this process, and the few helpers that make and link spans.

This module uses only OpenTelemetry's API, so that clients need no more; `chassis.exporting` records and exports for
servers. Ids are stored with the data, so lineage does not depend on sampling.
"""

from __future__ import annotations

import re
import threading
import time
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
    from opentelemetry.metrics import Counter, Meter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.util.types import AttributeValue

    from chassis.settings import ServiceSettings

INSTRUMENTATION: Final = "meterline"
MONEY_ATTRIBUTE: Final = "metering.money"
LINKS_MAX: Final = 100
"""Most links of one span. The SDK's own limit is 128; links past ours are counted, not silently lost."""
TELEMETRY_STOP_S: Final = 3.0
"""Longest time to export what is queued at the end; a collector that is away must not hold up a stop."""
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.ASCII)
_TRACEPARENT_CHARS_MAX: Final = 512


class Telemetry:
    """The tracer and meter of this process. `start` replaces the do-nothing default; `shutdown` flushes."""

    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        """Wrap the providers; without any, nothing is recorded."""
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
        """Start telemetry for `service` and make it that of this process; tests add processors and readers."""
        # Imported here, because only servers have the SDK; a client has the API alone.
        from chassis.exporting import meter_provider, tracer_provider  # noqa: PLC0415

        telemetry = cls(
            tracer_provider(service, settings, span_processors), meter_provider(service, settings, metric_readers)
        )
        _Active.telemetry = telemetry
        return telemetry

    def shutdown(self) -> None:
        """Export what is queued, for TELEMETRY_STOP_S at most, and stop. Blocks: use a thread or call it at the end."""
        ends_at_s = time.monotonic() + TELEMETRY_STOP_S
        # Side by side, and left behind when their time is over: an exporter that waits for a collector can't be ended.
        stops = [threading.Thread(target=stop, daemon=True) for stop in (self._stop_traces, self._stop_metrics)]
        for thread in stops:
            thread.start()
        for thread in stops:
            thread.join(max(0.0, ends_at_s - time.monotonic()))
        if _Active.telemetry is self:
            _Active.telemetry = Telemetry(None, None)

    def _stop_traces(self) -> None:
        if self._tracer_provider is not None:
            self._tracer_provider.force_flush(round(TELEMETRY_STOP_S * 1000))
            self._tracer_provider.shutdown()

    def _stop_metrics(self) -> None:
        if self._meter_provider is not None:
            self._meter_provider.shutdown(timeout_millis=TELEMETRY_STOP_S * 1000)


def counter_from_zero(
    meter: Meter,
    name: str,
    unit: str,
    description: str,
    attribute_sets: Iterable[Mapping[str, AttributeValue]] = ({},),
) -> Counter:
    """Return a counter that exists at 0, with each of `attribute_sets`, before it counts anything.

    Prometheus can't see that a counter has grown that it sees for the first time, so an alert on it would not fire.
    """
    counter = meter.create_counter(name, unit, description)
    for attributes in attribute_sets:
        counter.add(0, attributes)
    return counter


class _Active:
    """Holds the telemetry of the process. The API's own global can be set only once, which does not work for tests."""

    telemetry: Telemetry = Telemetry(None, None)


def active_telemetry() -> Telemetry:
    """Return the telemetry of this process, as `Telemetry.start` set it."""
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

    `money` spans are always sampled. `root` starts a new trace; `parent` replaces the current span. An exception ends
    the span as an error that names only the exception's type, because its message may contain payload.
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
    """Return the W3C traceparent of `span`, to store on a row or to send along."""
    context = span.get_span_context()
    trace_id, span_id = format_trace_id(context.trace_id), format_span_id(context.span_id)
    return f"00-{trace_id}-{span_id}-{int(context.trace_flags):02x}"


def current_span_context() -> SpanContext | None:
    """Return the ids of the current span, or None: a parent for `start_span`, or the target of a `Link`."""
    context = trace.get_current_span().get_span_context()
    return context if context.is_valid else None


def current_traceparent() -> str | None:
    """Return the traceparent of the current span, or None if there is none."""
    span = trace.get_current_span()
    return traceparent_of(span) if span.get_span_context().is_valid else None


def parse_traceparent(traceparent: str) -> SpanContext | None:
    """Return the remote span context that a W3C traceparent names, or None if it is not in W3C format."""
    if len(traceparent) > _TRACEPARENT_CHARS_MAX:
        return None
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None:
        return None
    version, trace_id, span_id, flags = match.groups()
    # Version 00 has exactly four parts; ff is forbidden; later versions may have more.
    if version == "ff" or (version == "00" and len(traceparent) != 55):  # noqa: PLR2004 - the length that W3C specifies
        return None
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return context if context.is_valid else None


def context_from(traceparent: str | None) -> Context:
    """Return a context whose parent is `traceparent`, or without a parent if it is missing or malformed.

    Only the ids are taken over: a caller's baggage and tracestate are not trusted.
    """
    parent = parse_traceparent(traceparent) if traceparent else None
    empty = otel_context.Context()
    return empty if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), empty)


def link_from(traceparent: str) -> Link | None:
    """Return a link to the span that a stored traceparent names, or None if it names none."""
    context = parse_traceparent(traceparent)
    return None if context is None else Link(context)


def links_from(traceparents: Iterable[str]) -> tuple[list[Link], int]:
    """Return links to the distinct spans named (in order, at most LINKS_MAX) and how many more there were."""
    distinct: dict[tuple[int, int], SpanContext] = {}
    for traceparent in dict.fromkeys(traceparents):
        context = parse_traceparent(traceparent)
        if context is not None:
            distinct.setdefault((context.trace_id, context.span_id), context)
    contexts = list(distinct.values())
    return [Link(context) for context in contexts[:LINKS_MAX]], max(0, len(contexts) - LINKS_MAX)

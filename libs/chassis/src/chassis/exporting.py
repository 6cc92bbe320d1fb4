"""How a server records and exports its traces and metrics: OpenTelemetry's SDK, set up for `chassis.telemetry`.

The trace id alone decides about sampling, by a hash with a key that callers do not know. A caller's `sampled` flag is
ignored, and so is the number that its trace id happens to be: otherwise any tenant could force every trace to be
exported. Spans about money are always sampled.
"""

from __future__ import annotations

import platform
from hashlib import blake2b, sha256
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import grpc
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult, TraceIdRatioBased

from chassis.memory import observe_memory
from chassis.scraping import ScrapedMetrics
from chassis.telemetry import INSTRUMENTATION, LINKS_MAX, MONEY_ATTRIBUTE
from chassis.tls.files import TlsFiles, TlsSource
from chassis.tls.plaintext import is_loopback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

    from chassis.settings import ServiceSettings

# Includes retries. A collector that is down must not hold up a stop: traces and metrics each wait this long at the end.
_EXPORT_TIMEOUT_S: Final = 3
_SPANS_QUEUED_MAX: Final = 16_384
_METRICS_INTERVAL_MS: Final = 10_000


class MeterlineSampler(Sampler):
    """Samples a share of traces by trace id, whatever a remote parent says. Money always; local children as parents."""

    def __init__(self, ratio: float, key: bytes = b"") -> None:
        """Sample `ratio` (0 to 1) of the traces; services with the same `key` sample the same ones."""
        self._by_hash = TraceIdRatioBased(ratio)
        self._decides_nothing = ratio in (0.0, 1.0)
        self._key = key[: blake2b.MAX_KEY_SIZE]

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide for one span."""
        if attributes is not None and attributes.get(MONEY_ATTRIBUTE):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, trace_state)
        parent = trace.get_current_span(parent_context).get_span_context()
        if parent.is_valid and not parent.is_remote:
            decision = Decision.RECORD_AND_SAMPLE if parent.trace_flags.sampled else Decision.DROP
            return SamplingResult(decision, attributes, trace_state)
        hashed = trace_id if self._decides_nothing else self._hash(trace_id)
        return self._by_hash.should_sample(None, hashed, name, kind, attributes, links, trace_state)

    def _hash(self, trace_id: int) -> int:
        return int.from_bytes(blake2b(trace_id.to_bytes(16), key=self._key, digest_size=16).digest())

    def get_description(self) -> str:
        """Return the sampler's name for diagnostics."""
        return f"MeterlineSampler({self._by_hash.rate})"


def tracer_provider(
    service: str, settings: ServiceSettings, span_processors: Sequence[SpanProcessor] = ()
) -> TracerProvider:
    """Return the provider of `service`'s spans, exported as its settings say and passed to `span_processors`."""
    processors = list(span_processors)
    if settings.otlp_endpoint is not None:
        exporter = OTLPSpanExporter(**_connection(settings, settings.otlp_endpoint))
        processors.append(BatchSpanProcessor(exporter, max_queue_size=_SPANS_QUEUED_MAX))
    provider = TracerProvider(
        # Where nobody collects spans, nothing is recorded; ids are still made and stored, for lineage needs them.
        sampler=MeterlineSampler(settings.trace_ratio, _sampling_key(settings)) if processors else ALWAYS_OFF,
        resource=_resource(service, settings),
        span_limits=SpanLimits(max_links=LINKS_MAX, max_span_attribute_length=1024),
        shutdown_on_exit=False,
    )
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def _sampling_key(settings: ServiceSettings) -> bytes:
    """Return what all services of an installation have and callers have not: its public keys, or a key of its own."""
    if settings.trace_key is not None:
        return settings.trace_key.get_secret_value().encode()
    try:
        return sha256(settings.jwks_file.read_bytes()).digest()
    except OSError:
        # Whoever reads the keys next says so.
        return b""


def meter_provider(
    service: str, settings: ServiceSettings, metric_readers: Sequence[MetricReader] = ()
) -> MeterProvider | None:
    """Return the provider of `service`'s metrics, or None if nobody reads them."""
    readers = list(metric_readers)
    if settings.otlp_endpoint is not None:
        exporter = OTLPMetricExporter(**_connection(settings, settings.otlp_endpoint))
        readers.append(PeriodicExportingMetricReader(exporter, export_interval_millis=_METRICS_INTERVAL_MS))
    if settings.metrics_listen:
        readers.append(ScrapedMetrics(settings.metrics_listen))
    if not readers:
        return None
    resource = _resource(service, settings)
    provider = MeterProvider(metric_readers=readers, resource=resource, shutdown_on_exit=False)
    build = {name: resource.attributes[name] for name in ("service.name", "service.version")}
    meter = provider.get_meter(INSTRUMENTATION)
    meter.create_gauge("metering.build.info", "{build}", "Always 1; its attributes say what runs.").set(
        1, {**build, "process.runtime.version": platform.python_version()}
    )
    observe_memory(meter)
    return provider


def _connection(settings: ServiceSettings, endpoint: str) -> dict[str, Any]:
    """Return how to reach the receiver: in plain text only on this machine, or when the settings say so in words.

    Headers, a client certificate and, unless it is set here, the authority are those of OpenTelemetry's own variables
    (OTEL_EXPORTER_OTLP_HEADERS and so on), which the exporter reads itself.
    """
    scheme, has_scheme, address = endpoint.partition("://")
    if has_scheme:
        is_plain = scheme == "http"
    else:
        is_plain = is_loopback(endpoint) or settings.plaintext == "allowed"
        address = endpoint
    credentials = None
    if not is_plain and settings.otlp_ca_file is not None:
        source = TlsSource(TlsFiles(authorities=settings.otlp_ca_file))
        credentials = grpc.ssl_channel_credentials(source.current().authorities)
    # With the scheme left in, the exporter would decide by itself.
    return {"endpoint": address, "insecure": is_plain, "credentials": credentials, "timeout": _EXPORT_TIMEOUT_S}


def _resource(service: str, settings: ServiceSettings) -> Resource:
    """Return what this process is. The variable OTEL_RESOURCE_ATTRIBUTES adds to it, and may name another version."""
    named = Resource.create(
        {
            "service.name": service,
            "service.namespace": "meterline",
            "deployment.environment.name": settings.environment,
        }
    )
    return Resource({"service.version": _version(service)}).merge(named)


def _version(service: str) -> str:
    """Return the version of the distribution of `service`; empty if it is not installed as one."""
    try:
        return metadata.version(f"metering-{service}")
    except metadata.PackageNotFoundError:
        return ""

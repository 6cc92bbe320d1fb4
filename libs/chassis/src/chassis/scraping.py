"""Metrics for Prometheus to fetch: plain HTTP on a port of its own, in threads beside the event loop."""

from __future__ import annotations

from typing import Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from prometheus_client import CollectorRegistry, start_http_server

from chassis.logs import get_logger
from chassis.startup import SettingsError

_log = get_logger(__name__)
_COPIED: Final = "service.name"
"""Attribute of the process that every series carries, as those of the collector do; `target_info` has the others."""


class ScrapedMetrics(PrometheusMetricReader):
    """Reads the metrics whenever somebody asks for `GET /metrics`."""

    def __init__(self, listen: str) -> None:
        """Serve on `listen` ("host:port", port 0 = any). Raises SettingsError if that is not possible."""
        registry = CollectorRegistry()
        super().__init__(
            scope_info_enabled=False, resource_attribute_filter=lambda name: name == _COPIED, registry=registry
        )
        host, _, port = listen.rpartition(":")
        try:
            self._server, self._thread = start_http_server(int(port), host.strip("[]"), registry)
        except (OSError, OverflowError, ValueError) as error:
            raise SettingsError(f"can't listen for Prometheus on {listen}: {error}") from error
        self.address = f"{host}:{self._server.server_port}"
        _log.info("metrics", listen=self.address)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()
        super().shutdown(timeout_millis, **kwargs)

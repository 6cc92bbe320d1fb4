"""Instruments of the portal; listed in docs/telemetry.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chassis.telemetry import counter_from_zero

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

KIND_ATTRIBUTE: Final = "metering.session.kind"
STATUS_ATTRIBUTE: Final = "metering.status.class"
KINDS: Final = ("embed", "link", "operator")
STATUS_CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")


class Instruments:
    """What the portal counts and measures. Tenants are never an attribute: their number has no bound."""

    def __init__(self, meter: Meter) -> None:
        self._sessions = counter_from_zero(
            meter,
            "metering.portal.sessions.created",
            "{session}",
            "Sessions made, by kind",
            [{KIND_ATTRIBUTE: kind} for kind in KINDS],
        )
        self._answers = counter_from_zero(
            meter,
            "metering.portal.requests",
            "{request}",
            "HTTP requests answered, by the class of their status",
            [{STATUS_ATTRIBUTE: status} for status in STATUS_CLASSES],
        )
        self._duration = meter.create_histogram(
            "metering.portal.request.duration", unit="s", description="From a request's headers to its answer's"
        )
        self._streams = meter.create_gauge(
            "metering.portal.streams", unit="{stream}", description="Streams of changes that are open"
        )

    def session_made(self, kind: str) -> None:
        """Count one session."""
        self._sessions.add(1, {KIND_ATTRIBUTE: kind})

    def answered(self, status: int, duration_s: float) -> None:
        """Count one answer."""
        self._answers.add(1, {STATUS_ATTRIBUTE: f"{status // 100}xx"})
        self._duration.record(duration_s)

    def streams(self, count: int) -> None:
        """Tell how many streams are open."""
        self._streams.set(count)

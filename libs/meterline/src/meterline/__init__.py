"""Meterline's SDK: report usage from your program, and ask what it costs."""

from __future__ import annotations

from chassis.errors import MeterlineError
from meterline.client import AsyncClient, Client, ClientSettings, Conflict, Refusal, ReportResult
from meterline.event import UsageEvent, current_traceparent
from meterline.reporter import AsyncReporter, BufferFullError, Reporter, ReporterOptions, UnsentEventsError
from meterline.suite.context import Context, ContextError
from meterline.uuid7 import uuid7

__all__ = [
    "AsyncClient",
    "AsyncReporter",
    "BufferFullError",
    "Client",
    "ClientSettings",
    "Conflict",
    "Context",
    "ContextError",
    "MeterlineError",
    "Refusal",
    "ReportResult",
    "Reporter",
    "ReporterOptions",
    "UnsentEventsError",
    "UsageEvent",
    "current_traceparent",
    "uuid7",
]

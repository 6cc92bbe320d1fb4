"""Meterline's SDK: report usage from your program, and ask what it costs.

Names load when they are first used: a program that only makes events does not wait for the clients.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

# At once, for its module has its name: loaded later, the module would take the place of the function.
from meterline.uuid7 import uuid7

if TYPE_CHECKING:
    from chassis.errors import MeterlineError
    from meterline.client import AsyncClient, Client, ClientSettings
    from meterline.event import UsageEvent, current_traceparent
    from meterline.reporter import AsyncReporter, BufferFullError, Reporter, ReporterOptions, UnsentEventsError
    from meterline.results import Conflict, Refusal, ReportResult
    from meterline.suite.context import Context, ContextError, Tls

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
    "Tls",
    "UnsentEventsError",
    "UsageEvent",
    "current_traceparent",
    "uuid7",
]

_HOMES: Final = {
    "chassis.errors": ("MeterlineError",),
    "meterline.client": ("AsyncClient", "Client", "ClientSettings"),
    "meterline.event": ("UsageEvent", "current_traceparent"),
    "meterline.reporter": ("AsyncReporter", "BufferFullError", "Reporter", "ReporterOptions", "UnsentEventsError"),
    "meterline.results": ("Conflict", "Refusal", "ReportResult"),
    "meterline.suite.context": ("Context", "ContextError", "Tls"),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a name from where it lives (PEP 562); later uses find it here."""
    home = _HOME_OF.get(name)
    if home is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value

"""Structured logs: JSON lines on stderr (readable text on a terminal), each with service, trace and span id.

Each field that is logged is chosen on purpose: never a whole request, a row or a token. Records of libraries are
formatted in the same way.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Final, cast

import structlog
from opentelemetry import trace
from opentelemetry.trace import format_span_id, format_trace_id

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, Processor

# These log every connection or statement at level info; only their warnings are worth having.
_CHATTY_LIBRARIES = ("alembic", "asyncio", "grpc", "opentelemetry", "sqlalchemy")


_DETAIL: Final = re.compile(r"\s*(?:DETAIL|CONTEXT|HINT|\[SQL|\[parameters):")


def configure_logs(service: str, level: str = "info", *, as_json: bool | None = None) -> None:
    """Send this process's logs to stderr as `service`; `as_json` None = JSON unless stderr is a terminal."""
    if as_json is None:
        as_json = not sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _add_service(service),
        _add_trace,
    ]
    # Tracebacks without local variables: those hold requests, rows and tokens.
    render: list[Processor] = (
        [
            structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
            _without_values,
            structlog.processors.JSONRenderer(),
        ]
        if as_json
        else [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        # Logging is rare, so caching would save nothing; without it, a test can listen to loggers made before it.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for library in _CHATTY_LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)


def get_logger(name: str) -> FilteringBoundLogger:
    """Return the logger of a module; pass `__name__`."""
    return cast("FilteringBoundLogger", structlog.stdlib.get_logger(name))


def _add_service(service: str) -> Processor:
    def add(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add


def _without_values(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Cut off what Postgres adds to its errors: the row or the key at fault, which is payload."""
    found = event.get("exception")
    for part in found if isinstance(found, list) else ():
        part["exc_value"] = _DETAIL.split(part["exc_value"], maxsplit=1)[0]
    return event


def _add_trace(_logger: Any, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format_trace_id(context.trace_id)
        event["span_id"] = format_span_id(context.span_id)
    return event

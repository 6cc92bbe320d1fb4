"""`meterline status`: how each service is, how far behind it is, what is in its way, and what to do about it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from chassis.errors import DeadlineExceeded, MeterlineError, Overloaded, Reason, Unavailable
from meterline.cli.calls import call_services
from meterline.cli.documents import time_text
from meterline.cli.exits import ExitCode
from meterline.cli.options import ContextOption, Output, OutputOption
from meterline.cli.output import print_document, print_table, write
from meterline.suite.services import SERVICES

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from metering.common.v1 import feed_pb2, status_service_pb2
    from meterline.client import AsyncClient

_ANSWER_S: Final = 10.0
_UP, _BEHIND, _STUCK, _CUT_OFF = "up", "behind", "stuck", "cut off"
_NOT_READY, _DOWN, _NOT_ALLOWED = "not ready", "down", "not allowed"
_HALTED: Final = {
    Reason.FEED_DIVERGED.value,
    Reason.FEED_GAP.value,
    Reason.FEED_CORRUPT.value,
    Reason.FEED_POSITION_AHEAD.value,
}
_BEHIND_AFTER_S: Final = 10.0
_SHARED_BY: Final = 2
_COLUMNS: Final = (
    "service",
    "state",
    "version",
    "schema",
    "follows",
    ">events behind",
    ">seconds",
    "fresh up to",
    "stuck since",
)
_FOLLOWED: Final = {"aggregator": "ingest", "rating": "aggregator"}


def status(context: ContextOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show how each service is, how far behind, since when it stands still, its last error, and what to do next."""

    async def ask(client: AsyncClient) -> list[dict[str, Any]]:
        return list(await asyncio.gather(*(ask_service(client, service.name, _ANSWER_S) for service in SERVICES)))

    services = call_services(ask, context)
    if output is Output.TABLE:
        _print(services)
    else:
        print_document({"services": services}, output)
    end_by_state(services)


def end_by_state(services: list[dict[str, Any]]) -> None:
    """End with the exit code that says how the services are, unless all is well."""
    states = {service["state"] for service in services}
    if _DOWN in states:
        raise SystemExit(int(ExitCode.UNREACHABLE))
    if _NOT_ALLOWED in states:
        raise SystemExit(int(ExitCode.NOT_ALLOWED))
    if states & {_STUCK, _CUT_OFF, _NOT_READY}:
        raise SystemExit(int(ExitCode.NOT_READY))


async def ask_service(client: AsyncClient, service: str, answer_s: float) -> dict[str, Any]:
    """Return how a service is, also when it does not answer within `answer_s` or not at all."""
    try:
        answer = await client.status(service, answer_s)
    except MeterlineError as error:
        return _unanswered(service, error)
    return document_of(answer, datetime.now(UTC))


def document_of(answer: status_service_pb2.GetStatusResponse, now: datetime) -> dict[str, Any]:
    """Return how a service is that answers."""
    feeds = [_feed_document(feed, now) for feed in answer.feeds]
    state, next_step = _verdict(answer, feeds)
    return {
        "service": answer.service,
        "state": state,
        "version": answer.version,
        "schemaRevision": answer.schema_revision,
        "startedAt": _text(answer, "started_at"),
        "problems": list(answer.problems),
        "feeds": feeds,
        "error": None,
        "next": next_step,
    }


def _unanswered(service: str, error: MeterlineError) -> dict[str, Any]:
    if error.reason is Reason.SERVICE_NOT_READY:
        state, next_step = (
            _NOT_READY,
            "if it stays so, its database is away or needs the service's migrations: see its log",
        )
    elif isinstance(error, Overloaded):
        state, next_step = _NOT_READY, "it has as many calls as it takes: ask again soon, and send it less"
    elif isinstance(error, Unavailable | DeadlineExceeded):
        state, next_step = _DOWN, "start it, or see its log; docs/runbooks/README.md"
    else:
        state, next_step = _NOT_ALLOWED, "see `meterline token create --help`"
    return {
        "service": service,
        "state": state,
        "version": None,
        "schemaRevision": None,
        "startedAt": None,
        "problems": [],
        "feeds": [],
        "error": {"reason": error.reason.value, "message": error.message},
        "next": next_step,
    }


def _feed_document(feed: feed_pb2.FeedState, now: datetime) -> dict[str, Any]:
    waits_since = feed.oldest_waiting_at.ToDatetime(tzinfo=UTC) if feed.HasField("oldest_waiting_at") else now
    error = {
        "reason": feed.last_error_reason,
        "message": feed.last_error_message,
        "at": _text(feed, "last_error_at"),
        "attempts": feed.attempts,
    }
    is_known = feed.HasField("last_contact_at") and not feed.cut_off
    return {
        "consumer": feed.consumer,
        "lagEvents": str(feed.lag_entries) if is_known else None,
        "lagSeconds": max(0, round((now - waits_since).total_seconds())) if is_known else None,
        "freshUpTo": _text(feed, "oldest_waiting_at") or _text(feed, "last_contact_at"),
        "lastContactAt": _text(feed, "last_contact_at"),
        "cutOff": feed.cut_off,
        "stuckSince": _text(feed, "stuck_since"),
        "lastError": error if feed.last_error_reason else None,
        "lanes": [{"lane": found.lane, "holder": found.holder} for found in feed.lanes],
    }


def _verdict(answer: status_service_pb2.GetStatusResponse, feeds: list[dict[str, Any]]) -> tuple[str, str | None]:
    """Return the state of a service that answers, and what to do next."""
    errors = [feed["lastError"] for feed in feeds if feed["lastError"]]
    if any(error["reason"] in _HALTED for error in errors):
        return _STUCK, "docs/runbooks/feed-halted.md"
    if any("no disk" in error["message"] for error in errors):
        return _STUCK, "docs/runbooks/disk-full.md"
    if any(feed["stuckSince"] for feed in feeds):
        return _STUCK, "docs/runbooks/feed-lag.md"
    if answer.problems:
        return _NOT_READY, "see its log, and whether its Postgres answers"
    return _lag_verdict(answer.service, feeds)


def _lag_verdict(service: str, feeds: list[dict[str, Any]]) -> tuple[str, str | None]:
    if any(feed["cutOff"] for feed in feeds):
        return _CUT_OFF, f"look whether {_followed(service)} runs and answers; docs/runbooks/feed-lag.md"
    if any((feed["lagSeconds"] or 0) > _BEHIND_AFTER_S for feed in feeds):
        return _BEHIND, "it moves: wait, or docs/runbooks/feed-lag.md"
    return _UP, None


def _followed(service: str) -> str:
    return _FOLLOWED.get(service, "the service that it follows")


def _text(message: Any, field: str) -> str | None:
    value: Timestamp = getattr(message, field)
    return time_text(value) if message.HasField(field) else None


def _print(services: list[dict[str, Any]]) -> None:
    print_table(_COLUMNS, [row for service in services for row in rows_of(service)])
    for service in services:
        for line in lines_of(service):
            write(f"{service['service']}: {line}")


def rows_of(service: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the rows of a service: one for each feed that it follows, or one alone."""
    head = (service["service"], service["state"], service["version"] or "-", service["schemaRevision"] or "-")
    rows = [
        (feed["consumer"], *lag_texts(feed), seconds_text(feed["freshUpTo"]), seconds_text(feed["stuckSince"]))
        for feed in service["feeds"]
    ]
    return [head + row for row in rows] or [(*head, "-", "-", "-", "-", "-")]


def lag_texts(feed: dict[str, Any]) -> tuple[str, str]:
    """Return how many events and seconds a feed is behind, `?` where nobody knows."""
    return ("?", "?") if feed["lagSeconds"] is None else (feed["lagEvents"], str(feed["lagSeconds"]))


def seconds_text(instant: str | None) -> str:
    """Return an instant to the second, as tables show it."""
    return (instant or "-")[:19]


def _times(attempts: int) -> str:
    return "" if attempts == 1 else f"{attempts} times in a row, "


def lines_of(service: dict[str, Any]) -> list[str]:
    """Return what is wrong with a service, and what to do next."""
    lines = list(service["problems"])
    if service["error"]:
        lines.append(f"{service['error']['message']} [{service['error']['reason']}]")
    lines += [
        f"{feed['consumer']}: {error['message']} [{error['reason']}], {_times(error['attempts'])}last at {error['at']}"
        for feed in service["feeds"]
        if (error := feed["lastError"])
    ]
    lines += [
        f"{feed['consumer']}: no contact with {_followed(service['service'])} since "
        f"{feed['lastContactAt'] or 'it started'}: how much waits is unknown"
        for feed in service["feeds"]
        if feed["cutOff"]
    ]
    lines += [line for feed in service["feeds"] if (line := lanes_text(feed))]
    if service["next"]:
        lines.append(f"next: {service['next']}")
    return lines


def lanes_text(feed: dict[str, Any]) -> str:
    """Return which replica applies which lanes; nothing where one applies all of them."""
    lanes_of: dict[str, list[str]] = {}
    for found in feed.get("lanes", ()):
        lanes_of.setdefault(found["holder"], []).append(str(found["lane"]))
    if len(lanes_of) < _SHARED_BY:
        return ""
    shares = "; ".join(f"{', '.join(lanes)} by {holder}" for holder, lanes in lanes_of.items())
    return f"{feed['consumer']}: lanes {shares}"

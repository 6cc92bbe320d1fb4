"""StatusService: tells those who operate the suite how a process is. Every service offers it."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING, Any, Protocol

from chassis.rpc.method import declared_methods
from chassis.rpc.server import Served
from eventlog.wire import timestamp
from metering.common.v1 import feed_pb2
from metering.common.v1 import status_service_pb2 as pb
from metering.common.v1 import status_service_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import grpc

    from chassis.clock import Clock
    from chassis.service import ServiceStatus
    from eventlog.feed.progress import FeedBoard, FeedState

    Context = grpc.aio.ServicerContext[Any, Any]


class Process(Protocol):
    """What is told of a process; `chassis.service.Runtime` is one."""

    @property
    def service(self) -> str:
        """Name of the service."""
        ...

    @property
    def clock(self) -> Clock:
        """Its clock."""
        ...

    @property
    def status(self) -> ServiceStatus:
        """How it is."""
        ...


class StatusServicer(pb_grpc.StatusServiceServicer):
    """StatusService over what the process knows without asking anybody."""

    def __init__(self, process: Process, board: FeedBoard) -> None:
        """Tell of `process`, and of the consumers on `board`."""
        self._process = process
        self._board = board
        self._version = metadata.version(f"metering-{process.service}")

    async def GetStatus(self, request: pb.GetStatusRequest, context: Context) -> pb.GetStatusResponse:  # noqa: ARG002, N802
        """Return how the process is."""
        status = self._process.status
        return pb.GetStatusResponse(
            service=self._process.service,
            version=self._version,
            schema_revision=status.schema_revision,
            started_at=None if status.started_at is None else timestamp(status.started_at),
            problems=[f"{check}: {problem}" for check, problem in sorted(status.problems.items())],
            feeds=feeds_to_proto(self._board.states(), self._process.clock.now()),
        )


def feeds_to_proto(states: Iterable[FeedState], now: datetime) -> list[feed_pb2.FeedState]:
    """Return where consumers stand as messages."""
    return [_feed_to_proto(state, now) for state in states]


def _feed_to_proto(state: FeedState, now: datetime) -> feed_pb2.FeedState:
    message = feed_pb2.FeedState(consumer=state.consumer, lag_entries=state.lag_entries, cut_off=state.cut_off)
    for found in state.lanes:
        message.lanes.add(lane=found.lane, holder=found.holder, is_own=found.is_own)
    if state.last_contact_at is not None:
        message.last_contact_at.FromDatetime(state.last_contact_at)
    if state.oldest_waiting_at is not None:
        message.oldest_waiting_at.FromDatetime(state.oldest_waiting_at)
    stuck_since = state.stuck_since(now)
    if stuck_since is not None:
        message.stuck_since.FromDatetime(stuck_since)
    if state.trouble is not None:
        message.last_error_reason = state.trouble.reason
        message.last_error_message = state.trouble.message
        message.last_error_at.FromDatetime(state.trouble.at)
        message.attempts = state.trouble.attempts
    return message


def served_status(process: Process, board: FeedBoard) -> Served:
    """Describe the service to the server."""
    servicer = StatusServicer(process, board)
    return Served(
        add=lambda server: pb_grpc.add_StatusServiceServicer_to_server(servicer, server),
        methods=declared_methods(pb.DESCRIPTOR.services_by_name["StatusService"]),
    )

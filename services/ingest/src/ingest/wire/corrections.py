"""Corrections as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventlog.columns import EventRows
from eventlog.rows import columns_of
from eventlog.wire import as_of_to_proto
from ingest.wire.events import event_identity_from_proto, stored_event_to_proto
from ingest.wire.texts import check_new_name
from metering.ingest.v1 import ingest_service_pb2 as pb

if TYPE_CHECKING:
    from eventlog.columns import EventColumns
    from ingest.domain.corrections import Identity
    from ingest.operations.corrections import Replaced, Voided


def voids_from_proto(request: pb.VoidEventsRequest) -> list[Identity]:
    """Read which events are to be voided. Raises InvalidRequest."""
    _check_order(request)
    return [event_identity_from_proto(event, f"events[{number}].") for number, event in enumerate(request.events)]


def voided_to_proto(voided: Voided) -> pb.VoidEventsResponse:
    """Say what became of the events."""
    return pb.VoidEventsResponse(
        voided=voided.voided, already_voided=voided.already_voided, as_of=as_of_to_proto(voided.as_of)
    )


def replacement_from_proto(request: pb.ReplaceEventRequest) -> EventColumns:
    """Read what is to hold, unchecked, as columns of one event. Raises InvalidRequest."""
    _check_order(request)
    return columns_of(EventRows([request.event]))


def replaced_to_proto(replaced: Replaced) -> pb.ReplaceEventResponse:
    """Write what holds now."""
    return pb.ReplaceEventResponse(
        event=stored_event_to_proto(replaced.page), replaced=replaced.replaced, as_of=as_of_to_proto(replaced.as_of)
    )


def _check_order(request: pb.VoidEventsRequest | pb.ReplaceEventRequest) -> None:
    check_new_name("request_id", request.request_id)
    check_new_name("reason", request.reason)

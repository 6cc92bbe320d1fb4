"""Backfills as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from chassis.rpc.pages import page_limit, page_token, page_token_invalid, place_in
from eventlog.instants import instant_of
from eventlog.wire import as_of_to_proto, period_to_proto, timestamp
from ingest.domain.backfills import Backfill, BackfillPage, NewBackfill, Reversion
from ingest.wire.texts import check_new_name, period_from_proto
from metering.ingest.v1 import ingest_service_pb2 as pb

if TYPE_CHECKING:
    from chassis.rpc.pages import Page
    from ingest.operations.backfills import Reverted


def new_backfill_from_proto(request: pb.OpenBackfillRequest) -> NewBackfill:
    """Read what is to be opened; no period means the whole past. Raises InvalidRequest."""
    check_new_name("request_id", request.request_id)
    check_new_name("description", request.description)
    return NewBackfill(request.description, period_from_proto(request.period) if request.HasField("period") else None)


def backfill_id_from_proto(request: pb.CloseBackfillRequest) -> str:
    """Read which backfill is to be closed. Raises InvalidRequest."""
    check_new_name("request_id", request.request_id)
    return request.backfill_id


def backfill_to_proto(backfill: Backfill) -> pb.Backfill:
    """Write a backfill."""
    message = pb.Backfill(
        id=str(backfill.id),
        description=backfill.description,
        opened_at=timestamp(backfill.opened_at),
        accepted=backfill.accepted,
    )
    if backfill.period is not None:
        message.period.CopyFrom(period_to_proto(backfill.period))
    if backfill.closed_at is not None:
        message.closed_at.CopyFrom(timestamp(backfill.closed_at))
    if backfill.reverted_at is not None:
        message.reverted_at.CopyFrom(timestamp(backfill.reverted_at))
    return message


def opened_to_proto(backfill: Backfill) -> pb.OpenBackfillResponse:
    """Answer that a backfill was opened."""
    return pb.OpenBackfillResponse(backfill=backfill_to_proto(backfill))


def closed_to_proto(backfill: Backfill) -> pb.CloseBackfillResponse:
    """Answer that a backfill was closed."""
    return pb.CloseBackfillResponse(backfill=backfill_to_proto(backfill))


def reversion_from_proto(request: pb.RevertBackfillRequest) -> Reversion:
    """Read which backfill is to be reverted. Raises InvalidRequest."""
    check_new_name("request_id", request.request_id)
    check_new_name("reason", request.reason)
    place = place_in(request.page_token, [int, int])
    if place is None:
        return Reversion(request.backfill_id, request.reason)
    return Reversion(request.backfill_id, request.reason, (place[0], place[1]))


def reverted_to_proto(reverted: Reverted) -> pb.RevertBackfillResponse:
    """Say what became of some events of a backfill."""
    as_of = reverted.voided.as_of
    return pb.RevertBackfillResponse(
        backfill=backfill_to_proto(reverted.backfill),
        voided=reverted.voided.voided,
        already_voided=reverted.voided.already_voided,
        as_of=None if as_of.is_empty else as_of_to_proto(as_of),
        next_page_token="" if reverted.next_after is None else page_token(*reverted.next_after),
    )


def backfill_page_from_proto(request: pb.ListBackfillsRequest) -> BackfillPage:
    """Read which page is wanted. Raises InvalidRequest PAGE_TOKEN_INVALID."""
    size, place = page_limit(request.page_size), place_in(request.page_token, [int, str])
    if place is None:
        return BackfillPage(size)
    try:
        return BackfillPage(size, instant_of(place[0]), UUID(place[1]))
    except (OverflowError, ValueError) as error:
        raise page_token_invalid() from error


def backfills_to_proto(page: Page[Backfill]) -> pb.ListBackfillsResponse:
    """Write a page of backfills."""
    return pb.ListBackfillsResponse(
        backfills=[backfill_to_proto(backfill) for backfill in page.entries], next_page_token=page.next_page_token
    )

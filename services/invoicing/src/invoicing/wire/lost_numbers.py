"""Lost numbers as messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors.refused import refusals
from eventlog.wire import timestamp
from invoicing.domain.lost_numbers import LastNumber
from invoicing.domain.numbering import read_number
from metering.invoicing.v1 import invoice_pb2
from metering.invoicing.v1 import invoicing_service_pb2 as pb

if TYPE_CHECKING:
    from invoicing.domain.lost_numbers import LostNumbers
    from invoicing.operations.lost_numbers import Stated


def last_number_from_proto(request: pb.StateLastNumberRequest) -> LastNumber:
    """Return which number is stated of which series. Raises InvalidRequest."""
    if request.WhichOneof("last") == "series_without_loss":
        return LastNumber(request.series_without_loss)
    with refusals():
        return LastNumber(*read_number(request.number))


def stated_to_proto(stated: Stated) -> pb.StateLastNumberResponse:
    """Return what is noted of a series."""
    lost = stated.lost
    return pb.StateLastNumberResponse(
        lost=None if lost is None or lost.is_empty else lost_to_proto(lost),
        next_number=stated.next_number,
        created=stated.created,
    )


def lost_to_proto(lost: LostNumbers) -> invoice_pb2.LostNumbers:
    """Return lost numbers with who stated them."""
    return invoice_pb2.LostNumbers(
        first_number=lost.first_number,
        last_number=lost.last_number,
        reason=lost.reason,
        stated_by=lost.stated_by,
        stated_at=timestamp(lost.stated_at),
    )

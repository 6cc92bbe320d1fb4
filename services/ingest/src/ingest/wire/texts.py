"""What holds for any text or period of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import Reason, invalid_field
from chassis.errors.refused import refusals
from chassis.text import check_name, value_fault
from eventlog.period import Period
from eventlog.wire import period_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metering.common.v1 import values_pb2


def check_new_name(field: str, text: str) -> None:
    """Refuse a text that may not name something or stand on a screen. Raises InvalidRequest TEXT_INVALID."""
    with refusals():
        check_name(field, text)


def check_sought(field: str, texts: Sequence[str]) -> None:
    """Refuse what no release ever kept; whatever one kept can be found, also if it could not be sent today."""
    for text in texts:
        fault = value_fault(text)
        if fault is not None:
            raise invalid_field(field, Reason.TEXT_INVALID, fault)


def period_from_proto(message: values_pb2.Period) -> Period:
    """Read a period that has both ends and is not empty. Raises InvalidRequest."""
    for field in ("start", "end"):
        if not message.HasField(field):
            raise invalid_field(f"period.{field}", Reason.FIELD_REQUIRED, "a period has both start and end")
    period = period_in(message, "period")
    if period.start >= period.end:
        raise invalid_field("period", Reason.FIELD_INVALID, "end must be later than start; a period is [start, end)")
    return period

"""What holds for any text or period of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from chassis.errors import Reason, invalid_field
from eventlog.period import Period
from eventlog.wire import period_in
from ingest.domain.text import TextRule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metering.common.v1 import values_pb2

_PRINTABLE: Final = TextRule(bytes_max=65_536, required=False)


def check_texts(field: str, texts: Sequence[str]) -> None:
    """Refuse control characters and direction overrides: no event has them, and a description ends up on a screen."""
    for text in texts:
        if _PRINTABLE.fault(text) is not None:
            raise invalid_field(field, Reason.TEXT_INVALID, "must not hold control characters or direction overrides")


def period_from_proto(message: values_pb2.Period) -> Period:
    """Read a period that has both ends and is not empty. Raises InvalidRequest."""
    for field in ("start", "end"):
        if not message.HasField(field):
            raise invalid_field(f"period.{field}", Reason.FIELD_REQUIRED, "a period has both start and end")
    period = period_in(message, "period")
    if period.start >= period.end:
        raise invalid_field("period", Reason.FIELD_INVALID, "end must be later than start; a period is [start, end)")
    return period

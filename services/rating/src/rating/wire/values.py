"""Values that entries share: times, decimals, outcomes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.wire import instant_from_proto
from metering.common.v1 import values_pb2
from money import INPUT, InvalidDecimalError, parse_decimal
from rating.domain.versions import Outcome


def instant_in(field: str, message: Timestamp) -> datetime:
    """Return the time in a field. Raises Refused."""
    try:
        return instant_from_proto(message)
    except ValueError as error:
        raise Refused(field, Reason.TIME_INVALID, str(error)) from error


def decimal_in(field: str, text: str) -> Decimal:
    """Return the decimal in a field, which is not negative. Raises Refused."""
    return _decimal_in(field, text, allow_negative=False)


def optional_decimal_in(field: str, text: str) -> Decimal | None:
    """Return the same; None where nothing is written."""
    return decimal_in(field, text) if text else None


def signed_decimal_in(field: str, text: str) -> Decimal:
    """Return the decimal in a field, which may be negative: a price model says of each of its own. Raises Refused."""
    return _decimal_in(field, text, allow_negative=True)


def _decimal_in(field: str, text: str, *, allow_negative: bool) -> Decimal:
    try:
        return parse_decimal(text, INPUT, allow_negative=allow_negative)
    except InvalidDecimalError as error:
        raise Refused(field, Reason.PRICE_INVALID, error.message) from error


def outcome_to_proto(outcome: Outcome) -> values_pb2.ApplyOutcome.ValueType:
    """Return what applying an entry did."""
    return values_pb2.ApplyOutcome.Value(f"APPLY_OUTCOME_{outcome.name}")

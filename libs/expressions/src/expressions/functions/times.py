"""Parts of an instant in the civil time of a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from expressions.functions.function import INSTANT, TEXT, Function, Parameter
from expressions.tree import Value
from expressions.types import Type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from expressions.functions.function import Apply

SECOND_US: Final = 1_000_000
"""All instants of a second have the same parts, because zones are whole seconds apart."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _zone_fault(value: Value) -> str | None:
    try:
        ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{str(value)!r} is not a zone of the IANA list; write a name such as 'Europe/Vienna'"
    return None


def _part(read: Callable[[datetime], Value]) -> Callable[[Sequence[Value]], Apply]:
    def build(literals: Sequence[Value]) -> Apply:
        zone = ZoneInfo(str(literals[0])) if literals else UTC

        def apply(instant_us: int) -> Value | None:
            try:
                return read((_EPOCH + timedelta(microseconds=instant_us)).astimezone(zone))
            except OverflowError:
                # In this zone it lies before the year 1 or after the year 9999.
                return None

        return apply

    return build


def _number(read: Callable[[datetime], int]) -> Callable[[Sequence[Value]], Apply]:
    return _part(lambda local: Decimal(read(local)))


_ZONE: Final = Parameter(TEXT.types, fault=_zone_fault)
_OF_A_TIME: Final = (INSTANT, _ZONE)

FUNCTIONS: Final = (
    Function("year", _OF_A_TIME, Type.DECIMAL, _number(lambda local: local.year), optional=1),
    Function("month", _OF_A_TIME, Type.DECIMAL, _number(lambda local: local.month), optional=1),
    Function("day", _OF_A_TIME, Type.DECIMAL, _number(lambda local: local.day), optional=1),
    Function("hour", _OF_A_TIME, Type.DECIMAL, _number(lambda local: local.hour), optional=1),
    Function("minute", _OF_A_TIME, Type.DECIMAL, _number(lambda local: local.minute), optional=1),
    Function("second", _OF_A_TIME, Type.DECIMAL, _number(lambda local: local.second), optional=1),
    Function("weekday", _OF_A_TIME, Type.DECIMAL, _number(datetime.isoweekday), optional=1),
    Function("date", _OF_A_TIME, Type.TEXT, _part(lambda local: local.date().isoformat()), optional=1),
)
"""Weekdays are counted from Monday = 1 to Sunday = 7. Without a zone, parts are those in UTC."""

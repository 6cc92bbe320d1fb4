"""Calendars of prices as messages."""

from __future__ import annotations

from datetime import date
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from chassis.errors import Reason
from chassis.errors.refused import Refused, all_of, each_of
from chassis.text import check_name
from metering.rating.v1 import catalog_pb2
from rating.domain.pricing.calendar import DAY_MINUTES, Calendar, CalendarClass

_DAYS: Final = "WEEKDAY_"


def calendar_from_proto(message: catalog_pb2.Calendar) -> Calendar:
    """Return a calendar. Raises Refused."""
    zone, classes, left_out, _ = all_of(
        lambda: _zone(message.zone),
        lambda: each_of("classes", message.classes, _class_from_proto),
        lambda: each_of("except", getattr(message, "except"), _day),
        lambda: check_name("otherwise", message.otherwise),
    )
    return Calendar(classes, message.otherwise, zone, frozenset(left_out))


def calendar_to_proto(calendar: Calendar) -> catalog_pb2.Calendar:
    """Return the message of a calendar."""
    message = catalog_pb2.Calendar(
        zone=calendar.zone, classes=map(_class_to_proto, calendar.classes), otherwise=calendar.otherwise
    )
    getattr(message, "except").extend(day.isoformat() for day in sorted(calendar.left_out))
    return message


def _zone(name: str) -> str:
    if name and name not in available_timezones():
        raise Refused("zone", Reason.TIME_ZONE_UNKNOWN, f"{name!r} is no IANA zone; write one such as Europe/Vienna")
    return ZoneInfo(name).key if name else ""


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused("", Reason.FIELD_INVALID, f"{text!r} is no day; write one such as 2026-12-25") from error


def _class_from_proto(message: catalog_pb2.CalendarClass) -> CalendarClass:
    check_name("name", message.name)
    begins, ends = _minutes(getattr(message, "from"), 0), _minutes(message.to, DAY_MINUTES)
    return CalendarClass(message.name, frozenset(message.days), begins, ends)


def _class_to_proto(one: CalendarClass) -> catalog_pb2.CalendarClass:
    days = [catalog_pb2.Weekday.ValueType(day) for day in sorted(one.days)]
    message = catalog_pb2.CalendarClass(name=one.name, days=days)
    if one.begins:
        setattr(message, "from", _clock(one.begins))
    if one.ends != DAY_MINUTES:
        message.to = _clock(one.ends)
    return message


def _minutes(text: str, when_absent: int) -> int:
    if not text:
        return when_absent
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"

"""Classes of the clock, a second time: docs/pricing.md, instant by instant, from that page alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def class_of(moment: datetime, calendar: Mapping[str, Any], zone: str) -> str:
    """Return the class in which an instant lies, of the `calendar` of a catalog file."""
    local = moment.astimezone(ZoneInfo(calendar.get("zone", zone)))
    clock = f"{local.hour:02}:{local.minute:02}"
    for one in calendar["classes"]:
        begins, ends = one.get("from", "00:00"), one.get("to", "24:00")
        days = [local.date()] if begins <= clock else []
        if begins < ends:
            days = days if clock < ends else []
        elif clock < ends:
            days.append(local.date() - timedelta(days=1))
        for day in days:
            is_named = _WEEKDAYS[day.weekday()] in one.get("days", _WEEKDAYS)
            if is_named and day.isoformat() not in calendar.get("except", ()):
                return str(one["name"])
    return str(calendar["otherwise"])

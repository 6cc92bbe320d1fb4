"""How charges are named: no two charges of a period have one name, and no two frozen ones one id."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Collection

    from eventlog.period import Period

_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ENDING: Final = re.compile(rf" \({_DAY} to {_DAY}\)\s*\Z", re.ASCII)
TAKEN_PREFIX: Final = "Billed in advance: "
"""What the lines begin with that take off what was billed in advance; no item of a plan does."""
_ONE_DAY: Final = timedelta(days=1)


def line_name(item: str, period: Period, zone: str) -> str:
    """Return how the charge of an item over a part of a period is named: with its first and its last day."""
    first, after = (at.astimezone(ZoneInfo(zone)).date() for at in (period.start, period.end))
    return f"{item} ({first} to {after - _ONE_DAY})"


def covers(items: Collection[str], line: str) -> bool:
    """Whether a charge is of one of some items, or of a part of a period of one; no items: any charge is."""
    return not items or line in items or _ENDING.sub("", line) in items


def is_line_name(name: str) -> bool:
    """Whether a charge of a part of a period could be named so: no item of a plan is."""
    return _ENDING.search(name) is not None


def charge_id(tenant: str, contract: str, billing_period: str, snapshot_id: str, item: str) -> str:
    """Return the id of a frozen charge: the same for the same item of the same snapshot, whoever asks and how often."""
    parts = (tenant, contract, billing_period, snapshot_id, item)
    # Length-prefixed, so that no two different lists of parts give the same bytes.
    encoded = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
    return "chg_" + hashlib.sha256(encoded).hexdigest()[:40]

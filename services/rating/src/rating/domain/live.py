"""What tells that live charges are out of date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Change:
    """Usage of a tenant's customer changed somewhere in [start, end)."""

    tenant: str
    customer: str
    start: datetime
    end: datetime

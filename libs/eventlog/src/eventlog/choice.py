"""Which events of the log somebody wants to count anew, and what of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eventlog.period import Period


@dataclass(frozen=True, slots=True)
class Choice:
    """Which events are wanted, and which of their properties; no customers or types: all."""

    customers: frozenset[str]
    types: frozenset[str]
    period: Period
    properties: frozenset[str]

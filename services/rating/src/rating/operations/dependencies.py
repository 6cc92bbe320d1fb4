"""What the operations work with; made once, in `__main__`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock
    from rating.telemetry import Instruments
    from rating.upstream import Aggregator


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The service's own database, its left neighbour, time, and instruments."""

    engine: AsyncEngine
    aggregator: Aggregator
    clock: Clock
    instruments: Instruments

"""What the use cases stand on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock
    from rating.telemetry import Instruments
    from rating.upstream import AggregatorClient


@dataclass(frozen=True, slots=True)
class Deps:
    """What the use cases work with; made once per process."""

    engine: AsyncEngine
    clock: Clock
    aggregator: AggregatorClient
    instruments: Instruments

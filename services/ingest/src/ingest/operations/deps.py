"""What the use cases work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from chassis.clock import Clock
    from chassis.rpc.rates import RateLimit
    from eventlog.log.reader import FeedReader
    from ingest.domain.admission import Limits
    from ingest.intake.admitter import Admitter
    from ingest.intake.batches import Batches
    from ingest.intake.gatherer import Gatherer
    from ingest.intake.hearing import SourceNotes
    from ingest.intake.library import SegmentLibrary
    from ingest.intake.refusing import RefusalNotes
    from ingest.intake.sources import SourceNumbers
    from ingest.operations.copies import CustomerCopies


@dataclass(frozen=True)
class Deps:
    """What the use cases work with; made once per process."""

    engine: AsyncEngine
    clock: Clock
    limits: Limits
    gatherer: Gatherer
    admitter: Admitter
    batches: Batches
    library: SegmentLibrary
    sources: SourceNumbers
    feed: FeedReader
    refusals: RefusalNotes
    heard: SourceNotes
    copies: CustomerCopies
    event_rate: RateLimit | None = None
    reporters_kept: bool = True

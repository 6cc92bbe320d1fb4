"""The change feed: which usage changed, appended in the transaction that changes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from aggregator.domain.changes import ChangeKey, Changes, Span
from chassis.postgres import driver_connection
from chassis.telemetry import current_traceparent
from eventlog.instants import instant_of
from eventlog.log.writer import SegmentDraft, append, claim_lane

OWNER_COLUMNS: Final = ("customer_filter", "backfill_id")
"""Columns that every log once had; they are of no use here, and covered by the chain like the others."""
_SEGMENT_CHANGES_MAX: Final = 10_000
"""Keeps the segments small: a reader takes at least a whole one at a time."""


@dataclass(frozen=True, slots=True)
class ChangeFeed:
    """Writes the service's own feed.

    `pack` turns the changes of a tenant, made by a batch, into the payload of a segment; `unpack` tells of one which
    batch that was, and the customers and meters.
    """

    pack: Callable[[Mapping[ChangeKey, Span], int], bytes]
    unpack: Callable[[bytes], tuple[int, list[tuple[str, str]]]]

    async def append(self, conn: AsyncConnection, changes: Changes, now: datetime) -> None:
        """Append them by tenant. The last thing in a transaction: the feed's one lane is held until it ends."""
        # In a thread: there may be thousands.
        drafts = await asyncio.to_thread(self._drafts, changes, now)
        if drafts:
            driver = await driver_connection(conn)
            await append(driver, await claim_lane(driver), drafts, OWNER_COLUMNS)

    def _drafts(self, changes: Changes, now: datetime) -> list[SegmentDraft]:
        traceparent = current_traceparent() or ""
        return [
            SegmentDraft(
                tenant=tenant,
                count=len(spans),
                payload=self.pack(spans, changes.flush_id),
                accepted_at=now,
                traceparent=traceparent,
                min_time=instant_of(min(span.start_us for span in spans.values())),
                max_time=instant_of(max(span.end_us for span in spans.values())),
                owner_values=(b"", None),
            )
            for tenant, changed in sorted(changes.by_tenant.items())
            for spans in _parts(changed)
        ]


def _parts(changed: Mapping[ChangeKey, Span]) -> Iterator[dict[ChangeKey, Span]]:
    entries = iter(changed.items())
    while part := dict(islice(entries, _SEGMENT_CHANGES_MAX)):
        yield part

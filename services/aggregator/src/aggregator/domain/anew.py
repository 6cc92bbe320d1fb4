"""What came of beginning anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog.as_of import AsOf
    from eventlog.period import Period


@dataclass(frozen=True, slots=True)
class DoubtfulSnapshot:
    """Frozen usage that may count events which the log has lost: `lost` positions, None if it is of another log."""

    snapshot_id: str
    tenant: str
    customer: str
    period: Period
    revision: int
    lost: int | None


@dataclass(frozen=True, slots=True)
class BegunAnew:
    """Where the aggregator was, what the log has lost of it, and the new epoch of its own change feed.

    `lost` and `doubtful` are None if ingest did not answer; `lost` is also None if the log never had that epoch.
    """

    former: AsOf
    log_epoch: str
    lost: int | None
    doubtful: Sequence[DoubtfulSnapshot] | None
    feed_epoch: str

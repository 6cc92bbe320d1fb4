"""The epochs of a log: whoever restores a log gives it a new one, and what both share is written down for ever.

`driver` is asyncpg's connection in an open transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from eventlog.as_of import AsOf
from eventlog.feed.cursor import FeedHeads

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

EPOCH: Final = "(SELECT epoch FROM feed_epoch ORDER BY number DESC LIMIT 1)"
"""The epoch that the log has now, as a part of a statement."""
_HEADS: Final = f"SELECT lane, position, CAST({EPOCH} AS text) AS epoch FROM lane_head ORDER BY lane"  # noqa: S608
_HISTORY: Final = """
    SELECT number, CAST(epoch AS text) AS epoch, lane, shared_up_to
    FROM feed_epoch LEFT JOIN feed_epoch_lane USING (number) ORDER BY number DESC, lane
"""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A log that has a new epoch: up to `shared` it is the log of the former one."""

    number: int
    epoch: str
    shared: AsOf


class EpochHistory:
    """The former epochs of a log. Read again only when the log has a new one, since a renewal is a fact."""

    def __init__(self) -> None:
        self._epoch = ""
        self._earlier: Sequence[AsOf] = ()

    async def heads(self, driver: Any) -> FeedHeads:
        """Return where the log ends, and the part of each earlier epoch that it still is."""
        rows = await driver.fetch(_HEADS)
        epoch = rows[0]["epoch"]
        if epoch != self._epoch:
            self._earlier = earlier_epochs(await driver.fetch(_HISTORY), epoch)
            self._epoch = epoch
        return FeedHeads(epoch, {row["lane"]: row["position"] for row in rows}, self._earlier)


def earlier_epochs(rows: Sequence[Any], epoch: str) -> Sequence[AsOf]:
    """Return the epochs before `epoch`, newest first, each up to where all renewals since have left it.

    `rows` have number, epoch, lane and shared_up_to of each lane of each renewal, the newest first.
    """
    earlier: list[AsOf] = []
    shared: dict[int, int] | None = None
    epochs = {row["number"]: row["epoch"] for row in rows}
    for number, name in epochs.items():
        if shared is not None:
            earlier.append(AsOf(name, dict(shared)))
        elif name != epoch:
            # Renewed between two statements of the reader.
            continue
        kept = {row["lane"]: row["shared_up_to"] for row in rows if row["number"] == number and row["lane"] is not None}
        shared = kept if shared is None else {lane: min(end, kept.get(lane, 0)) for lane, end in shared.items()}
    return tuple(earlier)


async def read_epoch(driver: Any) -> str:
    """Return the identity that the log has now."""
    return str(await driver.fetchval(f"SELECT {EPOCH}"))


async def renew_epoch(driver: Any, reason: str, now: datetime) -> Renewal:
    """Give the log a new epoch, and note where each lane ends: up to there it is the log of the former one.

    Writers wait, and what they write after the transaction is of the new epoch.
    """
    lanes = await driver.fetch("SELECT lane, position FROM lane_head ORDER BY lane FOR UPDATE")
    former = await driver.fetchrow("SELECT number, epoch FROM feed_epoch ORDER BY number DESC LIMIT 1")
    number = former["number"] + 1
    epoch = await driver.fetchval(
        """
        INSERT INTO feed_epoch (number, epoch, renewed_at, reason) VALUES ($1, gen_random_uuid(), $2, $3)
        RETURNING epoch
        """,
        number,
        now,
        reason,
    )
    await driver.executemany(
        "INSERT INTO feed_epoch_lane (number, lane, shared_up_to) VALUES ($1, $2, $3)",
        [(number, row["lane"], row["position"]) for row in lanes],
    )
    return Renewal(number, str(epoch), AsOf(str(former["epoch"]), {row["lane"]: row["position"] for row in lanes}))

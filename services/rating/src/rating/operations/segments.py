"""By which plans a period is priced, part by part, where plan changes cut it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from rating.domain.billed import Billed
from rating.domain.billing_period import BillingPeriod
from rating.domain.charges import RatedPeriod
from rating.domain.contracts import Contract
from rating.domain.plans import Plan
from rating.domain.ruling import RuledSegment, ruled_segments, rulings
from rating.domain.segments import Segment, segment_share
from rating.domain.versions import Version
from rating.operations import finding


async def find_segments(
    conn: AsyncConnection,
    tenant: str,
    contract: Sequence[Version[Contract]],
    period: BillingPeriod,
    first: RatedPeriod | None,
    billed: Billed | None,
) -> tuple[Segment, ...]:
    """Return the parts of a period with the versions that price them; none where nothing cuts it.

    `first` is how the period was rated permanently, `billed` how it was billed, if it was: its plans stay. Raises
    NotFound PLAN_NOT_FOUND if no version of a plan is effective when a part begins.
    """
    content = contract[-1].content

    def segment(start: datetime, end: datetime, plan: Version[Plan]) -> Segment:
        of_days = segment_share(content.schedule, period.label, start, end, content.pauses, content.seats)
        return Segment(start, end, plan, of_days)

    if first is not None:
        return tuple(
            [
                segment(one.start, one.end, await finding.find_plan(conn, tenant, one.plan, one.plan_version))
                for one in first.segments
            ]
        )
    ruled = ruled_segments(rulings(contract), content.schedule.zone, period.start, period.end)
    if len(ruled) == 1:
        return ()
    return tuple([segment(one.start, one.end, await _plan_of(conn, tenant, contract, one, billed)) for one in ruled])


async def _plan_of(
    conn: AsyncConnection,
    tenant: str,
    contract: Sequence[Version[Contract]],
    segment: RuledSegment,
    billed: Billed | None,
) -> Version[Plan]:
    """Return the version that rules the start of a segment, or the one that was billed by, if that is known."""
    named = {version for plan, version in billed.plans if plan == segment.ruling.plan} if billed is not None else set()
    if segment.ruling.plan_version is None and len(named) == 1:
        return await finding.find_plan(conn, tenant, segment.ruling.plan, *named)
    return await finding.find_ruling_plan(conn, tenant, contract, segment.ruling, segment.start)

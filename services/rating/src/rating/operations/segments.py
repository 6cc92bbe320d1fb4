"""By which plans a period is priced, part by part, where plan changes cut it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from rating.domain.billed import Billed
from rating.domain.billing_period import BillingPeriod
from rating.domain.charges import Charge, RatedPeriod
from rating.domain.contracts import Contract
from rating.domain.overrides import ruling as overrides_ruling
from rating.domain.overrides import version_with_overrides
from rating.domain.plans import Plan, PlanItem
from rating.domain.ruling import RuledSegment, ruled_segments, rulings
from rating.domain.segments import Segment, item_runs, segment_share
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
    """Return the parts of a period with the versions that price them; one, where nothing cuts it.

    `first` is how the period was rated permanently, `billed` how it was billed, if it was: its plans stay; none where
    it was rated in one. Raises NotFound PLAN_NOT_FOUND if no version of a plan is effective when a part begins.
    """
    content = contract[-1].content

    def segment(start: datetime, end: datetime, plan: Version[Plan], *, continues: bool) -> Segment:
        share = segment_share(content.schedule, period.label, start, end, content.pauses, content.seats)
        return Segment(start, end, plan, share, continues)

    if first is not None:
        return tuple(
            [
                segment(
                    one.start,
                    one.end,
                    await finding.find_plan(conn, tenant, one.plan, one.plan_version),
                    continues=one.continues,
                )
                for one in first.segments
            ]
        )
    found = []
    for ruled in ruled_segments(rulings(contract), content.schedule.zone, period.start, period.end):
        plans = await _plans_of(conn, tenant, contract, ruled, billed)
        ends = [*(start for start, _ in plans[1:]), ruled.end]
        for place, ((start, plan), end) in enumerate(zip(plans, ends, strict=True)):
            found.append(segment(start, end, plan, continues=place > 0))
    return tuple(found)


async def _plans_of(
    conn: AsyncConnection,
    tenant: str,
    contract: Sequence[Version[Contract]],
    segment: RuledSegment,
    billed: Billed | None,
) -> list[tuple[datetime, Version[Plan]]]:
    """Return from when on which versions rule a segment: the first rules its start, or it was billed by that one."""
    named = {version for plan, version in billed.plans if plan == segment.ruling.plan} if billed is not None else set()
    base = next(iter(named)) if segment.ruling.plan_version is None and len(named) == 1 else 0
    return await finding.find_ruling_plans(conn, tenant, contract, segment, base)


async def find_priced_item(
    conn: AsyncConnection, tenant: str, contract: Sequence[Version[Contract]], rated: RatedPeriod, charge: Charge
) -> PlanItem | None:
    """Return by what a charge of a period was priced that versions at once have turned, as the contract had it."""
    content, period = contract[-1].content, rated.period
    own = overrides_ruling(content.overrides, period, content.schedule.zone)
    segments = [
        replace(each, plan=version_with_overrides(each.plan, own))
        for each in await find_segments(conn, tenant, contract, period, rated, None)
    ]
    runs = item_runs(segments, content.schedule.zone)
    found = (run.item for run in runs if (run.part, run.item.name) == (charge.part, charge.plan_item))
    return next(found, None)

"""Trying a draft of a meter by real events: the log is read, both results are told, and nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from aggregator.domain.conservation import Reread
from aggregator.domain.current import windows_of
from aggregator.domain.fold import TenantFold
from aggregator.domain.meters import ALWAYS_US, NEVER_US, CountingMeter, MeterSpec, MeterVersion, problems_of
from aggregator.domain.preview import EVENTS_MAX, MeterPreview, compared, told
from aggregator.domain.query import UsageQuery, plan_query
from aggregator.domain.reading import counted_rows
from aggregator.domain.windows import Windows, merged
from aggregator.operations.finding import histories_of
from aggregator.operations.recounting import Cut, Tally, recount_log, take_cut
from aggregator.store import meters, progress
from chassis.errors import Reason
from chassis.errors.refused import Refused, refusals, refuse_all
from chassis.postgres import transaction

if TYPE_CHECKING:
    from aggregator.domain.query import UsagePlan
    from aggregator.domain.recount import Recounted
    from aggregator.operations.deps import Deps

_DRAFT_ID: Final = 0
"""Key of the draft: no version that is stored has it."""
_PARTS_MAX: Final = 16


@dataclass(slots=True)
class _Sides:
    """The windows of both, by versions of meters, as the log is read."""

    cut: Cut
    now: UsagePlan | None
    draft: UsagePlan
    customer: str
    draft_meter: CountingMeter
    parked: Counter[str] = field(default_factory=Counter)
    windows: dict[int, list[Windows]] = field(default_factory=dict)

    def found(self, meter: CountingMeter, recounted: Recounted) -> None:
        """Take what a part of the log comes to for the meter as it is."""
        for part in recounted.parts:
            self._take(meter.meter_id, part.fold.windows)

    def try_draft(self, fold: TenantFold) -> None:
        """Take what a part of the log comes to for the draft."""
        for folded in TenantFold(fold.segments, [self.draft_meter], ruling=fold.ruling).by_meter():
            if folded.windows is not None:
                self._take(_DRAFT_ID, folded.windows.windows)
            self.parked.update(
                event.reason.value
                for event in folded.parked
                if event.takes_back is None and self.customer in {"", event.customer}
            )

    def _take(self, meter_id: int, windows: Windows) -> None:
        own = self.windows.setdefault(meter_id, [])
        own.append(windows_of(windows, self.customer) if self.customer else windows)
        if len(own) > _PARTS_MAX:
            own[:] = [merged(own)]


async def preview_meter(
    deps: Deps, tenant: str, query: UsageQuery, spec: MeterSpec
) -> AsyncGenerator[Reread | MeterPreview, None]:
    """Count the events of a period by a draft and by the meter as it is. Raises InvalidRequest."""
    with refusals():
        refuse_all(problems_of(spec))
        sides = await _begin(deps, tenant, query, spec)
    tally = Tally()
    async with aclosing(recount_log(deps, sides.cut, None, sides.found, tally, sides.try_draft)) as parts:
        async for done in parts:
            with refusals():
                _refuse_too_many(tally)
            yield Reread(done, sides.cut.positions, 1)
    now = [] if sides.now is None else counted_rows(sides.now, sides.windows)
    rows = compared(sides.draft.windows, now, counted_rows(sides.draft, sides.windows))
    yield MeterPreview(
        as_of=sides.cut.as_of,
        rows=told(rows),
        row_count=len(rows),
        differing_count=sum(row.differs for row in rows),
        parked=sides.parked,
        is_known=sides.now is not None,
        unit=spec.unit,
    )


async def _begin(deps: Deps, tenant: str, query: UsageQuery, spec: MeterSpec) -> _Sides:
    """See how far the log is counted, and plan both questions."""
    if spec.formula is not None:
        text = "is computed from other meters, and there is nothing to try on events; apply it, and ask for its usage"
        raise Refused("spec.formula", Reason.METER_INVALID, text)
    at = deps.clock.now()
    version = MeterVersion(_DRAFT_ID, tenant, query.meter, 1, spec, None, at)
    draft_meter = CountingMeter(version, ALWAYS_US, NEVER_US)
    draft = plan_query(query, [draft_meter], at)
    async with transaction(deps.engine) as conn:
        await progress.begin_consistent_read(conn)
        versions = await meters.versions_of_meter(conn, tenant, query.meter)
        history: Sequence[CountingMeter] = histories_of(versions)[0] if versions else ()
        now = plan_query(query, history, at) if history else None
        reads = [plan.meters[0].reads(query.period) for plan in (draft, now) if plan is not None]
        whole = min(reads, key=lambda period: period.start_us)
        # A draft has no groups yet: both sides tell all of them apart.
        cut = replace(await take_cut(conn, tenant, history, [], whole), told_apart={})
    span = replace(draft_meter, from_us=whole.start_us, until_us=whole.end_us)
    # All rows are told of or counted, so the plans have no pages.
    plans = [None if plan is None else replace(plan, limit=None) for plan in (now, draft)]
    return _Sides(cut, plans[0], plans[1] or draft, query.customers[0] if query.customers else "", span)


def _refuse_too_many(tally: Tally) -> None:
    if tally.accepted > EVENTS_MAX:
        text = f"more than {EVENTS_MAX:,} events happened in it; try the draft by a shorter one"
        raise Refused("period", Reason.WINDOW_INVALID, text)

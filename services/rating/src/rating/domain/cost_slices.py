"""What of a period's cost is computed together: the items that are priced over one part of it, in windows of that part.

A period that no plan change cut is one slice. Of one in segments each part over which items are priced is a slice, cut
into windows as a period of its own, so that windows and segments add up alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from chassis.errors import Reason
from chassis.errors.refused import Refused
from eventlog.period import Period
from rating.domain.billing_period import BillingPeriod
from rating.domain.cost_windows import CostWindows, WindowSize, cost_windows
from rating.domain.line_names import line_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rating.domain.charges import Terms
    from rating.domain.cost import CostQuestion
    from rating.domain.plans import PlanItem
    from rating.domain.proration import DayShare
    from rating.domain.segments import ItemRun


@dataclass(frozen=True, slots=True)
class CostSlice:
    """Items, named as their charges, with the windows and the days of the part of the period that they are of.

    `has_begun`: whether usage of the part lies in its windows; what has not begun costs what a draft says of it.
    """

    part: Period | None
    items: tuple[PlanItem, ...]
    windows: CostWindows
    share: DayShare
    has_begun: bool = True


def cost_slices(terms: Terms, question: CostQuestion, windows: CostWindows) -> list[CostSlice]:
    """Return what is computed together, given the windows of the whole period. Raises Refused for unknown items."""
    runs = chosen_runs(terms.runs, question.items, terms.time_zone)
    found = []
    for part in dict.fromkeys(run.part.period if run.part else None for run in runs):
        own = [run for run in runs if (run.part.period if run.part else None) == part]
        items = tuple(_named(run, terms.time_zone) for run in own)
        names = dict(zip((run.item.name for run in own), (item.name for item in items), strict=True))
        share = own[0].share.renamed(names)
        if part is None:
            found.append(CostSlice(None, items, windows, share))
        elif part.start < windows.span.end:
            whole = BillingPeriod(terms.period.label, part.start, part.end)
            until = windows.span.end if windows.span.end < part.end else None
            of_part = cost_windows(whole, terms.time_zone, question.window_size, until, as_draft=question.as_draft)
            found.append(CostSlice(part, items, of_part, share))
        elif windows.bears_rest:
            found.append(CostSlice(part, items, _to_come(terms, part, windows), share, has_begun=False))
    return found


def chosen_runs(runs: Sequence[ItemRun], names: Sequence[str], zone: str) -> list[ItemRun]:
    """Return the runs of items that are named, as in the plan or as their charges, or all. Raises Refused."""
    known = {name for run in runs for name in (run.item.name, _named(run, zone).name)}
    for position, name in enumerate(names):
        if name not in known:
            there = ", ".join(sorted({run.item.name for run in runs})) or "none"
            message = f"the plan of the period has no item {name!r}; its items: {there}"
            raise Refused(f"items[{position}]", Reason.FIELD_INVALID, message)
    return [run for run in runs if not names or {run.item.name, _named(run, zone).name} & set(names)]


def _named(run: ItemRun, zone: str) -> PlanItem:
    if run.part is None:
        return run.item
    return replace(run.item, name=line_name(run.item.name, run.part.period, zone))


def _to_come(terms: Terms, part: Period, windows: CostWindows) -> CostWindows:
    """Return the last window that is asked for, as that which bears what a draft says of days to come."""
    whole = BillingPeriod(terms.period.label, part.start, part.end)
    days = cost_windows(whole, terms.time_zone, WindowSize.WHOLE, None).days
    return CostWindows(windows.windows[-1:], days, bears_rest=True, zone=terms.time_zone)

"""Usage as the terms of a period need it: whole quantities, and by values of properties where a price goes by them.

Where a plan change cut the period, the same of each part of it over which an item is priced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from chassis.errors import Conflict, InvalidRequest, NotFound, Reason
from eventlog.period import Period
from rating.domain.cell_questions import Questions, cell_questions
from rating.domain.charges import AskedTotals, MeterUsage, Terms, Usage
from rating.domain.cost import counted_in_all
from rating.domain.unpriced import MissingMeterError, NotByGroupError, check_meters, check_told_apart
from rating.operations.deps import Deps


async def usage_now(deps: Deps, terms: Terms) -> Usage:
    """Return usage of a period as it is now. Raises NotFound for what the plan prices and the aggregator lacks."""
    try:
        if not terms.parts:
            return await deps.aggregator.totals(terms.customer, terms.period, questions_of(terms))
        return (await usages_now(deps, [terms]))[0]
    except InvalidRequest as error:
        if error.reason is not Reason.GROUP_UNKNOWN:
            raise
        message = f"plan {terms.plan.name} prices by groups that a meter does not keep: {error.message}"
        remedy = "apply a version of the meter with that groupBy, or another price"
        raise NotFound(Reason.GROUP_UNKNOWN, f"{message}; {remedy}") from error


async def usages_now(deps: Deps, terms: Sequence[Terms]) -> Sequence[Usage]:
    """Return the same of many periods, in order, with one question. What is wrong with one is raised for all."""
    asked = [
        AskedTotals(one.customer, part or one.period, questions_of(one, part))
        for one in terms
        for part in (None, *one.parts)
    ]
    answers = iter(await deps.aggregator.many_totals(asked))
    return [_joined(next(answers), {part: next(answers) for part in one.parts}) for one in terms]


def _joined(whole: Usage, parts: Mapping[Period, Usage]) -> Usage:
    """Return usage of a period with that of its parts. Raises Conflict if the log was restored between them."""
    if not parts:
        return whole
    as_of = counted_in_all([whole.as_of, *(one.as_of for one in parts.values())])
    if as_of is None:
        message = "the log of events was restored while usage was counted; call again"
        raise Conflict(Reason.TRANSACTION_CONFLICT, message)
    return replace(whole, as_of=as_of, spans={part: one.meters for part, one in parts.items()})


async def check_usage(deps: Deps, terms: Terms) -> None:
    """Raise NotFound where usage of a period could not be priced by its terms, once it is frozen."""
    usage = await usage_now(deps, terms)
    try:
        for part in (None, *terms.parts):
            items, meters = terms.items_of(part), usage.meters if part is None else usage.spans[part]
            check_meters(items, meters)
            check_told_apart(items, {name: meter.cells for name, meter in meters.items()})
    except (MissingMeterError, NotByGroupError) as error:
        raise not_priced(error) from error


async def frozen_by_groups(deps: Deps, terms: Terms, usage: Usage) -> Usage:
    """Return frozen usage, with the meters by groups that are priced so: the days of the snapshot put together.

    Raises Conflict where a snapshot that another plan was billed by has not cut its days where this one changes prices,
    or not told the parts of the period that this one prices.
    """
    for part in terms.parts:
        if part not in usage.spans:
            message = (
                f"the snapshot does not tell usage from {part.start.isoformat()} to {part.end.isoformat()} by itself: "
                "it was sealed before the plan changed then; let the contract have the plans that it had"
            )
            raise Conflict(Reason.TRANSACTION_CONFLICT, message)
    meters = await _frozen_cells(deps, terms, usage, None)
    spans = {part: await _frozen_cells(deps, terms, usage, part) for part in terms.parts}
    return replace(usage, meters=meters, spans=spans)


async def _frozen_cells(deps: Deps, terms: Terms, usage: Usage, part: Period | None) -> Mapping[str, MeterUsage]:
    meters = dict(usage.meters if part is None else usage.spans[part])
    for meter, question in questions_of(terms, part).items():
        if meter in meters:
            cells = await deps.aggregator.frozen_cells(usage.snapshot_id, meter, question, part)
            meters[meter] = replace(meters[meter], cells=cells)
    return meters


def questions_of(terms: Terms, part: Period | None = None) -> Questions:
    """Return how usage of a period, or of a part of it, must be told apart."""
    return cell_questions(terms.items_of(part), part or terms.period, terms.time_zone)


def bounds_of(terms: Terms) -> Mapping[str, Sequence[datetime]]:
    """Return the times, by meter, at which days are cut for the prices of all parts of a period."""
    found: dict[str, set[datetime]] = {}
    for part in (None, *terms.parts):
        for meter, question in questions_of(terms, part).items():
            if question.bounds:
                found.setdefault(meter, set()).update(question.bounds)
    return {meter: sorted(bounds) for meter, bounds in found.items()}


def not_priced(error: MissingMeterError | NotByGroupError) -> NotFound:
    """Return what a caller is told where the aggregator lacks what a plan prices."""
    reason = Reason.METER_NOT_FOUND if isinstance(error, MissingMeterError) else Reason.GROUP_UNKNOWN
    return NotFound(reason, str(error))

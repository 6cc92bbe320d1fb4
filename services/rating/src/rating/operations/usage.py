"""Usage as the terms of a period need it: whole quantities, and by values of properties where a price goes by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chassis.errors import InvalidRequest, NotFound, Reason
from rating.domain.cell_questions import Questions, cell_questions
from rating.domain.charges import (
    AskedTotals,
    MissingMeterError,
    NotByGroupError,
    Terms,
    Usage,
    check_meters,
    check_told_apart,
)
from rating.operations.deps import Deps


async def usage_now(deps: Deps, terms: Terms) -> Usage:
    """Return usage of a period as it is now. Raises NotFound for what the plan prices and the aggregator lacks."""
    try:
        return await deps.aggregator.totals(terms.customer, terms.period, questions_of(terms))
    except InvalidRequest as error:
        if error.reason is not Reason.GROUP_UNKNOWN:
            raise
        message = f"plan {terms.plan.name} prices by groups that a meter does not keep: {error.message}"
        remedy = "apply a version of the meter with that groupBy, or another price"
        raise NotFound(Reason.GROUP_UNKNOWN, f"{message}; {remedy}") from error


async def usages_now(deps: Deps, terms: Sequence[Terms]) -> Sequence[Usage]:
    """Return the same of many periods, in order, with one question. What is wrong with one is raised for all."""
    asked = [AskedTotals(one.customer, one.period, questions_of(one)) for one in terms]
    return await deps.aggregator.many_totals(asked)


async def check_usage(deps: Deps, terms: Terms) -> None:
    """Raise NotFound where usage of a period could not be priced by its terms, once it is frozen."""
    usage = await usage_now(deps, terms)
    try:
        check_meters(terms.plan.content.items, usage.meters)
        check_told_apart(terms.plan.content.items, {name: meter.cells for name, meter in usage.meters.items()})
    except (MissingMeterError, NotByGroupError) as error:
        raise not_priced(error) from error


async def frozen_by_groups(deps: Deps, terms: Terms, usage: Usage) -> Usage:
    """Return frozen usage, with the meters by groups that are priced so: the days of the snapshot put together.

    Raises Conflict where a snapshot that another plan was billed by has not cut its days where this one changes prices.
    """
    meters = dict(usage.meters)
    for meter, question in questions_of(terms).items():
        if meter in meters:
            cells = await deps.aggregator.frozen_cells(usage.snapshot_id, meter, question)
            meters[meter] = replace(meters[meter], cells=cells)
    return replace(usage, meters=meters)


def questions_of(terms: Terms) -> Questions:
    """Return how usage of a period must be told apart."""
    return cell_questions(terms.plan.content.items, terms.period, terms.time_zone)


def not_priced(error: MissingMeterError | NotByGroupError) -> NotFound:
    """Return what a caller is told where the aggregator lacks what a plan prices."""
    reason = Reason.METER_NOT_FOUND if isinstance(error, MissingMeterError) else Reason.GROUP_UNKNOWN
    return NotFound(reason, str(error))

"""Query parameters that several routes have, with what they mean."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Depends, Query

from chassis.errors.refused import refusals
from portal.domain.choices import Choices, filters_of
from portal.domain.exploring import Window

BillingPeriodName = Annotated[
    str,
    Query(
        alias="billingPeriod",
        pattern=r"^([0-9]{4}(-([0-9]{2}(-[0-9]{2})?|W[0-9]{2}|Q[1-4]))?(~.{1,64})?)?$",
        description="Label of a billing period; empty = the newest that has begun.",
        examples=["2013-11"],
    ),
]
After = Annotated[
    str, Query(max_length=2000, description="What the page before said in `next`; empty = the first page.")
]


async def _choices(
    billing_period: BillingPeriodName = "",
    start: Annotated[date | None, Query(alias="from", description="First day, in place of a billing period.")] = None,
    until: Annotated[date | None, Query(description="First day after the span; goes with `from`.")] = None,
    window: Annotated[Window, Query(description="Length of a bucket.")] = "day",
    group_by: Annotated[
        str, Query(alias="groupBy", max_length=64, description="Property; in the cost explorer also `item`.")
    ] = "",
    filters: Annotated[
        list[str] | None,
        Query(alias="filter", max_length=32, description="property:value; several of one property widen it."),
    ] = None,
    compare: Annotated[str, Query(pattern="^(previous)?$", description="`previous`: with the span before.")] = "",
) -> Choices:
    """Return what was chosen. Raises InvalidRequest."""
    with refusals():
        found = filters_of(filters or [])
    return Choices(
        billing_period=billing_period,
        start=start,
        end=until,
        window=window,
        group_by=group_by,
        filters=found,
        compares=bool(compare),
    )


ChoicesOfQuery = Annotated[Choices, Depends(_choices)]
MeterName = Annotated[str, Query(min_length=1, max_length=64, description="Name of the meter.")]

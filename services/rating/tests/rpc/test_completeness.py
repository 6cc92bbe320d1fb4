"""Until when live charges are complete: as the applied changes are if they are stored, else as the usage is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from metering.aggregator.v1 import aggregator_service_pb2 as agg
from metering.common.v1 import feed_service_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from testkit.wait import eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

JANUARY = datetime(2013, 1, 15, tzinfo=UTC)
NOON = datetime(2013, 1, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class TellsUntil:
    """An aggregator that says until when its feed and its usage are complete."""

    feed_until: datetime | None = None
    usage_until: datetime | None = None
    withheld = 0
    """So many changes are written, say the heads, and don't come yet."""
    heads_asked = 0

    async def Heads(self, request: Any, context: Any) -> feed_service_pb2.HeadsResponse:
        self.heads_asked += 1
        response: feed_service_pb2.HeadsResponse = await super().Heads(request, context)  # type: ignore[misc]
        response.heads.lanes[0].position += self.withheld
        if self.feed_until is not None:
            response.complete_until.FromDatetime(self.feed_until)
        return response

    async def QueryTotals(self, request: Any, context: Any) -> agg.QueryTotalsResponse:
        response: agg.QueryTotalsResponse = await super().QueryTotals(request, context)  # type: ignore[misc]
        if self.usage_until is not None:
            response.as_of.complete_until.FromDatetime(self.usage_until)
        return response


@pytest.fixture
def make_fake(make_fake: Any) -> Any:
    return type("Fake", (TellsUntil, make_fake), {})


async def complete_until(rating: Any) -> datetime | None:
    asked = pb.ListChargesRequest(contract="UA-2013", billing_period="2013-01")
    answer = await rating.user()("ListCharges", asked)
    until: list[datetime | None] = [
        as_of.complete_until.ToDatetime(tzinfo=UTC) if as_of.HasField("complete_until") else None
        for as_of in [answer.as_of, *(charge.as_of for charge in answer.charges)]
    ]
    assert len(set(until)) == 1, "what is told of the answer is told of each charge"
    return until[0]


def is_until(rating: Any, wanted: datetime | None) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return await complete_until(rating) == wanted

    return is_so


async def test_charges_that_are_rated_on_the_spot_are_complete_as_the_usage_is(
    calm_rating: Any, calm_catalog: Any, usage: Any
) -> None:
    await calm_catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")

    found = [await complete_until(calm_rating)]
    usage.usage_until = NOON
    found.append(await complete_until(calm_rating))

    assert found == [None, NOON]


async def test_stored_charges_are_complete_as_the_changes_are_that_were_applied(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await catalog.standard()
    usage.feed_until = NOON
    usage.report("UA", "calls", JANUARY, "30")

    async def is_stored() -> bool:
        usage.asked.clear()
        until = await complete_until(rating)
        return until == NOON and "QueryTotals" not in usage.asked

    await eventually(is_stored)
    usage.feed_until = NOON + SECOND
    await eventually(is_until(rating, NOON + SECOND))

    # Of a change that is written and not applied yet, the charges may lack what it tells of.
    usage.withheld = 1
    usage.feed_until = NOON + 2 * SECOND
    before = usage.heads_asked

    async def was_asked() -> bool:
        return bool(usage.heads_asked >= before + 3)

    await eventually(was_asked)
    assert await complete_until(rating) == NOON + SECOND
    usage.withheld = 0
    usage.report("UA", "calls", JANUARY, "5")
    await eventually(is_until(rating, NOON + 2 * SECOND))

    # While a meter is filled, the aggregator does not know it, and so nobody does.
    usage.feed_until = None
    await eventually(is_until(rating, None))


async def test_what_is_frozen_tells_no_time(rating: Any, catalog: Any, usage: Any) -> None:
    await catalog.standard()
    usage.feed_until = usage.usage_until = NOON
    usage.report("UA", "calls", JANUARY, "30")

    wanted = pb.RateUsageRequest(contract="UA-2013", billing_period="2013-01")
    answer = await rating.service()("RateUsage", wanted)

    assert answer.charges
    assert not answer.as_of.HasField("complete_until")
    assert not any(charge.as_of.HasField("complete_until") for charge in answer.charges)

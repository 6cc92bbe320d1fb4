"""What grows without any event is not served from what was stored; what can't grow any more is."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from metering.aggregator.v1 import meter_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from testkit.wait import eventually

LONG_AGO = datetime(2013, 1, 15, tzinfo=UTC)


async def price_of(user: Any, time: datetime) -> str:
    local = time.astimezone(ZoneInfo("America/New_York"))
    asked = pb.ListChargesRequest(contract="UA-2013", billing_period=f"{local:%Y-%m}")
    (charge,) = (one for one in (await user("ListCharges", asked)).charges if one.item == "Calls")
    return str(charge.exact_amount)


async def test_an_open_session_costs_more_as_time_passes_until_its_period_has_ended(
    rating: Any, catalog: Any, usage: Any
) -> None:
    now = datetime.now(UTC)
    usage.aggregations["calls"] = meter_pb2.AGGREGATION_DURATION
    await catalog.standard()
    user = rating.user()
    usage.report("UA", "calls", now, "30")
    usage.report("UA", "calls", LONG_AGO, "30")

    async def all_rated() -> bool:
        progress = await user("GetProgress", pb.GetProgressRequest())
        return progress.applied.lanes[0].position == 2 and not progress.dirty_periods

    await eventually(all_rated)
    prices = [await price_of(user, time) for time in (now, LONG_AGO)]
    # Time passes: nobody tells of it.
    usage.usage += [("acme", "UA", "calls", time, Decimal(20)) for time in (now, LONG_AGO)]

    assert prices == ["1", "1"]
    assert [await price_of(user, time) for time in (now, LONG_AGO)] == ["2", "1"]

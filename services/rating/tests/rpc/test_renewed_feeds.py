"""The aggregator was restored, or counted anew: every live charge is rated again, and what is frozen stays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from chassis.clock import SystemClock
from chassis.one_off import one_off_engine
from chassis.postgres import transaction
from metering.rating.v1 import rating_service_pb2 as pb
from rating.operations.anew import follow_anew
from testkit.wait import eventually

JANUARY = datetime(2013, 1, 15, tzinfo=UTC)
RENEWED = "5a1d37cd-98b1-4c0e-8f7a-000000000002"


async def calls_of(rating: Any, epoch: str, segments: int) -> str:
    """The stored live charge of UA for its calls in January, once the whole change feed is applied and rated."""
    user = rating.user()

    async def is_up_to_date() -> bool:
        progress = await user("GetProgress", pb.GetProgressRequest())
        applied = [(lane.lane, lane.position) for lane in progress.applied.lanes]
        return (progress.applied.epoch, applied, progress.dirty_periods) == (epoch, [(0, segments)], 0)

    await eventually(is_up_to_date)
    query = text("SELECT charges::text FROM live_period WHERE contract = 'UA-2013' AND billing_period = '2013-01'")
    async with transaction(rating.engine) as conn:
        charges = (await conn.execute(query)).scalar_one()
    asked = pb.ListChargesRequest(contract="UA-2013", billing_period="2013-01")
    live = next(c for c in (await user("ListCharges", asked)).charges if c.item == "Calls")
    assert f'"{live.exact_amount}"' in charges
    return str(live.quantity)


async def test_when_the_feed_has_a_new_epoch_every_stored_live_charge_is_rated_again(
    rating: Any, catalog: Any, usage: Any
) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    assert await calls_of(rating, usage.epoch, 1) == "30"
    # What was seen of usage beyond the last change that was read, and is gone now, is told by no change.
    usage.usage.clear()

    usage.restore(1, RENEWED)

    assert await calls_of(rating, RENEWED, 1) == "0"


async def test_who_had_read_lost_changes_halts_until_it_begins_anew(
    rating: Any, catalog: Any, usage: Any, settings: Any
) -> None:
    await catalog.standard()
    usage.report("UA", "calls", JANUARY, "30")
    usage.report("UA", "calls", JANUARY, "5")
    assert await calls_of(rating, usage.epoch, 2) == "35"
    async with transaction(rating.engine) as conn:
        await conn.execute(text("INSERT INTO usage_tenant VALUES ('of lost changes')"))
    del usage.usage[1:]
    usage.restore(1, RENEWED)

    async def says_what_to_run() -> bool:
        (feed,) = (await rating.user()("GetProgress", pb.GetProgressRequest())).feeds
        return "lost 1 positions: was it restored? Run python -m rating follow-anew" in feed.last_error_message

    await eventually(says_what_to_run, 20)
    async with one_off_engine("rating", settings.database) as engine:
        assert await follow_anew(engine, SystemClock()) == 1

    assert await calls_of(rating, RENEWED, 1) == "30"
    async with transaction(rating.engine) as conn:
        assert list((await conn.execute(text("SELECT tenant FROM usage_tenant"))).scalars()) == ["acme"]

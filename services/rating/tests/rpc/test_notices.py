"""Notices of price changes over the wire: a version that asks for one does not begin without it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidRequest, NotFound, Reason
from metering.rating.v1 import catalog_pb2, notice_pb2
from metering.rating.v1 import rating_service_pb2 as pb

SENT, OVERRIDDEN = notice_pb2.NOTICE_KIND_SENT, notice_pb2.NOTICE_KIND_OVERRIDDEN
MARCH = Timestamp()
MARCH.FromDatetime(datetime(2013, 3, 1, 5, tzinfo=UTC))
ASKS: dict[str, Any] = {"notice": catalog_pb2.NoticeRule(days=30, periods=2), "effective_from": MARCH}


def per_unit(unit: str) -> catalog_pb2.PlanItem:
    price = catalog_pb2.UsagePrice(per_unit=catalog_pb2.PerUnitPrice(unit_price=unit))
    return catalog_pb2.PlanItem(name="Calls", meter="calls", usage=price)


def label_in(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m")


async def version_in(caller: Any, label: str, contract: str = "UA-2013") -> int:
    request = pb.GetPriceListRequest(contract=contract, billing_period=label)
    return int((await caller("GetPriceList", request)).plan.version)


async def send(caller: Any, **asked: Any) -> list[Any]:
    wanted = {"plan": "standard", **asked}
    return list((await caller("SendPriceNotices", notice_pb2.SendPriceNoticesRequest(**wanted))).notices)


@pytest.fixture
async def sold(calm_rating: Any, calm_catalog: Any, usage: Any) -> Any:
    """Two contracts with a plan whose second version asks for a notice, and one that got it with that version."""
    await calm_catalog.plan(per_unit("1"))
    for name in ("UA", "DL"):
        await calm_catalog.customer(name)
        await calm_catalog.contract(f"{name}-2013", customer=name)
    await calm_catalog.plan(per_unit("1.5"), **ASKS)
    await calm_catalog.customer("LATE")
    await calm_catalog.contract("LATE-2013", customer="LATE")
    return calm_rating.user()


async def test_a_version_begins_after_its_notice_and_not_before(sold: Any, calm_catalog: Any) -> None:
    assert [await version_in(sold, label) for label in ("2013-02", "2013-04", label_in(200))] == [1, 1, 1]
    assert [await version_in(sold, label, "LATE-2013") for label in ("2013-02", "2013-04")] == [1, 2]

    tried = await send(sold, validate_only=True)
    assert await version_in(sold, label_in(200)) == 1
    sent = await send(sold, contracts=["UA-2013"])

    assert [(one.contract, one.kind) for one in tried] == [("DL-2013", SENT), ("UA-2013", SENT)]
    assert [(one.contract, one.customer, one.plan_version_before, one.plan_version) for one in sent] == [
        ("UA-2013", "UA", 1, 2)
    ]
    first = datetime.fromisoformat(sent[0].first_day).replace(tzinfo=UTC)
    assert 29 <= (first - datetime.now(UTC)).days <= 62
    assert first.day == 1
    before = (first - timedelta(days=1)).strftime("%Y-%m")
    assert [await version_in(sold, label) for label in (before, first.strftime("%Y-%m"))] == [1, 2]
    assert await version_in(sold, label_in(200), "DL-2013") == 1
    again = await send(sold)
    assert [one.contract for one in again] == ["DL-2013", "UA-2013"]
    assert again[1] == sent[0]
    listed = await sold("ListPriceNotices", notice_pb2.ListPriceNoticesRequest(customer="UA"))
    assert list(listed.notices) == sent
    # Another version sends again.
    await calm_catalog.plan(per_unit("2"), **ASKS)
    assert await version_in(sold, label_in(200)) == 2
    (third,) = await send(sold, contracts=["UA-2013"])
    assert (third.plan_version_before, third.plan_version) == (1, 3)


async def test_a_notice_shows_the_effect_on_the_last_periods(sold: Any, calm_rating: Any, usage: Any) -> None:
    this_month = datetime.now(UTC).replace(day=3)
    last, before = ((this_month - timedelta(days=days)).replace(day=3) for days in (5, 40))
    usage.report("UA", "calls", before, "7.333")
    rate = pb.RateUsageRequest(contract="UA-2013", billing_period=before.strftime("%Y-%m"))
    await calm_rating.service()("RateUsage", rate)

    (sent,) = await send(sold, contracts=["UA-2013"])

    assert list(sent.missing_periods) == [last.strftime("%Y-%m")]
    (period,) = sent.periods
    (item,) = period.items
    assert (period.billing_period, period.difference) == (before.strftime("%Y-%m"), "3.67")
    assert (item.item, item.before, item.after, item.exact_difference) == ("Calls", "7.33", "11.00", "3.6665")


async def test_a_period_in_segments_is_shown_as_if_the_plan_had_ruled_all_of_it(
    calm_rating: Any, calm_catalog: Any, usage: Any
) -> None:
    turn = (datetime.now(UTC).replace(day=3) - timedelta(days=40)).replace(day=10)
    await calm_catalog.plan(per_unit("1"))
    await calm_catalog.plan(per_unit("9"), name="other")
    await calm_catalog.customer()
    await calm_catalog.contract(plan="other")
    day = turn.strftime("%Y-%m-%d")
    await calm_catalog.contract(effective_from=day, mid_period=True, reason="agreed")
    await calm_catalog.plan(per_unit("1.5"), **ASKS)
    for moment, calls in ((turn - timedelta(days=3), "10"), (turn + timedelta(days=3), "20")):
        usage.report("UA", "calls", moment, calls)
    label = turn.strftime("%Y-%m")
    rated = await calm_rating.service()("RateUsage", pb.RateUsageRequest(contract="UA-2013", billing_period=label))

    (sent,) = await send(calm_rating.user())

    assert [charge.exact_amount for charge in rated.charges] == ["90", "20"]
    (period,) = sent.periods
    assert [(one.item, one.before, one.after) for one in period.items] == [("Calls", "30.00", "45.00")]


async def test_a_version_begins_at_once_for_a_reason(sold: Any, calm_rating: Any) -> None:
    rate = pb.RateUsageRequest(contract="UA-2013", billing_period="2013-03")
    await calm_rating.service()("RateUsage", rate)

    (sent,) = await send(sold, contracts=["UA-2013"], override_reason="agreed on 1 March")

    assert (sent.kind, sent.reason, sent.starts_at) == (OVERRIDDEN, "agreed on 1 March", MARCH)
    assert [await version_in(sold, label) for label in ("2013-02", "2013-03", "2013-04")] == [1, 1, 2]


async def test_what_needs_no_notice_is_said(sold: Any, calm_catalog: Any) -> None:
    for asked, error, reason in (
        ({"plan_version": 1}, InvalidRequest, Reason.FIELD_INVALID),
        ({"contracts": ["LATE-2013"]}, InvalidRequest, Reason.FIELD_INVALID),
        ({"contracts": ["none"]}, NotFound, Reason.CONTRACT_NOT_FOUND),
        ({"plan": "none"}, NotFound, Reason.PLAN_NOT_FOUND),
        ({"plan_version": 9}, NotFound, Reason.PLAN_NOT_FOUND),
    ):
        with pytest.raises(error) as caught:
            await send(sold, **asked)
        assert caught.value.reason is reason
    await calm_catalog.contract("UA-2013", end="2013-06-01")
    assert [one.contract for one in await send(sold)] == ["DL-2013"]
    request = notice_pb2.SendPriceNoticesRequest(plan="standard", page_size=1)
    pages = [await sold("SendPriceNotices", request)]
    while pages[-1].next_page_token:
        request.page_token = pages[-1].next_page_token
        pages.append(await sold("SendPriceNotices", request))
    assert [one.contract for page in pages for one in page.notices] == ["DL-2013"]
    assert len(pages) > 1


async def test_what_a_contract_change_tells_knows_of_notices(sold: Any, calm_catalog: Any) -> None:
    changed = (await calm_catalog.contract("UA-2013", end="2099-01-01")).change
    assert {one.plan_version for one in changed.periods if one.plan} == {1}

    await send(sold, contracts=["UA-2013"], override_reason="agreed")
    changed = (await calm_catalog.contract("UA-2013", end="2099-02-01")).change

    assert [(one.first, one.plan_version) for one in changed.periods][:2] == [("2013-01", 1), ("2013-03", 2)]

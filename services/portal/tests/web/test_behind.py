"""What is behind a number of usage: its largest values, its hours, its events, and what was corrected."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from metering.portal.v1 import portal_service_pb2 as pb
from metering.portal.v1 import profile_pb2, session_pb2
from testkit.portal.world import NEW_YORK

API = "/api/v1"


async def ask(portal: Any, path: str, **parameters: Any) -> Any:
    async with await portal.client() as client:
        answer = await client.get(f"{API}/{path}", params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()


async def test_a_bucket_is_told_by_its_values_and_its_events(portal: Any) -> None:
    picture = {"meter": "flights", "billingPeriod": "2013-10", "window": "week"}
    shown = await ask(portal, "usage", **picture)
    for place, span in enumerate(shown["buckets"]):
        chosen = {**picture, "bucket": span["start"]}
        detail = await ask(portal, "usage/bucket", **chosen)
        assert detail["bucket"] == span
        assert detail["quantity"] == shown["totals"][place]

        seen: list[str] = []
        page: Any = {"next": ""}
        while page["next"] is not None:
            page = await ask(portal, "usage/events", **chosen, after=page["next"], limit=7)
            seen += [event["id"] for event in page["events"]]
        assert len(seen) == len(set(seen)) == page["total"] == detail["eventCount"]
        assert Decimal(detail["quantity"]) == len(seen)


async def test_a_bucket_of_one_value_has_the_events_of_that_value(portal: Any) -> None:
    picture = {"meter": "flights", "billingPeriod": "2013-10", "window": "month", "filter": "origin:EWR"}
    shown = await ask(portal, "usage", **picture)
    events = await ask(portal, "usage/events", **picture, bucket=shown["buckets"][0]["start"], limit=500)

    assert {event["properties"]["origin"] for event in events["events"]} == {"EWR"}
    assert str(len(events["events"])) == shown["total"]


async def test_an_hour_of_the_week_opens_its_events(portal: Any) -> None:
    picture = {"meter": "flights", "billingPeriod": "2013-10"}
    heat = await ask(portal, "usage/heat", **picture)
    cell = max(heat["cells"], key=lambda each: each["eventCount"])
    hour = {"weekday": cell["weekday"], "hour": cell["hour"]}
    detail = await ask(portal, "usage/bucket", **picture, **hour)
    events = await ask(portal, "usage/events", **picture, **hour, limit=500)
    async with await portal.client() as client:
        refused = [
            await client.get(f"{API}/usage/events", params={**picture, **odd})
            for odd in ({}, {"hour": 7}, {**hour, "bucket": "2013-10-01T04:00:00Z"})
        ]

    assert detail["quantity"] == cell["quantity"]
    assert len(events["events"]) == events["total"] == detail["eventCount"] == cell["eventCount"]
    local = {datetime.fromisoformat(event["time"]).astimezone(NEW_YORK) for event in events["events"]}
    assert {(at.isoweekday(), at.hour) for at in local} == {(cell["weekday"], cell["hour"])}
    assert [answer.status_code for answer in refused] == [400] * 3


async def test_other_properties_can_be_asked_by_where_the_profile_says_so(portal: Any) -> None:
    by_gate = {"meter": "flights", "billingPeriod": "2013-10", "groupBy": "gate", "filter": "gate:A1"}
    spec = profile_pb2.ProfileSpec(any_property=True, hidden_properties=["crew"])
    await portal.stub("open").ApplyProfile(pb.ApplyProfileRequest(spec=spec))
    readers = {name: portal.bearer((await portal.session(tenant=name)).token) for name in ("closed", "open")}
    looks = await portal.session(tenant="closed", kind=session_pb2.SESSION_KIND_OPERATOR, reason="ticket 4711")
    async with portal.browser() as browser:
        opened = await browser.post(looks.url.removeprefix(portal.url))
    readers["seller"] = portal.browser()
    readers["seller"].headers["cookie"] = opened.headers["set-cookie"].partition(";")[0]
    told = {}
    for name, reader in readers.items():
        async with reader as client:
            usage = await client.get(f"{API}/usage", params=by_gate)
            hidden = await client.get(f"{API}/usage", params={**by_gate, "groupBy": "crew"})
            meters = (await client.get(f"{API}/meters")).json()
            told[name] = (usage, hidden.status_code, {meter["anyProperty"] for meter in meters})

    assert (told["closed"][0].status_code, *told["closed"][1:]) == (400, 400, {False})
    assert (told["open"][0].status_code, *told["open"][1:]) == (200, 400, {True})
    assert (told["seller"][0].status_code, *told["seller"][1:]) == (200, 200, {True})
    assert told["open"][0].json()["eventsRead"] > 0
    assert (await ask(portal, "usage", meter="flights", billingPeriod="2013-10", groupBy="origin"))["eventsRead"] == 0


async def test_what_is_billed_stands_beside_what_is_metered(portal: Any) -> None:
    shown = await ask(portal, "usage", meter="flights", billingPeriod="2013-10")
    invoice = await ask(portal, "invoices/INV-000001")

    assert Decimal(shown["billedTotal"]) == 2 * Decimal(shown["total"])
    priced = [(line["kind"], line["pricedQuantity"]) for line in invoice["lines"]]
    assert priced == [("fixed", None), ("usage", shown["billedTotal"])]


async def test_corrected_events_are_marked_and_their_reason_is_the_sellers(portal: Any) -> None:
    picture = {"meter": "flights", "billingPeriod": "2013-10", "window": "month", "bucket": "2013-10-01T04:00:00Z"}
    spec = profile_pb2.ProfileSpec(shows_correction_reasons=True)
    await portal.stub("frank").ApplyProfile(pb.ApplyProfileRequest(spec=spec))
    told = {}
    for tenant in ("silent", "frank"):
        made = await portal.session(tenant=tenant)
        async with portal.bearer(made.token) as client:
            events = (await client.get(f"{API}/usage/events", params=picture)).json()["events"]
        told[tenant] = [(one["correction"], one["reason"]) for one in events if one["correction"] is not None]

    assert told == {"silent": [("replacement", None)], "frank": [("replacement", "counted twice, ticket 4711")]}


async def test_only_a_bucket_of_what_is_shown_can_be_opened(portal: Any) -> None:
    async with await portal.client() as client:
        for path in ("usage/bucket", "usage/events"):
            parameters = {"meter": "flights", "billingPeriod": "2013-10", "bucket": "2013-10-02T05:00:00Z"}
            refused = await client.get(f"{API}/{path}", params=parameters)
            assert (refused.status_code, refused.json()["reason"]) == (400, "WINDOW_INVALID"), path


@pytest.mark.parametrize(
    ("changed", "questions"),
    [({}, 1), ({"groupBy": "origin", "filter": ["origin:EWR", "origin:ORD"]}, 2), ({"groupBy": "origin"}, 3)],
)
async def test_no_number_is_asked_for_that_others_add_up_to(portal: Any, changed: Any, questions: int) -> None:
    picture = {"meter": "flights", "billingPeriod": "2013-10", **changed}
    portal.world.asked.clear()
    shown = await ask(portal, "usage", **picture)
    asked = [method for method, *_ in portal.world.asked].count("QueryUsage")
    alone = await ask(portal, "usage", **{**picture, "groupBy": ""})

    assert asked == questions
    columns = ("totals", "total", "eventCount", "billedTotal", "buckets")
    assert [shown[column] for column in columns] == [alone[column] for column in columns]
    series = [[Decimal(value or 0) for value in one["values"]] for one in shown["series"]]
    assert [sum(column) for column in zip(*series, strict=True)] == [Decimal(value or 0) for value in shown["totals"]]


@pytest.mark.parametrize("told", [True, False])
async def test_groups_that_a_meter_does_not_tell_apart_are_part_of_the_rest(portal: Any, told: bool) -> None:
    flown = {flight.origin for flight in portal.world.flights["UA"]}
    portal.world.untold = flown - {"EWR"} if told else flown
    try:
        by_origin = {"billingPeriod": "2013-10", "groupBy": "origin"}
        usage = await ask(portal, "usage", meter="flights", **by_origin)
        cost = await ask(portal, "cost", **by_origin)
    finally:
        portal.world.untold = set()

    assert [(one["key"], one["isOther"]) for one in usage["series"]] == [("EWR", False)] * told + [("", True)]
    assert sum(Decimal(one["total"]) for one in usage["series"]) == Decimal(usage["total"])
    of_usage = [(one["key"], one["isOther"]) for one in cost["series"] if not one["label"].startswith("Not by")]
    assert of_usage == [("EWR", False)] * told + [("", True)]
    assert sum(Decimal(one["total"]) for one in cost["series"]) == Decimal(cost["total"])

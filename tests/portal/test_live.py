"""What is reported shows on an open page by itself, and a running period is compared with the same point before."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page

from metering.ingest.v1 import ingest_service_pb2 as ingest_pb
from meterline import Client, UsageEvent
from meterline.uuid7 import uuid7
from testkit.browser.portal import Portal, exact, settled
from testkit.live import LiveSuite, Tenant
from testkit.producer import Producer
from testkit.wait import wait_until

BAR = "rect[data-bucket='2013-12-24']"
DRAFT_TOTAL = "[data-figure=total] button"
EVENTS = 100
SHOWN_WITHIN_S = 2.0
"""From the acknowledgement of a report to the figures on an open page, whichever figure it is."""
NOTE_VALUES = """(selector) => {
  const find = (root) => { const one = root.querySelector(selector); if (one) return one;
    for (const each of root.querySelectorAll("*")) if (each.shadowRoot) { const two = find(each.shadowRoot);
      if (two) return two; } return null; };
  window.firstSeen = {};
  const note = () => { const value = find(document)?.dataset.value;
    if (value !== undefined) window.firstSeen[value] ??= Date.now();
    requestAnimationFrame(note); };
  note();
}"""
ASKED = 15
NEW_YORK = ZoneInfo("America/New_York")


def flights(customer: str, count: int) -> list[dict[str, Any]]:
    name = uuid4().hex
    return [
        {
            "id": f"{name}-{number}",
            "source": "test",
            "type": "flight.operated",
            "customer": customer,
            "time": "2013-12-24T12:00:00Z",
            "properties": {"origin": "LGA", "air_time": "100", "dep_delay": "0", "tailnum": f"N{number}"},
        }
        for number in range(count)
    ]


def report(tenant: Tenant, *events: dict[str, Any]) -> float:
    """Report events as a platform does, by the SDK; return when they were acknowledged, in seconds since 1970."""
    with Client.from_context(tenant.context) as client:
        opening = ingest_pb.OpenBackfillRequest(request_id=uuid7(), description="live")
        backfill_id = client.call(client.aio.ingest.OpenBackfill(opening)).backfill.id
        made = [UsageEvent(**{**event, "time": datetime.fromisoformat(event["time"])}) for event in events]
        result = client.report(made, backfill_id=backfill_id)
        acknowledged_s = time.time()
    assert result.accepted == len(events)
    return acknowledged_s


def watch(page: Page, selector: str) -> None:
    """Have the page note, frame by frame, when a figure had which value first."""
    page.evaluate(NOTE_VALUES, selector)


def seen_s(page: Page, value: str) -> float:
    """Wait until the watched figure has had a value; return since when, in seconds since 1970."""
    since_ms: float = page.wait_for_function("(value) => window.firstSeen[value]", arg=value).json_value()
    return since_ms / 1000


def counted(bill: Any) -> list[int]:
    """Return how many events each line of a bill counts."""
    return [int(line["eventCount"]) for line in bill["lines"] if line.get("meter")]


def test_a_hundred_events_show_in_the_bar_and_in_the_bill_without_a_reload(
    portal: Portal, record_property: Callable[[str, object], None]
) -> None:
    with (
        portal.page("WN", "/usage?meter=flights&billingPeriod=2013-12&groupBy=") as usage,
        portal.page("WN", "/invoices/draft?billingPeriod=2013-12") as draft,
    ):
        place = usage.locator("[data-as-of]").get_attribute("data-as-of")
        bar = int(usage.locator(BAR).get_attribute("data-value") or 0)
        before = counted(portal.preview("WN", "2013-12"))
        watch(usage, BAR)
        watch(draft, DRAFT_TOTAL)

        acknowledged_s = report(portal.tenant, *flights("WN", EVENTS))
        bar_took_s = seen_s(usage, str(bar + EVENTS)) - acknowledged_s
        wait_until(
            lambda: counted(portal.preview("WN", "2013-12")) == [count + EVENTS for count in before],
            what="every line of the bill counts them",
        )
        total = portal.preview("WN", "2013-12")["total"]
        total_took_s = seen_s(draft, total) - acknowledged_s
        moved = usage.locator("[data-as-of]").get_attribute("data-as-of")

    record_property("seconds from the acknowledgement to the bar", round(bar_took_s, 2))
    record_property("seconds from the acknowledgement to the draft's total", round(total_took_s, 2))
    assert moved != place
    assert max(bar_took_s, total_took_s) < SHOWN_WITHIN_S, (bar_took_s, total_took_s)


@pytest.mark.parametrize(
    "path",
    [
        "usage?meter=flights&billingPeriod=2013-12&window=day&groupBy=origin",
        "cost?billingPeriod=2013-12&window=day&groupBy=item",
    ],
)
def test_a_busy_customer_is_never_told_that_its_bill_is_another(portal: Portal, path: str) -> None:
    with (
        portal.page("WN") as page,
        Producer(portal.tenant.context, lambda number: flights("WN", 1)[0]) as busy,
    ):
        verdicts, totals = [], set()
        for _ in range(ASKED):
            busy.wait_for_more(1)
            told = page.request.get(f"{portal.url}/api/v1/{path}").json()
            totals.add(told["total"])
            verdicts.append(told["line"] is None or told["line"]["equals"])

    assert verdicts == [True] * ASKED
    assert len(totals) > 3, "events were counted all the time"


RUNNING = """
kind: Meter
metadata: {{name: calls}}
spec: {{eventTypes: [call.made], aggregation: COUNT, groupBy: [region], unit: call}}
---
kind: Plan
metadata: {{name: calls}}
spec:
  currency: EUR
  items:
    - {{name: Base fee, fixed: {{amount: "10.00"}}}}
    - {{name: Calls, meter: calls, price: {{perUnit: "0.35"}}}}
    - {{name: Support, meter: calls, price: {{perUnit: "0.01", minimum: "25.00"}}}}
  features:
    - {{name: single-sign-on}}
    - {{name: region, value: eu-central}}
    - {{name: calls, meter: calls, limit: "10000"}}
    - {{name: tight, meter: calls, limit: "1", soft: true}}
---
kind: Customer
metadata: {{name: acme}}
spec: {{displayName: Acme, currency: EUR}}
---
kind: Contract
metadata: {{name: acme}}
spec: {{customer: acme, plan: calls, start: "{start}", interval: MONTH, timeZone: America/New_York}}
"""


@pytest.fixture(scope="module")
def running(suite: LiveSuite, tmp_path_factory: pytest.TempPathFactory) -> Tenant:
    """A tenant whose customer has used something on each day of last month and of this one so far."""
    tenant = Tenant.create(suite, "running", tmp_path_factory.mktemp("running"))
    now = datetime.now(UTC).astimezone(NEW_YORK)
    this_month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    last_month = (this_month - timedelta(days=1)).replace(day=1)
    tenant.apply(RUNNING.format(start=last_month.date()))
    moment, events = last_month.replace(hour=12), []
    while moment < now:
        events += [
            {
                "id": f"{moment.date()}-{number}",
                "source": "test",
                "type": "call.made",
                "customer": "acme",
                "time": moment.astimezone(UTC).isoformat().replace("+00:00", "Z"),
                "properties": {"region": "eu"},
            }
            for number in range(moment.day + (3 if moment >= this_month else 0))
        ]
        moment += timedelta(days=1)
    tenant.report(*events)
    return tenant


def test_the_same_point_has_as_many_days_of_both_periods(running: Tenant, browser: Browser) -> None:
    now = datetime.now(UTC).astimezone(NEW_YORK)
    days = now.day - 1
    in_both = min(days, (now.replace(day=1) - timedelta(days=1)).day)
    used = in_both * (in_both + 1) // 2
    # The fee in full and the minimum of the support, as a draft of that day had them; on the first day there is none.
    minimum = Decimal("25.00") if days else Decimal(0)
    costs = Decimal("10.00") + minimum + used * Decimal("0.35")

    portal = Portal(running, browser)
    with portal.page("acme") as page:
        text = page.locator("dt", has_text="Same point").locator("..").inner_text()
        shown = exact(page.locator("dt", has_text="Same point").locator("..").locator("[data-value]"))
        steps = [Decimal(value) for value in exact(page.locator("meterline-waterfall [data-value]"))]
        page.get_by_role("link", name="Usage").click()
        settled(page)
        explored = page.locator("dl.kpis").inner_text()
        page.get_by_role("link", name="Cost").click()
        settled(page)
        priced = page.locator("dl.kpis").inner_text()
        told = page.request.get(f"{portal.url}/api/v1/overview").json()

    assert [Decimal(value) for value in shown] == [costs], text
    assert steps[0] == costs
    assert sum(steps[:-1]) == steps[-1]
    assert f"was {used} call after the same {days} days" in explored
    assert f"was €{costs} after the same {days} days" in priced
    grown, previous = told["cumulative"]["amounts"], told["cumulative"]["previous"]
    assert [amount for amount in grown if amount is not None][-1] == told["billSoFar"]["amount"]
    # What a minimum lifts stands on the last day of the period before, which is not the day that is compared.
    if 0 < days == in_both < len(previous) - 1:
        assert Decimal(previous[days - 1]) + minimum - used * Decimal("0.01") == costs


def test_what_may_be_used_is_told_with_what_is_left_of_it(running: Tenant, browser: Browser) -> None:
    now = datetime.now(UTC).astimezone(NEW_YORK)
    used = sum(day + 3 for day in range(1, now.day + (now.hour >= 12)))
    resets = (now.replace(day=1) + timedelta(days=32)).replace(day=1)
    running.json("entitlement", "grant", "calls", "--quantity", "500", "--customer", "acme", "--until", "2999-01-01")

    portal = Portal(running, browser)
    with portal.page("acme", "/plan") as page:
        page.locator("[data-feature=tight]").wait_for()
        shown = {one.get_attribute("data-feature"): one for one in page.locator("[data-feature]").all()}
        texts = {name: one.inner_text() for name, one in shown.items()}
        left = exact(page.locator("[data-feature=calls] [data-value]"))
        told = page.request.get(f"{portal.url}/api/v1/plan/entitlements").json()

    assert list(texts) == ["single-sign-on", "region", "calls", "tight"]
    assert "included" in texts["single-sign-on"]
    assert "eu-central" in texts["region"]
    assert left == [str(10_500 - used)]
    assert f"{10_500 - used:,} of 10,500 call left" in texts["calls"]
    assert f"Counts anew on {resets:%b} 1, {resets.year}" in texts["calls"]
    assert "Granted: 500 call, until Dec 31, 2998" in texts["calls"]
    assert used <= 1 or f"{used - 1} beyond the limit of 1 call" in texts["tight"]
    assert [one["runsOutOn"] for one in told["entitlements"]] == [None] * 4

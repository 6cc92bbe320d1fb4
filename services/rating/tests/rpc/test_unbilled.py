"""Usage that no invoice will have: listed with the reason, and nothing that is billed beside it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidRequest, NotFound, Reason
from chassis.identity import current_tenant
from metering.aggregator.v1 import aggregator_service_pb2 as agg
from metering.aggregator.v1 import usage_pb2
from metering.common.v1 import values_pb2
from metering.rating.v1 import catalog_pb2, unbilled_pb2
from metering.rating.v1 import rating_service_pb2 as pb
from testkit.wait import eventually

NEW_YORK = "America/New_York"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def period(start: str, end: str) -> values_pb2.Period:
    return values_pb2.Period(start=at(utc(start)), end=at(utc(end)))


def ends_of(period: values_pb2.Period) -> tuple[datetime, datetime]:
    return period.start.ToDatetime(tzinfo=UTC), period.end.ToDatetime(tzinfo=UTC)


def span(start: datetime, end: datetime) -> values_pb2.Period:
    return values_pb2.Period(start=at(start), end=at(end))


def windows_start(time: datetime) -> datetime:
    return time - (time - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(minutes=15)


def windows_around(times: Iterable[datetime]) -> values_pb2.Period:
    starts = [windows_start(time) for time in times]
    return span(min(starts), max(starts) + timedelta(minutes=15))


class KnowsSpans:
    """What the fake aggregator knows beside totals: whose usage there is, many spans at once, and what is parked."""

    usage: list[tuple[str, str, str, datetime, Decimal]]
    meters: dict[str, str]
    as_of: Any

    def __init__(self) -> None:
        super().__init__()
        self.parked: list[tuple[str, str, str, datetime, str]] = []
        self.unmatched: list[tuple[str, str, datetime]] = []

    async def ListUsageExtents(
        self, request: agg.ListUsageExtentsRequest, _context: Any
    ) -> agg.ListUsageExtentsResponse:
        tenant = current_tenant()
        counted: dict[tuple[str, str], list[datetime]] = {}
        parked: dict[tuple[str, str], list[datetime]] = {}
        for found, rows in ((counted, self.usage), (parked, self.parked)):
            for owner, customer, meter, time, _ in rows:
                if owner == tenant and request.meter in {"", meter} and customer in (request.customers or [customer]):
                    found.setdefault((customer, meter), []).append(time)
        keys = sorted(key for key in {*counted, *parked} if key[0] >= request.from_customer)
        customers = list(dict.fromkeys(customer for customer, _ in keys))
        page, following = customers[: request.customers_max], customers[request.customers_max :]
        extents = []
        for key in keys:
            if key[0] in page:
                extent = usage_pb2.UsageExtent(customer=key[0], meter=key[1])
                if times := counted.get(key):
                    extent.counted.CopyFrom(windows_around(times))
                if times := parked.get(key):
                    extent.parked.CopyFrom(span(min(times), max(times) + timedelta(microseconds=1)))
                extents.append(extent)
        return agg.ListUsageExtentsResponse(
            extents=extents, next_customer=following[0] if following else "", as_of=self.as_of(), filled=True
        )

    async def QuerySpans(self, request: agg.QuerySpansRequest, _context: Any) -> agg.QuerySpansResponse:
        tenant, response = current_tenant(), agg.QuerySpansResponse(as_of=self.as_of())
        for place, span in enumerate(request.spans):
            start, end = ends_of(span.period)
            key = (tenant, span.customer, span.meter)
            here = [row for row in self.usage if row[:3] == key and start <= windows_start(row[3]) < end]
            if here and not span.only_parked:
                response.counted.add(
                    span=place,
                    quantity=format(sum((row[4] for row in here), start=Decimal(0)), "f"),
                    unit=self.meters[span.meter],
                    event_count=len(here),
                    counted=windows_around([row[3] for row in here]),
                )
            reasons = sorted({row[4] for row in self.parked if row[:3] == key and start <= row[3] < end})
            for reason in reasons:
                times = [
                    row[3] for row in self.parked if (*row[:3], row[4]) == (*key, reason) and start <= row[3] < end
                ]
                response.parked.add(
                    span=place,
                    reason=reason,
                    event_count=len(times),
                    first_time=at(min(times)),
                    last_time=at(max(times)),
                )
        return response

    async def ListParkedEvents(
        self, request: agg.ListParkedEventsRequest, _context: Any
    ) -> agg.ListParkedEventsResponse:
        assert request.reason == "NO_METER"
        counts: dict[str, list[datetime]] = {}
        start, end = ends_of(request.period) if request.HasField("period") else (None, None)
        for owner, event_type, time in self.unmatched:
            if owner == current_tenant() and (start is None or end is None or start <= time < end):
                counts.setdefault(event_type, []).append(time)
        response = agg.ListParkedEventsResponse()
        for event_type, times in counts.items():
            response.counts.add(reason="NO_METER", type=event_type, event_count=len(times), first_time=at(min(times)))
        return response


@pytest.fixture
def make_fake(make_fake: Any) -> Any:
    return type("Fake", (KnowsSpans, make_fake), {})


def item(meter: str, *, name: str = "") -> catalog_pb2.PlanItem:
    price = catalog_pb2.UsagePrice(per_unit=catalog_pb2.PerUnitPrice(unit_price="1"))
    return catalog_pb2.PlanItem(name=name or meter, meter=meter, usage=price)


def word(row: unbilled_pb2.UnbilledUsage) -> str:
    return unbilled_pb2.UnbilledReason.Name(row.reason).removeprefix("UNBILLED_REASON_")


async def listed(caller: Any, page_size: int = 0, **fields: Any) -> list[unbilled_pb2.UnbilledUsage]:
    """All pages."""
    rows: list[unbilled_pb2.UnbilledUsage] = []
    request = pb.ListUnbilledUsageRequest(page_size=page_size, **fields)
    while True:
        page = await caller("ListUnbilledUsage", request)
        assert len(page.rows) <= (page_size or 100)
        rows += page.rows
        if not page.next_page_token:
            return rows
        request.page_token = page.next_page_token


def told(rows: list[unbilled_pb2.UnbilledUsage]) -> list[tuple[Any, ...]]:
    return [
        (
            row.customer,
            row.meter,
            word(row),
            row.contract,
            row.billing_period,
            row.period.start.ToDatetime(tzinfo=UTC),
            row.period.end.ToDatetime(tzinfo=UTC),
            row.event_count,
            row.quantity,
        )
        for row in rows
    ]


async def contract(caller: Any, name: str, customer: str, start: str, end: str = "", **spec: Any) -> None:
    values: dict[str, Any] = {"plan": "p", "time_zone": NEW_YORK, **spec}
    content = catalog_pb2.ContractSpec(
        customer=customer, start=start, end=end, interval=catalog_pb2.BILLING_INTERVAL_MONTH, **values
    )
    await caller("ApplyContract", pb.ApplyContractRequest(name=name, spec=content))


async def plan(caller: Any, name: str, *items: catalog_pb2.PlanItem, **spec: Any) -> None:
    content = catalog_pb2.PlanSpec(currency="USD", items=items, **spec)
    await caller("ApplyPlan", pb.ApplyPlanRequest(name=name, spec=content))


async def customer(caller: Any, name: str) -> None:
    content = catalog_pb2.CustomerSpec(currency="USD")
    await caller("ApplyCustomer", pb.ApplyCustomerRequest(name=name, spec=content))


async def test_each_way_to_stay_unbilled_has_its_reason_and_what_is_billed_is_not_listed(
    calm_rating: Any, usage: Any
) -> None:
    caller = calm_rating.user()
    await plan(caller, "p", item("calls"))
    for name in ("c", "idle"):
        await customer(caller, name)
    await contract(caller, "first", "c", "2024-02-01", "2024-03-15")
    await contract(caller, "second", "c", "2024-05-01", "2024-06-15", time_zone="UTC")
    for time in ("2024-01-10T00:00", "2024-02-10T00:00", "2024-03-20T00:00", "2024-04-10T00:00", "2024-07-10T00:00"):
        usage.report("c", "calls", utc(time), "2")
    usage.report("c", "minutes", utc("2024-02-10T00:00"), "1.5")
    usage.report("c", "minutes", utc("2024-02-29T23:59"), "1")
    usage.report("idle", "calls", utc("2024-02-10T00:00"), "3")
    usage.report("c ", "calls", utc("2024-07-12T00:00"), "9")
    usage.parked.append(("acme", "c", "calls", utc("2024-02-11T00:00"), "VALUE_INVALID"))
    usage.parked.append(("acme", "c", "calls", utc("2024-02-12T00:00"), "VALUE_MISSING"))
    usage.parked.append(("acme", "c", "calls", utc("2024-07-12T00:00"), "VALUE_MISSING"))
    usage.unmatched += [("acme", "ping", utc("2024-02-11T00:00")), ("acme", "ping", utc("2024-02-12T00:00"))]
    rows = await listed(caller)
    est, edt = timedelta(hours=5), timedelta(hours=4)
    gap_start, february = utc("2024-03-15") + edt, (utc("2024-02-01") + est, utc("2024-03-01") + est)
    assert told(rows[1:]) == [
        ("c", "calls", "BEFORE_CONTRACT", "", "2024-01", utc("2024-01-01") + est, february[0], 1, "2"),
        ("c", "calls", "PARKED", "first", "2024-02", *february, 1, ""),
        ("c", "calls", "PARKED", "first", "2024-02", *february, 1, ""),
        ("c", "minutes", "UNPRICED", "first", "2024-02", *february, 2, "2.5"),
        ("c", "calls", "BETWEEN_CONTRACTS", "", "2024-03", gap_start, utc("2024-04-01") + edt, 1, "2"),
        ("c", "calls", "BETWEEN_CONTRACTS", "", "2024-04", utc("2024-04-01") + edt, utc("2024-05-01"), 1, "2"),
        ("c", "calls", "AFTER_CONTRACT", "", "2024-07", utc("2024-07-01"), utc("2024-08-01"), 1, "2"),
        ("c", "calls", "PARKED", "", "2024-07", utc("2024-07-01"), utc("2024-08-01"), 1, ""),
        ("c ", "calls", "UNKNOWN_CUSTOMER", "", "2024-07", utc("2024-07-01"), utc("2024-08-01"), 1, "9"),
        ("idle", "calls", "NO_CONTRACT", "", "2024-02", utc("2024-02-01"), utc("2024-03-01"), 1, "3"),
    ]
    assert (word(rows[0]), rows[0].event_type, rows[0].event_count) == ("NO_METER", "ping", 2)
    assert [row.park_reason for row in rows if word(row) == "PARKED"] == ["VALUE_INVALID", "VALUE_MISSING"] * 1 + [
        "VALUE_MISSING"
    ]
    assert rows[4].unit == "min"
    assert rows[4].first_time.ToDatetime(tzinfo=UTC) == utc("2024-02-10T00:00")
    assert rows[4].last_time.ToDatetime(tzinfo=UTC) == utc("2024-03-01T00:00")
    assert rows[2].first_time.ToDatetime(tzinfo=UTC) == utc("2024-02-11T00:00")


async def test_the_list_is_narrowed_by_customer_meter_reason_and_time(calm_rating: Any, usage: Any) -> None:
    caller = calm_rating.user()
    for name in ("a", "b"):
        for meter in ("calls", "minutes"):
            usage.report(name, meter, utc("2024-01-10T10:20"), "1")
            usage.report(name, meter, utc("2024-03-10T00:00"), "1")
            usage.parked.append(("acme", name, meter, utc("2024-01-11T00:00"), "VALUE_MISSING"))
    usage.unmatched.append(("acme", "ping", utc("2024-03-10T00:00")))

    async def keys(**fields: Any) -> list[tuple[str, str, str, str]]:
        return [(r.customer, r.meter, word(r), r.billing_period) for r in await listed(caller, **fields)]

    assert len(await keys()) == 13
    unknown = [("a", "calls", "UNKNOWN_CUSTOMER", "2024-01"), ("a", "calls", "UNKNOWN_CUSTOMER", "2024-03")]
    assert await keys(customers=["a"], meter="calls") == [("a", "calls", "PARKED", "2024-01"), *unknown]
    parked = [(name, meter, "PARKED", "2024-01") for name in "ab" for meter in ("calls", "minutes")]
    assert await keys(reason=unbilled_pb2.UNBILLED_REASON_PARKED) == parked
    assert await keys(reason=unbilled_pb2.UNBILLED_REASON_NO_METER) == [("", "", "NO_METER", "")]
    # Half a window is a whole one: the period is widened to it.
    minute = period("2024-01-10T10:21", "2024-01-10T10:22")
    (row,) = await listed(caller, customers=["a"], meter="calls", period=minute)
    assert told([row])[0][5:8] == (utc("2024-01-10T10:15"), utc("2024-01-10T10:30"), 1)
    march = period("2024-03-01", "2024-04-01")
    assert len(await keys(period=march)) == 5
    with pytest.raises(InvalidRequest) as refused:
        await keys(period=period("2024-03-01", "2024-03-01"))
    assert refused.value.reason is Reason.WINDOW_INVALID


async def test_a_contract_applied_later_takes_its_usage_off_the_list_at_once(calm_rating: Any, usage: Any) -> None:
    caller = calm_rating.user()
    usage.report("late", "calls", utc("2024-01-10T00:00"), "1")
    assert [word(row) for row in await listed(caller)] == ["UNKNOWN_CUSTOMER"]
    await customer(caller, "late")
    assert [word(row) for row in await listed(caller)] == ["NO_CONTRACT"]
    await plan(caller, "p", item("minutes"), effective_from=at(utc("2023-01-01")))
    await contract(caller, "late-1", "late", "2023-01-01")
    assert [word(row) for row in await listed(caller)] == ["UNPRICED"]
    await plan(caller, "p", item("minutes"), item("calls"), effective_from=at(utc("2023-06-01")))
    assert [word(row) for row in await listed(caller)] == []


async def test_a_frozen_period_is_listed_by_the_plan_that_it_was_billed_by(calm_rating: Any, usage: Any) -> None:
    caller = calm_rating.user()
    await plan(caller, "p", item("calls"))
    await customer(caller, "c")
    await contract(caller, "c-1", "c", "2024-01-01")
    usage.report("c", "minutes", utc("2024-01-10T00:00"), "1")
    usage.report("c", "minutes", utc("2024-02-10T00:00"), "1")
    await calm_rating.service()("RateUsage", pb.RateUsageRequest(contract="c-1", billing_period="2024-01"))
    await plan(caller, "p", item("calls"), item("minutes"), effective_from=at(utc("2023-06-01")))
    assert [(row.billing_period, word(row)) for row in await listed(caller)] == [("2024-01", "UNPRICED")]


async def test_one_call_looks_at_a_bounded_number_of_customers_and_the_pages_hold_all(
    calm_rating: Any, usage: Any
) -> None:
    caller, parked = calm_rating.user(), unbilled_pb2.UNBILLED_REASON_PARKED
    names = [f"c{number:04}" for number in range(2_400)]
    usage.usage += [("acme", name, "calls", utc("2024-01-10T00:00"), Decimal(1)) for name in names]
    usage.parked += [
        ("acme", name, "calls", time, "VALUE_MISSING")
        for name in names[-20:]
        for time in (utc("2024-01-10T00:00"), utc("2024-02-10T00:00"))
    ]
    # The first call finds nothing at those it looks at, and says that there is more.
    first = await caller("ListUnbilledUsage", pb.ListUnbilledUsageRequest(reason=parked))
    assert (list(first.rows), bool(first.next_page_token)) == ([], True)
    for page_size in (7, 100):
        rows = await listed(caller, page_size, reason=parked)
        assert [(row.customer, row.billing_period) for row in rows] == [
            (name, month) for name in names[-20:] for month in ("2024-01", "2024-02")
        ]


def counted(rating: Any) -> dict[str, int]:
    """The gauge as it is now, by reason."""
    data = rating.metrics.get_metrics_data()
    return {
        point.attributes["metering.reason"]: point.value
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "metering.rating.events.unbilled"
        for point in metric.data.data_points
    }


async def test_a_gauge_counts_what_stays_unbilled_of_all_tenants_by_reason(rating: Any, usage: Any) -> None:
    for tenant in ("acme", "other"):
        usage.report("nobody", "calls", utc("2024-01-10T00:00"), "5", tenant=tenant)
    usage.report("nobody", "minutes", utc("2024-02-10T00:00"), "5")
    usage.parked.append(("acme", "nobody", "calls", utc("2024-01-11T00:00"), "VALUE_MISSING"))

    async def all_counted() -> bool:
        found = counted(rating)
        return (found.get("UNKNOWN_CUSTOMER"), found.get("PARKED"), found.get("UNPRICED")) == (3, 1, 0)

    await eventually(all_counted)
    for caller in (rating.user("acme"), rating.user("other")):
        await plan(caller, "p", item("calls"))
        await customer(caller, "nobody")
        await contract(caller, "c", "nobody", "2023-01-01")

    async def all_priced() -> bool:
        found = counted(rating)
        return (found["UNKNOWN_CUSTOMER"], found["PARKED"], found["UNPRICED"]) == (0, 1, 1)

    await eventually(all_priced)


class World:
    """Random customers, contracts, plans and usage of one tenant."""

    def __init__(self, seed: int, rating: Any, usage: Any) -> None:
        self.chance = random.Random(seed)
        self.tenant = f"tenant-{seed}"
        self.rating, self.usage = rating, usage
        self.caller = rating.user(self.tenant)
        self.contracts: dict[str, str] = {}

    async def make(self) -> None:
        chance = self.chance
        await plan(self.caller, "both", item("calls"), item("minutes"))
        await plan(self.caller, "calls", item("calls"), item("calls", name="calls again"))
        await plan(self.caller, "minutes", item("minutes"), effective_from=at(utc("2023-01-01")))
        await plan(self.caller, "later", item("calls"), effective_from=at(utc("2023-01-01")))
        await plan(self.caller, "later", item("minutes"), effective_from=at(utc("2024-03-01")))
        for name in ("a", "b", "c"):
            await customer(self.caller, name)
            await self._contracts_of(name)
        since = at(utc(chance.choice(["2024-02-01", "2024-05-01"])))
        await self._tried(plan(self.caller, "minutes", item("minutes"), item("calls"), effective_from=since))
        for _ in range(60):
            time = utc("2023-11-01") + timedelta(minutes=chance.randrange(400 * 24 * 60))
            quantity = str(chance.choice([Decimal("0.1"), Decimal(3)]))
            self.usage.report(
                chance.choice("abcx"), chance.choice(["calls", "minutes"]), time, quantity, tenant=self.tenant
            )
        for _ in range(10):
            time = utc("2023-11-01") + timedelta(minutes=chance.randrange(400 * 24 * 60))
            self.usage.parked.append((self.tenant, chance.choice("abcx"), "calls", time, "VALUE_MISSING"))

    async def _contracts_of(self, name: str) -> None:
        chance, day = self.chance, date(2023, 12, 1)
        for number in range(chance.randrange(4)):
            start = day + timedelta(days=chance.choice([0, 1, 40]) + 2)
            end = start + timedelta(days=chance.randrange(1, 120))
            is_open = number == 2 and chance.random() < 0.5
            await contract(
                self.caller,
                f"{name}-{number}",
                name,
                start.isoformat(),
                "" if is_open else end.isoformat(),
                plan=chance.choice(["both", "calls", "later"]),
                time_zone=chance.choice(["UTC", NEW_YORK, "Asia/Tokyo", "Asia/Kolkata"]),
                anchor_day=chance.choice([1, 15, 31]),
            )
            self.contracts[f"{name}-{number}"] = name
            day = end
        for number in range(chance.randrange(3)):
            await self._tried(self._contract_beside(f"{name}-beside-{number}", name), f"{name}-beside-{number}", name)

    async def _contract_beside(self, contract_name: str, name: str) -> None:
        start = date(2023, 11, 20) + timedelta(days=self.chance.randrange(200))
        end = start + timedelta(days=self.chance.randrange(1, 200))
        await contract(
            self.caller,
            contract_name,
            name,
            start.isoformat(),
            self.chance.choice(["", end.isoformat()]),
            plan=self.chance.choice(["minutes", "minutes", "calls", "later"]),
            time_zone=self.chance.choice(["UTC", NEW_YORK]),
            anchor_day=self.chance.choice([1, 10]),
        )

    async def _tried(self, change: Awaitable[None], name: str = "", owner: str = "") -> None:
        try:
            await change
        except InvalidRequest as refused:
            if refused.reason is not Reason.CONTRACT_OVERLAP:
                raise
        else:
            self.contracts |= {name: owner} if name else {}

    async def billed(self) -> tuple[Counter[tuple[str, str]], dict[tuple[str, str], Decimal]]:
        """Events and quantities of each (customer, meter) that live charges of any period price, once."""
        counts: Counter[tuple[str, str]] = Counter()
        quantities: dict[tuple[str, str], Decimal] = {}
        labels = [f"{2023 + number // 12}-{number % 12 + 1:02}" for number in range(9, 30)]
        for name, owner in self.contracts.items():
            for label in labels:
                try:
                    request = pb.ListChargesRequest(contract=name, billing_period=label)
                    charges = (await self.caller("ListCharges", request)).charges
                except (InvalidRequest, NotFound):
                    continue
                for charge in {charge.meter: charge for charge in charges}.values():
                    key = (owner, charge.meter)
                    counts[key] += charge.event_count
                    quantities[key] = quantities.get(key, Decimal(0)) + Decimal(charge.quantity)
        return counts, quantities


@pytest.mark.parametrize("seed", range(8))
async def test_every_event_is_priced_or_listed_and_none_is_both(calm_rating: Any, usage: Any, seed: int) -> None:
    world = World(seed, calm_rating, usage)
    await world.make()
    counts, quantities = await world.billed()
    parked = 0
    for row in await listed(world.caller, world.chance.choice([1, 3, 100])):
        if word(row) == "PARKED":
            parked += row.event_count
            continue
        key = (row.customer, row.meter)
        counts[key] += row.event_count
        quantities[key] = quantities.get(key, Decimal(0)) + Decimal(row.quantity)
    expected = Counter((name, meter) for owner, name, meter, _, _ in usage.usage if owner == world.tenant)
    assert +counts == expected
    for key in expected:
        mine = [row[4] for row in usage.usage if row[:3] == (world.tenant, *key)]
        assert quantities[key] == sum(mine, start=Decimal(0))
    assert parked == 10

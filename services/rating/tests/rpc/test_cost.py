"""Cost over time and by property, and price lists, over the wire beside a fake aggregator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import Conflict, InvalidRequest, NotFound, Reason, invalid_field
from chassis.identity import current_tenant
from chassis.rpc.pages import page_token, place_in
from metering.aggregator.v1 import aggregator_service_pb2 as agg
from metering.aggregator.v1 import meter_pb2, usage_pb2
from metering.common.v1 import values_pb2
from metering.rating.v1 import catalog_pb2, charge_pb2, cost_pb2
from metering.rating.v1 import rating_service_pb2 as pb

NEW_YORK = ZoneInfo("America/New_York")
PAGE_ROWS = 2
"""So few that every question is read in pages."""
OTHERS = "(others)"
"""The origin of what the meter does not tell apart."""
GROUPED = {"calls", "peak"}
"""The meters that are grouped by origin."""


def timestamp(instant: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def span_of(period: values_pb2.Period) -> tuple[datetime, datetime]:
    return period.start.ToDatetime(tzinfo=UTC), period.end.ToDatetime(tzinfo=UTC)


def fixed(name: str, amount: str) -> catalog_pb2.PlanItem:
    return catalog_pb2.PlanItem(name=name, fixed=catalog_pb2.FixedFee(amount=amount))


def per_unit(name: str, meter: str, unit: str, **around: Any) -> catalog_pb2.PlanItem:
    price = catalog_pb2.UsagePrice(per_unit=catalog_pb2.PerUnitPrice(unit_price=unit), **around)
    return catalog_pb2.PlanItem(name=name, meter=meter, usage=price)


class CountsByWindow:
    """Answers what meters count in windows; `peak` counts the largest value, all others the sum."""

    usage: list[tuple[str, str, str, datetime, Decimal]]
    asked: list[str]

    def __init__(self) -> None:
        super().__init__()
        self.meters = {"calls": "call", "minutes": "min", "peak": "line"}
        self.origins: dict[datetime, str] = {}
        self.moved = 0
        """So many positions, or another log if it is below zero, are read with each row."""

    def aggregated(self, meter: str, quantities: list[Decimal]) -> Decimal:
        return max(quantities) if meter == "peak" else sum(quantities, Decimal(0))

    async def QueryTotals(self, request: agg.QueryTotalsRequest, _context: Any) -> agg.QueryTotalsResponse:
        response: agg.QueryTotalsResponse = await super().QueryTotals(request, _context)  # type: ignore[misc]  # of the fake
        for usage in response.usage:
            is_sum = usage.meter != "peak"
            usage.aggregation = meter_pb2.AGGREGATION_SUM if is_sum else meter_pb2.AGGREGATION_MAX
            if not is_sum:
                lines = [quantity for _, _, meter, _, quantity in self.usage if meter == "peak"]
                usage.quantity = format(max(lines, default=Decimal(0)), "f")
        return response

    async def QueryUsage(self, request: agg.QueryUsageRequest, _context: Any) -> agg.QueryUsageResponse:
        self.asked.append(f"QueryUsage {request.meter}{' running' if request.running else ''}")
        if set(request.group_by) - ({"origin"} if request.meter in GROUPED else set()):
            raise invalid_field("group_by", Reason.GROUP_UNKNOWN, f"{request.meter} is not grouped by that")
        rows = list(self.rows(request))
        (first,) = place_in(request.page_token, [int]) or (0,)
        token = page_token(first + PAGE_ROWS) if first + PAGE_ROWS < len(rows) else ""
        page = rows[first : first + PAGE_ROWS]
        epoch = "another" if self.moved < 0 and first else "one"
        lanes = [values_pb2.LanePosition(lane=0, position=100 + self.moved * first)]
        as_of = values_pb2.AsOf(epoch=epoch, lanes=lanes)
        unit = self.meters[request.meter]
        return agg.QueryUsageResponse(rows=page, unit=unit, as_of=as_of, next_page_token=token, filled=True)

    def rows(self, request: agg.QueryUsageRequest) -> Iterator[usage_pb2.UsageRow]:
        start, end = span_of(request.period)
        assert request.time_zone == NEW_YORK.key
        found: dict[tuple[datetime, str], list[Decimal]] = {}
        so_far: list[Decimal] = []
        for tenant, customer, meter, time, quantity in sorted(self.usage, key=lambda one: one[3]):
            is_asked = (tenant, [customer], meter) == (current_tenant(), list(request.customers), request.meter)
            if not (is_asked and start <= time < end):
                continue
            so_far.append(quantity)
            group = self.origins.get(time, "") if request.group_by else ""
            place = self.window(request.window_size, time, start), group
            found[place] = list(so_far) if request.running else [*found.get(place, ()), quantity]
        for (window, group), quantities in sorted(found.items()):
            yield usage_pb2.UsageRow(
                customer="UA",
                window=values_pb2.Period(start=timestamp(window), end=timestamp(window + timedelta(minutes=15))),
                group=["" if group == OTHERS else group] * bool(request.group_by),
                is_other_group=group == OTHERS,
                quantity=format(self.aggregated(request.meter, quantities), "f"),
                event_count=len(quantities),
            )

    def window(self, size: int, time: datetime, start: datetime) -> datetime:
        if size == usage_pb2.WINDOW_SIZE_UNSPECIFIED:
            return start
        assert size == usage_pb2.WINDOW_SIZE_DAY
        return time.astimezone(NEW_YORK).replace(hour=0, minute=0).astimezone(UTC)


@pytest.fixture
def make_fake(make_fake: Any) -> Any:
    return type("Fake", (CountsByWindow, make_fake), {})


def day(number: int, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(2013, 1, number, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


async def cost(caller: Any, **asked: Any) -> Any:
    wanted = {"contract": "UA-2013", "billing_period": "2013-01", **asked}
    return await caller("QueryCost", pb.QueryCostRequest(**wanted))


def of_item(answer: Any, item: str) -> list[tuple[Any, ...]]:
    """What the rows of an item say: day of the month, group, quantity, amount."""
    return [
        (
            row.window.start.ToDatetime(tzinfo=UTC).astimezone(NEW_YORK).day,
            "/".join(row.group) if row.is_grouped else None,
            row.quantity,
            row.amount,
        )
        for row in answer.rows
        if row.item == item
    ]


@pytest.fixture
def seen(usage: Any) -> Any:
    """Usage of four days from three places: of calls, and of lines at once."""
    for number, origin, quantity in ((1, "JFK", "8"), (1, "EWR", "12"), (3, "JFK", "0.5"), (31, "LGA", "0.1")):
        time = day(number, minute=15 * len(usage.usage) % 60)
        usage.origins[time] = origin
        usage.report("UA", "calls", time, quantity)
    for number, origin, quantity in ((2, "JFK", "4"), (4, "EWR", "3"), (5, "EWR", "9"), (5, "JFK", "1")):
        time = day(number, hour=int(quantity))
        usage.origins[time] = origin
        usage.report("UA", "peak", time, quantity)
    return usage


async def sold(catalog: Any) -> None:
    await catalog.plan(
        fixed("Fee", "31.00"),
        per_unit("Calls", "calls", "0.05", included="10", minimum="2"),
        per_unit("Lines", "peak", "1.505"),
    )
    await catalog.customer()
    await catalog.contract()


async def test_a_month_by_day_adds_up_to_its_charges(calm_rating: Any, calm_catalog: Any, seen: Any) -> None:
    await sold(calm_catalog)

    answer = await cost(calm_rating.user(), window_size=usage_pb2.WINDOW_SIZE_DAY)

    assert of_item(answer, "Fee") == [(number, None, "0", "1.00") for number in range(1, 32)]
    # 10.6 calls beyond those included are 0.53, which the minimum lifts to 2.00.
    assert of_item(answer, "Calls") == [
        (1, None, "20", "0.50"),
        (3, None, "0.5", "0.03"),
        (31, None, "0.1", "0.00"),
        (31, None, "0", "1.47"),
    ]
    assert [row.exact_amount for row in answer.rows if row.item == "Calls"] == ["0.5", "0.025", "0.005", "1.47"]
    assert of_item(answer, "Lines") == [
        (2, None, "4", "6.02"),
        (4, None, "4", "0.00"),
        (5, None, "9", "7.53"),
    ]
    assert (answer.currency, answer.billing_period, answer.contract) == ("USD", "2013-01", "UA-2013")
    assert (answer.time_zone, answer.filled) == ("America/New_York", True)
    assert span_of(answer.period) == (day(1, 0), datetime(2013, 2, 1, 5, tzinfo=UTC))
    charges = await calm_rating.user()(
        "ListCharges", pb.ListChargesRequest(contract="UA-2013", billing_period="2013-01")
    )
    assert {charge.item: charge.exact_amount for charge in charges.charges} == {
        "Fee": "31",
        "Calls": "2",
        "Lines": "13.545",
    }
    parts = {row.part for row in answer.rows}
    assert parts == {cost_pb2.COST_PART_FIXED, cost_pb2.COST_PART_USAGE, cost_pb2.COST_PART_MINIMUM}
    fee = answer.rows[0]
    assert (fee.kind, fee.meter, fee.unit) == (charge_pb2.CHARGE_KIND_FIXED, "", "")
    assert (answer.rows[-1].kind, answer.rows[-1].meter, answer.rows[-1].unit) == (
        charge_pb2.CHARGE_KIND_USAGE,
        "peak",
        "line",
    )


async def test_usage_that_adds_up_is_asked_for_once(calm_rating: Any, calm_catalog: Any, seen: Any) -> None:
    await sold(calm_catalog)

    await cost(calm_rating.user(), group_by=["origin"], items=["Calls"])
    of_sums = list(seen.asked)
    seen.asked.clear()
    await cost(calm_rating.user(), group_by=["origin"], items=["Lines"])

    assert set(of_sums) == {"QueryTotals", "QueryUsage calls"}
    assert set(seen.asked) == {"QueryTotals", "QueryUsage peak", "QueryUsage peak running"}


async def test_groups_share_the_cost_of_their_day(calm_rating: Any, calm_catalog: Any, seen: Any) -> None:
    await sold(calm_catalog)

    by_day = await cost(calm_rating.user(), window_size=usage_pb2.WINDOW_SIZE_DAY, group_by=["origin"])
    of_month = await cost(calm_rating.user(), group_by=["origin"])
    of_jfk = await cost(
        calm_rating.user(), filters=[meter_pb2.PropertyFilter(property="origin", values=["JFK", "LGA"])]
    )

    assert of_item(by_day, "Calls") == [
        (1, "EWR", "12", "0.30"),
        (1, "JFK", "8", "0.20"),
        (3, "JFK", "0.5", "0.03"),
        (31, "LGA", "0.1", "0.00"),
        (31, None, "0", "1.47"),
    ]
    assert of_item(by_day, "Lines") == [
        (2, "JFK", "4", "6.02"),
        (4, "EWR", "3", "0.00"),
        (5, "EWR", "9", "6.78"),
        (5, "JFK", "1", "0.75"),
    ]
    assert of_item(of_month, "Calls") == [
        (1, "EWR", "12", "0.31"),
        (1, "JFK", "8.5", "0.22"),
        (1, "LGA", "0.1", "0.00"),
        (1, None, "0", "1.47"),
    ]
    # The lines of JFK and LGA fall together here, and the largest of two has no sum.
    assert [(row.item, row.quantity, row.amount, list(row.group)) for row in of_jfk.rows] == [
        ("Calls", "8.6", "0.22", []),
        ("Lines", "4", "4.17", []),
    ]
    assert not of_jfk.other_left_out

    # What a meter does not tell apart is in no filter, and the answer says so.
    seen.origins = {time: OTHERS if origin == "LGA" else origin for time, origin in seen.origins.items()}
    of_jfk = await cost(calm_rating.user(), filters=[meter_pb2.PropertyFilter(property="origin", values=["JFK"])])
    assert of_jfk.other_left_out
    assert not (await cost(calm_rating.user(), group_by=["origin"])).other_left_out

    with pytest.raises(InvalidRequest) as unknown:
        await cost(calm_rating.user(), filters=[meter_pb2.PropertyFilter(property="colour", values=["red"])])
    assert unknown.value.reason is Reason.GROUP_UNKNOWN


async def test_until_a_time_a_fee_is_that_of_the_days_and_no_minimum_lifts(
    calm_rating: Any, calm_catalog: Any, seen: Any
) -> None:
    await sold(calm_catalog)

    answer = await cost(calm_rating.user(), until=timestamp(day(4, 0)))

    assert [(row.item, row.amount, row.exact_amount) for row in answer.rows] == [
        ("Fee", "3.00", ""),
        ("Calls", "0.53", "0.525"),
        ("Lines", "6.02", "6.02"),
    ]
    assert span_of(answer.rows[0].window) == (day(1, 0), day(4, 0))


async def test_as_a_draft_of_a_time_fees_are_in_full_and_minimums_lift(
    calm_rating: Any, calm_catalog: Any, seen: Any
) -> None:
    await sold(calm_catalog)

    answer = await cost(calm_rating.user(), until=timestamp(day(4, 0)), as_draft=True)

    assert [(row.item, row.amount) for row in answer.rows] == [
        ("Fee", "31.00"),
        ("Calls", "0.53"),
        ("Calls", "1.47"),
        ("Lines", "6.02"),
    ]


async def test_a_customer_stands_for_its_contract_and_a_period_that_is_rated_keeps_its_prices(
    calm_rating: Any, calm_catalog: Any, seen: Any
) -> None:
    await sold(calm_catalog)
    await calm_rating.service()("RateUsage", pb.RateUsageRequest(contract="UA-2013", billing_period="2013-01"))
    await calm_catalog.plan(per_unit("Calls", "calls", "7"), effective_from=timestamp(day(1, 0)))

    answer = await cost(calm_rating.user(), contract="", customer="UA", items=["Calls"])
    prices = await calm_rating.user()("GetPriceList", pb.GetPriceListRequest(customer="UA", billing_period="2013-01"))
    later = await calm_rating.user()(
        "GetPriceList", pb.GetPriceListRequest(contract="UA-2013", billing_period="2013-02")
    )

    assert [row.amount for row in answer.rows] == ["0.53", "1.47"]
    assert (prices.plan.version, later.plan.version) == (1, 2)
    assert [item.name for item in prices.plan.spec.items] == ["Fee", "Calls", "Lines"]
    assert (prices.contract.name, prices.customer.name, prices.ruling.plan) == ("UA-2013", "UA", "standard")
    assert (prices.billing_period, span_of(prices.period)[0]) == ("2013-01", day(1, 0))
    assert list(prices.products) == []


async def test_a_price_list_tells_the_products_that_its_plan_names(calm_rating: Any, calm_catalog: Any) -> None:
    user = calm_rating.user()
    for name in ("telephony", "other"):
        product = catalog_pb2.ProductSpec(display_name=f"All {name}", meter="calls")
        await user("ApplyProduct", pb.ApplyProductRequest(name=name, spec=product))
    item = per_unit("Calls", "", "0.05")
    item.product = "telephony"
    await calm_catalog.plan(item)
    await calm_catalog.customer()
    await calm_catalog.contract()

    answer = await user("GetPriceList", pb.GetPriceListRequest(contract="UA-2013"))

    assert [(product.name, product.spec.display_name) for product in answer.products] == [
        ("telephony", "All telephony")
    ]


async def test_a_quote_is_what_a_charge_of_that_usage_would_be(calm_rating: Any, calm_catalog: Any, seen: Any) -> None:
    user = calm_rating.user()
    await calm_catalog.plan(fixed("Fee", "9"), per_unit("Calls", "calls", "0.125", included="2"))
    await calm_catalog.customer()
    await calm_catalog.contract()
    february = timestamp(datetime(2013, 2, 1, tzinfo=NEW_YORK))
    await calm_catalog.plan(per_unit("Calls", "calls", "7"), effective_from=february)
    seen.report("UA", "calls", day(2), "7")

    charges = await user("ListCharges", pb.ListChargesRequest(contract="UA-2013", billing_period="2013-01"))
    questions = [pb.PriceQuestion(item="Fee"), pb.PriceQuestion(item="Calls", quantity=charges.charges[1].quantity)]
    quotes = await user(
        "QuotePrice", pb.QuotePriceRequest(customer="UA", billing_period="2013-01", questions=questions)
    )
    to_come = await user(
        "QuotePrice", pb.QuotePriceRequest(contract="UA-2013", billing_period="2013-02", questions=questions[1:])
    )

    assert [quote.exact_amount for quote in quotes.quotes] == [charge.exact_amount for charge in charges.charges]
    assert [list(quote.tiers) for quote in quotes.quotes] == [list(charge.tiers) for charge in charges.charges]
    assert [quote.amount for quote in quotes.quotes] == ["9.00", "3.20"]
    assert (quotes.plan, quotes.plan_version, quotes.currency, quotes.billing_period) == (
        "standard",
        1,
        "USD",
        "2013-01",
    )
    assert (to_come.plan_version, [quote.amount for quote in to_come.quotes]) == (2, ["193.20"])


@pytest.mark.parametrize(
    ("item", "quantity", "field"),
    [
        ("Lines", "1", "questions[0].item"),
        ("Calls", "-1", "questions[0].quantity"),
        ("Calls", "1e3", "questions[0].quantity"),
        ("Calls", "many", "questions[0].quantity"),
    ],
)
async def test_a_question_that_has_no_price_is_refused_by_its_field(
    calm_rating: Any, calm_catalog: Any, item: str, quantity: str, field: str
) -> None:
    await calm_catalog.plan(per_unit("Calls", "calls", "1"))
    await calm_catalog.customer()
    await calm_catalog.contract()

    question = pb.PriceQuestion(item=item, quantity=quantity)
    with pytest.raises(InvalidRequest) as refused:
        await calm_rating.user()("QuotePrice", pb.QuotePriceRequest(contract="UA-2013", questions=[question]))

    assert refused.value.reason is Reason.FIELD_INVALID
    assert [violation.field for violation in refused.value.violations] == [field]


async def test_an_item_that_is_not_grouped_so_has_no_groups_unless_it_is_named(
    calm_rating: Any, calm_catalog: Any, seen: Any
) -> None:
    await calm_catalog.plan(per_unit("Calls", "calls", "1"), per_unit("Minutes", "minutes", "1"))
    await calm_catalog.customer()
    await calm_catalog.contract()
    seen.report("UA", "minutes", day(2), "7")

    answer = await cost(calm_rating.user(), group_by=["origin"])
    with pytest.raises(InvalidRequest) as refused:
        await cost(calm_rating.user(), group_by=["origin"], items=["Minutes"])

    assert of_item(answer, "Minutes") == [(1, None, "7", "7.00")]
    assert {group for _, group, *_ in of_item(answer, "Calls")} == {"EWR", "JFK", "LGA"}
    assert refused.value.reason is Reason.GROUP_UNKNOWN


@pytest.mark.parametrize(
    ("asked", "field", "reason"),
    [
        ({"customer": "UA"}, "contract", Reason.FIELD_REQUIRED),
        ({"billing_period": "2012-01"}, "billing_period", Reason.PERIOD_INVALID),
        ({"items": ["Cals"]}, "items[0]", Reason.FIELD_INVALID),
        ({"until": timestamp(day(4, 1))}, "until", Reason.WINDOW_INVALID),
        (
            {
                "group_by": list("abcdefgh"),
                "filters": [meter_pb2.PropertyFilter(property="i", values=["1"])],
            },
            "group_by",
            Reason.FIELD_INVALID,
        ),
    ],
)
async def test_what_can_not_be_answered_is_refused_by_its_field(
    calm_rating: Any, calm_catalog: Any, asked: dict[str, Any], field: str, reason: Reason
) -> None:
    await sold(calm_catalog)

    with pytest.raises(InvalidRequest) as refused:
        await cost(calm_rating.user(), **asked)

    assert [(one.field, one.reason) for one in refused.value.violations] == [(field, reason)]


async def test_a_meter_that_does_not_exist_is_not_taken_for_no_cost(calm_rating: Any, calm_catalog: Any) -> None:
    await calm_catalog.plan(fixed("Fee", "1"), per_unit("Calls", "flights", "1"))
    await calm_catalog.customer()
    await calm_catalog.contract()

    with pytest.raises(NotFound) as missing:
        await cost(calm_rating.user())
    only_the_fee = await cost(calm_rating.user(), items=["Fee"])

    assert missing.value.reason is Reason.METER_NOT_FOUND
    assert [(row.item, row.amount, row.exact_amount) for row in only_the_fee.rows] == [("Fee", "1.00", "1")]


async def test_pages_that_follow_each_other_are_counted_as_far_as_the_first(
    calm_rating: Any, calm_catalog: Any, seen: Any
) -> None:
    await sold(calm_catalog)
    seen.moved = 1

    answer = await cost(calm_rating.user(), window_size=usage_pb2.WINDOW_SIZE_DAY)

    assert [(lane.lane, lane.position) for lane in answer.as_of.lanes] == [(0, 100)]


async def test_pages_of_two_logs_are_not_put_together(calm_rating: Any, calm_catalog: Any, seen: Any) -> None:
    await sold(calm_catalog)
    seen.moved = -1

    with pytest.raises(Conflict) as conflict:
        await cost(calm_rating.user(), window_size=usage_pb2.WINDOW_SIZE_DAY)

    assert conflict.value.reason is Reason.TRANSACTION_CONFLICT

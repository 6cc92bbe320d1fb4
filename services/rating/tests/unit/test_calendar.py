"""Prices by the clock: classes on the wall clock of a zone, hours skipped and doubled, refusals, and the laws."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Conflict
from chassis.errors.refused import Refused
from eventlog.period import Period
from eventlog.wire import period_to_proto
from metering.aggregator.v1 import usage_pb2
from metering.rating.v1 import catalog_pb2
from meterline.catalog.messages import SpecReader
from money import format_exact
from rating.domain.billing_period import BillingPeriod, Schedule, period_labelled
from rating.domain.cell_questions import cell_questions
from rating.domain.cells import Cell, cells_of
from rating.domain.explained_prices import sentence_of
from rating.domain.plans import Plan
from rating.domain.pricing.calendar import Calendar
from rating.domain.rate import rate
from rating.store.documents import item_from_document, item_to_document
from rating.wire.plans import item_to_proto, plan_from_proto
from rating.wire.usage import cells_from_windows
from testkit.oracle.calendars import class_of

VIENNA: Final = "Europe/Vienna"
PEAK: Final[dict[str, Any]] = {
    "classes": [{"name": "peak", "days": ["MO", "TU", "WE", "TH", "FR"], "from": "08:00", "to": "20:00"}],
    "otherwise": "offPeak",
}
BY_CLASS: Final[dict[str, Any]] = {
    "matrix": {
        "by": ["calendar"],
        "rows": [{"when": {"calendar": "peak"}, "perUnit": "0.10"}],
        "otherwise": {"perUnit": "0.04"},
    },
    "calendar": PEAK,
}


def plan_of(*prices: dict[str, Any]) -> Plan:
    items = [{"name": f"Use {number}", "meter": "usage", "price": price} for number, price in enumerate(prices)]
    spec = catalog_pb2.PlanSpec()
    document = {"currency": "EUR", "items": items}
    SpecReader("prices", "plan").read(catalog_pb2.PlanSpec.DESCRIPTOR, spec, document, 1)
    return plan_from_proto(spec).resolved({})


def calendar_of(words: dict[str, Any]) -> Calendar:
    found = plan_of({**BY_CLASS, "calendar": words}).items[0].price.calendar
    assert found is not None
    return found


def month(label: str, zone: str = VIENNA) -> BillingPeriod:
    found = period_labelled(Schedule(date(2024, 1, 1), None, 1, zone), label)
    assert found is not None
    return found


def hours_in(words: dict[str, Any], start: datetime, end: datetime) -> Counter[str]:
    (item,) = plan_of({**BY_CLASS, "calendar": words}).items
    question = cell_questions([item], Period(start, end), VIENNA)["usage"]
    hours: Counter[str] = Counter()
    while start < end:
        hours[question.class_at(start)] += 1
        start += timedelta(hours=1)
    return hours


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(VIENNA)).astimezone(UTC)


def test_a_month_by_the_clock_costs_what_its_hours_do() -> None:
    october = month("2026-10")
    price = plan_of(BY_CLASS).items[0].price

    hours = hours_in(PEAK, october.start, october.end)

    assert hours == {"peak": 264, "offPeak": 481}
    cells = cells_of(("calendar",), [Cell((name,), Decimal(count)) for name, count in hours.items()])
    assert format_exact(rate(cells.quantity, price, cells=cells).amount) == "45.64"


@pytest.mark.parametrize(
    ("words", "start", "end", "hours"),
    [
        (PEAK, "2026-10-25", "2026-10-26", {"offPeak": 25}),
        (PEAK, "2026-03-29", "2026-03-30", {"offPeak": 23}),
        (
            {"classes": [{"name": "n", "from": "02:00", "to": "03:00"}], "otherwise": "d"},
            "2026-03-29",
            "2026-03-30",
            {"d": 23},
        ),
        (
            {"classes": [{"name": "n", "from": "02:00", "to": "03:00"}], "otherwise": "d"},
            "2026-10-25",
            "2026-10-26",
            {"n": 2, "d": 23},
        ),
        # It wraps midnight, and belongs to the day on which it began.
        (
            {"classes": [{"name": "n", "days": ["FR"], "from": "22:00", "to": "06:00"}], "otherwise": "d"},
            "2026-05-08",
            "2026-05-10",
            {"n": 8, "d": 40},
        ),
        (
            {"classes": [{"name": "n", "days": ["FR"], "from": "22:00", "to": "06:00"}], "otherwise": "d"},
            "2026-05-09",
            "2026-05-10",
            {"n": 6, "d": 18},
        ),
        (
            {
                "classes": [{"name": "n", "days": ["FR"], "from": "22:00", "to": "06:00"}],
                "otherwise": "d",
                "except": ["2026-05-08"],
            },
            "2026-05-08",
            "2026-05-10",
            {"d": 48},
        ),
        (
            {
                "classes": [{"name": "n", "days": ["FR"], "from": "22:00", "to": "06:00"}],
                "otherwise": "d",
                "except": ["2026-05-09"],
            },
            "2026-05-08",
            "2026-05-10",
            {"n": 8, "d": 40},
        ),
        # The first class that matches has it.
        (
            {"classes": [{"name": "a", "to": "12:00"}, {"name": "b", "from": "10:00"}], "otherwise": "c"},
            "2026-05-08",
            "2026-05-09",
            {"a": 12, "b": 12},
        ),
        (
            {"zone": "UTC", "classes": [{"name": "a", "to": "12:00"}], "otherwise": "c"},
            "2026-05-08",
            "2026-05-09",
            {"a": 12, "c": 12},
        ),
    ],
)
def test_classes_go_by_the_wall_clock(words: dict[str, Any], start: str, end: str, hours: dict[str, int]) -> None:
    assert hours_in(words, local(start), local(end)) == hours


times = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
classes = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"])},
    optional={
        "days": st.lists(st.sampled_from(["MO", "SA", "SU"]), unique=True, min_size=1),
        "from": times,
        "to": times,
    },
).filter(lambda one: one.get("from", "00:00") != one.get("to", "24:00"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(classes, min_size=1, max_size=3),
    st.sampled_from([["2026-10-25"], [], ["2026-03-28"]]),
    st.sampled_from([VIENNA, "Australia/Lord_Howe", "Asia/Kathmandu", "America/New_York"]),
    st.sampled_from(["2026-03", "2026-10", "2026-11"]),
)
def test_each_moment_is_in_the_class_that_a_plain_look_at_the_clock_says(
    listed: list[dict[str, Any]], left_out: list[str], zone: str, label: str
) -> None:
    words: dict[str, Any] = {"classes": listed, "otherwise": "c", "except": left_out}
    period = month(label, zone)

    segments = calendar_of(words).segments(period.start, period.end, zone)

    assert segments[0].start == period.start
    assert all(one.name != following.name for one, following in pairwise(segments))
    for segment, end in zip(segments, [*(one.start for one in segments[1:]), period.end], strict=True):
        for moment in (segment.start, segment.start + (end - segment.start) / 2, end - timedelta(minutes=1)):
            assert class_of(moment, words, zone) == segment.name


@pytest.mark.parametrize(
    ("price", "field", "text"),
    [
        (
            {**BY_CLASS, "calendar": {**PEAK, "classes": [{"name": "a", "from": "08:10"}]}},
            "classes[0].from",
            "quarters",
        ),
        (
            {**BY_CLASS, "calendar": {**PEAK, "classes": [{"name": "a", "from": "08:00", "to": "08:00"}]}},
            "to",
            "when it begins",
        ),
        ({**BY_CLASS, "calendar": {**PEAK, "zone": "Mars/Olympus"}}, "zone", "no IANA zone"),
        ({**BY_CLASS, "calendar": {**PEAK, "except": ["2026-02-30"]}}, "except[0]", "is no day"),
        ({"perUnit": "1", "calendar": PEAK}, "calendar", "decides nothing"),
        ({"perUnit": "1", "perKey": ["region"], "calendar": PEAK}, "calendar", "decides nothing"),
    ],
)
def test_what_is_no_calendar_is_refused(price: dict[str, Any], field: str, text: str) -> None:
    with pytest.raises(Refused, match=text) as refused:
        plan_of(price)

    assert refused.value.field.endswith(field)


def test_one_meter_has_one_calendar() -> None:
    with pytest.raises(Refused, match="prices the same meter"):
        plan_of(BY_CLASS, {**BY_CLASS, "calendar": {**PEAK, "otherwise": "low"}})
    plan_of(BY_CLASS, BY_CLASS)


def test_a_calendar_is_said_stored_and_sent_as_it_is() -> None:
    words = {**PEAK, "zone": "UTC", "except": ["2026-12-25"]}
    (item,) = plan_of({**BY_CLASS, "calendar": words}).items

    assert item_from_document(item_to_document(item)) == item
    assert (
        plan_from_proto(catalog_pb2.PlanSpec(currency="EUR", items=[item_to_proto(item)])).items[0].price == item.price
    )
    assert sentence_of(item.price, "GB", "EUR") == (
        "The price goes by calendar. By the clock in UTC, peak is MO, TU, WE, TH, FR 08:00 to 20:00; days left out: 1; "
        "all else is offPeak. Calendar peak: Each GB costs 0.1 EUR. Otherwise: Each GB costs 0.04 EUR."
    )


def test_frozen_days_that_are_not_cut_have_no_class() -> None:
    october = month("2026-10")
    question = cell_questions(plan_of(BY_CLASS).items, october, VIENNA)["usage"]

    def window(start: str, end: str) -> usage_pb2.SnapshotWindow:
        period = period_to_proto(Period(local(start), local(end)))
        return usage_pb2.SnapshotWindow(meter="usage", window=period, quantity="5", event_count=1)

    cells = cells_from_windows(
        [window("2026-10-05T00:00", "2026-10-05T08:00"), window("2026-10-05T08:00", "2026-10-05T20:00")], question
    )

    assert {cell.values[0]: str(cell.quantity) for cell in cells.cells} == {"offPeak": "5", "peak": "5"}
    with pytest.raises(Conflict, match="sealed for another plan"):
        cells_from_windows([window("2026-10-05T00:00", "2026-10-06T00:00")], question)

"""Add-ons: in the periods of their base, within its days, and ended with it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.add_ons import anchor_of, as_add_on, ended_with
from rating.domain.billing_period import Schedule, make_schedule
from rating.domain.boundaries import Interval
from rating.domain.contracts import Contract

MONTHS = Interval.MONTH


def day(text: str) -> date:
    return date.fromisoformat(text)


def base(end: str = "", **schedule: Any) -> Contract:
    return contract("2024-01-10", end, extends="", **schedule)


def contract(
    start: str, end: str = "", *, customer: str = "c", zone: str = "UTC", extends: str = "base", **schedule: Any
) -> Contract:
    wanted: dict[str, Any] = {"interval": MONTHS, "every": 1, "anchor_day": 10, "anchor": None, **schedule}
    made: Schedule = make_schedule(day(start), day(end) if end else None, zone, **wanted)
    return Contract(customer, "plan", None, made, extends=extends)


def test_without_an_end_of_its_own_it_has_that_of_its_base() -> None:
    assert as_add_on(contract("2024-02-01"), base("2024-06-01")).schedule.end == day("2024-06-01")
    assert as_add_on(contract("2024-02-01"), base()).schedule.end is None
    assert as_add_on(contract("2024-02-01", "2024-03-01"), base()).schedule.end == day("2024-03-01")


@pytest.mark.parametrize(
    ("add_on", "field"),
    [
        (contract("2024-02-01", customer="d"), "customer"),
        (contract("2024-02-01", zone="Europe/Vienna"), "time_zone"),
        (contract("2024-02-01", interval=Interval.YEAR), "interval"),
        (contract("2024-02-01", every=2), "every"),
        (contract("2024-02-01", anchor_day=1), "anchor"),
        (contract("2024-01-09"), "start"),
        (contract("2024-06-01"), "start"),
        (contract("2024-02-01", "2024-06-02"), "end"),
    ],
)
def test_what_is_not_of_its_base_is_refused(add_on: Contract, field: str) -> None:
    with pytest.raises(Refused) as refused:
        as_add_on(add_on, base("2024-06-01"))

    assert (refused.value.field, refused.value.reason) == (field, Reason.CONTRACT_INVALID)


def test_an_add_on_is_no_base() -> None:
    with pytest.raises(Refused, match="name 'other', which it extends"):
        as_add_on(contract("2024-02-01"), contract("2024-01-10", extends="other"))


def test_longer_periods_are_those_of_the_base_only_by_its_anchor() -> None:
    quarters = base(interval=Interval.QUARTER)

    with pytest.raises(Refused, match="write anchor: 2024-01-10"):
        as_add_on(contract("2024-02-20", interval=Interval.QUARTER), quarters)
    anchor: dict[str, Any] = {"interval": Interval.QUARTER, "anchor_day": 0, "anchor": day("2024-01-10")}
    assert as_add_on(contract("2024-02-20", **anchor), quarters).schedule.start == day("2024-02-20")
    assert anchor_of(base(anchor_day=31).schedule) == "anchor: 2024-01-31"


@pytest.mark.parametrize(
    ("own", "before", "now", "then"),
    [
        ("", "", "2024-06-01", "2024-06-01"),
        ("2024-05-01", "", "2024-06-01", "2024-05-01"),
        ("2024-05-01", "", "2024-04-01", "2024-04-01"),
        ("2024-06-01", "2024-06-01", "", ""),
        ("2024-06-01", "2024-06-01", "2024-09-01", "2024-09-01"),
        ("2024-05-01", "2024-06-01", "", "2024-05-01"),
    ],
)
def test_it_ends_with_its_base_as_that_is_now(own: str, before: str, now: str, then: str) -> None:
    ended = ended_with(contract("2024-02-01", own), base(before), base(now))

    assert ended.schedule.end == (day(then) if then else None)

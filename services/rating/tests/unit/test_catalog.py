"""Which version rules when, what may change, and which contracts stand in each other's way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from chassis.errors import Reason
from chassis.errors.refused import Refused
from rating.domain.billing_period import Schedule, period_labelled
from rating.domain.charges import MeterUsage
from rating.domain.contracts import Contract, check_kept_periods, check_next_contract
from rating.domain.customers import Customer
from rating.domain.line_names import charge_id
from rating.domain.plans import Plan, PlanItem, check_next_plan, plan_at, same_content
from rating.domain.pricing.fixed import FixedFee
from rating.domain.pricing.per_unit import PerUnit
from rating.domain.pricing.price import Price
from rating.domain.rated_period import rate_plan
from rating.domain.side_by_side import sharing_time
from rating.domain.unpriced import MissingMeterError, check_meters
from rating.domain.versions import Version

FEE = PlanItem("Base fee", "", "", Price(FixedFee(Decimal(500))))
FLIGHTS = PlanItem("Flights", "flights", "", Price(PerUnit(Decimal(2))))
PLAN = Plan("USD", (FEE, FLIGHTS))


def fee(amount: str) -> PlanItem:
    return PlanItem("Base fee", "", "", Price(FixedFee(Decimal(amount))))


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def contract(start: str, end: str | None = None, plan: str = "standard") -> Contract:
    schedule = Schedule(date.fromisoformat(start), None if end is None else date.fromisoformat(end), 1, "UTC")
    return Contract("UA", plan, None, schedule)


def plan_versions(*effective_from: str | None) -> list[Version[Plan]]:
    return [
        Version("standard", number, day("2026-01-01"), replace(PLAN, effective_from=day(text) if text else None))
        for number, text in enumerate(effective_from, start=1)
    ]


@pytest.mark.parametrize(
    ("instant", "version"),
    [("1999-01-01", 1), ("2013-05-31", 1), ("2013-06-01", 2), ("2013-12-31", 2), ("2014-01-01", 3), ("2030-01-01", 3)],
)
def test_a_period_has_the_version_that_is_effective_when_it_starts(instant: str, version: int) -> None:
    found = plan_at(plan_versions(None, "2013-06-01", "2014-01-01"), day(instant))

    assert found is not None
    assert found.version == version


def prices(*versions: tuple[str, str | None]) -> str:
    """Apply versions with a fee and an effective time; return the fees of the first day of January to June 2013."""
    applied = [
        Version(
            "p",
            number,
            day("2026-01-01"),
            replace(PLAN, items=(fee(amount),), effective_from=day(time) if time else None),
        )
        for number, (amount, time) in enumerate(versions, start=1)
    ]
    found = (plan_at(applied, day(f"2013-0{month}-01")) for month in range(1, 7))
    amounts = {fee(amount): amount for amount, _ in versions}
    return "".join("-" if version is None else amounts[version.content.items[0]] for version in found)


def test_a_version_puts_right_what_versions_before_it_said_of_its_time() -> None:
    assert prices(("1", None), ("2", "2013-03-01")) == "112222"
    assert prices(("1", None), ("2", "2013-03-01"), ("3", "2013-03-01")) == "113333"
    assert prices(("1", None), ("2", "2013-03-01"), ("3", "2013-02-01")) == "133333"
    assert prices(("1", "2013-03-01"), ("2", "2013-02-01")) == "-22222"


def test_before_the_first_effective_time_there_is_no_plan() -> None:
    assert plan_at(plan_versions("2013-06-01"), day("2013-05-31")) is None


def test_the_first_version_rules_from_the_beginning_and_a_later_one_from_when_it_is_applied() -> None:
    applied_at = day("2026-11-21")
    dearer = replace(PLAN, items=(FEE,))

    first = check_next_plan(None, PLAN, applied_at)
    second = check_next_plan(Version("standard", 1, applied_at, first), dearer, applied_at)

    assert first.effective_from is None
    assert second.effective_from == applied_at


def test_the_same_content_again_is_no_change_whatever_time_it_took_effect() -> None:
    stored = replace(PLAN, effective_from=day("2013-06-01"))

    assert same_content(stored, PLAN)
    assert same_content(stored, stored)
    assert not same_content(stored, replace(PLAN, effective_from=day("2013-07-01")))
    assert not same_content(stored, replace(PLAN, items=(FEE,)))
    assert not same_content(stored, replace(PLAN, items=(FLIGHTS, FEE)))


@pytest.mark.parametrize(
    ("wanted", "field", "reason"),
    [
        (replace(PLAN, currency="EUR"), "currency", Reason.CURRENCY_MISMATCH),
        (PLAN, "effective_from", Reason.CATALOG_CONFLICT),
    ],
)
def test_a_version_that_would_take_the_place_of_a_planned_one_must_say_so(
    wanted: Plan, field: str, reason: Reason
) -> None:
    newest = plan_versions(None, "2027-06-01")[-1]

    with pytest.raises(Refused) as caught:
        check_next_plan(newest, wanted, day("2026-01-01"))

    assert (caught.value.field, caught.value.reason) == (field, reason)


@pytest.mark.parametrize(
    ("build", "field", "reason"),
    [
        (lambda: Plan("XXX", (FEE,)), "currency", Reason.CURRENCY_UNKNOWN),
        (lambda: Plan("USD", (FEE, FEE)), "items[1].name", Reason.PLAN_INVALID),
        (lambda: PlanItem("Fee", "flights", "", FEE.price), "meter", Reason.PLAN_INVALID),
        (lambda: PlanItem("Flights", "", "", FLIGHTS.price), "meter", Reason.FIELD_REQUIRED),
        (lambda: Customer("United", "usd"), "currency", Reason.CURRENCY_UNKNOWN),
    ],
)
def test_an_entry_that_contradicts_itself_is_refused(build: object, field: str, reason: Reason) -> None:
    assert callable(build)
    with pytest.raises(Refused) as caught:
        build()

    assert (caught.value.field, caught.value.reason) == (field, reason)


@pytest.mark.parametrize(
    ("start", "end", "rival"),
    [
        ("2014-01-01", None, None),
        ("2013-12-31", None, "year"),
        ("2012-01-01", "2013-01-01", None),
        ("2012-01-01", "2013-01-02", "year"),
        ("2012-01-01", None, "year"),
        ("2013-05-01", "2013-06-01", "year"),
    ],
)
def test_contracts_of_one_customer_that_touch_share_no_time(start: str, end: str | None, rival: str | None) -> None:
    shared = sharing_time(contract(start, end), [("year", contract("2013-01-01", "2014-01-01"))])
    assert shared == ([] if rival is None else [rival])


def test_two_open_contracts_share_time() -> None:
    assert sharing_time(contract("2020-01-01"), [("open", contract("2013-01-01"))]) == ["open"]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (replace(contract("2013-01-01"), customer="DL"), "customer"),
        (contract("2013-02-01"), "start"),
        (replace(contract("2013-01-01"), schedule=Schedule(date(2013, 1, 1), None, 2, "UTC")), "anchor_day"),
        (replace(contract("2013-01-01"), schedule=Schedule(date(2013, 1, 1), None, 1, "Etc/UTC")), "time_zone"),
    ],
)
def test_what_decides_on_periods_never_changes(wanted: Contract, field: str) -> None:
    with pytest.raises(Refused) as caught:
        check_next_contract(contract("2013-01-01"), wanted)

    assert (caught.value.field, caught.value.reason) == (field, Reason.CATALOG_CONFLICT)


def test_end_and_plan_of_a_contract_may_change() -> None:
    check_next_contract(contract("2013-01-01"), contract("2013-01-01", "2014-01-01", plan="other"))


def test_an_end_may_not_cut_a_period_that_is_rated_for_good() -> None:
    now = contract("2013-01-01")
    frozen = [period_labelled(now.schedule, label) for label in ("2013-01", "2013-02")]
    kept = [period for period in frozen if period is not None]

    check_kept_periods(kept, contract("2013-01-01", "2013-03-01").schedule)
    for end in ("2013-02-01", "2013-02-20"):
        with pytest.raises(Refused, match=r"2013-02 is already rated .* end the contract on 2013-03-01 or later"):
            check_kept_periods(kept, contract("2013-01-01", end).schedule)


def test_an_end_may_not_stretch_a_period_that_is_rated_for_good_and_another_contract_may_follow() -> None:
    period = period_labelled(contract("2013-01-01", "2013-02-10").schedule, "2013-02")
    assert period is not None

    with pytest.raises(Refused, match="leave the end at 2013-02-10 and make another contract that starts on that day"):
        check_kept_periods([period], contract("2013-01-01", "2013-06-01").schedule)


def test_a_plan_is_rated_item_by_item_in_its_order() -> None:
    usage = {"flights": MeterUsage(Decimal(30), "flight", 30), "other": MeterUsage(Decimal(1), "", 1)}

    charges = rate_plan(PLAN, usage)

    assert [(charge.item, charge.quantity, charge.derivation.amount) for charge in charges] == [
        ("Base fee", Decimal(1), Decimal(500)),
        ("Flights", Decimal(30), Decimal(60)),
    ]


def test_a_meter_that_does_not_exist_is_never_taken_for_zero_usage() -> None:
    with pytest.raises(MissingMeterError, match="flights"):
        rate_plan(PLAN, {})
    with pytest.raises(MissingMeterError, match="flights"):
        check_meters(PLAN.items, {})


def test_a_charge_has_the_same_id_each_time_and_no_other_has_it() -> None:
    def identity(*, changed: int | None = None) -> str:
        parts = ["acme", "UA", "2013-01", "snap", "Flights"]
        if changed is not None:
            parts[changed] += "x"
        tenant, contract_name, billing_period, snapshot_id, item = parts
        return charge_id(tenant, contract_name, billing_period, snapshot_id, item)

    others = {identity(changed=position) for position in range(5)}

    assert identity() == identity()
    assert len(others | {identity()}) == 6
    assert charge_id("a", "bc", "", "", "") != charge_id("ab", "c", "", "", "")
    assert len(identity()) <= 64

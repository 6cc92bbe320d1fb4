"""A contract that changes: what is shown is what is billed, and what can't be billed is refused when it is applied."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from testkit.live import Tenant

CATALOG = """
kind: Meter
metadata: {name: r-units}
spec: {eventTypes: [r.used], aggregation: SUM, value: n}
---
kind: Plan
metadata: {name: r-old}
spec: {currency: USD, items: [{name: Units, meter: r-units, price: {perUnit: "1"}}]}
---
kind: Plan
metadata: {name: r-new}
spec: {currency: USD, items: [{name: Units, meter: r-units, price: {perUnit: "2"}}]}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: R, graceHours: "0"}
---
kind: Customer
metadata: {name: r-cust}
spec: {currency: USD}
---
kind: Contract
metadata: {name: r-cust-1}
spec: {customer: r-cust, plan: r-old, start: "2024-05-01", end: "2024-06-15", timeZone: UTC}
---
kind: Contract
metadata: {name: r-cust-2}
spec: {customer: r-cust, plan: r-new, start: "2024-06-15", end: "2024-09-01", timeZone: UTC, anchorDay: 1}
"""
FIX = """
kind: Contract
metadata: {name: r-cust-2}
spec: {customer: r-cust, plan: r-old, start: "2024-06-15", end: "2025-01-01", timeZone: UTC, anchorDay: 1}
"""


def used(event_id: str, time: str, n: str) -> dict[str, object]:
    return {"id": event_id, "source": "a", "type": "r.used", "customer": "r-cust", "time": time, "properties": {"n": n}}


@pytest.fixture
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("changes")
    tenant.apply(CATALOG)
    return tenant


def total(tenant: Tenant, period: str) -> str:
    tenant.run("usage", "r-units", "--from", "2024-05-01", "--to", "2025-01-01", "--wait")
    preview = tenant.json("invoice", "preview", "--customer", "r-cust", "--contract", "r-cust-2", "--period", period)
    return str(preview["total"])


def test_a_month_that_only_the_new_version_has_is_billed_by_its_plan(tenant: Tenant) -> None:
    tenant.report(used("3", "2024-10-12T00:00:00Z", "10"))
    tenant.run("invoice", "finalize", "--period", "2024-07", "--customer", "r-cust")

    would = tenant.run("apply", "-f", "-", "--dry-run", stdin=FIX)
    unchanged = tenant.json("get", "contract", "r-cust-2")
    told = tenant.run("apply", "-f", "-", stdin=FIX)
    shown = tenant.run("get", "contract", "r-cust-2").stdout

    for said in (would.stdout, told.stdout):
        assert "contract r-cust-2, version 1 -> 2: end 2024-09-01 -> 2025-01-01" in said
        lines = [" ".join(line.split()) for line in said.splitlines()]
        assert "2024-06 plan r-new version 1 (unchanged)" in lines
        assert "2024-07 plan r-new version 1 (rated permanently, unchanged)" in lines
        assert "2024-08 plan r-new version 1 (unchanged)" in lines
        assert "2024-09 to 2024-12 plan r-old version 1 (new periods)" in lines
    assert "nothing was written (--dry-run)" in would.stderr
    assert (unchanged["version"], unchanged["spec"]["end"]) == (1, "2024-09-01")
    assert "write effectiveFrom with their first day, and a reason" in told.stderr
    assert "from 2024-06-15: plan r-new, as version 1 of the contract says" in shown
    assert "from 2024-09-01: plan r-old, as version 2 of the contract says" in shown
    assert total(tenant, "2024-10") == "10.00"
    charges = tenant.run("charges", "--contract", "r-cust-2", "--period", "2024-10").stdout
    assert "priced by plan r-old version 1: version 2 of the contract has plan r-old rule from 2024-09-01" in charges
    preview = tenant.run("invoice", "preview", "--contract", "r-cust-2", "--period", "2024-08").stdout
    assert "priced by plan r-new version 1" in preview
    (invoice,) = tenant.json("invoice", "finalize", "--period", "2024-10", "--customer", "r-cust")
    assert invoice["total"] == "10.00"


def test_a_wrong_plan_of_a_past_month_is_put_right_until_it_is_invoiced(tenant: Tenant) -> None:
    tenant.report(used("1", "2024-06-20T00:00:00Z", "3"), used("2", "2024-07-20T00:00:00Z", "10"))
    assert (total(tenant, "2024-06"), total(tenant, "2024-07")) == ("6.00", "20.00")
    tenant.run("invoice", "finalize", "--period", "2024-06", "--customer", "r-cust")
    right = FIX.replace('end: "2025-01-01"', 'end: "2024-09-01"')

    def apply(fields: str, expected: int = 3) -> str:
        done = tenant.run("apply", "-f", "-", stdin=right.replace("anchorDay: 1", fields), expected=(expected,))
        return done.stderr if expected else done.stdout

    assert "line 4 (Contract r-cust-2): spec.plan: no period of the contract starts after now" in apply("anchorDay: 1")
    assert "spec.reason: say why" in apply("anchorDay: 1, effectiveFrom: 2024-07-01")
    late = apply("anchorDay: 1, effectiveFrom: 2024-06-15, reason: swapped")
    assert "spec.effectiveFrom: period 2024-06 is already rated permanently, by plan 'r-new' version 1" in late
    assert "write effectiveFrom: 2024-07-01 or later" in late
    told = apply("anchorDay: 1, effectiveFrom: 2024-07-01, reason: the order form had them swapped", expected=0)

    assert "2024-07 to 2024-08  plan r-old version 1 (was plan r-new version 1)" in told
    assert (total(tenant, "2024-06"), total(tenant, "2024-07")) == ("6.00", "10.00")
    versions = tenant.json("get", "contract", "r-cust-2", "--all-versions")["versions"]
    assert [(each["version"], each["spec"]["plan"], each["spec"]["reason"]) for each in versions] == [
        (1, "r-new", ""),
        (2, "r-old", "the order form had them swapped"),
    ]
    assert "swapped" in tenant.run("get", "contract", "r-cust-2", "--all-versions").stdout
    again = tenant.json("apply", "-f", "-", stdin=right)
    assert [(entry["outcome"], entry["change"]) for entry in again] == [("unchanged", None)]


def test_a_contract_of_weeks_is_started_changed_cancelled_and_billed_to_its_end(tenant: Tenant) -> None:
    tenant.apply("kind: Customer\nmetadata: {name: r-weekly}\nspec: {currency: USD}\n")
    start = ("contract", "start", "r-w", "--customer", "r-weekly", "--plan", "r-old", "--start", "2024-05-01")
    weekly = ("--interval", "week", "--anchor", "2024-04-29", "--tz", "America/New_York")
    for number, time in enumerate(["2024-05-06T03:59:59Z", "2024-05-06T04:00:00Z", "2024-05-20T04:00:00Z"]):
        tenant.report(used(f"w-{number}", time, "10") | {"customer": "r-weekly"})

    tried = tenant.run(*start, *weekly, "--dry-run")
    assert "there is no contract" in tenant.run("get", "contract", "r-w", expected=(3,)).stderr
    shown = tenant.run(*start, *weekly).stdout
    again = tenant.run(*start, *weekly, expected=(2,)).stderr
    late = tenant.run("contract", "change", "r-w", "--plan", "r-new", "--at", "2024-05-08", expected=(3,)).stderr
    because = ("--at", "2024-05-08", "--reason", "agreed in April")
    changed = tenant.run("contract", "change", "r-w", "--plan", "r-new", *because).stdout
    wrong = tenant.run("contract", "cancel", "r-w", "--at", "May", expected=(2,)).stderr
    ended = tenant.json("contract", "cancel", "r-w", "--at", "2024-05-21", "--dry-run")
    cancelled = tenant.run("contract", "cancel", "r-w", "--at", "2024-05-21", "--reason", "moved away").stdout

    assert "nothing was written (--dry-run)" in tried.stderr
    assert "WEEK" in shown
    assert "2024-04-29" in shown
    assert "there is a contract 'r-w' already; give it another plan with `meterline contract change r-w`" in again
    assert "say why: the plan of periods that have begun changes, from the one of 2024-05-13 on" in late
    lines = [" ".join(line.split()) for line in (changed + cancelled).splitlines()]
    assert "2024-W18 to 2024-W19 plan r-old version 1 (unchanged)" in lines
    assert "2024-W20 on plan r-new version 1 (was plan r-old version 1)" in lines
    assert "2024-W22 on no longer in the contract (was plan r-new version 1)" in lines
    assert "isn't now, period-end or a day; write a day as 2026-01-31" in wrong
    assert (ended["outcome"], ended["dryRun"], ended["change"]["end"]) == ("NEW_VERSION", True, "2024-05-21")
    tenant.run("usage", "r-units", "--from", "2024-05-01", "--to", "2025-01-01", "--wait")
    totals = []
    for week in ("2024-W18", "2024-W19", "2024-W20", "2024-W21"):
        (invoice,) = tenant.json("invoice", "finalize", "--period", week, "--customer", "r-weekly")
        totals.append((invoice["billingPeriod"], invoice["total"], invoice["period"]["end"]))
    assert totals == [
        ("2024-W18", "10.00", "2024-05-06T04:00:00Z"),
        ("2024-W19", "10.00", "2024-05-13T04:00:00Z"),
        ("2024-W20", "0.00", "2024-05-20T04:00:00Z"),
        ("2024-W21", "20.00", "2024-05-21T04:00:00Z"),
    ]
    kept = tenant.run("contract", "cancel", "r-w", "--at", "2024-05-20", expected=(3,)).stderr
    assert "period 2024-W21 is already rated permanently" in kept


FEES = """
kind: Plan
metadata: {name: r-fees}
spec:
  currency: USD
  items:
    - {name: Base, fixed: {amount: "29.99"}, proration: day}
    - {name: Setup, fixed: {amount: "5"}}
    - {name: Units, meter: r-units, price: {perUnit: "1"}}
---
kind: Customer
metadata: {name: r-fee}
spec: {currency: USD}
---
kind: Contract
metadata: {name: r-f}
spec: {customer: r-fee, plan: r-fees, start: "2024-05-15", end: "2024-07-11", timeZone: Europe/Vienna, anchorDay: 1}
"""


def test_a_fee_that_goes_by_days_is_billed_for_the_days_of_the_contract(tenant: Tenant) -> None:
    tenant.apply(FEES)
    tenant.report(used("f-1", "2024-05-20T00:00:00Z", "3") | {"customer": "r-fee"})
    tenant.run("usage", "r-units", "--from", "2024-05-01", "--to", "2025-01-01", "--wait")

    (charge, *_) = tenant.json("charges", "--contract", "r-f", "--period", "2024-05")["charges"]
    days = tenant.json("cost", "r-fee", "--period", "2024-05", "--window", "day", "--item", "Base")["rows"]
    (may,) = tenant.json("invoice", "finalize", "--period", "2024-05", "--customer", "r-fee")
    tenant.report(used("f-2", "2024-05-21T00:00:00Z", "4") | {"customer": "r-fee"})
    whole = tenant.json("charges", "--contract", "r-f", "--period", "2024-06")["charges"][0]
    kept = tenant.run("contract", "pause", "r-f", "--from", "2024-05-30", expected=(3,)).stderr
    none = tenant.run("contract", "resume", "r-f", "--at", "2024-06-21", expected=(2,)).stderr
    tenant.run("contract", "pause", "r-f", "--from", "2024-06-12")
    taken_back = tenant.run("contract", "resume", "r-f", "--at", "2024-06-12").stdout
    longer_end = tenant.run("contract", "cancel", "r-f", "--at", "2024-09-01", expected=(2,)).stderr
    tenant.run("contract", "pause", "r-f", "--from", "2024-06-11")
    paused = tenant.run("contract", "resume", "r-f", "--at", "2024-06-21").stdout
    dropped = tenant.run("apply", "-f", "-", "--dry-run", stdin=FEES).stdout
    (june,) = tenant.json("invoice", "finalize", "--period", "2024-06", "--customer", "r-fee")
    (july,) = tenant.json("invoice", "finalize", "--period", "2024-07", "--customer", "r-fee")
    explained = tenant.run("explain", may["lines"][0]["id"]).stdout
    longer = FEES.replace('"2024-07-11"', '"2024-09-01", pauses: [{from: "2024-06-11", until: "2024-06-21"}]')
    late = tenant.run("apply", "-f", "-", stdin=longer, expected=(3,)).stderr
    wrong = FEES.replace('price: {perUnit: "1"}', 'price: {perUnit: "1"}, proration: day')
    refused = tenant.run("apply", "-f", "-", "--dry-run", stdin=wrong, expected=(3,)).stderr

    assert whole["exactAmount"] == "29.99"
    assert "period 2024-05 is already rated permanently, and keeps its days" in kept
    assert "contract 'r-f' has no pause on 2024-06-21 or later" in none
    assert "paused from 2024-06-11 to before 2024-06-21" in paused
    assert "no longer paused from 2024-06-11 on" in paused
    assert "no longer paused from 2024-06-12 on" in taken_back
    assert "no longer paused from 2024-06-11 to before 2024-06-21" in dropped
    assert "2024-07-11 already" in longer_end
    # 17 of 31 days, 20 of 30, and 10 of 31.
    assert charge["exactAmount"] == "50983/3100"
    assert sum(Decimal(row["amount"]) for row in days) == Decimal("16.45")
    assert len(days) == 17
    lines = [
        [(line["item"], line["exactAmount"], line["amount"]) for line in one["lines"]] for one in (may, june, july)
    ]
    assert lines == [
        [("Base", "50983/3100", "16.45"), ("Setup", "5", "5.00"), ("Units", "3", "3.00")],
        [("Base", "2999/150", "19.99"), ("Setup", "5", "5.00"), ("Units", "0", "0.00"), ("Units", "7", "4.00")],
        [("Base", "2999/310", "9.67"), ("Setup", "5", "5.00"), ("Units", "0", "0.00")],
    ]
    assert "17 of 31 days of the period: 50983/3100 USD" in explained
    for invoice in (may, june, july):
        tenant.run("invoice", "verify", invoice["number"])
    assert "period 2024-07 is already rated permanently" in late
    assert "proration: is for fees, included units, a maximum and a minimum" in refused


def test_contracts_that_can_never_be_billed_are_refused(tenant: Tenant) -> None:
    def refusal(start: str, end: str, zone: str) -> str:
        spec = f'{{customer: r-none, plan: r-old, start: "{start}", end: "{end}", timeZone: {zone}}}'
        customer = "kind: Customer\nmetadata: {name: r-none}\nspec: {currency: USD}\n---\n"
        catalog = f"{customer}kind: Contract\nmetadata: {{name: r-none-1}}\nspec: {spec}\n"
        return tenant.run("apply", "-f", "-", stdin=catalog, expected=(3,)).stderr

    apia = refusal("2011-12-30", "2011-12-31", "Pacific/Apia")
    monrovia = refusal("1971-11-01", "1972-03-01", "Africa/Monrovia")

    assert "spec.start: clocks in Pacific/Apia skipped 2011-12-30" in apia
    assert "end on 2012-01-01 or later [CONTRACT_INVALID]" in apia
    assert "spec.start: usage is kept by quarters of an hour" in monrovia
    assert "start on 1972-01-08 or later, or take another time zone [CONTRACT_INVALID]" in monrovia


ODD = (
    ("Pacific/Apia", "2011-12-01", "2012-01-01", 30, ("2011-11", "2011-12")),
    ("Pacific/Apia", "2011-12-29", "2011-12-31", 29, ("2011-12",)),
    ("Pacific/Kwajalein", "1993-08-20", "1993-09-21", 21, ("1993-07", "1993-08")),
    ("Africa/Monrovia", "1972-01-08", "1972-02-20", 8, ("1972-01", "1972-02")),
    ("Pacific/Kiritimati", "1979-10-02", "1979-10-03", 1, ("1979-10",)),
    ("America/Sao_Paulo", "2013-10-20", "2013-10-21", 20, ("2013-10",)),
    ("America/Havana", "2013-11-03", "2013-11-04", 3, ("2013-11",)),
    ("Asia/Kathmandu", "1986-01-01", "1986-01-02", 1, ("1986-01",)),
)


def test_whatever_is_accepted_beside_such_days_is_billed(tenant: Tenant) -> None:
    entries = [
        f"kind: Customer\nmetadata: {{name: odd-{number}}}\nspec: {{currency: USD}}\n---\n"
        f"kind: Contract\nmetadata: {{name: odd-{number}}}\nspec: {{customer: odd-{number}, plan: r-old, "
        f'start: "{start}", end: "{end}", timeZone: {zone}, anchorDay: {anchor_day}}}\n'
        for number, (zone, start, end, anchor_day, _) in enumerate(ODD)
    ]
    tenant.run("apply", "-f", "-", stdin="---\n".join(entries))

    for number, (*_, labels) in enumerate(ODD):
        for label in labels:
            (invoice,) = tenant.json("invoice", "finalize", "--period", label, "--customer", f"odd-{number}")
            assert (invoice["contract"], invoice["total"]) == (f"odd-{number}", "0.00")


def test_plans_with_a_past_date_say_which_periods_they_price(tenant: Tenant) -> None:
    tenant.report(used("1", "2024-06-20T00:00:00Z", "3"), used("2", "2024-07-20T00:00:00Z", "10"))
    tenant.run("invoice", "finalize", "--period", "2024-06", "--customer", "r-cust")
    dearer = CATALOG.split("---")[2].replace('"2"', '"5"').replace("USD,", "USD, effectiveFrom: 2024-06-01,")

    told = tenant.run("apply", "-f", "-", stdin=dearer).stdout

    assert "plan r-new, version 1 -> 2: prices the periods that start on 2024-06-01T00:00:00Z or later" in told
    assert "; 1 of them are rated permanently and keep theirs" in told
    assert (total(tenant, "2024-06"), total(tenant, "2024-07")) == ("6.00", "50.00")


def test_a_plan_says_which_of_its_meters_there_are_not(tenant: Tenant) -> None:
    plan = CATALOG.split("---")[1]

    wrong = tenant.run("apply", "-f", "-", stdin=plan.replace("r-units", "r-unit"))
    right = tenant.run("apply", "-f", "-", stdin=CATALOG)

    assert "line 4 (Plan r-old): spec.items[0].meter: there is no meter 'r-unit'" in wrong.stderr
    assert "there is no meter" not in right.stderr


MANY = """
kind: Customer
metadata: {name: m-a}
spec: {currency: USD}
---
kind: Customer
metadata: {name: m-b}
spec: {currency: USD}
---
kind: Customer
metadata: {name: m-c}
spec: {currency: USD}
---
kind: Plan
metadata: {name: m-plan}
spec: {currency: USD, items: [{name: Units, meter: r-units, price: {perUnit: "1"}}]}
---
kind: Contract
metadata: {name: m-a-1}
spec: {customer: m-a, plan: m-plan, start: "2024-05-01", timeZone: UTC, overrides: [{item: Units, multiplier: "0.5"}]}
---
kind: Contract
metadata: {name: m-b-1}
spec: {customer: m-b, plan: m-plan, start: "2024-05-01", timeZone: UTC}
---
kind: Contract
metadata: {name: m-c-1}
spec: {customer: m-c, plan: m-plan, start: "2024-05-01", end: "2024-07-01", timeZone: UTC}
"""


def test_many_contracts_get_another_plan_at_their_next_period(tenant: Tenant) -> None:
    tenant.apply(MANY)
    for name in ("m-a", "m-b", "m-c"):
        tenant.report(used(f"m-{name}", "2024-06-12T00:00:00Z", "10") | {"customer": name})
    tenant.run("usage", "r-units", "--from", "2024-05-01", "--to", "2025-01-01", "--wait")
    migrate = ("contract", "migrate", "--plan", "m-plan", "--to", "r-new", "--period", "2024-06")

    shown = tenant.json(*migrate, "--preview")
    kept = tenant.json("get", "contract", "m-a-1")["version"]
    told = tenant.run(*migrate, "--except", "m-b-1").stdout
    ended = tenant.run(*migrate, "--contracts", "m-c-1", expected=(2,)).stderr
    rest = tenant.json(*migrate)
    none = tenant.run(*migrate, expected=(2,)).stderr

    # The old plan takes 1 a unit and the new one 2; m-a pays half of either.
    effect = [(one["customer"], one["now"], one["then"]) for one in shown["effect"]["customers"]]
    assert effect == [("m-a", "5.00", "10.00"), ("m-b", "10.00", "20.00")]
    assert [one["contract"]["name"] for one in shown["contracts"]] == ["m-a-1", "m-b-1"]
    assert kept == 1
    assert "m-a-1" in told
    assert "m-b" not in told
    assert "no contract 'm-c-1' that goes on has plan 'm-plan'" in ended
    assert [one["contract"]["name"] for one in rest["contracts"]] == ["m-b-1"]
    assert "would get another" in none
    first = rest["contracts"][0]["firstPeriod"]
    assert first == shown["contracts"][1]["firstPeriod"] > "2024-06"
    rulings = tenant.json("get", "contract", "m-b-1")["rulings"]
    assert [(one["plan"], one["day"][:7]) for one in rulings] == [("m-plan", "2024-05"), ("r-new", first)]


def test_a_trial_is_rated_and_free_and_the_next_month_is_paid(tenant: Tenant) -> None:
    tenant.apply("kind: Customer\nmetadata: {name: t-cust}\nspec: {currency: USD}\n")
    start = ("contract", "start", "t-1", "--customer", "t-cust", "--plan", "r-new", "--start", "2024-06-01")
    for number, time in enumerate(["2024-06-12T00:00:00Z", "2024-07-12T00:00:00Z"]):
        tenant.report(used(f"t-{number}", time, "10") | {"customer": "t-cust"})

    wrong = tenant.run(*start, "--trial-item", "Units", expected=(2,)).stderr
    tenant.run(*start, "--trial", "1", "--trial-item", "Units")
    tenant.run("usage", "r-units", "--from", "2024-05-01", "--to", "2025-01-01", "--wait")
    (trial,) = tenant.json("invoice", "finalize", "--period", "2024-06", "--customer", "t-cust")
    paid = tenant.json("invoice", "preview", "--contract", "t-1", "--period", "2024-07")

    assert "write --trial with its number of periods" in wrong
    assert [(line["item"], line["amount"]) for line in trial["lines"]] == [
        ("Units", "20.00"),
        ("Discount: TRIAL", "-20.00"),
    ]
    assert (trial["total"], paid["total"]) == ("0.00", "20.00")
    assert [line["item"] for line in paid["lines"]] == ["Units"]

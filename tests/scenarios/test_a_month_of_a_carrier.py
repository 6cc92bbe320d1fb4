"""A month of a carrier: voice by start and stop, SMS, data and active numbers; billed, corrected, adjusted.

Every line of every invoice is told beforehand by a plain count of the events, in fractions.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from testkit.live import Tenant
from testkit.oracle.prices import cost_of
from testkit.wait import wait_until

ZONE = ZoneInfo("Europe/Vienna")
MONTHS = ("2024-03", "2024-04")  # March has a day of 23 hours
CUSTOMERS = ("acme", "bolt", "cord")
TIMEOUT_S = 900
PRICES: dict[str, Any] = {
    "Voice": {
        "graduated": {"tiers": [{"upTo": "600", "unit": "0.02"}, {"unit": "0.015"}]},
        "convert": {"divide": "60", "increment": "1", "rounding": "CEILING"},
        "included": "100",
    },
    "SMS": {"volume": {"tiers": [{"upTo": "120", "unit": "0.05"}, {"unit": "0.03", "flat": "0.5"}]}},
    "Data": {
        "package": {"size": "1", "unit": "0.25"},
        "convert": {"divide": "1024", "increment": "0.1", "rounding": "CEILING"},
        "maximum": "20",
    },
    "Load": {"perUnit": "0.01"},
    "Numbers": {
        "stairstep": {"tiers": [{"upTo": "5", "amount": "10"}, {"upTo": "20", "amount": "25"}, {"amount": "60"}]}
    },
}
METERS = [
    {
        "name": "load",
        "spec": {
            "aggregation": "FORMULA",
            "formula": {"of": {"texts": "sms", "megabytes": "data"}, "is": "round(texts + megabytes * 0.01, 0.1)"},
        },
    },
    {
        "name": "voice",
        "spec": {
            "eventTypes": ["call"],
            "aggregation": "DURATION",
            "session": {"key": "call", "phase": "phase", "start": "on", "heartbeat": "alive", "stop": "off",
                        "timeoutSeconds": TIMEOUT_S},
            "unit": "s",
        },
    },
    {"name": "sms", "spec": {"eventTypes": ["sms"], "aggregation": "COUNT", "filter": {"status": ["delivered"]}}},
    {"name": "data", "spec": {"eventTypes": ["data"], "aggregation": "SUM", "value": "megabytes", "unit": "MB"}},
    {"name": "numbers", "spec": {"eventTypes": ["call", "sms"], "aggregation": "COUNT_UNIQUE", "value": "number"}},
]  # fmt: skip


def catalog() -> str:
    """The carrier's catalog; prices as the oracle reads them."""
    items = [{"name": name, "meter": name.lower(), "price": price} for name, price in PRICES.items()]
    documents: list[dict[str, Any]] = [
        *({"kind": "Meter", "metadata": {"name": one["name"]}, "spec": one["spec"]} for one in METERS),
        {"kind": "Plan", "metadata": {"name": "carrier"}, "spec": {"currency": "EUR", "items": items}},
        {"kind": "BillingProfile", "spec": {"seller": "Carrier", "numberPrefix": "T", "graceHours": "0"}},
    ]
    for name in CUSTOMERS:
        contract = {"customer": name, "plan": "carrier", "start": "2024-03-01", "end": "2024-07-01",
                    "timeZone": str(ZONE)}  # fmt: skip
        documents += [
            {"kind": "Customer", "metadata": {"name": name}, "spec": {"currency": "EUR"}},
            {"kind": "Contract", "metadata": {"name": f"{name}-1"}, "spec": contract},
        ]
    return yaml.safe_dump_all(documents)


@dataclass(frozen=True)
class Told:
    """One event, as the network tells it."""

    id: str
    type: str
    customer: str
    time: datetime
    properties: dict[str, str]

    def document(self) -> dict[str, Any]:
        """The event as a file has it."""
        time = self.time.isoformat().replace("+00:00", "Z")
        return {"id": self.id, "source": "network", "type": self.type, "customer": self.customer, "time": time,
                "properties": self.properties}  # fmt: skip


@dataclass
class Traffic:
    """What is told before the first invoice, and what comes after it."""

    in_time: list[Told] = field(default_factory=list)
    late: list[Told] = field(default_factory=list)


def bounds(month: str) -> tuple[datetime, datetime]:
    number = int(month[5:])
    start, end = (datetime(2024, one, 1, tzinfo=ZONE).astimezone(UTC) for one in (number, number + 1))
    return start, end


def calls_of(customer: str, chance: random.Random, numbers: list[str]) -> Iterator[tuple[Told, bool]]:
    """Calls, told by start, heartbeat and stop; each with whether it is told in time. Some stops are never told."""
    start, end = bounds(MONTHS[0])[0], bounds(MONTHS[1])[1]
    for ordinal in range(50):
        call = f"{customer}-call-{ordinal}"
        # One in ten begins shortly before April, and goes on in it.
        begun = bounds(MONTHS[1])[0] - timedelta(seconds=chance.randrange(1, 900)) if ordinal % 10 == 0 else (
            start + (end - start) * chance.random())  # fmt: skip
        lasts_s = chance.randrange(20, 5_000)
        phases = [("on", 0), *(("alive", at) for at in range(600, lasts_s, 600)), ("off", lasts_s)]
        for phase, after_s in phases:
            fate = chance.random()
            if phase != "on" and fate < 0.1:
                continue
            properties = {"call": call, "phase": phase, "number": numbers[ordinal % len(numbers)]}
            told = Told(f"{call}-{phase}-{after_s}", "call", customer, begun + timedelta(seconds=after_s), properties)
            yield told, phase == "on" or fate > 0.3


def traffic() -> Traffic:
    """The months of all customers, the same on each run."""
    chance, found = random.Random(2024), Traffic()
    start, end = bounds(MONTHS[0])[0], bounds(MONTHS[1])[1]
    for size, customer in enumerate(CUSTOMERS, 1):
        numbers = [f"+43{customer}{number}" for number in range(size * size * 3)]
        for told, is_in_time in calls_of(customer, chance, numbers):
            (found.in_time if is_in_time else found.late).append(told)
        for ordinal in range(80 * size):
            at = start + (end - start) * chance.random()
            sms = {"number": chance.choice(numbers), "status": chance.choice(["delivered"] * 9 + ["failed"])}
            told = Told(f"{customer}-sms-{ordinal}", "sms", customer, at, sms)
            (found.late if ordinal % 16 == 0 else found.in_time).append(told)
            data = {"megabytes": str(Decimal(chance.randrange(1, 300_000_000)) / 1_000_000)}
            told = Told(f"{customer}-data-{ordinal}", "data", customer, at, data)
            (found.late if ordinal % 20 == 0 else found.in_time).append(told)
    chance.shuffle(found.in_time)
    return found


def seconds(told: Iterable[Told], start: datetime, end: datetime) -> Fraction:
    """The time in which calls went on: after each thing told but an end, until the next, at most a timeout."""
    rank = {"on": 0, "alive": 1, "off": 2}
    by_call: dict[str, list[Told]] = {}
    for one in told:
        by_call.setdefault(one.properties["call"], []).append(one)
    total = timedelta()
    for own in by_call.values():
        own.sort(key=lambda one: (one.time, rank[one.properties["phase"]]))
        for one, following in zip(own, [*own[1:], None], strict=True):
            until = one.time + timedelta(seconds=TIMEOUT_S)
            until = until if following is None else min(until, following.time)
            if one.properties["phase"] != "off":
                total += max(timedelta(), min(until, end) - max(one.time, start))
    return Fraction(total // timedelta(microseconds=1), 1_000_000)


def quantities(events: Iterable[Told], customer: str, month: str) -> dict[str, Fraction]:
    """What each item counts of a customer's month, event by event."""
    start, end = bounds(month)
    own = [one for one in events if one.customer == customer]
    within = [one for one in own if start <= one.time < end]
    counts = {
        "Voice": seconds((one for one in own if one.type == "call"), start, end),
        "SMS": Fraction(sum(one.type == "sms" and one.properties["status"] == "delivered" for one in within)),
        "Data": sum((Fraction(one.properties["megabytes"]) for one in within if one.type == "data"), Fraction()),
        "Numbers": Fraction(len({one.properties["number"] for one in within if one.type != "data"})),
    }
    # Rounded once for all of the month, to the nearest tenth; the middle is rounded up.
    load = counts["SMS"] + counts["Data"] / 100
    return {**counts, "Load": Fraction(load * 10 + Fraction(1, 2)) // 1 / Fraction(10)}


def printed(exact: Fraction) -> Decimal:
    return (Decimal(exact.numerator) / exact.denominator).quantize(Decimal("0.01"), ROUND_HALF_UP)


def amounts(events: Iterable[Told], customer: str, month: str) -> dict[str, Decimal]:
    """What each item costs of a customer's month."""
    found = quantities(list(events), customer, month)
    return {item: printed(cost_of(quantity, PRICES[item]).amount) for item, quantity in found.items()}


def billed(tenant: Tenant, month: str) -> dict[str, dict[tuple[str, str], Decimal]]:
    """Finalize a month of all customers; return the amounts by customer, then kind and item."""
    for customer in CUSTOMERS:
        tenant.json("invoice", "finalize", "--period", month, "--customer", customer)
    invoices = tenant.json("invoice", "list", "--period", month)
    shown = [tenant.json("invoice", "show", one["number"]) for one in invoices]
    return {
        one["customer"]: {(line["kind"], line["item"]): Decimal(line["amount"]) for line in one["lines"]}
        for one in shown
    }


def correct(tenant: Tenant, known: dict[str, Told]) -> dict[str, Told]:
    """Correct some of what was billed, as the carrier's people would; return what holds then."""
    holds = dict(known)
    march = [one for one in known.values() if bounds(MONTHS[0])[0] <= one.time < bounds(MONTHS[0])[1]]
    gone = next(one for one in march if one.type == "call" and one.properties["phase"] == "on")
    tenant.json("events", "void", "network", gone.id, "--reason", "never answered")
    del holds[gone.id]
    texts, transfers = ([one for one in march if one.type == kind] for kind in ("sms", "data"))
    changed = [
        replace(texts[0], customer=next(name for name in CUSTOMERS if name != texts[0].customer)),
        replace(transfers[0], properties={"megabytes": "0.000001"}),
        replace(transfers[1], time=bounds(MONTHS[1])[0] + timedelta(hours=3)),
    ]
    for one in changed:
        file = tenant.directory / f"{one.id}.json"
        file.write_text(json.dumps(one.document()), encoding="utf-8")
        tenant.json("events", "replace", "network", one.id, "-f", file, "--reason", "told wrongly")
        holds[one.id] = one
    return holds


def load_line(tenant: Tenant) -> dict[str, Any]:
    """Return a line of what is computed from two meters."""
    number = tenant.json("invoice", "list", "--period", MONTHS[0])[0]["number"]
    lines: list[dict[str, Any]] = tenant.json("invoice", "show", number)["lines"]
    return next(line for line in lines if line["item"] == "Load")


def tell_twice_and_revert(tenant: Tenant, events: list[Told]) -> None:
    """Tell events again under other names, as if they were new ones, and take that back."""
    before = {one["id"] for one in tenant.json("get", "backfills")}
    tenant.report(*(replace(one, id=f"again-{one.id}").document() for one in events))
    (mistaken,) = {one["id"] for one in tenant.json("get", "backfills")} - before
    reverted = tenant.json("backfill", "revert", mistaken, "--reason", "told twice", "--yes")
    assert reverted["voided"] == len(events)


def test_a_month_is_billed_corrected_and_adjusted_as_the_oracle_says(
    make_tenant: Callable[[str], Tenant],
) -> None:
    tenant, told = make_tenant("carrier"), traffic()
    tenant.apply(catalog())
    tenant.report(*(one.document() for one in told.in_time))
    known = {one.id: one for one in told.in_time}
    march = billed(tenant, MONTHS[0])

    tenant.report(*(one.document() for one in told.late))
    holds = correct(tenant, known | {one.id: one for one in told.late})
    tell_twice_and_revert(tenant, told.late)
    tenant.json("usage", "sms", "--from", "2024-03-01", "--to", "2024-05-01", "--wait")
    wait_until(lambda: tenant.json("invoice", "pending"), 60, what="adjustments to be pending")
    april = billed(tenant, MONTHS[1])

    # Each kind of line changes for somebody, so that none of it is shown by a month that stays as it was.
    assert {item for lines in april.values() for kind, item in lines if kind == "adjustment"} == set(PRICES)
    for customer in CUSTOMERS:
        before, after = amounts(known.values(), customer, MONTHS[0]), amounts(holds.values(), customer, MONTHS[0])
        assert march[customer] == {("usage", item): amount for item, amount in before.items()}
        differences = {("adjustment", item): after[item] - before[item] for item in after}
        usage = {("usage", item): amount for item, amount in amounts(holds.values(), customer, MONTHS[1]).items()}
        assert {key: amount for key, amount in april[customer].items() if amount or key[0] == "usage"} == {
            **usage, **{key: amount for key, amount in differences.items() if amount}}  # fmt: skip
        cost = tenant.json("cost", "--contract", f"{customer}-1", "--period", MONTHS[1])
        assert sum(Decimal(row["amount"]) for row in cost["rows"]) == sum(usage.values())
    assert tenant.json("invoice", "verify")["problems"] == []
    line = load_line(tenant)
    explained = tenant.json("explain", line["id"], "--events", "--limit", "0")["events"]
    assert len(explained) == line["eventCount"]
    assert {one["meter"] for one in explained} == {"data", "sms"}

"""Voice calls by start, heartbeat and stop, some lost, some late: billed, corrected, adjusted, equal to the oracle."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from testkit.live import Tenant
from testkit.wait import wait_until

MakeTenant = Callable[[str], Tenant]
# Half an hour of daylight saving, which ends on the 7th of April; months begin at half past one or one in UTC.
ZONE = "Australia/Lord_Howe"
TIMEOUT_S = 1800
PRICE = Fraction(3, 1000)
CATALOG = f"""
kind: Meter
metadata: {{name: call-time}}
spec:
  eventTypes: [call.started, call.alive, call.ended]
  aggregation: DURATION
  session:
    key: call
    phase: {{expression: type}}
    start: call.started
    heartbeat: call.alive
    stop: call.ended
    timeoutSeconds: {TIMEOUT_S}
  groupBy: [region]
  unit: s
---
kind: Meter
metadata: {{name: lines}}
spec: {{eventTypes: [line.changed], aggregation: WEIGHTED_SUM, value: lines, timeUnit: DAY, carryOver: true}}
---
kind: Meter
metadata: {{name: peak}}
spec: {{eventTypes: [line.changed], aggregation: PERCENTILE, value: lines, percentile: "100", bucketMinutes: 5}}
---
kind: Plan
metadata: {{name: voice}}
spec:
  currency: EUR
  items:
    - {{name: Calls, meter: call-time, price: {{perUnit: "0.003"}}}}
    - {{name: Lines, meter: lines, price: {{perUnit: "1"}}}}
---
kind: BillingProfile
spec: {{seller: Seller, numberPrefix: V, graceHours: "0"}}
---
kind: Customer
metadata: {{name: caller}}
spec: {{currency: EUR}}
---
kind: Contract
metadata: {{name: caller-1}}
spec: {{customer: caller, plan: voice, start: "2024-04-01", end: "2024-07-01", timeZone: {ZONE}}}
"""


@dataclass(frozen=True)
class Told:
    """What a switch tells of a call."""

    id: str
    call: str
    type: str
    time: datetime
    region: str = ""

    def document(self) -> dict[str, Any]:
        """The event as a file has it."""
        properties = {"call": self.call, **({"region": self.region} if self.region else {})}
        return {
            "id": self.id,
            "source": "switch",
            "type": self.type,
            "customer": "caller",
            "time": self.time.isoformat().replace("+00:00", "Z"),
            "properties": properties,
        }


@dataclass
class Calls:
    """Calls of two months: what is told in time, and what comes late."""

    in_time: list[Told] = field(default_factory=list)
    late: list[Told] = field(default_factory=list)


def month(number: int) -> tuple[datetime, datetime]:
    zone = ZoneInfo(ZONE)
    start, end = (datetime(2024, one, 1, tzinfo=zone).astimezone(UTC) for one in (number, number + 1))
    return start, end


def make_calls() -> Calls:
    """Sixty calls, among them some over midnight, over the end of the month, and over the end of daylight saving."""
    chance, calls = random.Random(20), Calls()
    may = month(5)[0]
    edges = [may, may, may, may, datetime(2024, 4, 6, 15, tzinfo=UTC), month(4)[0]]
    for number in range(60):
        edge = edges[number] if number < len(edges) else month(4)[0] + timedelta(seconds=chance.randrange(58 * 86_400))
        start = edge - timedelta(microseconds=chance.randrange(1, 1_500_000_000))
        length = timedelta(microseconds=chance.randrange(2_000_000_000, 9_000_000_000))
        name = f"call-{number}"
        calls.in_time.append(Told(f"{name}-on", name, "call.started", start, chance.choice(["eu", "us"])))
        beats = [start + timedelta(seconds=beat) for beat in range(1200, int(length.total_seconds()), 1200)]
        told = [Told(f"{name}-{place}", name, "call.alive", beat, "eu") for place, beat in enumerate(beats)]
        # Some heartbeats are lost, and the call is not counted while nobody knew of it.
        calls.in_time += [beat for beat in told if chance.random() < 0.9]
        stop = Told(f"{name}-off", name, "call.ended", start + length)
        fate = ("late", "lost", "in time")[number % 3] if number < 30 else "in time"
        if fate != "lost":
            (calls.late if fate == "late" else calls.in_time).append(stop)
    calls.in_time.append(Told("nobody-off", "nobody", "call.ended", may))
    chance.shuffle(calls.in_time)
    return calls


def seconds(told: Iterable[Told], start: datetime, end: datetime) -> Fraction:
    """The seconds in which calls went on: after each thing told of a call that is no end, until the next one."""
    rank = {"call.started": 0, "call.alive": 1, "call.ended": 2}
    by_call: dict[str, list[Told]] = {}
    for one in told:
        by_call.setdefault(one.call, []).append(one)
    total = timedelta()
    for own in by_call.values():
        own.sort(key=lambda one: (one.time, rank[one.type]))
        for one, following in zip(own, [*own[1:], None], strict=True):
            until = one.time + timedelta(seconds=TIMEOUT_S)
            until = until if following is None else min(until, following.time)
            if one.type != "call.ended":
                total += max(timedelta(), min(until, end) - max(one.time, start))
    return Fraction(total // timedelta(microseconds=1), 1_000_000)


def cents(quantity: Fraction) -> Decimal:
    """The price as it is printed."""
    exact = quantity * PRICE
    return (Decimal(exact.numerator) / exact.denominator).quantize(Decimal("0.01"), ROUND_HALF_UP)


def line_of(invoice: dict[str, Any], item: str, kind: str) -> dict[str, Any]:
    (line,) = [line for line in invoice["lines"] if (line["item"], line["kind"]) == (item, kind)]
    found: dict[str, Any] = line
    return found


def finalize(tenant: Tenant, period: str) -> dict[str, Any]:
    (invoice,) = tenant.json("invoice", "finalize", "--period", period, "--customer", "caller")
    found: dict[str, Any] = invoice
    return found


def test_calls_are_billed_by_event_time_and_adjusted_when_stops_come_late(make_tenant: MakeTenant) -> None:
    tenant, calls = make_tenant("calls"), make_calls()
    april, may = month(4), month(5)
    tenant.apply(CATALOG)
    lines = [("2024-02-01T00:00:00Z", "4", "old"), ("2024-04-10T12:00:00Z", "2", "more")]
    tenant.report(
        *(one.document() for one in calls.in_time),
        *({**Told(name, "", "line.changed", april[0]).document(), "time": time, "properties": {"lines": count}}
          for time, count, name in lines),
    )  # fmt: skip
    tenant.report(*(one.document() for one in calls.in_time[:20]))
    first = finalize(tenant, "2024-04")

    # A call that never was: its start is taken back, and the stop and the heartbeats that were told late come in.
    gone = next(one for one in calls.in_time if one.id == "call-40-on")
    tenant.report(*(one.document() for one in calls.late))
    tenant.json("events", "void", "switch", gone.id, "--reason", "never answered")
    wait_until(lambda: tenant.json("invoice", "pending"), 60, what="the late stops to be pending")
    second = finalize(tenant, "2024-05")
    third = finalize(tenant, "2024-06")

    then = seconds(calls.in_time, *april)
    known = [one for one in [*calls.in_time, *calls.late] if one != gone]
    billed = line_of(first, "Calls", "usage")
    assert Fraction(billed["quantity"]) == then
    assert Decimal(billed["amount"]) == cents(then)
    adjusted = line_of(second, "Calls", "adjustment")
    assert Fraction(adjusted["quantity"]) == seconds(known, *april) - then < 0
    assert Decimal(adjusted["amount"]) == cents(seconds(known, *april)) - cents(then)
    usage = line_of(second, "Calls", "usage")
    assert Fraction(usage["quantity"]) == seconds(known, *may)
    assert [line["item"] for line in third["lines"] if line["kind"] == "adjustment"] == []

    # The lines of a switchboard, in days: four since February, and two more from within April on.
    four = Fraction(4 * int((april[1] - april[0]).total_seconds()), 86_400)
    two = Fraction(2 * int((april[1] - datetime(2024, 4, 10, 12, tzinfo=UTC)).total_seconds()), 86_400)
    assert abs(Fraction(line_of(first, "Lines", "usage")["quantity"]) - four - two) <= Fraction(1, 2 * 10**12)
    assert Fraction(line_of(third, "Lines", "usage")["quantity"]) == 6 * 30

    # What is behind a line proves it; calls that went on when the month began are among it.
    explained = tenant.json("explain", billed["id"], "--events", "--limit", "0")["events"]
    assert len(explained) == billed["eventCount"]
    behind_may = {
        one["event"]["id"] for one in tenant.json("explain", usage["id"], "--events", "--limit", "0")["events"]
    }
    reach = may[0] - timedelta(seconds=TIMEOUT_S)
    assert behind_may == {one.id for one in known if reach <= one.time < may[1]}
    changed = {
        one["event"]["id"] for one in tenant.json("explain", adjusted["id"], "--events", "--limit", "0")["events"]
    }
    begun = april[0] - timedelta(seconds=TIMEOUT_S)
    assert changed == {one.id for one in [*calls.late, gone] if begun <= one.time < april[1]}
    for invoice in (first, second, third):
        assert tenant.json("invoice", "verify", invoice["number"])["problems"] == []

    # Days of Lord Howe add up to the month, the one of 24 hours and a half too.
    days = tenant.json(
        "usage", "call-time", "--customer", "caller", "--from", april[0].isoformat(), "--to", april[1].isoformat(),
        "--window", "day", "--tz", ZONE, "--wait",
    )["rows"]  # fmt: skip
    assert sum(Fraction(row["quantity"]) for row in days) == seconds(known, *april)
    peak = tenant.json("usage", "peak", "--from", "2024-04-01", "--to", "2024-05-01", "--wait")["rows"]
    assert [row["quantity"] for row in peak] == ["2"]

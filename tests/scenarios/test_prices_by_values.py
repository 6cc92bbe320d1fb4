"""Messages priced by country and seconds divided exactly: live, frozen and quoted alike, and corrected by value."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from testkit.live import Tenant
from testkit.oracle.exact import round_half_away
from testkit.oracle.parts import cost_of_groups, costs_of_parts

CATALOG = """
kind: Meter
metadata: {name: messages}
spec: {eventTypes: [message.sent], aggregation: SUM, value: parts, unit: sms, groupBy: [country, route]}
---
kind: Meter
metadata: {name: seconds}
spec: {eventTypes: [call.made], aggregation: SUM, value: seconds, unit: s}
---
kind: Plan
metadata: {name: by-country}
spec:
  currency: EUR
  items:
    - name: Messages
      meter: messages
      price:
        matrix:
          by: [country]
          rows:
            - {when: {country: [AT, DE]}, perUnit: 0.06}
            - {when: {country: FR}, perUnit: 0.07}
          otherwise: {perUnit: 0.10}
        included: 300
    - name: Routes
      meter: messages
      price: {graduated: {tiers: [{upTo: 700, unit: 0.02}, {unit: 0.01}]}, perKey: [route], ladder: total}
    - name: Nights
      meter: messages
      price:
        matrix:
          by: [calendar, route]
          rows: [{when: {calendar: night}, perUnit: 0.01}, {when: {route: b}, perUnit: 0.03}]
          otherwise: {perUnit: 0.02}
        calendar: {classes: [{name: night, from: "22:00", to: "06:00"}], otherwise: day}
    - {name: Calls, meter: seconds, price: {perUnit: 0.05, convert: {divide: 60, unit: min}}}
---
kind: Customer
metadata: {name: sender}
spec: {currency: EUR}
---
kind: Contract
metadata: {name: sender-1}
spec: {customer: sender, plan: by-country, start: "2024-03-01", timeZone: Europe/Vienna}
---
kind: BillingProfile
spec: {seller: Seller, numberPrefix: M, graceHours: "0"}
"""
MATRIX: dict[str, Any] = {
    "matrix": {
        "by": ["country"],
        "rows": [
            {"when": {"country": ["AT", "DE"]}, "perUnit": "0.06"},
            {"when": {"country": "FR"}, "perUnit": "0.07"},
        ],
        "otherwise": {"perUnit": "0.10"},
    },
    "included": "300",
}
ROUTES: dict[str, Any] = {
    "graduated": {"tiers": [{"upTo": "700", "unit": "0.02"}, {"unit": "0.01"}]},
    "perKey": ["route"],
    "ladder": "total",
}
NIGHTS: dict[str, Any] = {
    "matrix": {
        "by": ["calendar", "route"],
        "rows": [
            {"when": {"calendar": "night"}, "perUnit": "0.01"},
            {"when": {"route": "b"}, "perUnit": "0.03"},
        ],
        "otherwise": {"perUnit": "0.02"},
    }
}
# The hour is that of UTC, one before that of the contract.
SENT = [("AT", "a", 600, 12), ("DE", "b", 400, 21), ("FR", "a", 500, 12), ("BR", "b", 20, 5)]
QUOTE = """
plan: by-country
timeZone: Europe/Vienna
period: {start: 2024-03-01, end: 2024-04-01}
usage:
  messages:
    - {group: {country: AT, route: a, calendar: day}, quantity: "600"}
    - {group: {country: DE, route: b, calendar: night}, quantity: "400"}
    - {group: {country: FR, route: a, calendar: day}, quantity: "500"}
    - {group: {country: BR, route: b, calendar: day}, quantity: "20"}
  seconds: "100"
"""


def sent(number: int, country: str, route: str, parts: int, hour: int) -> dict[str, Any]:
    return {
        "id": f"sms-{number}",
        "source": "gateway",
        "type": "message.sent",
        "customer": "sender",
        "time": f"2024-03-{10 + number}T{hour:02}:00:00Z",
        "properties": {"country": country, "route": route, "parts": str(parts)},
    }


@pytest.fixture(scope="module")
def tenant(make_tenant: Callable[[str], Tenant]) -> Tenant:
    tenant = make_tenant("values")
    tenant.apply(CATALOG)
    call = {"id": "call-1", "source": "gateway", "type": "call.made", "customer": "sender"}
    tenant.report(
        *(sent(number, *one) for number, one in enumerate(SENT)),
        {**call, "time": "2024-03-15T08:00:00Z", "properties": {"seconds": "100"}},
    )
    return tenant


def by_count(sold: list[tuple[str, str, int, int]]) -> dict[str, Fraction]:
    usage = [
        ({"country": country, "route": route, "calendar": "night" if hour >= 21 else "day"}, Fraction(parts))
        for country, route, parts, hour in sold
    ]
    prices = {"Messages": MATRIX, "Routes": ROUTES, "Nights": NIGHTS}
    return {item: cost_of_groups(usage, price) for item, price in prices.items()} | {"Calls": Fraction(1, 12)}


def exact(lines: list[dict[str, Any]]) -> dict[str, Fraction]:
    return {line["item"]: Fraction(line["exactAmount"]) for line in lines}


def test_live_frozen_and_quoted_are_alike_and_a_correction_is_billed_by_value(tenant: Tenant, tmp_path: Path) -> None:
    quote_file = tmp_path / "quote.yaml"
    quote_file.write_text(QUOTE)
    month = ("--contract", "sender-1", "--period", "2024-03")
    tenant.json("usage", "messages", "--customer", "sender", "--from", "2024-03-01", "--to", "2024-04-01", "--wait")

    live = tenant.json("charges", *month)["charges"]
    (invoice,) = tenant.json("invoice", "finalize", "--period", "2024-03", "--customer", "sender")
    explained = {line["item"]: tenant.json("explain", line["id"])["charge"] for line in invoice["lines"]}
    quoted = tenant.json("price", "quote", "-f", str(quote_file))
    cost = tenant.json("cost", *month, "--group-by", "country", "--window", "day")["rows"]

    expected = by_count(SENT)
    assert expected["Messages"] == Fraction(5917, 76)
    assert exact(live) == exact(invoice["lines"]) == exact(quoted["lines"]) == expected
    assert quoted["total"] == invoice["total"]
    told = {line["item"]: line for line in invoice["lines"]}
    assert [(tier["row"], tier["quantity"]) for tier in told["Messages"]["tiers"]] == [
        ("country AT or DE", "15250/19"),
        ("country FR", "7625/19"),
        ("otherwise", "305/19"),
    ]
    assert told["Calls"]["pricedQuantity"] == "5/3"
    assert [cell["group"] for cell in explained["Messages"]["cells"]] == [
        {"country": name} for name in ("AT", "BR", "DE", "FR")
    ]
    assert "otherwise: 305/19 sms at 0.1 EUR each" in [step["text"] for step in explained["Messages"]["steps"]]
    assert sum(Fraction(row["amount"]) for row in cost) == Fraction(invoice["total"])
    of_country: dict[str, Fraction] = {}
    for row in cost:
        if row["item"] == "Messages":
            name = row["group"]["country"] if row["group"] else ""
            of_country[name] = of_country.get(name, Fraction(0)) + Fraction(row["exactAmount"])
    parts = costs_of_parts([({"country": name}, Fraction(parts)) for name, _, parts, _ in SENT], MATRIX)
    assert (of_country["FR"], of_country["BR"]) == (parts["1"], parts["otherwise"])

    # 500 messages were to Brazil, not to France, and at night: as many on the same day, at other prices.
    tenant.run("events", "void", "gateway", "sms-2", "--reason", "wrong country")
    tenant.report({**sent(2, "BR", "a", 500, 22), "id": "sms-2b"})
    tenant.json("usage", "messages", "--customer", "sender", "--from", "2024-03-01", "--to", "2024-04-01", "--wait")
    (later,) = tenant.json("invoice", "finalize", "--period", "2024-04", "--customer", "sender")

    now = by_count([*SENT[:2], ("BR", "a", 500, 22), SENT[3]])
    adjusted = {line["item"]: line for line in later["lines"] if line["kind"] == "adjustment"}
    assert adjusted.keys() == {"Messages", "Nights"}
    for item, line in adjusted.items():
        assert (line["quantity"], Fraction(line["exactAmount"])) == ("0", now[item])
        assert Fraction(line["amount"]) == round_half_away(now[item], 2) - Fraction(told[item]["amount"])

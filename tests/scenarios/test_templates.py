"""Every template applies as it is, is priced as its description says, and nothing about it is odd."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from meterline.cli.templates import templates
from testkit.live import Tenant

QUOTES = {
    "pay-as-you-go": [("pay-as-you-go", {"api-calls": "12345"}, "14.81")],
    "base-and-overage": [("base-and-overage", {"api-calls": "10500"}, "50.00")],
    "tiered-family": [
        ("starter", {"messages": "1200"}, "21.50"),
        ("pro", {"messages": "12000"}, "149.00"),
        ("business", {"messages": "10"}, "500.00"),
    ],
    "voice": [("voice", {"talk-seconds": "6060"}, "4.51")],
    "sms": [("sms", {"sms-segments": "10001"}, "690.06")],
    "data": [("data", {"data-megabytes": "5000.5"}, "11.40")],
    "seats-and-usage": [("seats-and-usage", {"reports": "700"}, "148.00")],
    "prepaid-credits": [("prepaid-credits", {"images": "130"}, "10.40")],
    "llm-tokens": [("llm-tokens", {"input-tokens": "1000000", "output-tokens": "100000"}, "4.50")],
}

SEATS = {"seats-and-usage": {"Seats": 12}}


def test_each_template_applies_quotes_and_holds_nothing_odd(
    make_tenant: Callable[[str], Tenant], tmp_path: Path
) -> None:
    tenant, quote = make_tenant("templates"), tmp_path / "quote.yaml"
    for text in templates().values():
        tenant.apply(text)

    totals: dict[str, list[str]] = {}
    for name, asked in QUOTES.items():
        for plan, usage, _total in asked:
            quote.write_text(json.dumps({"plan": plan, "usage": usage, "seats": SEATS.get(plan, {})}), encoding="utf-8")
            totals.setdefault(name, []).append(tenant.json("price", "quote", "-f", str(quote))["total"])
    odd = [one for one in tenant.json("price", "lint")["findings"] if one["level"] != "info"]

    assert totals == {name: [total for _plan, _usage, total in asked] for name, asked in QUOTES.items()}
    assert set(totals) == set(templates())
    assert odd == []

"""Quantities beyond a float, prices of a millionth, currencies of no and of three places: every digit is shown."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from testkit.browser.portal import Portal, show
from testkit.live import LiveSuite, Tenant

LARGE: Final = "123456789012345678.123456789"
SMALL: Final = "0.000000002"
NUMBER: Final = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?")
CATALOG: Final = """
kind: Meter
metadata: {{name: bytes}}
spec: {{eventTypes: [file.kept], aggregation: SUM, value: size, groupBy: [region], unit: byte}}
---
kind: Plan
metadata: {{name: kept-{currency}}}
spec:
  currency: {currency}
  items:
    - {{name: Kept, meter: bytes, price: {{perUnit: "0.000001"}}}}
---
kind: Customer
metadata: {{name: {currency}}}
spec: {{displayName: Keeper, currency: {currency}}}
---
kind: Contract
metadata: {{name: {currency}}}
spec:
  customer: {currency}
  plan: kept-{currency}
  start: "2013-10-01"
  end: "2013-11-01"
  interval: MONTH
  timeZone: UTC
"""


@pytest.fixture(scope="module")
def keepers(suite: LiveSuite, browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Portal:
    """A customer for each currency, each with one very large and one very small event."""
    tenant = Tenant.create(suite, "keepers", tmp_path_factory.mktemp("keepers"))
    for currency in ("JPY", "BHD", "USD"):
        tenant.apply(CATALOG.format(currency=currency))
        tenant.report(*(event(currency, region, size) for region, size in (("eu", LARGE), ("us", SMALL))))
    tenant.json("usage", "bytes", "--from", "2013-10-01", "--to", "2013-11-01", "--wait")
    return Portal(tenant, browser)


def event(customer: str, region: str, size: str) -> dict[str, Any]:
    return {
        "id": f"{customer}-{region}-{size}",
        "source": "test",
        "type": "file.kept",
        "customer": customer,
        "time": "2013-10-09T12:00:00Z",
        "properties": {"region": region, "size": size},
    }


def figures(page: Page) -> list[tuple[str, str]]:
    """Decimal text and shown text of each figure."""
    found = page.locator("main button.figure[data-value]").evaluate_all(
        "(found) => found.map((each) => [each.dataset.value, each.textContent])"
    )
    assert found
    return [(value, NUMBER.findall(text)[0].replace(",", "")) for value, text in found]


@pytest.mark.parametrize(
    ("currency", "amount"), [("JPY", "123456789012"), ("BHD", "123456789012.346"), ("USD", "123456789012.35")]
)
def test_every_digit_is_on_the_screen(keepers: Portal, currency: str, amount: str) -> None:
    draft = keepers.tenant.json("invoice", "preview", "--customer", currency, "--period", "2013-10")
    (line,) = draft["lines"]

    with keepers.page(currency, "/usage?groupBy=region") as page:
        used = figures(page)
        show(page, f"{keepers.url}/cost?groupBy=region")
        cost = figures(page)
        show(page, f"{keepers.url}/invoices/draft?line={line['id']}")
        paper = figures(page)

    assert line["quantity"] == str(Decimal(LARGE) + Decimal(SMALL))
    assert line["amount"] == amount
    assert (line["quantity"], line["quantity"]) in used
    assert (LARGE, LARGE) in used
    assert (SMALL, SMALL) in used
    assert (amount, amount) in cost
    assert [(line["quantity"], line["quantity"]), (amount, amount)] == paper[:2]
    assert all(value == text for value, text in (*used, *cost, *paper))

"""What is taken along: a file has the figures of the screen, in their granularity, and starts no formula."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from testkit.browser.portal import Portal, exact
from testkit.flights import ROOT
from testkit.live import LiveSuite, Tenant

ROWS = "tr[data-bucket]"


def saved(page: Page, button: str) -> Path:
    """Press a button that saves a file."""
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return Path(download.value.path())


def rows_of(file: Path) -> list[list[str]]:
    return list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))


@pytest.mark.parametrize("window", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("page_name", ["usage", "cost"])
def test_a_file_of_an_explorer_is_its_table(portal: Portal, page_name: str, window: str) -> None:
    path = f"/{page_name}?meter=flights&groupBy=origin&billingPeriod=2013-11&chart=table&compare=none&window={window}"
    with portal.page("VX", path) as page:
        header = [name.strip() for name in page.locator("table.buckets thead th").all_inner_texts()]
        shown = page.locator(ROWS).evaluate_all(
            "(rows) => rows.map((row) => [...row.querySelectorAll('td')]"
            ".map((cell) => cell.querySelector('[data-value]')?.dataset.value ?? ''))"
        )
        total = exact(page.locator("[data-figure=table-total] button"))
        file = rows_of(saved(page, "CSV"))

    head, *buckets, totals = file
    assert head[1:-1] == header[1 : len(head) - 1]
    columns = len(header) - 1
    assert [row[1 : columns + 1] for row in buckets] == shown
    assert [totals[-1]] == total
    assert len(buckets) == {"hour": 721, "day": 30, "week": 5, "month": 1}[window]


def test_a_file_of_an_invoice_has_its_lines_and_its_total(portal: Portal) -> None:
    invoice = portal.preview("VX", "2013-11")
    with portal.page("VX", f"/invoices/{invoice['number']}") as page:
        file = rows_of(saved(page, "CSV"))
        document = json.loads(saved(page, "JSON").read_text(encoding="utf-8"))

    head, *lines, total = file
    amount = head.index("amount")
    assert [line[amount] for line in lines] == [line["amount"] for line in invoice["lines"]]
    assert total[amount] == invoice["total"] == document["total"]


@pytest.fixture
def formula(suite: LiveSuite, browser: Browser, tmp_path: Path) -> Portal:
    """A tenant whose one customer, and a value of its usage, a spreadsheet would take for a formula."""
    tenant = Tenant.create(suite, "formula", tmp_path)
    tenant.run("apply", "-f", ROOT / "demo" / "catalog.yaml")
    tenant.apply(
        """
kind: Customer
metadata: {name: "=1+1"}
spec: {displayName: "=1+1", currency: USD}
---
kind: Contract
metadata: {name: "formula-2013"}
spec:
  customer: "=1+1"
  plan: airline-small
  start: "2013-12-01"
  end: "2014-01-01"
  interval: MONTH
  timeZone: America/New_York
"""
    )
    tenant.report(
        {
            "id": "formula-1",
            "source": "test",
            "type": "flight.operated",
            "customer": "=1+1",
            "time": "2013-12-05T12:00:00Z",
            "properties": {"origin": "=HYPERLINK(1)", "air_time": "61", "dep_delay": "1", "tailnum": "@SUM(1)"},
        }
    )
    tenant.json("usage", "flights", "--from", "2013-12-01", "--to", "2014-01-01", "--customer", "=1+1", "--wait")
    return Portal(tenant, browser)


def test_no_cell_is_a_formula(formula: Portal) -> None:
    with formula.page("=1+1", "/usage?meter=flights&groupBy=origin&chart=table") as page:
        assert page.locator("table.buckets thead").inner_text().count("=HYPERLINK(1)") == 1
        cells = [cell for row in rows_of(saved(page, "CSV")) for cell in row]

    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\t"))]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/?billingPeriod=2013-11", "overview?billingPeriod=2013-11"),
        ("/usage?billingPeriod=2013-11&meter=flights", "usage?meter=flights"),
        ("/cost?billingPeriod=2013-11", "cost?billingPeriod=2013-11"),
        ("/invoices", "invoices"),
        ("/invoices/draft?billingPeriod=2013-12", "invoices/draft?billingPeriod=2013-12"),
        ("/plan?billingPeriod=2013-11", "plan?billingPeriod=2013-11"),
    ],
)
def test_every_page_gives_its_request_as_a_command_line(portal: Portal, path: str, asked: str) -> None:
    with portal.page("UA", path) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.get_by_role("button", name="Copy as curl").click()
        expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
        command = page.evaluate("navigator.clipboard.readText()")

    assert command.startswith(f'curl -H "Authorization: Bearer $METERLINE_PORTAL_TOKEN" \'{portal.url}/api/v1/{asked}')
